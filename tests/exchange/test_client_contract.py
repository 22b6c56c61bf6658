"""What a client can rely on, whatever the exchange: in this program, waiting or awaiting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np
import pytest

from cmatch import BadDecimal
from exchange.client import LogonRefused, State, empty_commands
from exchange.domain.enums import CancelReason, Durability, ExecType, Liquidity, OrderStatus, Scope
from exchange.errors import RpcError
from tests.exchange.worlds import PRICE, STAGES, EmbeddedWorld, Market, ProcessWorld, World, set_up, trader

WORLDS = (
    "embedded-sync",
    "embedded-async",
    "processes-sync",
    "processes-async",
    "shard-sync",
    "stages-async",
)
OTHER_WORLDS = ("shard-async", "stages-sync")
"""What .ci/campaign tries besides, with CMATCH_WORLDS=others."""
_numbers = count(1)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    """Give the real processes, one exchange for both kinds of clients, for all tests."""
    made: dict[str, ProcessWorld] = {}

    def make(where: str, kind: str) -> World:
        if where not in made:
            settings = STAGES if where == "stages" else ()
            directory = tmp_path_factory.mktemp("x")
            made[where] = ProcessWorld(kind, directory, int(where == "shard"), *settings)
        made[where].have_clients(kind)
        return made[where]

    yield make
    for each in made.values():
        each.close()


@pytest.fixture(params=WORLDS if os.environ.get("CMATCH_WORLDS") != "others" else OTHER_WORLDS)
def world(request: pytest.FixtureRequest, processes: Callable[..., World]) -> Iterator[World]:
    """Give an exchange, and clients of one kind."""
    where, kind = request.param.split("-")
    made = EmbeddedWorld(kind) if where == "embedded" else processes(where, kind)
    yield made
    made.done()
    if where == "embedded":
        made.close()


@pytest.fixture
def market() -> Market:
    """Give a market of the test's own."""
    return Market(next(_numbers))


@pytest.fixture
def operator(world: World, market: Market) -> Any:
    """Give the operator's client, who has set the market up."""
    return set_up(world, market)


@pytest.fixture
def maker(world: World, market: Market, operator: Any) -> Any:
    """Give a client of the first account."""
    assert operator.state is State.ACTIVE
    return trader(world, market, market.first)


@pytest.fixture
def taker(world: World, market: Market, operator: Any) -> Any:
    """Give a client of the second account."""
    assert operator.state is State.ACTIVE
    return trader(world, market, market.second)


@pytest.mark.req("B014")
def test_trade_is_reported_to_both_sides_with_fees(market: Market, maker: Any, taker: Any) -> None:
    """Maker and taker see the same trade, each its own side and fee; money moves at once."""
    made, took = maker.reports(), taker.reports()
    resting = maker.limit(market.symbol, "sell", "0.5", PRICE)
    report = taker.market(market.symbol, "buy", "0.2")
    assert report.exec_type is ExecType.ACCEPTED
    accepted, maker_side = next(made), next(made)
    assert accepted == resting
    _, taker_side = next(took), next(took)
    assert (maker_side.exec_type, maker_side.liquidity, maker_side.order_id) == (
        ExecType.TRADE,
        Liquidity.MAKER,
        resting.order_id,
    )
    assert (taker_side.liquidity, taker_side.trade_id) == (Liquidity.TAKER, maker_side.trade_id)
    assert (maker_side.last_qty, maker_side.last_price, maker_side.leaves_qty) == (2_000, 6_400_000, 3_000)
    assert taker_side.order_status is OrderStatus.FILLED
    assert (maker_side.fee, taker_side.fee) == (-1_280_000, 6_400_000)  # 12,800.000000 USD at -1 and 5 bp
    assert maker.balance(market.base).total == 980_000_000
    assert taker.balance(market.quote).total == 1_000_000_000_000 - 12_800_000_000 - 6_400_000
    [order] = maker.orders.live()
    assert (order.cum_qty, order.leaves_qty, order.order_status) == (
        2_000,
        3_000,
        OrderStatus.PARTIALLY_FILLED,
    )
    assert order.cum_notional == 2_000 * 6_400_000
    assert taker.orders.ended()[-1].order_status is OrderStatus.FILLED


@pytest.mark.req("A018")
def test_answer_names_the_order_and_says_what_it_survives(market: Market, maker: Any) -> None:
    """An acknowledgement has the order id, by which the order is found, and its durability."""
    report = maker.limit(market.symbol, "sell", 1, PRICE)
    assert report.durability is Durability.PROCESS
    assert [order.order_id for order in maker.orders.live()] == [report.order_id]
    assert maker.cancel(report.order_id).order_id == report.order_id


@pytest.mark.req("B012")
def test_reject_names_the_bound_and_what_was_asked(market: Market, maker: Any) -> None:
    """Money that is not there is an answer with both numbers, in minor units."""
    report = maker.limit(market.symbol, "sell", "10.5", PRICE)
    assert (report.exec_type, report.order_status) == (ExecType.REJECTED, OrderStatus.REJECTED)
    assert (report.reject.name, report.reject.value, report.reject.asked) == (
        "insufficient_funds",
        1_000_000_000,
        1_050_000_000,
    )
    assert maker.orders.live() == []


def test_same_id_same_content_gets_the_first_answer_again(market: Market, maker: Any) -> None:
    """An order asked for twice is one order, whatever became of it, and a reject stays one."""
    first = maker.limit(market.symbol, "sell", 5, PRICE, client_order_id="once")
    again = maker.limit(market.symbol, "sell", 5, PRICE, client_order_id="once")
    assert (again.order_id, again.duplicate, again.leaves_qty) == (first.order_id, True, 5)
    refused = maker.limit(market.symbol, "sell", "99", PRICE, client_order_id="never")
    repeated = maker.limit(market.symbol, "sell", "99", PRICE, client_order_id="never")
    assert (refused.reject.name, repeated.reject.name, repeated.duplicate) == (
        "insufficient_funds",
        "insufficient_funds",
        True,
    )
    assert len(maker.orders) == 1


def test_same_id_other_content_is_refused(market: Market, maker: Any) -> None:
    """A client order id names one request."""
    assert maker.limit(market.symbol, "sell", 5, PRICE, client_order_id="once").ok
    other = maker.limit(market.symbol, "sell", 6, PRICE, client_order_id="once")
    assert other.reject.name == "duplicate_id_different"


def test_replace_and_cancel_by_every_name(market: Market, maker: Any) -> None:
    """Orders are named by themselves, a report, their order_id, or their client order id."""
    report = maker.limit(market.symbol, "sell", 10, PRICE, client_order_id="mine")
    assert maker.replace(report, price="64001.00").price == 6_400_100
    assert maker.replace(report.order_id, qty=8).leaves_qty == 8
    assert maker.replace("mine", price="64002.00").price == 6_400_200
    [order] = maker.orders.live()
    assert (order.price, order.order_qty, order.client_order_id) == (6_400_200, 8, "mine")
    gone = maker.cancel("mine")
    assert (gone.exec_type, gone.order_status, gone.cancel_reason) == (
        ExecType.CANCELED,
        OrderStatus.CANCELED,
        CancelReason.REQUESTED,
    )
    late = maker.cancel(report)
    assert (late.exec_type, late.reject.name) == (ExecType.CANCEL_REJECTED, "unknown_order")
    assert maker.replace(report, qty=3).reject.name == "unknown_order"
    assert maker.balance(market.base).reserved == 0


def test_mass_cancel_answers_how_many_then_each(market: Market, maker: Any) -> None:
    """One answer counts, and a report of each order follows."""
    for price in ("64001", "64002", "64003"):
        maker.limit(market.symbol, "sell", 1, price)
    kept = maker.limit(market.symbol, "buy", 1, "100")
    stream = maker.reports()
    done = maker.mass_cancel(side="sell")
    assert (done.exec_type, done.last_qty) == (ExecType.DONE, 3)
    assert [next(stream).exec_type for _ in range(4)] == [ExecType.DONE] + 3 * [ExecType.CANCELED]
    assert [order.order_id for order in maker.orders.live()] == [kept.order_id]


def test_market_buy_spends_a_quote_amount(world: World, market: Market, maker: Any, taker: Any) -> None:
    """A market buy may say how much money, fee included, instead of how many coins."""
    maker.limit(market.symbol, "sell", "1", PRICE)
    report = taker.market(market.symbol, "buy", quote_qty="640.00")
    assert report.ok
    world.until(lambda: not taker.orders.find(report.order_id).live)
    assert taker.orders.find(report.order_id).cum_qty == 99  # 0.0099 BTC for 633.60 and a fee of 0.3168
    assert taker.balance(market.quote).reserved == 0


def test_order_types_and_their_fields_arrive(world: World, market: Market, maker: Any, taker: Any) -> None:
    """Stops wait, are triggered by a trade and traded; post-only refuses to take; ioc leaves nothing."""
    stop = maker.stop(market.symbol, "sell", 5, "63000.00")
    assert (stop.order_status, stop.stop_price) == (OrderStatus.SUSPENDED, 6_300_000)
    maker.limit(market.symbol, "sell", 5, "63000.00")
    crossing = taker.limit(market.symbol, "buy", 1, "63000.00", post_only=True)
    assert crossing.reject.name == "would_cross"
    taker.limit(market.symbol, "buy", 10, "63000.00")
    world.until(lambda: maker.orders.find(stop.order_id).order_status is OrderStatus.FILLED)
    ioc = taker.new_order(market.symbol, "buy", 1, "10.00", time_in_force="ioc")
    world.until(lambda: taker.orders.find(ioc.order_id).order_status is OrderStatus.CANCELED)
    iceberg = maker.new_order(
        market.symbol, "sell", 100, "65000.00", display_qty=10, stp_mode="cancel_oldest"
    )
    assert iceberg.ok
    assert maker.query.book(market.symbol).asks[-1].qty == 10


def test_decimals_are_exact_or_refused(world: World, market: Market, maker: Any) -> None:
    """Text is converted by the instrument's scale, never rounded; floats are no money."""
    before = maker.sequence
    with pytest.raises(BadDecimal):
        maker.limit(market.symbol, "sell", "0.00001", PRICE)
    with pytest.raises(BadDecimal):
        maker.limit(market.symbol, "sell", "1e3", PRICE)
    with pytest.raises(TypeError):
        maker.limit(market.symbol, "sell", 0.5, PRICE)
    with pytest.raises(LookupError):
        maker.limit("ETH-USD", "sell", 1, 1)
    report = maker.limit(market.symbol, "sell", "0.0001", PRICE)
    assert report.order_qty == 1
    if not world.shard:  # whose events have sequences of their own
        assert report.sequence == before + 1
    assert [row.order_id for row in maker.query.order_history()] == [report.order_id]  # nothing else was sent


def test_batch_is_answered_each_in_order(market: Market, maker: Any) -> None:
    """Orders and cancels may go together; each is answered in its place, rejects too."""
    make = maker.make.orders
    first, second, third = maker.batch(
        [
            make.limit(market.symbol, "sell", 1, PRICE, client_order_id="a"),
            make.cancel("a", instrument=market.symbol),
            make.limit(market.symbol, "sell", "99", PRICE),
        ]
    )
    assert (first.exec_type, second.exec_type, third.exec_type) == (
        ExecType.ACCEPTED,
        ExecType.CANCELED,
        ExecType.REJECTED,
    )


def test_array_of_orders_gives_an_array_of_answers(market: Market, maker: Any) -> None:
    """The array path answers row by row."""
    rows = empty_commands(300)
    rows["instrument_id"], rows["side"] = market.instrument_id, 2
    rows["type"], rows["time_in_force"] = 1, 2
    rows["qty"], rows["price"], rows["present"] = 1, 6_400_000 + np.arange(300), 1
    answers = maker.submit_array(rows).result()
    assert (answers.rows["exec_type"] == ExecType.ACCEPTED).all()
    assert answers.rows["price"].tolist() == (6_400_000 + np.arange(300)).tolist()
    assert len(maker.orders) == 300


@pytest.mark.req("B013")
def test_limits_refuse_by_name(market: Market, maker: Any, operator: Any) -> None:
    """A limit that an operator set is named in the reject, with its value."""
    assert operator.admin.set_limits(
        account=market.first, instrument=market.symbol, max_order_qty=5, max_open_orders=1
    ).ok
    assert maker.limit(market.symbol, "sell", 6, PRICE).reject.name == "max_order_qty"
    assert maker.limit(market.symbol, "sell", 5, PRICE).ok
    refused = maker.limit(market.symbol, "sell", 5, PRICE)
    assert (refused.reject.name, refused.reject.value, refused.reject.asked) == ("max_open_orders", 1, 2)
    [limit] = [row for row in maker.query.limits(instrument=market.symbol) if row.kind.name == "ORDER_QTY"]
    assert limit.value == 5


@pytest.mark.req("B013")
def test_limits_of_an_account_in_every_instrument(market: Market, maker: Any, operator: Any) -> None:
    """Whole numbers are lots and ticks of each; a decimal has no meaning there, and changes nothing."""
    for name in ("max_order_qty", "max_position", "price_collar"):
        with pytest.raises(ValueError, match=f"{name} '1.5' needs an instrument: .* an int"):
            operator.admin.set_limits(account=market.first, **{name: "1.5"})
    assert maker.query.limits(instrument=market.symbol) == ()
    assert operator.admin.set_limits(account=market.first, max_order_qty=5, max_open_orders=1).ok
    assert maker.limit(market.symbol, "sell", 6, PRICE).reject.name == "max_order_qty"
    assert maker.limit(market.symbol, "sell", 5, PRICE).ok
    assert maker.limit(market.symbol, "sell", 5, PRICE).reject.name == "max_open_orders"


def test_kill_switch_cancels_and_blocks_until_lifted(market: Market, maker: Any, operator: Any) -> None:
    """Killed: what rests goes, nothing new comes, cancels pass; lifted: all is as before."""
    stream = maker.reports()
    order = maker.limit(market.symbol, "sell", 5, PRICE)
    assert operator.admin.kill(Scope.ACCOUNT, account=market.first).ok
    assert [next(stream).exec_type for _ in range(2)] == [ExecType.ACCEPTED, ExecType.CANCELED]
    assert maker.orders.find(order.order_id).order_status is OrderStatus.CANCELED
    assert maker.limit(market.symbol, "sell", 5, PRICE).reject.name == "killed"
    assert [row.killed for row in operator.query.accounts(market.first)] == [True]
    assert operator.admin.kill("account", account=market.first, on=False).ok
    assert maker.limit(market.symbol, "sell", 5, PRICE).ok
    assert [row.killed for row in maker.query.accounts(market.first)] == [False]


def test_account_tells_when_its_countdown_ends(market: Market, maker: Any, operator: Any) -> None:
    """The journaled time of it; nothing where it was ended."""
    minute = 60_000_000_000
    answer = operator.admin.set_countdown(minute, account=market.first)
    [row] = operator.query.accounts(market.first)
    assert row.countdown_at == answer.timestamp + minute
    assert operator.admin.set_countdown(0, account=market.first).ok
    [row] = operator.query.accounts(market.first)
    assert row.countdown_at is None


def test_ledger_commands_answer_with_the_balance(market: Market, operator: Any) -> None:
    """Deposits, transfers and two-phase reservations; each id once, each version checked."""
    admin, ids = operator.admin, 2**100 + 2 * market.number
    deposit = admin.deposit(market.quote, "5", account=market.first, transfer_id=ids)
    assert deposit.balance.total == 1_000_005_000_000
    again = admin.deposit(market.quote, "5", account=market.first, transfer_id=ids)
    assert (again.duplicate, again.balance.total) == (True, 1_000_005_000_000)
    assert (
        admin.deposit(market.quote, "6", account=market.first, transfer_id=ids).reject.name
        == "transfer_id_different"
    )
    stale = admin.withdraw(market.quote, "5", account=market.first, expected_version=1)
    assert stale.reject.name == "version_conflict"
    assert admin.withdraw(
        market.quote, "5", account=market.first, expected_version=deposit.balance.version
    ).ok
    held = admin.reserve(market.quote, "100", account=market.first, transfer_id=ids + 1)
    assert (held.balance.reserved, held.balance.available) == (100_000_000, 999_900_000_000)
    posted = admin.post(market.quote, "60", ids + 1, account=market.first, to=market.second)
    assert (posted.balance.total, posted.balance.reserved) == (999_940_000_000, 0)
    assert admin.void(market.quote, ids + 1, account=market.first).reject.name == "already_posted"
    assert (
        admin.transfer(market.quote, "1", account=market.first, to=market.second).balance.total
        == 999_939_000_000
    )
    short = admin.withdraw(market.quote, "9999999", account=market.first)
    assert (short.reject.name, short.reject.value) == ("insufficient_funds", 999_939_000_000)


def test_queries_see_what_was_written(market: Market, maker: Any, taker: Any, operator: Any) -> None:
    """Every question is answered as of the last thing that this client heard of."""
    order = maker.limit(market.symbol, "sell", "0.5", PRICE, client_order_id="shown")
    taker.market(market.symbol, "buy", "0.2")
    taker.limit(market.symbol, "buy", "0.1", "63000.00")
    operator.admin.reserve(market.quote, "7", account=market.first, transfer_id=2**80 + market.number)
    [row] = maker.query.open_orders()
    assert (row.order_id, row.client_order_id, row.leaves_qty, row.price) == (
        order.order_id,
        "shown",
        3_000,
        6_400_000,
    )
    assert maker.query.order("shown").order_id == order.order_id
    assert maker.query.order(order.order_id).cum_qty == 2_000
    assert maker.query.order("never") is None
    assert [found.order_status for found in taker.query.order_history()] == [
        OrderStatus.OPEN,
        OrderStatus.FILLED,
    ]
    assert {balance.symbol: balance.total for balance in taker.query.balances()}[market.base] == 1_020_000_000
    assert sorted(hold.amount for hold in maker.query.reservations(min_seq=operator.sequence)) == [
        7_000_000,
        30_000_000,
    ]
    [position] = taker.query.positions()
    assert (position.position, position.open_buy_qty) == (2_000, 1_000)
    top = maker.query.top(market.symbol)
    assert (top.bid.price, top.ask.price, top.last) == (6_300_000, 6_400_000, 6_400_000)
    book = maker.query.book(market.symbol)
    assert [(level.price, level.qty, level.count) for level in book.asks] == [(6_400_000, 3_000, 1)]
    assert [level.qty for level in maker.query.book_orders(market.symbol).bids] == [1_000]
    [trade] = maker.query.trades(account=market.first)
    assert (trade.qty, trade.fill.order_id) == (2_000, order.order_id)
    assert [row.account for row in maker.query.accounts()] == [market.first, market.second]
    assert market.symbol in [row.symbol for row in maker.query.instruments().instruments]
    status = operator.query.status()
    assert status.sequence >= taker.sequence
    assert status.live_orders >= 2
    state = maker.order(order.order_id)
    assert (state.leaves_qty, state.reserved, state.client_order_id) == (3_000, 30_000_000, "shown")


def test_accounts_of_other_tenants_do_not_exist(market: Market, world: World, operator: Any) -> None:
    """Orders, balances and questions of another tenant get the answer of an account that is not there."""
    stranger = world.client(f"stranger{market.number}", tenant=market.tenant + 1, account=market.first)
    stranger.load_instruments()
    assert stranger.limit(market.symbol, "sell", 1, PRICE).reject.name == "unknown_account"
    assert stranger.balance(market.quote).reject.name == "unknown_account"
    with pytest.raises(RpcError):
        stranger.query.balances()
    assert operator.balance(market.quote, account=market.first).total == 1_000_000_000_000


def test_session_taken_over_by_its_name_ends(market: Market, world: World, maker: Any) -> None:
    """The newer connection of a name is the live one; the older does not come back."""
    order = maker.limit(market.symbol, "sell", 1, PRICE)
    second = trader(world, market, market.first, after=order.event_sequence)
    assert second.session == maker.session
    world.until(lambda: maker.state is State.CLOSED)
    with pytest.raises(LogonRefused, match="replaced_session"):
        maker.limit(market.symbol, "sell", 1, PRICE)
    assert second.cancel(order).ok


def test_connection_cut_brings_what_was_missed(market: Market, world: World, maker: Any, taker: Any) -> None:
    """What happened while the connection was down comes after it, in order, each once."""
    stream = maker.reports()
    order = maker.limit(market.symbol, "sell", 10, PRICE)
    world.cut(f"trader{market.first}")
    for qty in (1, 2, 3):
        taker.limit(market.symbol, "buy", qty, PRICE)
    world.until(lambda: maker.state is State.ACTIVE and maker.orders.find(order.order_id).cum_qty == 6)
    assert [report.cum_qty for report in islice(stream, 4)] == [0, 1, 3, 6]
    assert maker.reconnects == 1


def test_core_killed_keeps_everything_acknowledged(
    market: Market, world: World, maker: Any, taker: Any
) -> None:
    """After the core died and came back, acknowledged orders live, once, and can be traded with."""
    stream = maker.reports()
    orders = [maker.limit(market.symbol, "sell", 10, 6_400_000 + step) for step in range(20)]
    world.kill_core()
    handles = [
        maker.submit(maker.make.orders.limit(market.symbol, "sell", 10, 6_500_000 + step))
        for step in range(20)
    ]
    assert all(handle.result().ok for handle in handles)
    assert len(maker.orders) == 40
    taker.limit(market.symbol, "buy", 15, 6_400_001)
    world.until(lambda: maker.orders.find(orders[1].order_id).cum_qty == 5)
    seen = list(islice(stream, 42))
    assert [report.event_sequence for report in seen] == sorted({report.event_sequence for report in seen})
    assert [report.exec_type for report in seen] == 40 * [ExecType.ACCEPTED] + 2 * [ExecType.TRADE]
    rows = {row.order_id: row.leaves_qty for row in maker.query.open_orders()}
    assert rows == {order.order_id: order.leaves_qty for order in maker.orders.live()}


def test_client_that_goes_cancels_where_it_asked_to(market: Market, world: World, operator: Any) -> None:
    """Orders of a session that asked for it are cancelled when it ends; those of others stay."""
    assert operator.state is State.ACTIVE
    stays = trader(world, market, market.first, "stays")
    goes = trader(world, market, market.first, "goes", cancel_on_disconnect=True)
    kept = stays.limit(market.symbol, "sell", 1, PRICE)
    lost = goes.limit(market.symbol, "sell", 1, PRICE)
    goes.close()
    stays.close()
    watcher = trader(world, market, market.first, "watcher")
    world.until(lambda: [row.order_id for row in watcher.query.open_orders()] == [kept.order_id])
    row = watcher.query.order(lost.order_id)
    assert (row.order_status, row.cancel_reason) == (OrderStatus.CANCELED, CancelReason.DISCONNECT)


def test_answers_lost_cost_nothing_but_time(world: World, market: Market, maker: Any) -> None:
    """Orders whose answers the network lost are executed once, and answered in the end."""
    stream = maker.reports()
    world.swallow(f"trader{market.first}", on=True)
    handles = [
        maker.submit(maker.make.orders.limit(market.symbol, "sell", qty, PRICE)) for qty in range(1, 11)
    ]
    watcher = trader(world, market, market.first, "watcher")
    world.until(lambda: len(watcher.query.open_orders()) == 10)
    world.swallow(f"trader{market.first}", on=False)
    assert [handle.result().order_qty for handle in handles] == list(range(1, 11))
    assert sorted(order.order_qty for order in maker.orders.live()) == list(range(1, 11))
    assert len(watcher.query.open_orders()) == 10
    assert maker.limit(market.symbol, "sell", 11, PRICE).ok
    events = [report.event_sequence for report in islice(stream, 11 if maker.reconnects else 1)]
    assert events == sorted(set(events))


def test_callback_that_blocks_too_long_costs_a_reconnect_and_no_report(
    processes: Callable[..., World], market: Market
) -> None:
    """A reading thread that is held up for too long loses its connection, and nothing else."""
    world = processes("processes", "sync")
    operator = set_up(world, market)
    taker = trader(world, market, market.second)
    others = operator.query.status().sessions
    maker = trader(world, market, market.first, heartbeat_ms=300)
    seen: list[int] = []
    held, free = threading.Event(), threading.Event()

    def note(reports: Any) -> None:
        seen.extend(reports.rows["event_sequence"].tolist())
        held.set()
        assert free.wait(60)

    maker.on_reports(note)
    resting = maker.make.orders.limit(market.symbol, "sell", 100, PRICE)
    maker.submit(resting)
    assert held.wait(60)
    for _ in range(50):
        assert taker.limit(market.symbol, "buy", 1, PRICE).ok
    world.until(lambda: operator.query.status().sessions <= others)  # it has no session any more
    assert taker.limit(market.symbol, "buy", 1, PRICE).ok
    free.set()
    world.until(lambda: len(seen) == 52)
    assert seen == sorted(set(seen))
    order = maker.orders.find(resting.client_order_id)
    assert (order.cum_qty, order.leaves_qty) == (51, 49)
    assert maker.reconnects >= 1
    world.done()
