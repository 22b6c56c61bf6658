"""Rows of settlement are a fold of the log, however often and in whatever parts it is taken."""

from __future__ import annotations

import random
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select, text

from cmatch.frames import CommandHeader, encode_commands
from exchange.bus.log.embedded.reader import EmbeddedReader
from exchange.bus.log.interface import Record
from exchange.domain.enums import SettlementStatus, Side
from exchange.domain.events import TradeExecuted
from exchange.domain.queries import SettlementsRequest
from exchange.errors import InvalidEvent, RpcError, ServiceUnavailableError
from exchange.runtime.administrative import administrative
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.consumer import Consumer
from exchange.runtime.event_run import EventRun, run_of
from exchange.runtime.taken import StreamGap
from exchange.schema.events import envelope_of
from exchange.services.settlement.queries import settlements
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.store import take_trades
from exchange.services.settlement.tables import METADATA, PROGRESS, TIERS, TRADES, VOLUMES
from exchange.storage.sql import Store, open_store
from tests.event_log.published import NAMES, TABLE, Exchange
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, TENANT
from tests.marketdata.oracle import batches

DAY_NS = 86_400 * 10**9
STEPS = {0: (300_000, 1_000_000), 10**9: (100_000, 800_000), 4 * 10**9: (-200_000, 500_000)}
Row = dict[str, Any]


def trade_for_days(exchange: Exchange, seed: int, days: int) -> None:
    """Orders of three accounts at a few prices, over days; the first ones posted at once."""
    numbers, writer = random.Random(seed), exchange.writer
    for day in range(days):
        if day == 2:
            writer.write(writer.make.admin.set_settlement(True), tenant=0)
        for _ in range(numbers.randrange(4, 12)):
            account = numbers.choice((ALICE, BOB, CAROL))
            side, price = numbers.choice(("buy", "sell")), 10_000 + numbers.randrange(-3, 4)
            order = writer.make.orders.limit(MARKET, side, numbers.randrange(1, 900), price, account=account)
            writer.write(order, tenant=OTHER_TENANT if account == CAROL else TENANT)
        writer.now += numbers.choice((1, 1, 20)) * DAY_NS


def consume(exchange: Exchange, store: Store) -> Consumer:
    """One life of the consumer, to the end of the log."""
    with exchange.open_log() as log, Consumer(SPEC, store, log, TABLE) as consumer:
        while consumer.step():
            pass
        return consumer


def schedule(store: Store) -> None:
    """The tiers, as an administrator's event leaves them."""
    with store.begin() as tx:
        for least, (maker, taker) in STEPS.items():
            tx.execute(
                insert(TIERS).values(
                    schedule_id="default", volume_min=least, maker_rate=maker, taker_rate=taker
                )
            )


def rows(store: Store) -> list[Row]:
    """All trades."""
    with store.read() as tx:
        return [dict(row) for row in tx.execute(select(TRADES).order_by(TRADES.c.trade_id)).mappings()]


def wanted(trades: list[TradeExecuted]) -> list[Row]:
    """What rows have to say, by fractions and plain sums over all days before."""
    volumes: dict[tuple[int, int], int] = defaultdict(int)
    found = []
    for trade in trades:
        cost, goods, day = trade.price * trade.qty, trade.qty * 10_000, trade.timestamp // DAY_NS
        taker = "buyer" if trade.taker_side is Side.BUY else "seller"
        maker = "seller" if taker == "buyer" else "buyer"
        row: Row = {"trade_id": trade.trade_id, "cost": cost, "goods": goods}
        for side, role, place in ((maker, "maker", 0), (taker, "taker", 1)):
            account, most = getattr(trade, f"{role}_account"), getattr(trade, f"{role}_fee")
            fee = most
            if trade.unposted:
                volume = sum(
                    amount
                    for (whose, when), amount in volumes.items()
                    if whose == account and day - 30 <= when < day
                )
                rate = STEPS[max(least for least in STEPS if least <= volume)][place]
                basis = goods if side == "buyer" else cost  # each in what it receives
                fee = max(-most, min(ceil(Fraction(basis * rate, 10**9)), most))
            row |= {side: account, f"{side}_fee": fee}
        for account in (row["buyer"], row["seller"]):
            volumes[account, day] += cost
        found.append(row)
    return found


def trades_of(exchange: Exchange) -> list[TradeExecuted]:
    """Of the log."""
    return [event.payload for batch in batches(exchange) for event in batch]


def test_tables_are_those_of_the_code(store_url: str) -> None:
    """Columns and primary keys."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        found = inspect(store.engine)
        for name, table in METADATA.tables.items():
            columns = [each["name"] for each in found.get_columns(name)]
            assert columns == [column.name for column in table.columns], name


@pytest.mark.req("A029", "A030", "B048", "B050", "B068")
def test_rows_have_the_fees_of_tier_and_volume_whatever_is_redelivered(
    exchange: Exchange, store_url: str
) -> None:
    """Over sixty days and more; then the whole log again."""
    trade_for_days(exchange, 3, 14)
    exchange.publish()
    trades = trades_of(exchange)
    assert {bool(trade.unposted) for trade in trades} == {True, False}
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        schedule(store)
        consume(exchange, store)
        made = rows(store)
        expected = wanted(trades)
        assert [{name: row[name] for name in want} for row, want in zip(made, expected, strict=True)] == (
            expected
        )
        assert any(
            row["buyer_fee"] != trade.maker_fee != row["seller_fee"]
            for row, trade in zip(made, trades, strict=True)
            if trade.unposted
        )
        with store.read() as tx:
            volumes = tx.execute(select(VOLUMES)).all()
        with store.begin() as tx:
            tx.execute(text("UPDATE cursors SET next_offset = 0"))
        assert consume(exchange, store).counts.get("taken", 0) == 0
        assert rows(store) == made
        with store.read() as tx:
            assert tx.execute(select(VOLUMES)).all() == volumes


@pytest.mark.req("B048")
def test_hole_in_the_log_stops_settlement_loudly(
    exchange: Exchange, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing behind it is taken, in each life of the consumer; where it is filled all goes on in order."""
    read = EmbeddedReader.read

    def read_around(reader: EmbeddedReader, *most: int) -> list[Record]:
        return [
            record
            for record in read(reader, *most)
            if reader.topic != NAMES["execution.trades"] or record.batch.first_seq != first
        ]

    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        trade_for_days(exchange, 3, 7)
        exchange.publish()
        consume(exchange, store)
        before, taken = rows(store), len(batches(exchange))
        trade_for_days(exchange, 4, 7)
        exchange.publish()
        runs = batches(exchange)[taken:]
        first = runs[len(runs) // 2].first_seq
        with monkeypatch.context() as patched:
            patched.setattr(EmbeddedReader, "read", read_around)
            for _ in range(2):
                with pytest.raises(StreamGap, match=f"lacks events {first} to"):
                    consume(exchange, store)
                assert rows(store) == before != []
        consume(exchange, store)
        last = trades_of(exchange)[-1].trade_id  # the first ones are so old that the log has them no more
        assert [row["trade_id"] for row in rows(store)] == [*range(1, last + 1)]


def test_any_cut_gives_the_same_rows(exchange: Exchange, store_url: str) -> None:
    """Trades of one read or of many, whichever falls into one transaction."""
    trade_for_days(exchange, 8, 10)
    exchange.publish()
    places = [(batch, place) for batch in batches(exchange) for place in range(len(batch))]
    numbers = random.Random(2)
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        schedule(store)
        consume(exchange, store)
        made = rows(store)
        assert len(made) == len(places) > 20
        for turn in range(3):
            with store.begin() as tx:
                for name in ("trades", "sides", "volumes"):
                    tx.execute(text(f"DELETE FROM {name}"))  # noqa: S608
                tx.execute(text("UPDATE progress SET trade_id = 0, posted = 0"))
            cuts = sorted({0, len(places), *(numbers.randrange(len(places)) for _ in range(6 * turn))})
            for first, end in pairwise(cuts):
                pieces = [(batch, place, place + 1) for batch, place in places[first:end]]
                with store.begin() as tx:
                    take_trades(tx, EventRun(pieces, TradeExecuted))
            assert rows(store) == made


def test_trade_of_an_instrument_that_has_not_come_waits(exchange: Exchange, store_url: str) -> None:
    """Definitions come over another topic, perhaps later: that is no fault of the trade."""
    trade_for_days(exchange, 4, 3)
    exchange.publish()
    batch = batches(exchange)[0]
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with pytest.raises(ServiceUnavailableError), store.begin() as tx:
            take_trades(tx, run_of(envelope_of(batch[0]), batch.stream, 1))
        assert rows(store) == []
        consume(exchange, store)
        late = pytest.raises(InvalidEvent, match="trade 1 is late")
        with late, store.begin() as tx:
            take_trades(tx, run_of(envelope_of(batch[0]), batch.stream, 1))


def pages(store: Store, **asked: Any) -> list[int]:
    """The numbers of all trades that are asked for, a few at a time."""
    found: list[int] = []
    with store.read() as tx:
        while True:
            request = SettlementsRequest(limit=3, after=found[-1] if found else 0, **asked)
            reply = settlements(tx, request, Caller(OPERATOR))
            found += [row.trade_id for row in reply.settlements]
            if not reply.more:
                return found


def check_accounts(store: Store) -> None:
    """The pages of each account are those of its rows, in both orders and by their status."""
    made = rows(store)
    with store.read() as tx:
        posted = tx.execute(select(PROGRESS.c.posted)).scalar_one()
    for account in (ALICE, BOB, CAROL):
        own = [row["trade_id"] for row in made if account in (row["buyer"], row["seller"])]
        assert pages(store, account=account, oldest_first=True) == own
        assert pages(store, account=account) == own[::-1]
        settled = pages(store, account=account, status=SettlementStatus.SETTLED, oldest_first=True)
        assert settled == [number for number in own if number <= posted]
        pending = pages(store, account=account, status=SettlementStatus.PENDING)
        assert pending == [number for number in own[::-1] if number > posted]


def test_trades_of_an_account_are_those_of_its_rows(exchange: Exchange, store_url: str) -> None:
    """One with itself is there once; also of trades that an older version stored."""
    trade_for_days(exchange, 6, 12)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        assert any(row["buyer"] == row["seller"] for row in rows(store))
        check_accounts(store)
        with store.begin() as tx:
            tx.execute(text("DROP TABLE sides"))
            for side in ("buyer", "seller"):
                tx.execute(text(f"CREATE INDEX trades_by_{side} ON trades ({side})"))
            tx.execute(
                text("DELETE FROM schema_migrations WHERE component = :name AND number = 2"),
                {"name": SPEC.name},
            )
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        check_accounts(store)


@pytest.mark.req("A033")
def test_a_tenant_sees_its_own_sides_and_nothing_of_others(exchange: Exchange, store_url: str) -> None:
    """Neither whose the other side is nor what it pays."""
    trade_for_days(exchange, 5, 8)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        with store.read() as tx:
            everything = settlements(tx, SettlementsRequest(limit=1_000), Caller(OPERATOR)).settlements
            theirs = settlements(tx, SettlementsRequest(limit=1_000), Caller(OTHER_TENANT)).settlements
            posted = tx.execute(select(PROGRESS.c.posted)).scalar_one()
            with pytest.raises(RpcError):
                settlements(tx, SettlementsRequest(account=BOB), Caller(OTHER_TENANT, frozenset({CAROL})))
            alone = settlements(tx, SettlementsRequest(limit=1_000), Caller(TENANT, frozenset({BOB})))
    assert [row.trade_id for row in theirs] == [
        row.trade_id for row in everything if CAROL in (row.buyer, row.seller)
    ]
    for row in theirs:
        assert {row.buyer, row.seller} <= {CAROL, 0}
        assert row.buyer == CAROL or (row.buyer_fee, row.buyer_tenant, row.buyer_fee_asset) == (0, 0, 0)
    assert {row.trade_id for row in alone.settlements} == {
        row.trade_id for row in everything if BOB in (row.buyer, row.seller)
    }
    assert {row.trade_id for row in everything if row.settled_at} == set(range(1, posted + 1))


def test_postings_are_no_acts_of_administrators(exchange: Exchange) -> None:
    """The audit log of these has deposits, not what settlement does for every trade."""
    admin = exchange.writer.make.admin
    posts, gift = admin.post_trades([1, 2], [0, 1], [0, -1]), admin.deposit("BTC", "1", account=ALICE)
    written = [encode_commands(each.family, each.rows, CommandHeader(0, 1, 1, 1)) for each in (posts, gift)]
    assert [len(administrative(payload)) for payload in written] == [0, 1]
