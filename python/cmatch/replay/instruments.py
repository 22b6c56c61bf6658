"""Instruments of a tape: what a tick and a lot are worth, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmatch.replay.decimals import text


@dataclass(frozen=True)
class Instrument:
    """One instrument: `tick` and `lot` are integers of 10^-price_decimals and 10^-qty_decimals."""

    symbol: str
    tick: int = 1
    price_decimals: int = 0
    lot: int = 1
    qty_decimals: int = 0

    @property
    def tick_text(self) -> str:
        """One tick as a decimal."""
        return text(self.tick, self.price_decimals)

    @property
    def lot_text(self) -> str:
        """One lot as a decimal."""
        return text(self.lot, self.qty_decimals)

    def price(self, ticks: int) -> str:
        """A price as text, with the decimals of a tick."""
        keep = len(self.tick_text.partition(".")[2])
        return text(ticks * self.tick, self.price_decimals, keep)

    def qty(self, lots: int) -> str:
        """A quantity as text."""
        return text(lots * self.lot, self.qty_decimals)

    def level(self, ticks: int, lots: int) -> str:
        """A price with what stands there as text."""
        return f"{self.price(ticks)} x {self.qty(lots)}"


def common_step(values: npt.NDArray[np.int64]) -> int:
    """The largest step of which all values are multiples; 1 where there is none but 0."""
    step = int(np.gcd.reduce(values, initial=0)) if values.size else 0
    return abs(step) or 1
