"""What a replay can leave behind: trades and best prices as CSV, Parquet or a picture."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch.enums import Side
from cmatch.replay.checks import Top
from cmatch.replay.errors import FeedError
from cmatch.replay.flow import Flow
from cmatch.replay.times import moment

TRADE_COLUMNS = (
    "timestamp_ns",
    "symbol",
    "trade_id",
    "price",
    "qty",
    "taker_side",
    "maker_order_id",
    "taker_order_id",
)
TOP_COLUMNS = ("timestamp_ns", "symbol", "bid_price", "bid_qty", "ask_price", "ask_qty")

Trades = npt.NDArray[np.void]  # EVENT_DTYPE


def names(path: Path) -> tuple[Path, Path]:
    """Where the trades and the best prices go: FILE.trades.SUFFIX and FILE.top.SUFFIX."""
    return path.with_suffix(f".trades{path.suffix}"), path.with_suffix(f".top{path.suffix}")


def _trade_rows(flow: Flow, trades: Trades) -> Iterator[tuple[Any, ...]]:
    columns = ("timestamp", "instrument_id", "trade_id", "price", "qty", "side", "maker_order_id", "order_id")
    for time, number, trade_id, price, qty, side, maker, taker in zip(
        *(trades[name].tolist() for name in columns), strict=True
    ):
        instrument = flow.instruments[number - 1]
        word = str(Side(side)) if side else "auction"
        yield (
            time,
            instrument.symbol,
            trade_id,
            instrument.price(price),
            instrument.qty(qty),
            word,
            maker,
            taker,
        )


def _top_rows(flow: Flow, top: Top) -> Iterator[tuple[Any, ...]]:
    quotes = top.quotes.tolist()
    for time, number, (bid, bid_qty, ask, ask_qty) in zip(
        top.timestamps.tolist(), top.instruments.tolist(), quotes, strict=True
    ):
        instrument = flow.instruments[number - 1]
        sides = ((bid, bid_qty), (ask, ask_qty))
        texts = [(instrument.price(p), instrument.qty(q)) if q else ("", "") for p, q in sides]
        yield time, instrument.symbol, *texts[0], *texts[1]


def write_csv(flow: Flow, trades: Trades, top: Top, path: Path) -> tuple[Path, Path]:
    """Writes both tables as CSV; prices and quantities are decimals, an empty side is empty."""
    files = names(path)
    tables = ((TRADE_COLUMNS, _trade_rows(flow, trades)), (TOP_COLUMNS, _top_rows(flow, top)))
    for file, (columns, rows) in zip(files, tables, strict=True):
        with _opened(file, lambda at: at.open("w", newline="", encoding="utf-8")) as out:
            writer = csv.writer(out)
            writer.writerow(columns)
            writer.writerows(rows)
    return files


def write_parquet(flow: Flow, trades: Trades, top: Top, path: Path) -> tuple[Path, Path]:
    """Writes both tables as Parquet: prices in ticks, quantities in lots, and what these are worth as text.

    Raises:
        FeedError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        pyarrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise FeedError(path, "", "Parquet needs the package pyarrow: pip install 'cmatch[data]'") from None
    files = names(path)
    symbols = np.array([instrument.symbol for instrument in flow.instruments])
    ticks = np.array([instrument.tick_text for instrument in flow.instruments])
    lots = np.array([instrument.lot_text for instrument in flow.instruments])

    def common(times: npt.NDArray[np.int64], numbers: npt.NDArray[Any]) -> dict[str, Any]:
        index = numbers.astype(np.int64) - 1
        return {"timestamp_ns": times, "symbol": symbols[index], "tick": ticks[index], "lot": lots[index]}

    trade_table = common(trades["timestamp"], trades["instrument_id"]) | {
        "trade_id": trades["trade_id"],
        "price_ticks": trades["price"],
        "qty_lots": trades["qty"],
        "taker_side": trades["side"],
        "maker_order_id": trades["maker_order_id"],
        "taker_order_id": trades["order_id"],
    }
    top_table = common(top.timestamps, top.instruments)
    for k, name in enumerate(("bid_price_ticks", "bid_qty_lots", "ask_price_ticks", "ask_qty_lots")):
        top_table[name] = pyarrow.array(top.quotes[:, k], mask=top.quotes[:, k | 1] == 0)
    for file, table in zip(files, (trade_table, top_table), strict=True):
        arrays = {
            name: np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v for name, v in table.items()
        }
        _opened(file, partial(parquet.write_table, pyarrow.table(arrays)))
    return files


def write_plot(flow: Flow, trades: Trades, top: Top, path: Path) -> Path:
    """Draws best prices and trades of the instrument with most changes, and its trades' volume by price.

    Raises:
        FeedError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise FeedError(path, "", "a plot needs the package matplotlib: pip install 'cmatch[plot]'") from None
    counts = np.bincount(top.instruments, minlength=2)
    number = int(np.argmax(counts))
    instrument = flow.instruments[number - 1] if number else flow.instruments[0]
    mine, traded = top.instruments == number, trades["instrument_id"] == number
    worth = instrument.tick / 10**instrument.price_decimals  # of a tick: only for drawing
    times, quotes = top.timestamps[mine], top.quotes[mine]
    start = int(times[0]) if times.size else 0
    figure, (prices, volume) = pyplot.subplots(
        1, 2, figsize=(12, 6), sharey=True, width_ratios=(4, 1), layout="constrained"
    )
    for column, colour, label in ((0, "#1b6ca8", "best bid"), (2, "#b3432b", "best ask")):
        there = quotes[:, column + 1] > 0
        line = np.where(there, quotes[:, column] * worth, np.nan)
        prices.step((times - start) / 1e9, line, where="post", color=colour, linewidth=1, label=label)
    at = (trades["timestamp"][traded] - start) / 1e9
    prices.plot(at, trades["price"][traded] * worth, ".", color="#222222", markersize=2, label="trades")
    prices.set_xlabel(f"seconds after {moment(start)}")
    prices.set_ylabel("price")
    prices.set_title(f"{instrument.symbol}: {flow.format}, {flow.path.name}")
    prices.legend(loc="best")
    levels, inverse = np.unique(trades["price"][traded], return_inverse=True)
    sums = np.zeros(levels.size, np.int64)
    np.add.at(sums, inverse, trades["qty"][traded])
    step = max(worth, float(np.ptp(levels)) * worth / 200) if levels.size else worth
    volume.barh(
        levels * worth, sums * (instrument.lot / 10**instrument.qty_decimals), height=step, color="#666666"
    )
    volume.set_xlabel("volume traded")
    volume.xaxis.set_major_locator(MaxNLocator(3))
    middle = quotes[(quotes[:, 1] > 0) & (quotes[:, 3] > 0)]
    if middle.size:  # a quote far off, as before the opening, must not squeeze the rest
        low, high = np.quantile(middle[:, 0], 0.01) * worth, np.quantile(middle[:, 2], 0.99) * worth
        margin = max((high - low) * 0.1, 5 * worth)
        prices.set_ylim(low - margin, high + margin)
    _opened(path, lambda at: figure.savefig(at, dpi=120))
    pyplot.close(figure)
    return path


def _opened(path: Path, act: Callable[[Path], Any]) -> Any:
    try:
        return act(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FeedError(path, "", f"it cannot be written: {reason}") from None
