"""Order flows, and the ways to run them: a plain Python book, the engine call by call, the engine in batches.

A run is made ready, run once (what is timed), and asked for its answer: the trades and how many orders rest.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter_ns
from typing import NamedTuple, Protocol

from cmatch import Engine, TimeInForce
from cmatch.arrays import Records
from cmatch.cli.bench import BATCH, Op, as_commands, mixed_flow
from cmatch.cli.plain_book import PlainBook, Trade

_MIDDLE = 1_000_000  # ticks
_REACH = 5.0  # an IOC trades this many mean distances over the middle, so that it keeps the book in bounds
_SEED = 20_240_229


class Answer(NamedTuple):
    """What every way must agree on."""

    trades: list[Trade]
    resting: int


@dataclass(frozen=True)
class Flow:
    """Operations on one or more books; order i is of instrument ``i % instruments + 1``."""

    name: str
    setup: list[Op]  # fills the books; not timed, makes no trade
    ops: list[Op]
    instruments: int = 1

    @cached_property
    def rows(self) -> Records:
        """``ops`` as commands."""
        return self._commands(self.ops)

    @cached_property
    def setup_rows(self) -> Records:
        """``setup`` as commands."""
        return self._commands(self.setup)

    @cached_property
    def answer(self) -> Answer:
        """The plain book's."""
        run = PlainRun(self)
        run.run()
        return run.answer()

    @cached_property
    def highest_id(self) -> int:
        """The highest order id."""
        return max(op[0] for op in (*self.setup, *self.ops))

    def engine(self) -> Engine:
        """An engine with the instruments defined and the books filled, that remembers every trade to come."""
        engine = Engine(
            max_instruments=self.instruments,
            max_orders=len(self.setup) + len(self.ops),
            max_order_ids=self.highest_id,
            prefault=True,
            tape=max(1, len(self.answer.trades)),
        )
        for instrument_id in range(1, self.instruments + 1):
            engine.define_instrument(instrument_id)
        if self.setup:
            engine.submit_batch(self.setup_rows)
        return engine

    def _commands(self, ops: list[Op]) -> Records:
        rows = as_commands(ops)
        rows["instrument_id"] = rows["order_id"] % self.instruments + 1
        return rows


class Run(Protocol):
    """One run of one flow."""

    def __init__(self, flow: Flow) -> None: ...

    def run(self) -> None:
        """What is timed."""

    def answer(self) -> Answer:
        """After the run."""


class PlainRun:
    """A plain Python book for each instrument, one call an operation."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._books = [PlainBook() for _ in range(flow.instruments)]
        for op in flow.setup:
            self._books[op[0] % flow.instruments].limit(*op)

    def run(self) -> None:
        """Runs the flow."""
        if self._flow.instruments > 1:
            self._run_many()
            return
        limit, cancel = self._books[0].limit, self._books[0].cancel
        for order_id, is_buy, qty, price, ioc in self._flow.ops:
            if qty:
                limit(order_id, is_buy, qty, price, ioc)
            else:
                cancel(order_id)

    def _run_many(self) -> None:
        books, instruments = self._books, self._flow.instruments
        for order_id, is_buy, qty, price, ioc in self._flow.ops:
            book = books[order_id % instruments]
            if qty:
                book.limit(order_id, is_buy, qty, price, ioc)
            else:
                book.cancel(order_id)

    def answer(self) -> Answer:
        """The trades, one book after the other, and what rests."""
        trades = [trade for book in self._books for trade in book.trades]
        return Answer(trades, sum(len(book) for book in self._books))


class _EngineRun:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._engine = flow.engine()
        self._rows = flow.rows

    def answer(self) -> Answer:
        """The trades, one book after the other, and what rests."""
        return answer_of(self._engine, self._flow.instruments)


class CallRun(_EngineRun):
    """The engine, one call an operation."""

    def run(self) -> None:
        """Runs the flow."""
        if self._flow.instruments > 1:
            self._run_many()
            return
        submit, cancel, gtc, ioc_word = self._engine.submit, self._engine.cancel, *_TIMES
        for order_id, is_buy, qty, price, ioc in self._flow.ops:
            if qty:
                side, tif = 1 if is_buy else 2, ioc_word if ioc else gtc
                submit(1, side, qty, price, account=1, order_id=order_id, time_in_force=tif)
            else:
                cancel(1, order_id, account=1)

    def _run_many(self) -> None:
        submit, cancel, gtc, ioc_word = self._engine.submit, self._engine.cancel, *_TIMES
        instruments = self._flow.instruments
        for order_id, is_buy, qty, price, ioc in self._flow.ops:
            instrument_id = order_id % instruments + 1
            if qty:
                side, tif = 1 if is_buy else 2, ioc_word if ioc else gtc
                submit(instrument_id, side, qty, price, account=1, order_id=order_id, time_in_force=tif)
            else:
                cancel(instrument_id, order_id, account=1)


class BatchRun(_EngineRun):
    """The engine, 4,096 operations a call."""

    def run(self) -> None:
        """Runs the flow."""
        submit_batch, rows = self._engine.submit_batch, self._rows
        for first in range(0, len(rows), BATCH):
            submit_batch(rows[first : first + BATCH])


_TIMES = (int(TimeInForce.GTC), int(TimeInForce.IOC))
WAYS: dict[str, type[Run]] = {"plain": PlainRun, "call": CallRun, "batch": BatchRun}


def answer_of(engine: Engine, instruments: int = 1) -> Answer:
    """What an engine's tape and book say, ordered as the plain books have it."""
    tape = engine.trades()
    fields = ("maker_order_id", "taker_order_id", "price", "qty")
    trades: list[Trade] = list(zip(*(tape[field].tolist() for field in fields), strict=True))
    trades.sort(key=lambda trade: trade[0] % instruments)
    return Answer(trades, engine.live_orders)


def nanoseconds(way: type[Run], flow: Flow) -> float:
    """Runs a flow once; ns an operation.

    Raises:
        AssertionError: The answer is not the plain book's.
    """
    run = way(flow)
    start = perf_counter_ns()
    run.run()
    spent = perf_counter_ns() - start
    assert run.answer() == flow.answer, f"{flow.name}: {way.__name__} does not answer as the plain book does"
    return spent / len(flow.ops)


@dataclass(frozen=True)
class Shape:
    """A kind of flow; what is neither limit nor IOC is a cancel of a random resting order."""

    name: str
    resting: int = 2_000  # orders that rest at the start
    limits: float = 0.58
    iocs: float = 0.08
    walk: float = 0.02  # chance that the middle moves a tick
    drift: float = 0.0  # ticks that the middle moves an operation
    spread: float = 40.0  # mean distance of a limit from the middle, in ticks


def shapes(deep: int) -> tuple[Shape, ...]:
    """The shapes that the C++ benchmark has too, with so many orders resting in the deep book."""
    return (
        Shape("static", walk=0.0),
        Shape("drifting", drift=0.01),
        Shape("crash", iocs=0.2, drift=-0.2, spread=100.0),
        Shape("deep", resting=deep, limits=0.48, iocs=0.02, spread=4_000.0),
        Shape("cancel-heavy", limits=0.49, iocs=0.01),
    )


def sized(resting: int) -> Shape:
    """The usual shape with so many orders resting, spread wider where there are many."""
    return Shape(f"orders resting: {resting:,}", resting, spread=40.0 if resting < 10_000 else 1_000.0)


def mixed(ops: int, resting: int = 2_000) -> Flow:
    """The flow of ``cmatch bench``: 58 % limits, 8 % IOC, the rest cancels."""
    return Flow("mixed", [], mixed_flow(ops, resting))


def shaped(shape: Shape, ops: int) -> Flow:
    """Makes a flow of a shape."""
    return _Maker(shape).make(ops)


def interleaved(ops: int, instruments: int, resting: int = 20_000) -> Flow:
    """One flow for each instrument, taking turns; so many orders rest in all."""
    shape = Shape("instruments", resting=max(1, resting // instruments))
    flows = [_Maker(shape, _SEED + k).make(-(-ops // instruments)) for k in range(instruments)]

    def woven(parts: list[list[Op]]) -> list[Op]:
        return [
            (op[0] * instruments + k, *op[1:]) for row in zip(*parts, strict=True) for k, op in enumerate(row)
        ]

    return Flow(
        f"instruments: {instruments:,}",
        woven([flow.setup for flow in flows]),
        woven([flow.ops for flow in flows]),
        instruments,
    )


class _Maker:
    """Makes a flow while a plain book follows it, so that cancels name orders that rest."""

    def __init__(self, shape: Shape, seed: int = _SEED) -> None:
        self._shape = shape
        self._draw = random.Random(seed).random
        self._middle = float(_MIDDLE)
        self._book = PlainBook()
        self._live: list[int] = []
        self._ids = 0

    def make(self, ops: int) -> Flow:
        """So many operations after the setup."""
        setup = [self._limit(ioc=False) for _ in range(self._shape.resting)]
        return Flow(self._shape.name, setup, [self._next() for _ in range(ops)])

    def _next(self) -> Op:
        shape, draw, kind = self._shape, self._draw, self._draw()
        self._middle += shape.drift + (draw() < shape.walk) * (1 if draw() < 0.5 else -1)
        if kind >= shape.limits + shape.iocs:
            victim = self._victim()
            if victim is not None:
                self._book.cancel(victim)
                return victim, False, 0, 0, False
        return self._limit(ioc=shape.limits <= kind < shape.limits + shape.iocs)

    def _victim(self) -> int | None:
        live = self._live
        while live:
            k = int(self._draw() * len(live))
            live[k], live[-1] = live[-1], live[k]
            order_id = live.pop()
            if order_id in self._book:
                return order_id
        return None

    def _limit(self, *, ioc: bool) -> Op:
        draw, shape = self._draw, self._shape
        self._ids += 1
        is_buy = draw() < 0.5
        away = int(-_REACH * shape.spread if ioc else 1 - shape.spread * math.log(1 - draw()))
        # An IOC trades the more, the further the book has outgrown its size.
        too_many = min(max(len(self._book) - shape.resting, 0), 20) if ioc else 0
        qty = 1 + int(draw() * 100) + 50 * too_many
        price = max(int(self._middle) + (-away if is_buy else away), 1)
        self._book.limit(self._ids, is_buy, qty, price, ioc)
        if self._ids in self._book:
            self._live.append(self._ids)
        return self._ids, is_buy, qty, price, ioc
