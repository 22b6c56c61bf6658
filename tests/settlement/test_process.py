"""Settlement of a running exchange: real processes, which are killed."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path

import pyarrow.parquet
import pytest
from sqlalchemy import select, update

from exchange.bus.log.events import events_of
from exchange.client import Client
from exchange.client.settlement_records import SETTLEMENT_NAMES
from exchange.config import load
from exchange.domain.contracts.admin import FeeScheduleRecord, FeeTier
from exchange.domain.enums import SettlementStatus
from exchange.domain.events import Event, TradeSettled
from exchange.domain.queries import SettlementRow
from exchange.observability import StatsReader, stats_path
from exchange.runtime.publisher import open_log
from exchange.services.settlement.tables import TIERS, TRADES
from exchange.storage.sql import open_store
from exchange.topology.services import spec_of
from tests.event_log.conformance import read_all
from tests.exchange.commands import exchange
from tests.exchange.running import Up, until

WAIT_MS = 60_000
MARKET = 7
ANN, BOB, EVE = 11, 12, 21
MAKER, TAKER = 500_000, 1_000_000  # of the instrument: 5 and 10 basis points
COUNTED = ("orders", "trades", "reports", "cancels", "expiries", "throttled", "sends_blocked", "queue_depth")
TIER = FeeTier(volume_min=0, maker_rate=-100_000, taker_rate=700_000)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An exchange that settles, with one market of two tenants."""
    made = Up.start(
        tmp_path_factory.mktemp("settle") / "data",
        "settlement.enabled=true",
        "admin.enabled=true",
        "market_data.enabled=true",
        "endpoints.metrics=127.0.0.1:0",
    )
    try:
        until(made.announcement, "it did not start")
        with connect(made, 0) as client:
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 6)
            client.admin.define_instrument(
                MARKET,
                "BTC-USD",
                base="BTC",
                quote="USD",
                price_scale=2,
                qty_scale=4,
                fee_mode="quote",
                maker_rate=MAKER,
                taker_rate=TAKER,
            )
            for account, tenant in ((ANN, 1), (BOB, 1), (EVE, 2)):
                client.admin.open_account(account, tenant=tenant)
                client.admin.deposit("BTC", "1000", account=account)
                client.admin.deposit("USD", "10000000", account=account)
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def connect(up: Up, tenant: int, account: int | None = None) -> Client:
    """A session that knows the market."""
    client = Client.connect(
        f"ipc://{up.data}/run/orders.sock",
        tenant=tenant,
        name=f"tester-{tenant}-{account}",
        user="tester",
        account=account,
        connect_ms=WAIT_MS,
        timeout_ms=WAIT_MS,
    )
    if tenant:
        client.load_instruments()
    return client


def settled(client: Client, trades: int) -> dict[int, SettlementRow]:
    """All rows by trade, once so many are settled."""

    def look() -> tuple[SettlementRow, ...]:
        return client.ask(client.make.query.settlements(status=SettlementStatus.SETTLED, most=None), WAIT_MS)

    until(lambda: len(look()) >= trades, f"{trades} trades were not settled")
    return {row.trade_id: row for row in look()}


def fee(price: str, qty: str, rate: int) -> int:
    """Millionths of a dollar, rounded toward the house."""
    return ceil(Fraction(price) * Fraction(qty) * 10**6 * Fraction(rate, 10**9))


def told(up: Up) -> list[Event]:
    """Every TradeSettled of the log."""
    settings = load(environment={}, data_directory=up.data)
    log = open_log(settings)
    try:
        records = read_all(log, "dev.posttrade.settlement.v1")
    finally:
        log.close()
    return [event for record in records for event in events_of(record)]


@pytest.mark.req("A022", "A029", "A030", "A033", "A034", "B015")
def test_trades_that_the_venue_posts_are_told_as_settled_with_its_fees(up: Up) -> None:
    """Without a settlement mode of its own it is the venue's fees that are in the rows."""
    # The parties of document 000's flow; accounts and matching are in the core.
    assert {"core", "publisher", "settlement", "marketdata"} <= set(up.announcement()["processes"])
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        ann.limit(MARKET, "sell", "0.5", "100.00")
        eve.limit(MARKET, "buy", "0.5", "100.00")
        row = settled(eve, 1)[1]
        assert (row.buyer, row.buyer_tenant, row.buyer_fee) == (EVE, 2, fee("100", "0.5", TAKER))
        assert (row.seller, row.seller_tenant, row.seller_fee) == (0, 0, 0)  # not hers to know
        assert (row.price, row.qty, row.cost, row.goods) == (10_000, 5_000, 50_000_000, 50_000_000)
        assert row.settled_at == row.traded_at
        mine = settled(ann, 1)[1]
        assert (mine.seller, mine.seller_fee, mine.buyer) == (ANN, fee("100", "0.5", MAKER), 0)


@pytest.mark.req(
    "A030", "A031", "A032", "A033", "A034", "A041", "B017", "B047", "B048", "B049", "B050", "B068"
)
def test_trades_are_posted_once_with_their_fees_whoever_is_killed(up: Up) -> None:
    """By a schedule, in order, although settlement, the publisher and the core are killed meanwhile."""
    with connect(up, 0) as operator:
        operator.admin.upsert_fee_schedule(
            FeeScheduleRecord(schedule_id="BTC-USD", name="main", tiers=(TIER,))
        )
        spec = spec_of("settlement")
        with open_store(up.data / "stores", spec.name, spec.tables) as store:

            def tiers() -> int:
                with store.read() as tx:
                    return len(tx.execute(select(TIERS)).all())

            until(tiers, "the schedule did not come")
        assert operator.admin.set_settlement(True).ok
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        before = {row.asset: row for row in eve.query.balances(min_seq=0)}
        for number in range(30):
            if number in (5, 12, 20):
                name = {5: "settlement", 12: "publisher", 20: "core"}[number]
                os.kill(up.announcement()["processes"][name], signal.SIGKILL)
            ann.limit(MARKET, "sell", "0.1", f"10{number % 10}.00")
            report = eve.limit(MARKET, "buy", "0.1", f"10{number % 10}.00")
            assert report.ok
        rows = settled(eve, 31)
        assert sorted(rows) == list(range(1, 32))
        for number in range(30):
            row = rows[number + 2]
            assert row.buyer_fee == fee(f"10{number % 10}", "0.1", TIER.taker_rate)
            assert row.settled_at >= row.traded_at
            assert row.settled_at // 10**9 // 86_400 - row.traded_at // 10**9 // 86_400 in (0, 1)  # T+0
        after = {row.asset: row for row in eve.query.balances()}
        paid = sum(rows[number + 2].cost + rows[number + 2].buyer_fee for number in range(30))
        assert (after[2].total, after[2].reserved) == (before[2].total - paid, 0)
        assert (after[1].total, after[1].reserved) == (before[1].total + 30 * 10**7, 0)
        rebates = settled(ann, 31)
        assert rebates[31].seller_fee == fee("109", "0.1", TIER.maker_rate) < 0

    events = until(lambda: len(found := told(up)) >= 31 and found, "not all were told")
    assert Counter(event.entity.entity_id for event in events) == {str(n): 1 for n in range(1, 32)}
    payloads = [event.payload for event in events]
    assert all(isinstance(each, TradeSettled) for each in payloads)
    assert [each.trade_id for each in payloads] == list(range(1, 32))
    assert {each.trade_id: each.buyer_fee for each in payloads} == {
        trade_id: row.buyer_fee for trade_id, row in rows.items()
    }


def test_settlements_by_command(up: Up) -> None:
    """As a table, JSON and Arrow; one trade; a tenant's own side; what there is not, and makes no sense."""
    lines = up.say("settlement", "list", "--most", "2").splitlines()
    assert [line.split()[1:6] for line in lines[1:3]] == [
        ["31", "BTC-USD", "settled", "109.00", "0.1000"],
        ["30", "BTC-USD", "settled", "108.00", "0.1000"],
    ]
    assert lines[3] == "2 trades"
    row = up.ask("settlement", "show", "31")
    assert tuple(row) == SETTLEMENT_NAMES
    assert (row["buyer"], row["seller"], row["status"], row["cost"], row["goods"]) == (
        *(EVE, ANN, "settled", "10.900000", "0.10000000"),
    )
    assert Decimal(row["buyer_fee"]) * 10**6 == fee("109", "0.1", TIER.taker_rate)
    assert Decimal(row["seller_fee"]) * 10**6 == fee("109", "0.1", TIER.maker_rate)
    assert (row["buyer_fee_asset"], row["seller_fee_asset"]) == ("USD", "USD")
    told = dict(line.split(maxsplit=1) for line in up.say("settlement", "show", "31").splitlines())
    assert told["price"] == "109.00"
    assert told["settled_at"].endswith("Z")
    mine = up.ask("settlement", "show", "31", "--tenant", "1")
    assert (mine["seller"], mine["buyer"], mine["buyer_fee"]) == (ANN, None, None)
    oldest = up.ask("settlement", "list", "--account", str(BOB), "--oldest-first", "--status", "settled")
    assert oldest == []
    first = up.ask("settlement", "list", "--oldest-first", "--most", "3", "--status", "settled")
    assert [each["trade_id"] for each in first] == [1, 2, 3]
    file = up.data.parent / "trades.parquet"
    assert up.say("settlement", "list", "--most", "0", "--arrow", str(file)) == f"31 trades in {file}\n"
    whole = pyarrow.parquet.read_table(file)
    assert tuple(whole.column_names) == SETTLEMENT_NAMES
    assert (str(whole["cost"][0]), whole["status"][0].as_py()) == ("10.900000", "settled")
    assert up.ask("settlement", "status") == {
        "posted_by": "service",
        "service_runs": True,
        "trades": 31,
        "waiting": 0,
        "taken": 31,
        "posted": 31,
    }
    for words, code, why in (
        (("show", "99"), 1, "there is no trade 99"),
        (("show", "-1"), 2, "expected a whole number from 0 to"),
        (("list", "--most", "-1"), 2, "--most: expected a whole number from 0 to"),
        (("list", "--status", "failed"), 2, "invalid choice"),
        (("show", "x"), 2, "expected a whole number from 0 to"),
    ):
        said = exchange("settlement", *words, "--data", str(up.data), check=code)
        assert why in said.stderr


@pytest.mark.req("A025", "A026", "A035")
def test_stopped_settlement_holds_up_nobody_and_what_waits_stays_reserved(up: Up) -> None:
    """Trading and market data go on; money of trades that wait cannot be spent twice; it is settled later."""
    process = up.announcement()["processes"]["settlement"]
    os.kill(process, signal.SIGSTOP)
    try:
        with connect(up, 1, BOB) as bob, connect(up, 2, EVE) as eve:
            bob.limit(MARKET, "sell", "1", "200.00")
            report = eve.limit(MARKET, "buy", "1", "200.00")
            newest = eve.make.market_data.trades(MARKET, most=2, min_seq=report.sequence)
            shown = [(row.trade_id, row.settled) for row in eve.ask(newest, WAIT_MS)]
            assert shown == [(32, False), (31, True)]  # market data goes on
            held = next(row for row in eve.query.balances() if row.asset == 2)
            assert held.reserved == 200_000_000 + fee("200", "1", TAKER)
            refused = bob.admin.withdraw("BTC", "1000", account=BOB)
            assert not refused.ok  # one of them waits
    finally:
        os.kill(process, signal.SIGCONT)
    with connect(up, 2, EVE) as eve:
        assert settled(eve, 32)[32].buyer_fee == fee("200", "1", TIER.taker_rate)
        until(lambda: eve.market_data.trades(MARKET, most=1)[0].settled, "market data did not hear of it")
        assert next(row for row in eve.query.balances() if row.asset == 2).reserved == 0


@pytest.mark.req("B050")
def test_audit_holds_settlements_and_fees_against_the_journal(up: Up) -> None:
    """One settlement a trade, fees that add up; a row that was changed is found."""
    words = ("audit", "--json", "--set", "settlement.enabled=true")
    said = json.dumps(json.loads(up.say(*words)))
    assert "32 trades as the journal makes them, each settled once, 31 of them by postings" in said
    spec = spec_of("settlement")
    with open_store(up.data / "stores", spec.name, spec.tables) as store:
        for delta in (1, -1):
            with store.begin() as tx:
                mine = update(TRADES).where(TRADES.c.trade_id == 9)
                tx.execute(mine.values(buyer_fee=TRADES.c.buyer_fee + delta))
            if delta > 0:
                assert "trade 9 is posted with" in up.say(*words, check=1)


def test_settlements_of_a_tenant_are_its_own(up: Up) -> None:
    """Another tenant's account has none; an account's page follows the page before."""
    with connect(up, 2, EVE) as eve:
        assert eve.query.settlements(account=BOB) == ()
        newest = eve.query.settlements(account=EVE, most=2)
        assert [row.trade_id for row in newest] == [32, 31]
        following = eve.query.settlements(account=EVE, most=2, after=31)
        assert [row.trade_id for row in following] == [30, 29]
    assert Path(up.data / "stores" / "settlement.sqlite").exists()


@pytest.mark.req("A021", "B018")
def test_engine_is_not_slowed_by_a_settlement_that_stands_still(up: Up) -> None:
    """The same orders beside it and without it: as many answers, trades and batches, and nothing refused.

    What the core waits for would be seen: its orders have no other place to wait in than its socket, and a
    client has one request under way. Positions and balances of both sides change by what settlement posts.
    """
    process = up.announcement()["processes"]["settlement"]
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve, StatsReader(stats_path(up.data)) as stats:

        def traded(count: int) -> Counter[str]:
            """What the core counts of so many trades of one lot."""
            before = Counter({name: int(stats.read_values()[name]) for name in COUNTED})
            for _ in range(count):
                sold, bought = (
                    client.limit(MARKET, side, 1, 15_000) for client, side in ((ann, "sell"), (eve, "buy"))
                )
                assert (sold.ok, bought.ok) == (True, True)
            until(
                lambda: int(stats.read_values()["trades"]) >= before["trades"] + count, "trades are missing"
            )
            return Counter({name: int(stats.read_values()[name]) for name in COUNTED}) - before

        def has() -> tuple[int, int]:
            """Of what was bought: in all, and how much of it waits, by now."""
            eve.mass_cancel(instrument=MARKET)
            row = next(row for row in eve.query.balances() if row.asset == 1)
            return row.total, row.reserved

        beside = traded(50)
        first = eve.query.status().trades  # of all time: the core counts those of its life, and was killed
        settled(eve, first)
        (total, _) = has()
        os.kill(process, signal.SIGSTOP)
        try:
            without = traded(50)
            assert without == beside
            assert has()[0] == total  # nobody has posted them
        finally:
            os.kill(process, signal.SIGCONT)
        rows = settled(eve, first + 50)
        assert [rows[number].qty for number in range(first + 1, first + 51)] == [1] * 50
        lot = 10**8 // 10**4
        until(lambda: has() == (total + 50 * lot, 0), "what settlement posted did not come to the account")
