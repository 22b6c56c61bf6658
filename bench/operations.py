"""Single operations: prepared on a filled book, run call by call or in one batch, the outcome checked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from bench.flows import Answer, answer_of
from cmatch import Engine, commands
from cmatch.arrays import Records
from cmatch.cli.bench import Op, as_commands
from cmatch.cli.plain_book import PlainBook

_TOP = 10_000  # the best bid; the best ask is a tick above
_LEVELS = 100  # prices of a side
_QTY = 10  # lots of every order

Call = Callable[..., object]


class Outcome(NamedTuple):
    """What both books must agree on after the calls."""

    answer: Answer
    bid: int | None
    ask: int | None


@dataclass(frozen=True)
class Operation:
    """One kind of call, n times, on a book in which 2 n orders rest at 100 prices a side."""

    name: str
    question: str
    engine: Callable[[Engine], Call]
    calls: list[tuple[Any, ...]]
    plain: Callable[[PlainBook], Call] | None  # None: the plain book has no such operation
    plain_calls: list[tuple[Any, ...]]
    rows: Records | None = None  # None: it is no command

    def ready_engine(self) -> Engine:
        """An engine with the book filled."""
        n = len(self.calls)
        engine = Engine(max_instruments=1, max_orders=4 * n, max_order_ids=4 * n, prefault=True, tape=n)
        engine.define_instrument(1)
        engine.submit_batch(_as_commands(_filling(n)))
        return engine

    def ready_plain(self) -> PlainBook:
        """A plain book filled alike."""
        book = PlainBook()
        for op in _filling(len(self.calls)):
            book.limit(*op)
        return book

    def expected(self) -> Outcome:
        """The plain book's outcome."""
        book = self.ready_plain()
        if self.plain is not None:
            run(self.plain(book), self.plain_calls)
        return outcome_of_plain(book)


def run(call: Call, arguments: list[tuple[Any, ...]]) -> None:
    """Calls with each of the arguments."""
    for values in arguments:
        call(*values)


def latencies(call: Call, arguments: list[tuple[Any, ...]]) -> list[int]:
    """Ns of each call, the cost of reading the clock taken off."""
    clock = perf_counter_ns
    floor = min(-(clock() - clock()) for _ in range(1_000))
    spent = []
    for values in arguments:
        start = clock()
        call(*values)
        spent.append(max(clock() - start - floor, 0))
    return spent


def time_batch(engine: Engine, rows: Records) -> float:
    """Ns a command of one batch."""
    start = perf_counter_ns()
    engine.submit_batch(rows)
    return (perf_counter_ns() - start) / len(rows)


def percentiles(spent: list[int]) -> tuple[float, float, float]:
    """The p50, p99 and p99.9."""
    middle, high, higher = np.percentile(spent, (50, 99, 99.9)).tolist()
    return middle, high, higher


def outcome_of_engine(engine: Engine) -> Outcome:
    """After the calls."""
    best = engine.best(1)
    return Outcome(answer_of(engine), best.bid_price, best.ask_price)


def outcome_of_plain(book: PlainBook) -> Outcome:
    """After the calls."""
    return Outcome(Answer(book.trades, len(book)), book.best(True), book.best(False))


def operations(n: int) -> list[Operation]:
    """All kinds, n calls of each."""
    ids = list(range(2 * n + 1, 3 * n + 1))
    resting = [(i, True, _QTY, _TOP - i % _LEVELS, False) for i in ids]
    trading = [(i, False, _QTY, _TOP - _LEVELS, False) for i in ids]
    victims = random.Random(n).sample(range(1, n + 1), n)
    canceling = [(i, False, 0, 0, False) for i in victims]
    moves = [(i, _TOP - (i + 7) % _LEVELS) for i in victims]
    moving = commands(
        n,
        kind="replace",
        instrument_id=1,
        order_id=np.array(victims, np.uint64),
        qty=_QTY,
        price=np.array([price for _, price in moves]),
    )
    return [
        Operation(
            "submit that rests",
            "What does an order cost that joins a queue?",
            lambda engine: engine.submit,
            [(1, 1, qty, price) for _, _, qty, price, _ in resting],
            lambda book: book.limit,
            resting,
            _as_commands(resting),
        ),
        Operation(
            "submit that trades",
            "What does an order cost that takes another out of the book?",
            lambda engine: engine.submit,
            [(1, 2, qty, price) for _, _, qty, price, _ in trading],
            lambda book: book.limit,
            trading,
            _as_commands(trading),
        ),
        Operation(
            "cancel",
            "What does it cost to take out an order from anywhere in a queue?",
            lambda engine: engine.cancel,
            [(1, i) for i in victims],
            lambda book: book.cancel,
            [(i,) for i in victims],
            _as_commands(canceling),
        ),
        Operation(
            "replace",
            "What does it cost to move an order to another price? (plain book: a cancel and a new order)",
            lambda engine: engine.replace,
            [(1, i, _QTY, price) for i, price in moves],
            _plain_replace,
            moves,
            moving,
        ),
        Operation(
            "best",
            "What does it cost to read the best prices?",
            lambda engine: engine.best,
            [(1,)] * n,
            _plain_top,
            [()] * n,
        ),
        Operation(
            "l2, depth 10",
            "What do ten levels of both sides cost as arrays?",
            lambda engine: engine.l2,
            [(1, 10)] * n,
            None,
            [],
        ),
    ]


def _filling(n: int) -> list[Op]:
    """The n bids, then n asks."""
    return [
        (i, i <= n, _QTY, _TOP - i % _LEVELS if i <= n else _TOP + 1 + i % _LEVELS, False)
        for i in range(1, 2 * n + 1)
    ]


def _as_commands(ops: list[Op]) -> Records:
    """As the calls have it, which name no account."""
    rows = as_commands(ops)
    rows["account"] = 0
    return rows


def _plain_replace(book: PlainBook) -> Call:
    limit, cancel = book.limit, book.cancel

    def replace(order_id: int, price: int) -> None:
        cancel(order_id)
        limit(order_id, True, _QTY, price)

    return replace


def _plain_top(book: PlainBook) -> Call:
    best = book.best
    return lambda: (best(True), best(False))
