"""The outbox: with the state or not at all, in the order of the commits, once in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from exchange.bus.log.interface import Batch
from exchange.domain.events import Event, TradeExecuted, caused_by
from exchange.errors import LogFault, LogRefused, LogUnavailable
from exchange.runtime.outbox import EPOCH, Outbox, OutboxPublisher
from exchange.schema.events import encode_events
from exchange.storage.sql.outbox import BATCH_EVENTS_MAX, add_events, outgoing, waiting
from tests.inbox.world import TOPICS, TRADES, World, placed


def trade(seq: int, about: int = 1) -> Event:
    """A trade that follows from an order."""
    payload = TradeExecuted(trade_id=about, qty=1)
    return caused_by(placed(seq, about), "matching", "TradeExecuted", str(about), payload)


@pytest.mark.req("E062", "E070")
def test_events_of_a_transaction_that_fails_are_never_published(world: World) -> None:
    """Neither state nor outbox have it; the numbers it had are given to the next."""
    outbox = Outbox("matching", TOPICS)

    def fail() -> None:
        with world.store.begin() as tx:
            tx.execute(text("INSERT INTO totals VALUES ('1', 1)"))
            outbox.add(tx, [trade(1)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with world.store.begin() as tx:
        outbox.add(tx, [trade(2)])
    world.settle()
    assert world.totals() == {}
    assert [(event.entity.sequence, event.causation_id) for event in world.published(TRADES)] == [
        (1, placed(2, 1).event_id)
    ]


@pytest.mark.req("E050")
@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (replace(trade(1), event_type="TradeImagined"), LogFault.UNKNOWN_EVENT),
        (replace(trade(1), producer="orders"), LogFault.WRONG_PRODUCER),
        (replace(trade(1), payload=None), LogFault.BAD_EVENT),
        (replace(trade(1), tenant_id=""), LogFault.BAD_EVENT),
        (replace(placed(1, 1), producer="matching"), LogFault.WRONG_PRODUCER),
    ],
)
def test_event_that_may_not_be_published_is_refused(world: World, event: Event, fault: LogFault) -> None:
    """Before it is anywhere: the transaction of its cause fails."""
    with pytest.raises(LogRefused) as refused, world.store.begin() as tx:
        Outbox("matching", TOPICS).add(tx, [event])
    assert refused.value.fault is fault
    assert world.count("outbox") == 0


@pytest.mark.req("E063")
def test_events_are_numbered_without_a_gap_and_cut_into_batches_once(world: World) -> None:
    """Ids follow from stream, sequence and the cause's time; a frame has so many at most."""
    many = [trade(seq, about=seq % 3) for seq in range(1, 2 * BATCH_EVENTS_MAX + 11)]
    with world.store.begin() as tx:
        numbered = add_events(tx, TRADES, 2, many)
        assert waiting(tx) == len(many)
        cut = [(row.first_seq, row.events, row.key) for row in outgoing(tx, TRADES, 100, 1 << 22)]
        assert [row.first_seq for row in outgoing(tx, TRADES, 1, 1 << 22)] == [1]
        assert [row.first_seq for row in outgoing(tx, TRADES, 100, 1)] == [1]
    assert cut == [(1, 256, ""), (257, 256, ""), (513, 10, "")]
    assert [event.entity.sequence for event in numbered] == list(range(1, len(many) + 1))
    assert len({event.event_id for event in numbered}) == len(many)
    world.settle()
    assert world.published(TRADES) == numbered


@pytest.mark.req("E064", "E071")
def test_batch_that_the_log_has_already_is_not_there_twice(world: World) -> None:
    """As after a crash between append and removal: the same rows once more, under the same numbers."""
    with world.store.begin() as tx:
        add_events(tx, TRADES, 2, [trade(1), trade(2)])
        (row,) = outgoing(tx, TRADES, 10, 1 << 20)
    batch = Batch(
        stream=2, epoch=EPOCH, first_seq=1, count=2, ts_ns=row.ts_ns, payload=row.payload, key=row.key
    )
    with world.log.writer(TRADES) as writer:
        writer.append([batch])
    world.settle()
    assert [event.entity.sequence for event in world.published(TRADES)] == [1, 2]
    assert world.count("outbox") == 0


@pytest.mark.req("E063")
def test_log_that_cannot_be_written_holds_the_outbox_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events go on being taken; when the log is there again all is published, in order."""
    consumer = world.live()
    full = True
    real = world.log.writer

    def writer(topic: str) -> object:
        if full:
            raise LogUnavailable("no space left on device")
        return real(topic)

    monkeypatch.setattr(world.log, "writer", writer)
    with real("test.orders.lifecycle.v1") as orders:
        for seq in range(1, 4):
            frame = encode_events([placed(seq, seq)])
            orders.append([Batch(stream=1, epoch=1, first_seq=seq, count=1, ts_ns=seq, payload=frame)])
    world.settle(100, pace=5)
    assert (world.applied(), world.trades()) == ([1, 2, 3], [])
    assert dict(consumer.held) == {"outbox": "LogUnavailable: no space left on device"}
    full = False
    world.settle(10)
    assert (world.trades(), dict(consumer.held), world.count("outbox")) == ([1, 2, 3], {}, 0)


def test_topic_that_another_writes_is_waited_for(world: World) -> None:
    """An instance that is about to end still has it."""
    with world.log.writer(TRADES):
        world.place(1)
        world.settle(5)
        assert (world.applied(), world.count("outbox")) == ([1], 1)
    world.settle(10)
    assert world.trades() == [1]


def test_log_with_another_past_stops_the_publisher_loudly(world: World) -> None:
    """The log lacks what was removed here: a copy of a store beside a new log."""
    with world.store.begin() as tx:
        add_events(tx, TRADES, 2, [trade(1)])
        tx.execute(text("UPDATE outbox SET first_seq = 7"))
    with world.log.writer(TRADES) as writer:
        frame = encode_events([trade(1)])
        writer.append([Batch(stream=2, epoch=1, first_seq=1, count=1, ts_ns=1, payload=frame)])
    publisher = OutboxPublisher(world.store, world.log, world.clock)
    with pytest.raises(LogRefused) as refused:
        publisher.step()
    publisher.close()
    assert refused.value.fault is LogFault.GAP
