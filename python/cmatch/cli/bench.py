"""`cmatch bench`."""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np

from cmatch.arrays import Records, commands
from cmatch.cli.plain_book import PlainBook
from cmatch.cli.words import UINT32_MAX, whole
from cmatch.engine import Engine
from cmatch.enums import CommandKind, EventKind, TimeInForce

DESCRIPTION = """Measure the engine on this machine with a made-up mixed flow in one instrument: 58 % limit
orders, 8 % immediate-or-cancel, 34 % cancels, and so many orders resting. The same flow goes one call an
order and in batches through the engine, and one call an order through a plain Python book. All must make the
same trades."""

BATCH = 4096
_OPS_MAX, _RESTING_MAX = 100_000_000, 10_000_000
_TICKS = 10_000  # where the price is at the start
_SEED = 20_240_229

Op = tuple[int, bool, int, int, bool]  # order id, buy, qty (0: a cancel), price, immediate or cancel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--ops", type=whole(1, _OPS_MAX), default=300_000, metavar="N", help="operations (300,000)"
    )
    parser.add_argument(
        "--resting", type=whole(1, _RESTING_MAX), default=2_000, metavar="N", help="orders that rest (2,000)"
    )
    parser.add_argument(
        "--runs", type=whole(1, UINT32_MAX), default=5, metavar="N", help="runs; the median counts (5)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def mixed_flow(ops: int, resting: int, seed: int = _SEED) -> list[Op]:
    """Makes the flow. Limits come near the best prices; half of them cross while more rest than wanted."""
    draw = random.Random(seed).random  # noqa: S311 - nothing is secret here
    book = PlainBook()
    live: list[int] = []
    out: list[Op] = []
    middle = _TICKS
    for order_id in range(1, ops + 1):
        kind = draw()
        is_buy = draw() < 0.5
        if order_id % 64 == 0:
            bid, ask = book.best(True), book.best(False)
            middle = (bid + ask) // 2 if bid is not None and ask is not None else middle
        if kind >= 0.66 and (victim := _pick(book, live, draw)):
            book.cancel(victim)
            out.append((victim, False, 0, 0, False))
            continue
        ioc = 0.58 <= kind < 0.66
        aggressive = ioc or (len(book) > resting and draw() < 0.5)
        away = 3 if aggressive else -1 - int(draw() ** 2 * 60)
        price = max(middle + (away if is_buy else -away), 1)
        qty = 1 + int(draw() * 100)
        if aggressive:
            qty *= 3
        book.limit(order_id, is_buy, qty, price, ioc)
        out.append((order_id, is_buy, qty, price, ioc))
        if order_id in book:
            live.append(order_id)
    return out


def _pick(book: PlainBook, live: list[int], draw: Callable[[], float]) -> int:
    """Takes a random order out of the list of those that may still rest; 0 where none does."""
    while live:
        k = int(draw() * len(live))
        live[k], live[-1] = live[-1], live[k]
        if live[-1] in book:
            return live.pop()
        live.pop()
    return 0


def as_commands(flow: list[Op]) -> Records:
    """The flow as (n,) of COMMAND_DTYPE for instrument 1."""
    table = np.array([(i, b, q, p, x) for i, b, q, p, x in flow], np.int64)
    cancels = table[:, 2] == 0
    rows = commands(len(flow), instrument_id=1, account=1, order_id=table[:, 0].astype(np.uint64))
    rows["kind"] = np.where(cancels, CommandKind.CANCEL, CommandKind.NEW_ORDER)
    rows["side"] = np.where(cancels, 0, np.where(table[:, 1] == 1, 1, 2))
    rows["qty"], rows["price"] = table[:, 2], table[:, 3]
    rows["present"] = np.where(cancels, 0, 1)
    rows["time_in_force"] = np.where(table[:, 4] == 1, TimeInForce.IOC, TimeInForce.GTC)
    return rows


@dataclass(frozen=True)
class Figure:
    """One way to run the flow."""

    name: str
    ns_per_op: float  # median run
    trades: int
    volume: int


def _timed(runs: int, act: Callable[[], tuple[int, int, int]]) -> tuple[float, int, int]:
    """Runs `act`, which returns its nanoseconds, trades and volume; the median of the nanoseconds."""
    times, trades, volume = [], 0, 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(runs):
            spent, trades, volume = act()
            times.append(spent)
    finally:
        if collecting:
            gc.enable()
    return median(times), trades, volume


def _engine(ops: int, resting: int) -> Engine:
    engine = Engine(
        max_instruments=1, max_orders=max(4 * resting, 1 << 16), max_order_ids=ops + 1, prefault=True, tape=1
    )
    engine.define_instrument(1, max_price=1 << 40, max_qty=1 << 40)
    return engine


def measure(flow: list[Op], resting: int, runs: int) -> list[Figure]:
    """Runs the flow in the three ways."""
    rows = as_commands(flow)

    def plain() -> tuple[int, int, int]:
        book = PlainBook()
        limit, cancel = book.limit, book.cancel
        start = perf_counter_ns()
        for order_id, is_buy, qty, price, ioc in flow:
            if qty:
                limit(order_id, is_buy, qty, price, ioc)
            else:
                cancel(order_id)
        spent = perf_counter_ns() - start
        return spent, len(book.trades), sum(trade[3] for trade in book.trades)

    def one_by_one() -> tuple[int, int, int]:
        engine = _engine(len(flow), resting)
        submit, cancel, buy, sell = engine.submit, engine.cancel, 1, 2
        gtc, ioc_word = int(TimeInForce.GTC), int(TimeInForce.IOC)
        start = perf_counter_ns()
        for order_id, is_buy, qty, price, ioc in flow:
            if qty:
                tif = ioc_word if ioc else gtc
                submit(
                    1, buy if is_buy else sell, qty, price, account=1, order_id=order_id, time_in_force=tif
                )
            else:
                cancel(1, order_id, account=1)
        spent = perf_counter_ns() - start
        return spent, engine.trade_sequence, -1

    def batched() -> tuple[int, int, int]:
        engine = _engine(len(flow), resting)
        spent, volume = 0, 0
        for first in range(0, len(rows), BATCH):
            start = perf_counter_ns()
            events = engine.submit_batch(rows[first : first + BATCH])
            spent += perf_counter_ns() - start
            volume += int(events["qty"][events["kind"] == EventKind.TRADE].sum())
        return spent, engine.trade_sequence, volume

    figures = []
    for name, act in (
        ("plain Python book, one call an order", plain),
        ("engine, one call an order", one_by_one),
        (f"engine, batches of {BATCH:,}", batched),
    ):
        spent, trades, volume = _timed(runs, act)
        figures.append(Figure(name, spent / len(flow), trades, volume))
    return figures


def run(options: argparse.Namespace) -> int:
    """Measures; returns 0, or 1 where the three do not make the same trades."""
    flow = mixed_flow(options.ops, options.resting)
    figures = measure(flow, options.resting, options.runs)
    good = len({figure.trades for figure in figures}) == 1
    good &= len({figure.volume for figure in figures if figure.volume >= 0}) == 1
    if options.json:
        print(json.dumps(_as_json(options, figures, good), indent=2))
        return 0 if good else 1
    cancels = sum(not op[2] for op in flow)
    incoming = sum(op[4] for op in flow)
    limits = len(flow) - cancels - incoming
    counts = ((limits, "limit"), (incoming, "ioc"), (cancels, "cancel"))
    shares = ", ".join(f"{100 * count / len(flow):.0f} % {name}" for count, name in counts)
    print(
        f"{len(flow):,} operations ({shares}), about {options.resting:,} orders resting, {options.runs} runs"
    )
    for figure in figures:
        times = figures[0].ns_per_op / figure.ns_per_op
        rate = 1e3 / figure.ns_per_op
        print(f"  {figure.name:<40}{figure.ns_per_op:>8.1f} ns/op {rate:>8.2f} million ops/s {times:>7.1f} x")
    print(f"  trades {figures[0].trades:,}: " + ("the same in all" if good else "NOT the same in all"))
    return 0 if good else 1


def _as_json(options: argparse.Namespace, figures: list[Figure], good: bool) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "ops": options.ops,
        "resting": options.resting,
        "runs": options.runs,
        "good": good,
        "trades": figures[0].trades,
        "figures": [
            {
                "name": figure.name,
                "ns_per_op": round(figure.ns_per_op, 1),
                "ops_per_second": round(1e9 / figure.ns_per_op),
                "times_plain_python": round(figures[0].ns_per_op / figure.ns_per_op, 2),
            }
            for figure in figures
        ],
    }
