"""Adapters to other books that pip installs (peers.txt), each through its public Python interface.

All run the mixed flow, one call an order, and are held to the plain book's trades, volume and final
levels; only one that agrees is timed. What an adapter needs beyond the peer's own calls is prepared before
the clock starts.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

from bench.flows import Flow
from cmatch import Engine
from cmatch.cli.bench import Op
from cmatch.cli.plain_book import Trade

Levels = list[tuple[int, int]]  # price, qty; best first

_PATIENCE = 20.0  # seconds for a flow that takes the slowest of them one


class Report(NamedTuple):
    """What a peer says after the flow."""

    trades: list[Trade]
    bids: Levels
    asks: Levels
    depth: int | None = None  # levels of a side that it can tell; None: all


class Peer(Protocol):
    """One peer, with its book empty. Importing it is left to __init__."""

    package: str
    remark: str  # what it lacks, and how the adapter goes about it

    def __init__(self, flow: Flow) -> None: ...

    def run(self) -> None:
        """Runs the flow: what is timed."""

    def report(self) -> Report:
        """After the run."""


class _OwnIds:
    """Peers number their orders themselves, 0, 1, 2 ... from some first number."""

    def __init__(self, ops: list[Op]) -> None:
        self.ours = [op[0] for op in ops if op[2]]
        self._place = {order_id: k for k, order_id in enumerate(self.ours)}

    def renumbered(self, ops: list[Op], first: int) -> list[Op]:
        """The operations with the peer's numbers."""
        return [(self._place[op[0]] + first, *op[1:]) for op in ops]


class Bourse:
    """Rust, a simulation's book."""

    package = "bourse"
    remark = (
        "no IOC: a cancel follows; the clock is set before each order, for of two at the same price and time "
        "it keeps only the last"
    )

    def __init__(self, flow: Flow) -> None:
        self._book = import_module("bourse").core.OrderBook(0, 1)
        self._ids = _OwnIds(flow.ops)
        self._ops = self._ids.renumbered(flow.ops, 0)

    def run(self) -> None:
        """Runs the flow."""
        place, cancel, set_time = self._book.place_order, self._book.cancel_order, self._book.set_time
        for order_id, is_buy, qty, price, ioc in self._ops:
            if qty:
                set_time(order_id)
                place(is_buy, qty, 1, price)
                if ioc:
                    cancel(order_id)
            else:
                cancel(order_id)

    def report(self) -> Report:
        """From its lists of trades and orders."""
        ours = self._ids.ours
        trades = [
            (ours[maker], ours[taker], price, qty)
            for _, _, price, qty, taker, maker in self._book.get_trades()
        ]
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for is_buy, status, _, _, left, _, price, _, _ in self._book.get_orders():
            if status == 1:
                sides[is_buy][price] = sides[is_buy].get(price, 0) + left
        return Report(trades, *_sorted(sides[True], sides[False]))


class Nanobook:
    """Rust, a backtester's exchange."""

    package = "nanobook"
    remark = "records every order, trade and event, and never forgets them by itself"

    def __init__(self, flow: Flow) -> None:
        self._exchange = import_module("nanobook").Exchange()
        self._ids = _OwnIds(flow.ops)
        self._ops = self._ids.renumbered(flow.ops, 1)

    def run(self) -> None:
        """Runs the flow."""
        submit, cancel = self._exchange.submit_limit, self._exchange.cancel
        for order_id, is_buy, qty, price, ioc in self._ops:
            if qty:
                submit("buy" if is_buy else "sell", price, qty, "ioc" if ioc else "gtc")
            else:
                cancel(order_id)

    def report(self) -> Report:
        """From its lists of trades and levels."""
        ours, book = self._ids.ours, self._exchange.full_book()
        trades = [
            (ours[t.passive_order_id - 1], ours[t.aggressor_order_id - 1], t.price, t.quantity)
            for t in self._exchange.trades()
        ]
        bids, asks = ([(level.price, level.quantity) for level in side] for side in (book.bids, book.asks))
        return Report(trades, bids, asks)


class Liquibook:
    """C++ with a SWIG wrapper."""

    package = "liquibook"
    remark = "orders are Python objects and every trade a callback into Python; tells five levels"

    def __init__(self, flow: Flow) -> None:
        liquibook = import_module("liquibook")
        trades: list[tuple[Any, Any, int, int]] = []

        class Listener(liquibook.OrderListener):  # type: ignore[misc, name-defined]
            """Takes the trades, and tells the orders of them, which the book leaves to it."""

            def __init__(self) -> None:
                liquibook.OrderListener.__init__(self)

            def on_accept(self, order: Any) -> None:
                """Must be there."""

            def on_cancel(self, order: Any) -> None:
                """Must be there."""

            def on_fill(self, taker: Any, maker: Any, qty: int, price: int) -> None:
                """One trade."""
                maker.fill(qty, price, 0)
                taker.fill(qty, price, 0)
                trades.append((maker.order_id_, taker.order_id_, price, qty))

        self._liquibook, self._trades, self._listener = liquibook, trades, Listener()
        self._book = liquibook.DepthOrderBook()
        self._book.set_symbol("X")
        self._book.set_order_listener(self._listener)
        self._orders: list[Any] = []
        self._ids = _OwnIds(flow.ops)
        self._ops = self._ids.renumbered(flow.ops, 0)

    def run(self) -> None:
        """Runs the flow."""
        add, cancel, orders = self._book.add, self._book.cancel, self._orders
        make, immediate = self._liquibook.SimpleOrder, self._liquibook.oc_immediate_or_cancel
        for order_id, is_buy, qty, price, ioc in self._ops:
            if qty:
                order = make(is_buy, price, qty)
                orders.append(order)
                if ioc:
                    add(order, immediate)
                else:
                    add(order)
            else:
                cancel(orders[order_id])

    def report(self) -> Report:
        """From what the listener took and the book's depth."""
        ours, first, depth = self._ids.ours, self._orders[0].order_id_, self._book.depth()
        trades = [
            (ours[maker - first], ours[taker - first], price, qty)
            for maker, taker, price, qty in self._trades
        ]
        bids, asks = (
            [(level.price(), level.aggregate_qty()) for level in side if level.order_count()]
            for side in (depth.get_bid_levels(), depth.get_ask_levels())
        )
        return Report(trades, bids, asks, self._liquibook.DEPTH)


class LightMatchingEngine:
    """Plain Python."""

    package = "lightmatchingengine"
    remark = "no IOC: a cancel follows where something is left; looks for the best price among all"

    def __init__(self, flow: Flow) -> None:
        module = import_module("lightmatchingengine.lightmatchingengine")
        self._engine = module.LightMatchingEngine()
        self._trades: list[Any] = []
        self._ids = _OwnIds(flow.ops)
        self._ops = self._ids.renumbered(flow.ops, 1)

    def run(self) -> None:
        """Runs the flow."""
        add, cancel, trades = self._engine.add_order, self._engine.cancel_order, self._trades
        for order_id, is_buy, qty, price, ioc in self._ops:
            if qty:
                order, made = add("X", price, qty, 1 if is_buy else 2)
                if made:
                    trades.extend(made)
                if ioc and order.leaves_qty:
                    cancel(order_id, "X")
            else:
                cancel(order_id, "X")

    def report(self) -> Report:
        """From its records of both sides: a taker's, then one for each of the makers that make up its qty."""
        ours, trades = self._ids.ours, []
        taker, left = 0, 0
        for record in self._trades:
            if not left:
                taker, left = record.order_id, record.trade_qty
                continue
            trades.append((ours[record.order_id - 1], ours[taker - 1], record.trade_price, record.trade_qty))
            left -= record.trade_qty
        book = self._engine.order_books["X"]
        bids, asks = (
            {price: sum(order.leaves_qty for order in queue) for price, queue in side.items()}
            for side in (book.bids, book.asks)
        )
        return Report(trades, *_sorted(bids, asks))


MATCHERS: tuple[type[Peer], ...] = (Nanobook, Bourse, Liquibook, LightMatchingEngine)


def installed(package: str) -> str | None:
    """Its version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def final_levels(ops: list[Op], trades: list[Trade]) -> tuple[Levels, Levels]:
    """What rests after a flow that made these trades."""
    left = {op[0]: op[2] for op in ops if op[2] and not op[4]}
    for maker, taker, _, qty in trades:
        left[maker] -= qty
        if taker in left:
            left[taker] -= qty
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    canceled = {op[0] for op in ops if not op[2]}
    for order_id, is_buy, qty, price, _ in ops:
        if qty and order_id not in canceled and left.get(order_id):
            sides[is_buy][price] = sides[is_buy].get(price, 0) + left[order_id]
    return _sorted(sides[True], sides[False])


def disagreement(flow: Flow, report: Report) -> str | None:
    """Where a report first differs from the plain book's answer."""
    expected, depth = flow.answer.trades, report.depth
    if report.trades != expected:
        pairs = enumerate(zip(report.trades, expected, strict=False))
        k = next((k for k, (a, b) in pairs if a != b), min(len(report.trades), len(expected)))
        volumes = (sum(trade[3] for trade in trades) for trades in (report.trades, expected))
        return (
            f"{len(report.trades):,} trades instead of {len(expected):,}, others from trade {k + 1:,} on; "
            "volume {:,} instead of {:,}".format(*volumes)
        )
    bids, asks = final_levels(flow.ops, expected)
    if (report.bids, report.asks) != (bids[:depth], asks[:depth]):
        return "the same trades, another final book"
    return None


def verdict(peer: type[Peer], flow: Flow) -> str | None:
    """What is wrong with a peer's answer, found out in a process of its own: a peer may hang or crash."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=_judge, args=(peer, flow, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        if not ours.poll(_PATIENCE):
            return f"does not come back within {_PATIENCE:.0f} s"
        said: str | None = ours.recv()
    except EOFError:
        return "ends the process"
    else:
        return said
    finally:
        child.kill()
        child.join()


def _judge(peer: type[Peer], flow: Flow, to: Connection) -> None:
    made = peer(flow)
    made.run()
    to.send(disagreement(flow, made.report()))


def nanoseconds(peer: type[Peer], flow: Flow) -> float:
    """Runs a flow once through a peer that answers rightly; ns an operation.

    Raises:
        AssertionError: This time it did not.
    """
    made = peer(flow)
    start = perf_counter_ns()
    made.run()
    spent = perf_counter_ns() - start
    wrong = disagreement(flow, made.report())
    assert wrong is None, f"{peer.package}: {wrong}"
    return spent / len(flow.ops)


def without_cancels(flow: Flow) -> Flow:
    """The limits and IOC orders alone.

    For nanobook 0.19.2, which loops for ever once an order is cancelled at a price that has partly traded and
    another order then sweeps that price.
    """
    return replace(flow, name=f"{flow.name} without cancels", ops=[op for op in flow.ops if op[2]])


def level_updates(flow: Flow) -> Callable[[], float]:
    """For order-book, which keeps levels and matches nothing: makes the flow's changes of levels.

    Returns:
        Runs once and returns ns a level update.

    Raises:
        AssertionError: Its final levels are not those of the plain book.
    """
    engine = Engine(max_instruments=1, max_order_ids=flow.highest_id, deltas=True)
    engine.define_instrument(1)
    engine.submit_batch(flow.rows)
    deltas = engine.drain_l2_deltas()
    updates = list(zip(*(deltas[field].tolist() for field in ("side", "price", "qty")), strict=True))
    expected = final_levels(flow.ops, flow.answer.trades)

    def act() -> float:
        book = import_module("order_book").OrderBook()
        bids, asks = book.bids, book.asks
        start = perf_counter_ns()
        for side, price, qty in updates:
            levels = bids if side == 1 else asks
            if qty:
                levels[price] = qty
            else:
                del levels[price]
        spent = perf_counter_ns() - start
        assert (bids.to_list(), asks.to_list()) == expected
        return spent / len(updates)

    return act


def _sorted(bids: dict[int, int], asks: dict[int, int]) -> tuple[Levels, Levels]:
    return sorted(bids.items(), reverse=True), sorted(asks.items())
