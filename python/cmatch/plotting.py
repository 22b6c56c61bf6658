"""A book as a picture. Needs Matplotlib, the extra ``plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cmatch.book import Book

_BID, _ASK = "#1b9e77", "#d95f02"


def plot_book(book: Book, depth: int, ax: Axes | None) -> Axes:
    """Draw the shown lots by price; see Book.plot."""
    try:
        from matplotlib import pyplot
        from matplotlib.ticker import MaxNLocator, StrMethodFormatter
    except ImportError as error:
        raise ImportError("book.plot() needs Matplotlib: pip install 'cmatch[plot]'") from error
    axes: Axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")[1] if ax is None else ax
    bids, asks = book.l2(depth)
    tick = book.instrument.tick_step
    for levels, colour, name in ((bids, _BID, "bid"), (asks, _ASK, "ask")):
        if len(levels):
            axes.bar(levels["price"], levels["qty"], width=0.8 * tick, color=colour, label=name)
            axes.step(
                levels["price"], levels["qty"].cumsum(), where="mid", color=colour, alpha=0.5, linewidth=1
            )
    axes.set_title(f"instrument {book.instrument_id}, {book.instrument.phase}", loc="left")
    axes.set_xlabel("price, ticks")
    axes.set_ylabel("shown, lots (line: summed from the best price)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.spines[["top", "right"]].set_visible(False)
    if len(bids) or len(asks):
        axes.legend(frameon=False)
    return axes
