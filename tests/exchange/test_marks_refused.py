"""Marks that the core refuses: for good, they are not said again; for a while, they are."""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from cmatch.rejects import RejectCode
from exchange.client import Client
from exchange.client.results import Reject
from exchange.runtime import log as logs
from exchange.services.risk.marks_process import MarkTeller

SYMBOL = "BTC-USD"
FOR_GOOD = next(code for code in RejectCode if not code.transient)
FOR_A_WHILE = next(code for code in RejectCode if code.transient)


@dataclass
class Core:
    """Stands for the client: answers with the next of the rejects, and takes what it does not refuse."""

    price: int
    rejects: deque[RejectCode | None]
    mark: int | None = None
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.make = SimpleNamespace(
            query=SimpleNamespace(instruments=lambda: "instruments"),
            market_data=SimpleNamespace(mark_price=lambda symbol: symbol),
            admin=SimpleNamespace(set_mark=lambda _, price: price),
        )

    def ask(self, question: str, _: int) -> Any:
        """What there is, or what market data says."""
        if question == "instruments":
            row = SimpleNamespace(symbol=SYMBOL, instrument_id=7, mark=self.mark)
            return SimpleNamespace(instruments=(row,))
        return SimpleNamespace(stale=False, mark_price=self.price)

    def call(self, price: int, _: int) -> Any:
        """Tells it the mark."""
        self.told.append(price)
        reject = self.rejects.popleft() if self.rejects else None
        if reject is None:
            self.mark = price
        return SimpleNamespace(reject=None if reject is None else Reject(int(reject)))


def teller(core: Core) -> MarkTeller:
    """Of one instrument."""
    return MarkTeller(cast(Client, core), (SYMBOL,), lambda: None)


def test_mark_that_is_refused_for_a_while_is_told_until_it_is_taken() -> None:
    """While the price stays what it is; the log has it once."""
    lines = io.StringIO()
    logs.configure("test", lines)
    core = Core(100, deque([FOR_A_WHILE] * 3))
    looks = teller(core)
    assert [looks.look() for _ in range(5)] == [0, 0, 0, 1, 0]
    assert core.told == [100] * 4
    assert lines.getvalue().count("mark refused") == 1


def test_mark_that_is_refused_for_good_is_told_again_once_there_was_another() -> None:
    """What is refused is journaled, too."""
    core = Core(100, deque([FOR_GOOD, FOR_A_WHILE, None]))
    looks = teller(core)
    assert [looks.look() for _ in range(3)] == [0, 0, 0]
    core.price = 101
    assert looks.look() == 0
    core.price = 100
    assert looks.look() == 1
    assert core.told == [100, 101, 100]
