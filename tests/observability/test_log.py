"""Lines of the log: their form, what they carry of a request, what they never carry, how many there are."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context

import pytest

from exchange.config import load
from exchange.config.settings import Durability, Log
from exchange.errors import ConfigError
from exchange.observability.correlation import correlated, current_correlation
from exchange.runtime.log import LOGGER, WINDOW_S, RepeatFilter, configure, log, log_crash, log_families


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The logger is everybody's."""
    handlers, level, propagate = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield
    LOGGER.handlers[:], LOGGER.propagate = handlers, propagate
    LOGGER.setLevel(level)


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    """What was written, as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.req("C085")
def test_json_line_has_its_fields_in_order_and_its_values_as_they_are() -> None:
    """One object a line, whatever is in it; numbers stay numbers, enumerations are words."""
    stream = io.StringIO()
    configure("replica", stream, settings=Log(format="json"))
    with correlated("c-81", "acme"):
        log("order\nasked", qty=3, share=0.5, good=True, why=None, how=Durability.DISK, ts="theirs")
    log("alone", level=logging.WARNING)
    log_crash(KeyError, KeyError("it's"), None)
    first, second, third = lines_of(stream)
    assert list(first)[:6] == ["ts", "level", "process", "event", "correlation_id", "tenant"]
    assert str(first.pop("ts")).endswith("Z")
    assert first == {
        "level": "info", "process": "replica", "event": "order\nasked", "correlation_id": "c-81",
        "tenant": "acme", "qty": 3, "share": 0.5, "good": True, "why": None, "how": "disk", "ts_": "theirs",
    }  # fmt: skip
    assert list(second) == ["ts", "level", "process", "event"]
    assert (third["level"], third["event"]) == ("critical", "crashed")
    assert "KeyError" in str(third["error"])
    assert len(stream.getvalue().splitlines()) == 3


def test_text_line_carries_the_request_too() -> None:
    """The same fields, as key=value."""
    stream = io.StringIO()
    configure("replica", stream)
    with correlated("c 81", "acme"):
        log("asked", n=1)
    assert stream.getvalue().split(" ", 1)[1] == (
        'level=info process=replica event=asked correlation_id="c 81" tenant=acme n=1\n'
    )


@pytest.mark.req("C085")
def test_request_is_kept_by_tasks_and_copied_contexts_and_not_by_others() -> None:
    """Where the context goes it goes, and ends with its block."""
    seen: list[str] = []

    def look() -> None:
        correlation = current_correlation()
        seen.append(correlation.correlation_id if correlation else "")

    async def play() -> None:
        async def one(name: str) -> None:
            with correlated(name):
                await asyncio.sleep(0)
                await asyncio.create_task(asyncio.to_thread(look))

        await asyncio.gather(one("a"), one("b"))

    asyncio.run(play())
    with correlated("c"):
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(look,))
    thread.start()
    thread.join()
    look()
    assert sorted(seen[:2]) == ["a", "b"]
    assert seen[2:] == ["c", ""]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("postgresql://desk:S3cret@db:5432/x", "postgresql://desk:***@db:5432/x"),
        ("at postgresql+psycopg://desk:S3cret@db, twice http://u:S3cret@h/", None),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("ipc:///run/orders.sock", "ipc:///run/orders.sock"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_password_of_an_address_is_never_written(form: str, said: str, written: str | None) -> None:
    """Wherever it is: in the event, a field, an error."""
    stream = io.StringIO()
    configure("replica", stream, settings=Log(format=form))
    log(said, url=said, error=OSError(said))
    text = stream.getvalue()
    assert "S3cret" not in text
    assert text.count(written or "***") >= 3


def test_setting_that_is_refused_does_not_repeat_a_password() -> None:
    """The message is printed, and may be kept."""
    with pytest.raises(ConfigError) as refused:
        load(environment={}, stores={"url": "postgresql://desk:S3cret@db\n"})
    assert "S3cret" not in str(refused.value)
    assert "postgresql://desk:***@" in str(refused.value)


def test_event_that_comes_too_often_is_written_so_many_times_a_window() -> None:
    """Then counted; the first line of the next window says how many; others and crashes are not held."""
    now = [0.0]
    stream = io.StringIO()
    configure("core", stream, settings=Log(format="json", repeats_max=3))
    limited = RepeatFilter(3, lambda: now[0])
    LOGGER.handlers[0].filters[:] = [limited]
    for number in range(10):
        log("held", number=number)
    log("held", level=logging.ERROR)
    log("other")
    for _ in range(5):
        log("crashed", level=logging.CRITICAL)
    now[0] = WINDOW_S
    log("held", number=10)
    log("held", number=11)
    written = [
        (line["event"], line["level"], line.get("number"), line.get("held_back")) for line in lines_of(stream)
    ]
    assert written == [
        *(("held", "info", number, None) for number in range(3)),
        ("held", "error", None, None),
        ("other", "info", None, None),
        *[("crashed", "critical", None, None)] * 5,
        ("held", "info", 10, 7),
        ("held", "info", 11, None),
    ]
    found = {
        (family.name, *(value for _, value in labels)): value
        for family in log_families()
        for _, labels, value in family.samples
    }
    assert found == {
        ("exchange_log_lines", "info"): "13",
        ("exchange_log_lines", "error"): "1",
        ("exchange_log_lines", "critical"): "5",
        ("exchange_log_lines_suppressed",): "7",
    }


def test_level_and_form_are_refused_where_they_are_none() -> None:
    """With what was expected."""
    for section, name, value, words in (
        ("log", "format", "xml", "expected text or json"),
        ("log", "level", "loud", "expected debug, info, warning, error"),
        ("tracing", "endpoint", "collector:4318", "expected http://host:port/v1/traces"),
    ):
        with pytest.raises(ConfigError, match=f"{section}.{name} .*{words}"):
            load(environment={}, **{section: {name: value}})  # type: ignore[arg-type]
    stream = io.StringIO()
    configure("core", stream, settings=Log(level="error"))
    log("quiet")
    assert stream.getvalue() == ""
