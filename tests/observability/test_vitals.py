"""What one process tells: its health over its life, its pages over a real socket, its heartbeat."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from cmatch._core import Venue
from cmatch.errors import EngineBusy
from cmatch.frames import CommandList
from exchange.config import Settings, load
from exchange.observability import PageServer, Status
from exchange.observability.server import Answer, Request, ask
from exchange.runtime.follower_metrics import looked_at
from exchange.runtime.log import configure
from exchange.runtime.overview import Overview
from exchange.runtime.process_status import is_healthy, status_of
from exchange.runtime.registry import Membership, Registry, instances_directory
from exchange.runtime.vitals import Vitals, socket_path, telling
from exchange.storage.directory import DataDirectory, replace_file
from tests.core_loop.bench_table import order

NS = 1_000_000_000


def body(answer: Answer | None) -> dict[str, object]:
    """Of a page that is JSON."""
    assert answer is not None
    content: dict[str, object] = json.loads(answer.text)
    return content


def until_so(look: Callable[[], object], wanted: object) -> None:
    """Looks until it sees this; what lives for seconds only may be gone on a machine that has much to do."""
    deadline = time.monotonic() + 60
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, seen


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an exchange whose directories are there."""
    made = load(environment={}, data_directory=tmp_path)
    DataDirectory(tmp_path).run.mkdir(mode=0o700)
    return made


@pytest.mark.req("C080", "C098", "D074", "D075", "D076")
def test_health_follows_a_process_from_its_start_to_its_end() -> None:
    """Starting, working, without what it needs, hanging: liveness and readiness are told apart."""
    now, needs = [10 * NS], {"core": Status.HEALTHY}
    vitals = Vitals("shard-1", ["matching"], now_ns=lambda: now[0])
    vitals.tells(needs=lambda: needs, lag=lambda: 7)

    def say() -> tuple[str, bool, bool]:
        health = vitals.health()
        return str(health.status), health.live, health.ready

    assert say() == ("healthy", True, False)
    now[0] += 100 * NS  # folds a long journal
    assert say() == ("healthy", True, False)
    vitals.beat()
    assert say() == ("healthy", True, True)
    needs["core"] = Status.DEGRADED
    assert say() == ("degraded", True, True)
    needs["core"] = Status.UNHEALTHY
    assert say() == ("degraded", True, False)
    assert list(vitals.health().body()) == ["status", "dependencies", "uptime", "version", "ready"]
    assert vitals.health().body()["dependencies"] == {"core": "unhealthy"}
    now[0] += 3 * NS + 1
    assert say() == ("unhealthy", False, False)
    vitals.beat()
    needs["core"] = Status.HEALTHY
    assert say() == ("healthy", True, True)
    assert vitals.instance().lag == 7


@pytest.mark.req("C098", "D074")
def test_pages_of_a_process_are_served_on_its_socket(settings: Settings) -> None:
    """Each with its code; a socket left behind by a process that was killed is in nobody's way."""
    directory = DataDirectory(settings.data_directory)
    path = socket_path(directory, "risk")
    path.write_bytes(b"left behind")
    needs = {"core": Status.HEALTHY}
    with telling(settings, "risk", ["risk"]) as vitals:
        vitals.tells(needs=lambda: needs)
        starting = [ask(path, page) for page in ("/health", "/health/live", "/health/ready")]
        assert [answer and answer.status for answer in starting] == [200, 200, 503]

        def beaten(*pages: str) -> list[int | None]:
            vitals.beat()
            answers = [ask(path, page) for page in pages]
            return [answer.status if answer else None for answer in answers]

        until_so(lambda: beaten("/health/ready?x=1"), [200])
        until_so(
            lambda: (beaten("/health/ready"), body(ask(path, "/health/ready"))), ([200], {"ready": True})
        )
        assert body(ask(path, "/health"))["dependencies"] == {"core": "healthy"}
        needs["core"] = Status.UNHEALTHY
        pages = ("/health", "/health/live", "/health/ready", "/nothing")
        until_so(lambda: beaten(*pages), [200, 200, 503, 404])
        metrics = ask(path, "/metrics", "application/openmetrics-text; version=1.0.0")
        assert metrics is not None
        assert metrics.kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        families = parse_openmetrics(metrics.text)  # type: ignore[no-untyped-call]
        samples = {sample.name: sample for family in families for sample in family.samples}
        assert {sample.labels["process"] for sample in samples.values()} == {"risk"}
        assert samples["exchange_process_ready"].value == 0
        assert samples["process_resident_memory_bytes"].value > 1 << 20
        assert samples["exchange_build_info"].labels["version"] == vitals.health().version
    assert ask(path, "/health") is None
    assert not path.exists()


def test_process_that_runs_by_itself_also_serves_where_the_settings_say(tmp_path: Path) -> None:
    """And a port that is taken is a line of the log, not the end of the process."""
    with PageServer(lambda _: Answer(200, "text/plain", "other"), ("127.0.0.1", 0)) as other:
        taken = load(
            environment={},
            data_directory=tmp_path,
            endpoints={"process_metrics": f"127.0.0.1:{other.port}"},
        )
        DataDirectory(tmp_path).run.mkdir(mode=0o700)
        with telling(taken, "replica", ["orders"]):
            assert ask(socket_path(DataDirectory(tmp_path), "replica"), "/health/live") is not None


def test_heartbeat_is_there_while_the_process_is(settings: Settings) -> None:
    """Written at once, anew every second, gone with it; none where the settings want none."""
    directory = DataDirectory(settings.data_directory)
    registry = Registry({}, instances_directory(directory))
    with telling(settings, "replica", ["orders", "risk"], "ipc:///q") as vitals:
        (first,) = registry.instances("risk")
        assert (first.name, first.endpoint, first.ready) == ("replica", "ipc:///q", False)
        vitals.beat()
        deadline = time.monotonic() + 60
        while not any(each.ready for each in registry.instances("risk")):
            assert time.monotonic() < deadline
            vitals.beat()
            time.sleep(0.05)
    assert registry.instances() == []
    silent = load(environment={}, data_directory=settings.data_directory, registry={"heartbeats": False})
    with telling(silent, "replica"):
        assert registry.instances() == []


def test_heartbeat_tells_at_once_that_a_process_is_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a beat later."""
    monkeypatch.setattr("exchange.runtime.vitals.BEAT_S", 3_600.0)
    registry = Registry({}, instances_directory(DataDirectory(settings.data_directory)))
    with telling(settings, "replica", ["risk"]) as vitals:
        assert [each.ready for each in registry.instances("risk")] == [False]
        vitals.beat()
        until_so(lambda: [each.ready for each in registry.instances("risk")], [True])


def test_status_is_there_from_the_first_beat_to_the_end(settings: Settings) -> None:
    """It tells of the work: one that turns no more grows old, whoever still writes."""
    directory = DataDirectory(settings.data_directory)
    with telling(settings, "replica", ["risk"]) as vitals:
        assert (status_of(directory, "replica"), is_healthy(directory, "replica", os.getpid())) == ({}, False)

        def well() -> bool:
            vitals.beat(sequence=7, behind=2)
            return is_healthy(directory, "replica", os.getpid())

        until_so(well, True)
        said = status_of(directory, "replica")
        assert said == {"pid": os.getpid(), "heartbeat_ns": said["heartbeat_ns"], "sequence": 7, "behind": 2}
        assert not is_healthy(directory, "replica", os.getpid() + 1)
        vitals.beat(time.monotonic_ns() - 3 * NS - 1, sequence=8, behind=1)
        until_so(lambda: status_of(directory, "replica"), vitals.status())
        assert not is_healthy(directory, "replica", os.getpid())
    assert status_of(directory, "replica") == {}


def test_work_waits_for_no_file_that_tells_of_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that is in a commit keeps who writes, not who works."""
    writing, go_on = threading.Event(), threading.Event()

    def slow(path: Path, content: bytes) -> None:
        writing.set()
        assert go_on.wait(60)
        replace_file(path, content)

    monkeypatch.setattr("exchange.runtime.process_status.replace_file", slow)
    directory = DataDirectory(settings.data_directory)
    with telling(settings, "replica") as vitals:
        vitals.beat(sequence=1)
        assert writing.wait(60)
        for sequence in range(2, 1_000):
            vitals.beat(sequence=sequence)
        assert (vitals.status()["sequence"], status_of(directory, "replica")) == (999, {})
        go_on.set()
        until_so(lambda: status_of(directory, "replica").get("sequence"), 999)


def test_heartbeat_that_failed_is_told_and_the_next_one_comes(settings: Settings) -> None:
    """Whatever it stumbled over: the thread that serves goes on."""
    registry = Registry({}, instances_directory(DataDirectory(settings.data_directory)))
    failures = [KeyError("canary"), RuntimeError("canary")]

    def lag() -> int:
        if failures:
            raise failures.pop()
        return 7

    said = io.StringIO()
    configure("replica", said)
    with telling(settings, "replica", ["risk"]) as vitals:
        vitals.tells(lag=lag)
        until_so(lambda: [each.lag for each in registry.instances("risk")], [7])
        assert ask(socket_path(DataDirectory(settings.data_directory), "replica"), "/health/live") is not None
    assert failures == []
    assert said.getvalue().count('event="heartbeat failed"') == 2


def test_sequence_of_a_fold_is_that_of_the_last_look_while_it_is_in_a_batch() -> None:
    """Another thread than its own is refused by the venue then, and not by what tells of it."""
    venue, busy, seen = Venue(), 0, {0}
    look = looked_at(lambda: int(venue.sequence))
    for life in range(20):  # a machine that has much to do may let a batch end before we look
        first = int(venue.sequence) + 1
        rows = np.repeat(order(f"o{life}"), 100_000)
        worker = threading.Thread(target=venue.apply, args=(int(CommandList.ORDERS), first, 10**18, rows))
        worker.start()
        while worker.is_alive():
            try:
                int(venue.sequence)
            except EngineBusy:
                busy += 1
            seen.add(look())
        worker.join()
        if busy:
            break
    assert busy
    assert seen <= {100_000 * life for life in range(21)}
    assert look() == venue.sequence


@pytest.mark.req("C098")
def test_health_of_the_exchange_names_every_process(tmp_path: Path) -> None:
    """One that is away degrades the whole; the core alone decides whether it lives."""
    directory = DataDirectory(tmp_path)
    directory.run.mkdir(mode=0o700)
    supervisor = Vitals("supervisor")
    overview = Overview(directory, tmp_path / "stats", ["core", "replica", "shard-1"], supervisor)
    replica = Vitals("replica", ["orders"])
    member = Membership(instances_directory(directory), "replica")

    def dependencies() -> object:
        replica.beat()
        member.beat(replica.instance())
        return body(overview.pages(Request("/health")))["dependencies"]

    until_so(dependencies, {"replica": "healthy", "shard-1": "unhealthy", "core": "unhealthy"})
    codes = {
        "/health": 503,
        "/health/live": 503,
        "/health/replica": 200,
        "/health/replica/live": 200,
        "/health/replica/ready": 200,
        "/health/shard-1": 503,
        "/health/core/ready": 503,
        "/health/supervisor/live": 200,
        "/health/nobody": 404,
        "/health/replica/nothing": 404,
    }
    until_so(
        lambda: (dependencies(), {page: overview.pages(Request(page)).status for page in codes})[1], codes
    )
    assert overview.pages(Request("/metrics")).text.count('exchange_process_up{process="shard-1"} 0') == 1
    overview.close()
