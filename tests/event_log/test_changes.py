"""What administrators changed, in `admin.changes`: each change once, in order, whatever happens meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from cmatch.rejects import RejectCode
from exchange.bus.log.events import events_of
from exchange.bus.log.interface import EventLog, Record
from exchange.domain.enums import Phase
from exchange.domain.events import Event
from exchange.errors import LogUnavailable
from exchange.runtime.changes import CHANGES
from exchange.runtime.watch import TopicWatch
from tests.event_log.published import NAMES, Exchange, busy
from tests.exchange.journals import ALICE, MARKET
from tests.exchange.running import until


def change(exchange: Exchange) -> None:
    """Some changes, one of them refused, and what is none."""
    admin = exchange.writer.make.admin
    exchange.writer.write(admin.define_asset(50, "XAU", 3))
    exchange.writer.write(admin.define_asset(51, "XAG", 3))
    exchange.writer.write(admin.set_phase(MARKET, "halted"))
    exchange.writer.write(admin.set_phase(999, "halted"))  # there is no such instrument
    exchange.writer.write(admin.kill("account", account=ALICE))
    exchange.writer.write(admin.kill("account", on=False, account=ALICE))
    exchange.writer.write(admin.set_limits(account=ALICE, max_open_orders=7))


class Dark:
    """A log that cannot be read while it is dark; all else is the log's."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.is_dark = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def reader(self, topic: str, offset: int | None = None) -> Any:
        """One that is as dark."""
        reader = self._log.reader(topic, offset)
        read, wait = reader.read, reader.wait

        def look(*args: int, **kwargs: int) -> list[Record]:
            if self.is_dark:
                raise LogUnavailable("dark")
            return read(*args, **kwargs)

        made = Mock(wraps=reader, topic=topic)
        made.read, made.wait = look, lambda _: wait(0.01)
        return made


@contextmanager
def watched(log: Any) -> Iterator[tuple[TopicWatch, list[Sequence[Event] | None]]]:
    """A watch of changes, and what it told."""
    heard: list[Sequence[Event] | None] = []
    watch = TopicWatch(log, NAMES[CHANGES], heard.append)
    watch.start()
    try:
        yield watch, heard
    finally:
        watch.close()


def said(events: list[Event]) -> list[tuple[str, str, str]]:
    """What they say, in short."""
    return [(each.event_type, each.entity.entity_type, each.entity.entity_id) for each in events]


def test_what_is_told_was_heard_before(exchange: Exchange) -> None:
    """Who empties a cache then, and has it filled at once, is asked for what the event says, not for less."""
    seen: list[tuple[int, int, int]] = []

    def told(events: Sequence[Event] | None) -> None:
        if events:
            seen.append((events[-1].entity.sequence, watch.heard, watch.sequence))

    change(exchange)
    exchange.publish()
    with exchange.open_log() as log:
        watch = TopicWatch(log, NAMES[CHANGES], told)
        watch.start()
        try:
            for count in range(1, 4):
                exchange.writer.write(exchange.writer.make.admin.kill("account", account=ALICE))
                exchange.publish()
                until(partial(_has_told, seen, count), "it does not hear of a change")
        finally:
            watch.close()
    assert [(heard, before < heard) for _, heard, before in seen] == [(last, True) for last, _, _ in seen]


def _has_told(seen: list[tuple[int, int, int]], count: int) -> bool:
    return len(seen) >= count


CHANGED = [
    ("AssetDefined", "Asset", "50"),
    ("AssetDefined", "Asset", "51"),
    ("PhaseSet", "Instrument", str(MARKET)),
    ("ChangeRefused", "Refusal", "999"),
    ("KillSwitchSet", "KillSwitch", str(ALICE)),
    ("KillSwitchSet", "KillSwitch", str(ALICE)),
    ("LimitsSet", "Limits", str(ALICE)),
]


def test_every_change_that_was_carried_out_is_an_event(exchange: Exchange) -> None:
    """With its command, who wished it, and the journal's sequence; what was refused says so."""
    before = exchange.writer.sequence
    change(exchange)
    busy(exchange.writer, count=20)
    exchange.publish()
    events = exchange.events(CHANGES)
    mine = [event for event in events if event.entity.sequence > before]
    assert said(mine)[: len(CHANGED)] == CHANGED
    assert {"AssetDefined", "InstrumentDefined", "AccountOpened"} <= {event.event_type for event in events}
    batches = exchange.batches()[CHANGES]
    assert [batch.first_seq for batch in batches] == list(range(1, len(events) + 1))
    for event in events:
        assert event.causation_id == f"cmd-{event.entity.sequence}"
        command = getattr(event.payload, "command", event.payload)
        assert (event.producer, event.tenant_id) == ("admin", str(command.tenant))
    assert mine[0].payload.symbol == "XAU"
    refused = mine[3].payload
    assert (refused.reject, refused.instrument.phase) == (RejectCode.UNKNOWN_INSTRUMENT, Phase.HALTED)
    assert (refused.instrument.instrument_id, refused.administration) == (999, None)
    assert mine[6].payload.max_open_orders == 7


def test_publisher_that_comes_back_goes_on_behind_the_last_change(exchange: Exchange) -> None:
    """Stopped anywhere, from snapshots, again and again: the same events as of one life."""
    start = exchange.writer.sequence
    change(exchange)
    middle = exchange.writer.sequence
    change(exchange)
    end = exchange.writer.sequence
    exchange.publish()
    expected = exchange.events(CHANGES)
    shutil.rmtree(exchange.directory.log)
    for up_to in (1, start, start + 3, middle, middle + 1, end - 2):
        exchange.publish(up_to)
        exchange.snapshot(up_to)
        exchange.publish(up_to)
    exchange.publish()
    assert exchange.events(CHANGES) == expected


@pytest.mark.req("E006")
def test_watch_says_what_changed_and_how_far_it_is(exchange: Exchange) -> None:
    """It begins with a change of all, then hears of each, as of which command."""
    exchange.publish()
    last = exchange.events(CHANGES)[-1]
    with exchange.open_log() as log, watched(log) as (watch, heard):
        assert heard[0] is None
        change(exchange)
        end = exchange.writer.sequence
        exchange.publish()
        until(lambda: watch.sequence == end, "it was not heard")
    told = [event for some in heard[1:] for event in some or ()]
    assert told[0] == last
    assert said(told[1:]) == CHANGED
    with exchange.open_log() as log, log.reader(NAMES[CHANGES]) as reader:
        assert events_of(reader.read()[-1])[-1].entity.sequence == end


def test_watch_of_a_log_that_cannot_be_read_says_so_and_goes_on_behind(exchange: Exchange) -> None:
    """Anything may have come meanwhile, and the last event is told when it can be read again."""
    exchange.publish()
    with exchange.open_log() as log:
        dark = Dark(log)
        with watched(dark) as (watch, heard):
            first = exchange.writer.sequence
            until(lambda: watch.sequence, "nothing was heard")
            dark.is_dark = True
            until(lambda: not watch.is_reading, "nobody saw it")
            change(exchange)
            exchange.publish()
            assert watch.sequence <= first
            told = len(heard)
            dark.is_dark = False
            until(lambda: watch.sequence == exchange.writer.sequence, "it does not go on")
            assert watch.is_reading
    assert None in heard[told:]
    assert [event.event_type for some in heard[told:] for event in some or ()] == ["LimitsSet"]
