"""One book, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cmatch._core import TopOfBook
    from cmatch.arrays import Records
    from cmatch.engine import Engine
    from cmatch.views import Indicative, Instrument, QueuePosition

_SHOWN_LEVELS = 10


class Book:
    """A view of one instrument's book in an engine. It holds no copy: every look is at the present state.

    Printing it draws the ladder, ten levels of each side::

        instrument 1, continuous, last 101
          orders         bid       price         ask  orders
        ----------------------------------------------------
                                     102           7       1
                                     101           6       1
               2           9         100
    """

    __slots__ = ("_engine", "_instrument_id")

    def __init__(self, engine: Engine, instrument_id: int) -> None:
        engine.best(instrument_id)
        self._engine = engine
        self._instrument_id = instrument_id

    @property
    def engine(self) -> Engine:
        """The engine that holds the book."""
        return self._engine

    @property
    def instrument_id(self) -> int:
        """The instrument's number."""
        return self._instrument_id

    @property
    def instrument(self) -> Instrument:
        """The instrument: its definition, phase, and last, mark and reference price."""
        return self._engine.instrument(self._instrument_id)

    @property
    def best(self) -> TopOfBook:
        """The best prices with the lots shown there (L1)."""
        return self._engine.best(self._instrument_id)

    def l1(self) -> TopOfBook:
        """The best prices with the lots shown there: ``best``, by its other name."""
        return self.best

    def l2(self, depth: int | None = None) -> tuple[Records, Records]:
        """The aggregated levels, bids and asks, each best first.

        Args:
            depth: Most levels of a side; None: all.

        Returns:
            Two arrays of dtype LEVEL_DTYPE: price (ticks), qty (lots shown), count (orders).
        """
        return self._engine.l2(self._instrument_id, depth)

    def l3(self) -> Records:
        """Every displayed order in priority order, bids then asks: dtype L3_DTYPE."""
        return self._engine.l3(self._instrument_id)

    def queue_position(self, order_id: int) -> QueuePosition | None:
        """What is ahead of a resting order of this book; None of one that waits or is not here."""
        order = self._engine.order(order_id)
        if order is None or order.instrument_id != self._instrument_id:
            return None
        return self._engine.queue_position(order_id)

    def indicative(self) -> Indicative | None:
        """What an uncross would do now; None outside a call, or where nothing would trade."""
        return self._engine.indicative(self._instrument_id)

    def plot(self, depth: int = 20, ax: Axes | None = None) -> Axes:
        """Draw the shown lots by price, bids to the left of the asks. Needs the extra ``plot``.

        Args:
            depth: Most levels of a side.
            ax: Where to draw; None: a new figure.

        Returns:
            The axes drawn on.

        Raises:
            ImportError: Matplotlib is not installed.
        """
        from cmatch.plotting import plot_book

        return plot_book(self, depth, ax)

    def ladder(self, depth: int = _SHOWN_LEVELS) -> str:
        """The book as a trading screen has it, highest price first, at most ``depth`` levels of a side."""
        instrument = self.instrument
        bids, asks = self.l2(depth + 1)
        last = "no trade yet" if instrument.last is None else f"last {instrument.last:,}"
        lines = [
            f"instrument {self._instrument_id}, {instrument.phase}, {last}",
            f"{'orders':>8}{'bid':>12}{'price':>12}{'ask':>12}{'orders':>8}",
            "-" * 52,
        ]
        if len(asks) > depth:
            lines.append(f"{'...':>32}")
        lines += [
            f"{'':>20}{level['price']:>12,}{level['qty']:>12,}{level['count']:>8,}"
            for level in asks[:depth][::-1]
        ]
        lines += [f"{level['count']:>8,}{level['qty']:>12,}{level['price']:>12,}" for level in bids[:depth]]
        if len(bids) > depth:
            lines.append(f"{'...':>32}")
        if not len(bids) and not len(asks):
            lines.append(f"{'empty':>32}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.ladder()
