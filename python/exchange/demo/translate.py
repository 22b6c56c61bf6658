"""Makes `coinbase.npz` from the raw capture: `python -m exchange.demo.translate CAPTURE.gz OUT.npz`.

A row is what happened to one price level, in the order in which it came:

    t_us     microseconds since the first row
    symbol   index into `symbols`
    action   SET (the level now holds qty), REMOVE, or TAKE (a taker of qty at this price)
    side     cmatch.Side of the level; of a TAKE that of the taker
    price    ticks
    qty      lots; 0 for REMOVE
    bid, ask best prices of that book after the row, ticks; 0 where there is none

Rows far from the market are left out: prices beyond a quarter or four times the median of the book. A level's
quantity is cut to 40 times the median, since here it becomes one order of one account.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch.enums import CommandKind, Side
from cmatch.replay.feeds import FeedOptions, open_flow
from cmatch.replay.flow import Flow

_FARTHEST = 4
_LARGEST = 40
_TIF_IOC = 4

Rows = npt.NDArray[np.void]


class Action(IntEnum):
    """What happened to a level."""

    SET = 1
    REMOVE = 2
    TAKE = 3


ROW_DTYPE = np.dtype(
    [
        ("t_us", np.uint32),
        ("symbol", np.uint8),
        ("action", np.uint8),
        ("side", np.uint8),
        ("price", np.int32),
        ("qty", np.int64),
        ("bid", np.int32),
        ("ask", np.int32),
    ]
)


def translate(capture: Path) -> tuple[list[str], npt.NDArray[np.uint8], Rows]:
    """Reads a capture.

    Returns:
        Symbols; their decimals (n, 2) of price and quantity; the rows, ROW_DTYPE.

    Raises:
        FeedError: it is no capture.
    """
    flow = open_flow(capture, format_name=None, options=FeedOptions(symbols=(), book=None), progress=None)
    instruments = flow.instruments
    if any(each.tick != 1 or each.lot != 1 for each in instruments):
        raise ValueError("expected ticks and lots of one unit")
    decimals = np.array([(each.price_decimals, each.qty_decimals) for each in instruments], np.uint8)
    return [each.symbol for each in instruments], decimals, _near(_rows(flow))


def _rows(flow: Flow) -> Rows:
    """Every command but the definitions, without the best prices."""
    commands = flow.commands[flow.commands["kind"] != CommandKind.DEFINE_INSTRUMENT]
    rows = np.zeros(commands.size, ROW_DTYPE)
    levels: dict[int, tuple[int, int]] = {}  # order id of a level: side, price
    start = int(commands["timestamp"][0])
    kept = 0
    for command in commands:
        order, kind = int(command["order_id"]), int(command["kind"])
        price, qty, side = int(command["price"]), int(command["qty"]), int(command["side"])
        if kind == CommandKind.NEW_ORDER and int(command["time_in_force"]) == _TIF_IOC:
            action = Action.TAKE
        elif kind == CommandKind.CANCEL:
            action, qty = Action.REMOVE, 0
            side, price = levels.pop(order)
        else:
            action = Action.SET
            if kind == CommandKind.NEW_ORDER:
                levels[order] = (side, price)
            side, price = levels[order]
        if not 0 < price < 2**31:
            continue
        moment = (int(command["timestamp"]) - start) // 1000
        rows[kept] = (moment, int(command["instrument_id"]) - 1, action, side, price, qty, 0, 0)
        kept += 1
    return rows[:kept]


def _near(rows: Rows) -> Rows:
    keep = np.zeros(rows.size, bool)
    for symbol in np.unique(rows["symbol"]):
        mine = rows["symbol"] == symbol
        live = mine & (rows["action"] == Action.SET)
        middle = float(np.median(rows["price"][live]))
        keep |= mine & (rows["price"] * _FARTHEST >= middle) & (rows["price"] <= middle * _FARTHEST)
        most = int(np.median(rows["qty"][live])) * _LARGEST
        rows["qty"][mine] = np.minimum(rows["qty"][mine], most)
    rows = rows[keep]
    _add_best_prices(rows)
    return rows


def _add_best_prices(rows: Rows) -> None:
    books: dict[tuple[int, int], set[int]] = {}
    best: dict[int, tuple[int, int]] = {}
    for row in rows:
        symbol, side, price = int(row["symbol"]), int(row["side"]), int(row["price"])
        prices = books.setdefault((symbol, side), set())
        if row["action"] == Action.SET:
            prices.add(price)
        elif row["action"] == Action.REMOVE:
            prices.discard(price)
        if row["action"] != Action.TAKE:
            bid = max(books.get((symbol, int(Side.BUY)), ()), default=0)
            ask = min(books.get((symbol, int(Side.SELL)), ()), default=0)
            best[symbol] = (bid, ask)
        row["bid"], row["ask"] = best.get(symbol, (0, 0))


def main(arguments: list[str]) -> int:
    """Translates the capture named first into the file named second."""
    if len(arguments) != 2:
        print("usage: python -m exchange.demo.translate CAPTURE.gz OUT.npz", file=sys.stderr)
        return 2
    symbols, decimals, rows = translate(Path(arguments[0]))
    columns: dict[str, Any] = {str(name): rows[name] for name in ROW_DTYPE.names or ()}
    np.savez_compressed(arguments[1], symbols=np.array(symbols), decimals=decimals, **columns)
    print(f"{rows.size:,} rows of {len(symbols)} instruments")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
