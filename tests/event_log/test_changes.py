"""What administrators changed, in `admin.changes`: each change once, in order, whatever happens meanwhile."""

from __future__ import annotations

import shutil
import threading

import pytest

from cmatch.rejects import RejectCode
from exchange.bus.log.events import events_of
from exchange.domain.enums import Phase
from exchange.domain.events import Event
from exchange.runtime.changes import CHANGES, ChangeWatch
from tests.event_log.published import NAMES, Exchange, busy
from tests.exchange.journals import ALICE, MARKET

WAIT_S = 60.0


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


def said(events: list[Event]) -> list[tuple[str, str, str]]:
    """What they say, in short."""
    return [(each.event_type, each.entity.entity_type, each.entity.entity_id) for each in events]


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
    heard: list[frozenset[str] | None] = []
    came = threading.Condition()

    def changed(entities: frozenset[str] | None) -> None:
        with came:
            heard.append(entities)
            came.notify_all()

    with exchange.open_log() as log:
        watch = ChangeWatch(log, NAMES[CHANGES], changed)
        watch.start()
        try:
            assert heard == [None]
            change(exchange)
            end = exchange.writer.sequence
            exchange.publish()
            with came:
                assert came.wait_for(lambda: watch.sequence == end, WAIT_S)
        finally:
            watch.close()
    assert frozenset().union(*(each or () for each in heard)) == {
        "Asset",
        "Instrument",
        "KillSwitch",
        "Limits",
        "Refusal",
    }
    with exchange.open_log() as log, log.reader(NAMES[CHANGES]) as reader:
        assert events_of(reader.read()[-1])[-1].entity.sequence == end
