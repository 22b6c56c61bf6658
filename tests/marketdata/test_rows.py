"""Rows of market data are a fold of the journal, however often and in whatever parts it is taken."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import inspect, select, text

from exchange.domain.events import TradeSettled
from exchange.domain.queries import MarketTradeRow
from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun, run_of
from exchange.schema.event_rows import ROW_DTYPES, EventList, encode_rows
from exchange.schema.events import decode_events, envelope_of
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.store import take_settlements, take_trades
from exchange.services.marketdata.tables import CANDLES, METADATA
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import Store, open_store
from exchange.storage.venue_limits import limits_of
from tests.event_log.published import Exchange, load_settings
from tests.marketdata.oracle import batches, check, consume, stored_trades, trade_now_and_then, trades_of


def expected(exchange: Exchange) -> list[MarketTradeRow]:
    """Of the journal of an exchange."""
    return trades_of(exchange.directory.journal, dict(limits_of(load_settings(exchange.root))))


def candles(store: Store) -> list[tuple[int, ...]]:
    """All rows of them."""
    with store.read() as tx:
        return [tuple(row) for row in tx.execute(select(CANDLES).order_by(*CANDLES.primary_key))]


def test_tables_are_those_of_the_code(store_url: str) -> None:
    """Columns, none of which may be empty, and primary keys."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        found = inspect(store.engine)
        for name, table in METADATA.tables.items():
            columns = [each["name"] for each in found.get_columns(name)]
            assert columns == [column.name for column in table.columns], name
            keys = [column.name for column in table.primary_key.columns]
            assert found.get_pk_constraint(name)["constrained_columns"] == keys, name
            empty = {each["name"] for each in found.get_columns(name) if each["nullable"]}
            assert empty <= set(keys), name  # SQLite says so of a key that is its row id


@pytest.mark.req("E064", "E065")
def test_rows_are_the_fold_of_the_journal_whatever_is_redelivered(
    exchange: Exchange, store_url: str, memory: Path
) -> None:
    """Taken in parts of any size; then all of it again; then from a journal that is published anew."""
    numbers = random.Random(1)
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        check(store, [], numbers)
        for part in range(4):
            trade_now_and_then(exchange.writer, part, numbers.randrange(10, 90))
            exchange.publish(numbers.randrange(exchange.writer.sequence // 2, exchange.writer.sequence))
            consume(exchange, store)
        exchange.publish()
        consume(exchange, store)
        wanted = expected(exchange)
        assert len(wanted) > 60
        check(store, wanted, numbers)
        rows = candles(store)

        with store.begin() as tx:
            tx.execute(text("UPDATE cursors SET next_offset = 0"))
        counts = consume(exchange, store)
        assert counts["duplicates"] > 0 == counts.get("taken", 0)
        assert candles(store) == rows

    root = memory / "anew"
    root.mkdir()
    (root / "journal").symlink_to(exchange.directory.journal)
    DataDirectory(root).snapshots.mkdir()
    other = Exchange(root, exchange.writer)
    other.publish()
    with open_store(memory / "other", SPEC.name, SPEC.tables) as store:
        consume(other, store)
        assert candles(store) == rows
        check(store, wanted, numbers)


def test_any_beginning_and_any_cut_give_the_fold_of_what_was_taken(
    exchange: Exchange, store_url: str, tmp_path: Path
) -> None:
    """A log that begins late, taken one by one, in cuts of any size, and as single events."""
    trade_now_and_then(exchange.writer, 5, 200)
    exchange.publish()
    wanted, taken = expected(exchange), batches(exchange)
    places = [(batch, place) for batch in taken for place in range(len(batch))]
    assert len(places) == len(wanted)
    numbers = random.Random(7)
    for turn in range(3):
        begin = numbers.randrange(len(places) // 2)
        cuts = sorted({begin, len(places), *(numbers.randrange(begin, len(places)) for _ in range(9))})
        url = store_url if turn == 0 else tmp_path / f"turn-{turn}"
        with open_store(url, SPEC.name, SPEC.tables) as store:
            for first, end in pairwise(cuts):
                pieces = [(batch, place, place + 1) for batch, place in places[first:end]]
                with store.begin() as tx:
                    if turn == 2:  # one by one, as dead letters are tried again
                        for batch, place, _ in pieces:
                            assert batch.kind is EventList.TRADES
                            take_trades(tx, run_of(envelope_of(batch[place]), batch.stream, 1))
                    else:
                        take_trades(tx, EventRun(pieces, type(pieces[0][0][0].payload)))
            check(store, wanted[begin:], numbers)


def test_trade_that_comes_late_is_refused_and_changes_nothing(exchange: Exchange, store_url: str) -> None:
    """An open or a close would be another than it was: that is a dead letter, not a silent change."""
    trade_now_and_then(exchange.writer, 6, 60)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        rows, batch = candles(store), batches(exchange)[0]
        late = run_of(envelope_of(batch[0]), batch.stream, 1)
        refused = pytest.raises(InvalidEvent, match=r"trade 1 is late: market data has those up to \d+")
        with refused, store.begin() as tx:
            take_trades(tx, late)
        assert candles(store) == rows
        check(store, expected(exchange), random.Random(1))


@pytest.mark.req("A035")
def test_trade_that_waited_is_settled_from_its_event_on(exchange: Exchange, store_url: str) -> None:
    """As those before it; what comes again, or late, takes nothing back. Others were as they were made."""
    trade_now_and_then(exchange.writer, 3, 40)
    exchange.writer.write(exchange.writer.make.admin.set_settlement(True), tenant=0)
    trade_now_and_then(exchange.writer, 4, 40)
    exchange.publish()
    waiting = [trade.trade_id for trade in expected(exchange) if not trade.settled]
    assert 1 < waiting[0] < waiting[-1]

    def told(first: int, last: int) -> EventRun:
        rows = np.zeros(last - first + 1, ROW_DTYPES[EventList.SETTLEMENTS])
        rows["trade_id"] = range(first, last + 1)
        batch = decode_events(encode_rows(EventList.SETTLEMENTS, rows, 0), 4, first)
        return EventRun([(batch, 0, len(batch))], TradeSettled)

    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        assert stored_trades(store) == expected(exchange)
        middle = waiting[len(waiting) // 2]
        single = told(waiting[0], waiting[0])[0]
        for events, last in (
            (run_of(envelope_of(single), 4, 1), waiting[0]),
            (told(1, middle), middle),
            (told(1, waiting[0]), middle),
            (told(middle, waiting[-1]), waiting[-1]),
        ):
            with store.begin() as tx:
                take_settlements(tx, events)
            unsettled = [trade.trade_id for trade in stored_trades(store) if not trade.settled]
            assert unsettled == [trade_id for trade_id in waiting if trade_id > last]
