"""Settlement of a running exchange: real processes, which are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import median

import pyarrow.parquet
import pytest
from sqlalchemy import select, update

from cmatch._core import JournalReader, Venue
from cmatch.rejects import RejectCode
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
from exchange.storage.venue_limits import limits_of
from exchange.topology.services import spec_of
from tests.event_log.conformance import read_all
from tests.exchange.commands import exchange
from tests.exchange.running import SMALL, Up, until

WAIT_MS = 60_000
MARKET = 7
DAY_S = 86_400
ANN, BOB, IDLE, EVE = 11, 12, 13, 21
MAKER, TAKER = 500_000, 1_000_000  # of the instrument: 5 and 10 basis points
COUNTED = ("orders", "trades", "reports", "cancels", "expiries", "throttled", "sends_blocked", "queue_depth")
TIER = FeeTier(volume_min=0, maker_rate=-100_000, taker_rate=700_000)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An exchange that settles, with one market of two tenants, and a schedule of its fees."""
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
            for account, tenant in ((ANN, 1), (BOB, 1), (IDLE, 1), (EVE, 2)):
                client.admin.open_account(account, tenant=tenant)
                client.admin.deposit("BTC", "1000", account=account)
                client.admin.deposit("USD", "10000000", account=account)
            client.admin.upsert_fee_schedule(
                FeeScheduleRecord(schedule_id="BTC-USD", name="main", tiers=(TIER,))
            )
        spec = spec_of("settlement")
        with open_store(made.data / "stores", spec.name, spec.tables) as store:

            def tiers() -> int:
                with store.read() as tx:
                    return len(tx.execute(select(TIERS)).all())

            until(tiers, "the schedule did not come")
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


def settles(up: Up, *, by_service: bool = True) -> int:
    """Has trades posted by the service from now on, or as they are made; the number of the last until now."""
    with connect(up, 0) as operator:
        until(lambda: operator.query.status().unposted_trades == 0, "trades wait")
        assert operator.admin.set_settlement(by_service).ok
        return operator.query.status().trades


def trade(seller: Client, buyer: Client, qty: str, price: str) -> int:
    """One, of an order that rests and one that takes it; its number."""
    assert seller.limit(MARKET, "sell", qty, price).ok
    assert buyer.limit(MARKET, "buy", qty, price).ok
    return buyer.query.status().trades


def settled(client: Client, last: int) -> dict[int, SettlementRow]:
    """All that it sees by trade, once those up to this one are settled."""
    query = client.make.query

    def posted() -> int:
        return client.ask(query.settlement_progress(), WAIT_MS).posted

    until(lambda: posted() >= last, f"trade {last} was not settled")
    rows = client.ask(query.settlements(status=SettlementStatus.SETTLED, most=None), WAIT_MS)
    return {row.trade_id: row for row in rows}


@contextmanager
def stopped(up: Up, name: str) -> Iterator[None]:
    """A process stands still meanwhile."""
    process = up.announcement()["processes"][name]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def lags(up: Up) -> dict[str, int]:
    """Records of trades that each group has not had."""
    log = open_log(load(environment={}, data_directory=up.data))
    try:
        return {group.name: group.lag for group in log.groups("dev.execution.trades.v1")}
    finally:
        log.close()


def had_all(up: Up) -> None:
    """Waits until each of them says so."""
    until(lambda: lags(up) == {"marketdata": 0, "settlement": 0}, "trades are not had")


def day(ns: int) -> int:
    """Since 1970 (UTC)."""
    return ns // 10**9 // DAY_S


def wait_for_a_day_of(seconds: float) -> None:
    """Where this one ends sooner (UTC), the next one."""
    left = DAY_S - time.time() % DAY_S
    if left < seconds:
        time.sleep(left + 1)


def fee(price: str, qty: str, rate: int) -> int:
    """Millionths of a dollar, rounded toward the house."""
    return ceil(Fraction(price) * Fraction(qty) * 10**6 * Fraction(rate, 10**9))


Money = tuple[int, int]
"""Of an account: BTC and USD, in minor units."""


def money(client: Client) -> Money:
    """In all."""
    rows = {row.asset: row.total for row in client.query.balances()}
    return rows[1], rows[2]


def reserved(client: Client) -> Money:
    """Of it."""
    rows = {row.asset: row.reserved for row in client.query.balances()}
    return rows[1], rows[2]


def position(client: Client) -> tuple[int, int]:
    """Lots, and what the day brought."""
    rows = {row.instrument_id: row for row in client.query.positions()}
    return (rows[MARKET].position, rows[MARKET].daily_result) if MARKET in rows else (0, 0)


def steps_of_journal(up: Up, *accounts: int) -> list[tuple[Money, ...]]:
    """What these accounts had after each record of the journal that changed it."""
    said = dict(pair.removeprefix("limits.").split("=") for pair in SMALL if pair.startswith("limits."))
    numbers = {name: int(value) for name, value in said.items()}
    venue = Venue(**limits_of(load(environment={}, data_directory=up.data, limits=numbers)))
    found: list[tuple[Money, ...]] = []
    for record in JournalReader(str(up.data / "journal"), 1):
        venue.apply_payload(record.payload)
        totals = {
            (int(row["account"]), int(row["asset"])): int(row["total"])
            for account in accounts
            for row in venue.balances(account)
        }
        has = tuple((totals.get((each, 1), 0), totals.get((each, 2), 0)) for each in accounts)
        if not found or found[-1] != has:
            found.append(has)
    return found


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
    """Where it posts them itself it is the venue's fees that are in the rows, whatever a schedule says."""
    # The parties of document 000's flow; accounts and matching are in the core.
    assert {"core", "publisher", "settlement", "marketdata"} <= set(up.announcement()["processes"])
    settles(up, by_service=False)
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        made = trade(ann, eve, "0.5", "100.00")
        row = settled(eve, made)[made]
        assert (row.buyer, row.buyer_tenant, row.buyer_fee) == (EVE, 2, fee("100", "0.5", TAKER))
        assert (row.seller, row.seller_tenant, row.seller_fee) == (0, 0, 0)  # not hers to know
        assert (row.price, row.qty, row.cost, row.goods) == (10_000, 5_000, 50_000_000, 50_000_000)
        assert row.settled_at == row.traded_at
        mine = settled(ann, made)[made]
        assert (mine.seller, mine.seller_fee, mine.buyer) == (ANN, fee("100", "0.5", MAKER), 0)


@pytest.mark.req("A030", "A033", "A034", "A041", "B047", "B048", "B049", "B050", "B068")
def test_trades_are_posted_once_with_their_fees_whoever_is_killed(up: Up) -> None:
    """By a schedule, in order, although settlement, the publisher and the core are killed meanwhile."""
    wait_for_a_day_of(120)  # value date = trade date
    start = settles(up)
    ids = range(start + 1, start + 31)
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        sold, bought = money(ann), money(eve)
        for number in range(30):
            if number in (5, 12, 20):
                name = {5: "settlement", 12: "publisher", 20: "core"}[number]
                os.kill(up.announcement()["processes"][name], signal.SIGKILL)
            ann.limit(MARKET, "sell", "0.1", f"10{number % 10}.00")
            report = eve.limit(MARKET, "buy", "0.1", f"10{number % 10}.00")
            assert report.ok
        rows, theirs = settled(eve, ids[-1]), settled(ann, ids[-1])
        assert [each for each in sorted(rows) if each > start] == list(ids)
        for number, trade_id in enumerate(ids):
            row, price = rows[trade_id], f"10{number % 10}"
            assert row.buyer_fee == fee(price, "0.1", TIER.taker_rate)
            assert theirs[trade_id].seller_fee == fee(price, "0.1", TIER.maker_rate) < 0
            assert row.settled_at >= row.traded_at
            assert day(row.settled_at) - day(row.traded_at) == 0
        cost = sum(rows[each].cost for each in ids)
        paid, got = (sum(rows[each].buyer_fee for each in ids), sum(theirs[each].seller_fee for each in ids))
        goods = 30 * 10**7
        assert money(eve) == (bought[0] + goods, bought[1] - cost - paid)
        assert money(ann) == (sold[0] - goods, sold[1] + cost - got)
        assert reserved(eve) == reserved(ann) == (0, 0)

    def those() -> list[Event]:
        return [event for event in told(up) if int(event.entity.entity_id) > start]

    events = until(lambda: len(found := those()) >= 30 and found, "not all were told")
    assert Counter(event.entity.entity_id for event in events) == {str(each): 1 for each in ids}
    payloads = [event.payload for event in events]
    assert all(isinstance(each, TradeSettled) for each in payloads)
    assert [each.trade_id for each in payloads] == list(ids)
    assert {each.trade_id: each.buyer_fee for each in payloads} == {
        each: rows[each].buyer_fee for each in ids
    }


@pytest.mark.req("A031", "A032", "B017", "B018")
def test_posting_moves_money_of_both_sides_and_charges_their_day_or_does_nothing(up: Up) -> None:
    """One command of the journal for maker and taker; positions are those of the match."""
    wait_for_a_day_of(60)
    settles(up)
    with connect(up, 0) as operator, connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        clients = (ann, eve)
        begun = [money(each) for each in clients]
        lots = [position(each)[0] for each in clients]
        with stopped(up, "settlement"):
            first = trade(ann, eve, "0.5", "100.00")
            second = trade(ann, eve, "0.25", "100.00")
            # At the match only positions change, and what the trades need is held.
            assert [money(each) for each in clients] == begun
            assert [position(each)[0] for each in clients] == [lots[0] - 7_500, lots[1] + 7_500]
            held = 75_000_000 + fee("100", "0.5", TAKER) + fee("100", "0.25", TAKER)
            assert [reserved(each) for each in clients] == [(75_000_000, 0), (0, held)]
            results = [position(each)[1] for each in clients]
            # The second is not posted before the first was; where one side cannot be, none is.
            for asked, seller_fee, code in (
                (second, 0, RejectCode.UNEXPECTED_TRADE),
                (first, fee("100", "0.5", TAKER) + 1, RejectCode.FEE_OUT_OF_BOUNDS),
            ):
                said = operator.call(operator.make.admin.post_trades([asked], [0], [seller_fee]), WAIT_MS)
                assert said.refused is not None
                assert said.refused.reject is not None
                assert (said.done, said.refused.reject.code) == (0, code)
            assert [money(each) for each in clients] == begun
            assert [position(each)[1] for each in clients] == results
        rows = settled(operator, second)
        mine = [rows[first], rows[second]]
        rebate, charged = sum(each.seller_fee for each in mine), sum(each.buyer_fee for each in mine)
        assert (rebate, charged) == (
            fee("100", "0.5", TIER.maker_rate) + fee("100", "0.25", TIER.maker_rate),
            fee("100", "0.5", TIER.taker_rate) + fee("100", "0.25", TIER.taker_rate),
        )
        ended = [money(each) for each in clients]
        assert ended == [
            (begun[0][0] - 75_000_000, begun[0][1] + 75_000_000 - rebate),
            (begun[1][0] + 75_000_000, begun[1][1] - 75_000_000 - charged),
        ]
        assert [reserved(each) for each in clients] == [(0, 0), (0, 0)]
        assert [position(each) for each in clients] == [
            (lots[0] - 7_500, results[0] - rebate),
            (lots[1] + 7_500, results[1] - charged),
        ]
    steps = steps_of_journal(up, ANN, EVE)
    after = steps[steps.index((begun[0], begun[1])) :]
    assert after[-1] == (ended[0], ended[1])
    for before, then in pairwise(after):
        assert all(had != has for had, has in zip(before, then, strict=True))


def test_settlements_by_command(up: Up) -> None:
    """As a table, JSON and Arrow; one trade; a tenant's own side; what there is not, and makes no sense."""
    settles(up)
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        last = [trade(ann, eve, "0.1", price) for price in ("107.00", "108.00", "109.00")][-1]
        settled(eve, last)
    lines = up.say("settlement", "list", "--most", "2").splitlines()
    assert [line.split()[1:6] for line in lines[1:3]] == [
        [str(last), "BTC-USD", "settled", "109.00", "0.1000"],
        [str(last - 1), "BTC-USD", "settled", "108.00", "0.1000"],
    ]
    assert lines[3] == "2 trades"
    row = up.ask("settlement", "show", str(last))
    assert tuple(row) == SETTLEMENT_NAMES
    assert (row["buyer"], row["seller"], row["status"], row["cost"], row["goods"]) == (
        *(EVE, ANN, "settled", "10.900000", "0.10000000"),
    )
    assert Decimal(row["buyer_fee"]) * 10**6 == fee("109", "0.1", TIER.taker_rate)
    assert Decimal(row["seller_fee"]) * 10**6 == fee("109", "0.1", TIER.maker_rate)
    assert (row["buyer_fee_asset"], row["seller_fee_asset"]) == ("USD", "USD")
    told = dict(line.split(maxsplit=1) for line in up.say("settlement", "show", str(last)).splitlines())
    assert told["price"] == "109.00"
    assert told["settled_at"].endswith("Z")
    mine = up.ask("settlement", "show", str(last), "--tenant", "1")
    assert (mine["seller"], mine["buyer"], mine["buyer_fee"]) == (ANN, None, None)
    idle = up.ask("settlement", "list", "--account", str(IDLE), "--oldest-first", "--status", "settled")
    assert idle == []
    first = up.ask("settlement", "list", "--oldest-first", "--most", "3", "--status", "settled")
    assert [each["trade_id"] for each in first] == [1, 2, 3]
    file = up.data.parent / "trades.parquet"
    assert up.say("settlement", "list", "--most", "0", "--arrow", str(file)) == f"{last} trades in {file}\n"
    whole = pyarrow.parquet.read_table(file)
    assert tuple(whole.column_names) == SETTLEMENT_NAMES
    assert (str(whole["cost"][0]), whole["status"][0].as_py()) == ("10.900000", "settled")
    assert up.ask("settlement", "status") == {
        "posted_by": "service",
        "service_runs": True,
        "trades": last,
        "waiting": 0,
        "taken": last,
        "posted": last,
    }
    for words, code, why in (
        (("show", "9999"), 1, "there is no trade 9999"),
        (("show", "-1"), 2, "expected a whole number from 0 to"),
        (("list", "--most", "-1"), 2, "--most: expected a whole number from 0 to"),
        (("list", "--status", "failed"), 2, "invalid choice"),
        (("show", "x"), 2, "expected a whole number from 0 to"),
    ):
        said = exchange("settlement", *words, "--data", str(up.data), check=code)
        assert why in said.stderr


@pytest.mark.req("A025", "A026", "A035", "B016")
def test_stopped_settlement_holds_up_nobody_and_what_waits_stays_reserved(up: Up) -> None:
    """Trading and market data go on; money of trades that wait cannot be spent twice; it is settled later."""
    settles(up)
    with connect(up, 1, BOB) as bob, connect(up, 2, EVE) as eve:

        def shown() -> list[tuple[int, bool]]:
            """The newest two, by market data."""
            newest = eve.make.market_data.trades(MARKET, most=2, min_seq=made_at)
            return [(row.trade_id, row.settled) for row in eve.ask(newest, WAIT_MS)]

        bob.limit(MARKET, "sell", "0.1", "200.00")
        made_at = eve.limit(MARKET, "buy", "0.1", "200.00").sequence
        first = eve.query.status().trades
        until(lambda: shown()[:1] == [(first, True)], "market data did not hear of the first")
        had_all(up)
        has = money(bob)[0]
        with stopped(up, "settlement"):
            bob.limit(MARKET, "sell", "1", "200.00")
            made_at = eve.limit(MARKET, "buy", "1", "200.00").sequence
            assert shown() == [(first + 1, False), (first, True)]
            until(lambda: lags(up)["marketdata"] == 0, "market data does not say what it had")
            assert lags(up) == {"marketdata": 0, "settlement": 1}
            assert reserved(eve)[1] == 200_000_000 + fee("200", "1", TAKER)
            refused = bob.admin.withdraw("BTC", f"{Decimal(has) / 10**8}", account=BOB)  # one of them waits
            assert refused.reject is not None
            assert refused.reject.code is RejectCode.INSUFFICIENT_FUNDS
            assert money(bob)[0] == has
        assert settled(eve, first + 1)[first + 1].buyer_fee == fee("200", "1", TIER.taker_rate)
        until(lambda: shown()[0] == (first + 1, True), "market data did not hear of it")
        assert reserved(eve)[1] == 0


@pytest.mark.req("A025")
def test_stopped_market_data_holds_up_no_settlement(up: Up) -> None:
    """The trade is settled while market data has not had it; market data has both when it goes on."""
    settles(up)
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        had_all(up)
        with stopped(up, "marketdata"):
            made = trade(ann, eve, "0.1", "100.00")
            row = settled(eve, made)[made]
            assert (row.qty, row.buyer_fee) == (1_000, fee("100", "0.1", TIER.taker_rate))
            until(lambda: lags(up)["settlement"] == 0, "settlement does not say what it had")
            assert lags(up) == {"marketdata": 1, "settlement": 0}

        def shown() -> list[tuple[int, bool]]:
            newest = eve.ask(eve.make.market_data.trades(MARKET, most=1), WAIT_MS)
            return [(each.trade_id, each.settled) for each in newest]

        until(lambda: shown() == [(made, True)], "market data did not go on")


@pytest.mark.req("B050")
def test_audit_holds_settlements_and_fees_against_the_journal(up: Up) -> None:
    """One settlement a trade, fees that add up; a row that was changed is found."""
    words = ("audit", "--json", "--set", "settlement.enabled=true")

    def found() -> list[int]:
        """Trades, and those by postings."""
        says = next(
            each["says"] for each in json.loads(up.say(*words))["checks"] if "postings" in each["says"]
        )
        pattern = (
            r"([\d,]+) trades as the journal makes them, each settled once, ([\d,]+) of them by postings"
        )
        [numbers] = re.findall(pattern, says)
        return [int(number.replace(",", "")) for number in numbers]

    settles(up)
    before = found()
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve:
        settled(eve, trade(ann, eve, "0.1", "100.00"))
        settles(up, by_service=False)
        settled(eve, trade(ann, eve, "0.1", "100.00"))
        settles(up)
        last = trade(ann, eve, "0.1", "100.00")
        settled(eve, last)
    assert found() == [before[0] + 3, before[1] + 2]
    spec = spec_of("settlement")
    with open_store(up.data / "stores", spec.name, spec.tables) as store:
        for delta in (1, -1):
            with store.begin() as tx:
                mine = update(TRADES).where(TRADES.c.trade_id == last)
                tx.execute(mine.values(buyer_fee=TRADES.c.buyer_fee + delta))
            if delta > 0:
                assert f"trade {last} is posted with" in up.say(*words, check=1)


def test_settlements_of_a_tenant_are_its_own(up: Up) -> None:
    """Another tenant's account has none; an account's page follows the page before."""
    settles(up)
    with connect(up, 1, BOB) as bob, connect(up, 2, EVE) as eve:
        first, *others, last = (trade(bob, eve, "0.1", "100.00") for _ in range(4))
        settled(eve, last)
        assert eve.query.settlements(account=BOB) == ()
        newest = eve.query.settlements(account=EVE, most=2)
        assert [row.trade_id for row in newest] == [last, others[1]]
        following = eve.query.settlements(account=EVE, most=2, after=others[1])
        assert [row.trade_id for row in following] == [others[0], first]
        assert [row.trade_id for row in bob.query.settlements(account=BOB, most=1)] == [last]
    assert Path(up.data / "stores" / "settlement.sqlite").exists()


@pytest.mark.req("A021")
def test_engine_is_not_slowed_by_a_settlement_that_stands_still(up: Up) -> None:
    """The same orders beside it and without it: as many answers, trades and batches, and nothing refused.

    What the core waits for would be seen: its orders have no other place to wait in than its socket, and a
    client has one request under way. In turns, an order takes no longer where nobody settles.
    """
    settles(up)
    with connect(up, 1, ANN) as ann, connect(up, 2, EVE) as eve, StatsReader(stats_path(up.data)) as stats:
        took: dict[str, list[float]] = {"beside": [], "without": []}

        def traded(count: int, where: str) -> Counter[str]:
            """What the core counts of so many trades of one lot."""
            before = Counter({name: int(stats.read_values()[name]) for name in COUNTED})
            for _ in range(count):
                for client, side in ((ann, "sell"), (eve, "buy")):
                    began = time.perf_counter()
                    assert client.limit(MARKET, side, 1, 15_000).ok
                    took[where].append(time.perf_counter() - began)
            until(
                lambda: int(stats.read_values()["trades"]) >= before["trades"] + count, "trades are missing"
            )
            return Counter({name: int(stats.read_values()[name]) for name in COUNTED}) - before

        for _ in range(2):
            beside = traded(50, "beside")
            last = eve.query.status().trades
            settled(eve, last)
            had = money(eve)[0]
            with stopped(up, "settlement"):
                without = traded(50, "without")
                assert without == beside
                assert money(eve)[0] == had  # nobody has posted them
            rows = settled(eve, last + 50)
            assert [rows[number].qty for number in range(last + 1, last + 51)] == [1] * 50
            assert (money(eve)[0], reserved(eve)) == (had + 50 * 10**8 // 10**4, (0, 0))
    assert median(took["without"]) < 3 * median(took["beside"])
