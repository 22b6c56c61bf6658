"""Mirrors of books: how long a snapshot and a delta take, from the fold's book to the client's.

``python -m bench.mirror [--orders N] [--levels N] [--rounds N]`` rests orders in one book, and for both views
times each step of a snapshot: what market data reads, its message, what the client makes of it. Then single
orders come, and the whole way of their deltas is timed. A mirror of 100,000 orders in less than 200 ms is
asked for.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from bench.measure import machine, table
from cmatch._core import Venue
from cmatch.frames import CommandList
from exchange.client.face import Makers
from exchange.client.ids import Names
from exchange.client.order_book import OrderBook
from exchange.client.requests import Request
from exchange.domain.contracts.marketdata import BookUpdate
from exchange.domain.enums import BookView, Side
from exchange.schema.codec import decode_message, encode_message
from exchange.schema.event_rows import Records
from exchange.services.marketdata.mirrors import Mirror

T = TypeVar("T")
MARKET, TRADER = 1, 1
MIDDLE, STEP = 1_000_000, 4_096
START_NS = 1_700_000_000_000_000_000


class Market:
    """A venue with one instrument, whose orders never meet.

    Args:
        orders: That rest.
        levels: Of each side.
    """

    def __init__(self, orders: int, levels: int) -> None:
        self.venue = Venue(max_orders=1 << 20, shard=0)
        self.make = Makers(Names("bench", lambda: START_NS), "bench", TRADER)
        admin = self.make.admin
        self.do(admin.define_asset(1, "BTC", 8))
        self.do(admin.define_asset(2, "USD", 6))
        self.do(
            admin.define_instrument(MARKET, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4)
        )
        self.do(admin.open_account(TRADER, tenant=1))
        self.do(admin.deposit("BTC", "1000000", account=TRADER))
        self.do(admin.deposit("USD", "1000000000", account=TRADER))
        self._count = 0
        self.add(orders, levels)

    def do(self, request: Request[Any]) -> None:
        """Applies a request, whose answer is that it was done."""
        self.apply(request.family, request.rows)
        if request.done is not None:
            request.done(_Done())

    def apply(self, family: CommandList, rows: Records) -> None:
        """Applies commands."""
        rows = rows.copy()
        if family is not CommandList.ADMINISTRATION:
            rows["tenant"] = 1
        first = self.venue.sequence + 1
        self.venue.apply(int(family), first, START_NS + first, rows)

    def add(self, count: int, levels: int) -> None:
        """So many orders more."""
        one = self.make.orders.limit(MARKET, "buy", 5, MIDDLE).rows
        rows = np.repeat(one, count)
        number = self._count + np.arange(count)
        self._count += count
        side = number % 2
        rows["side"] = np.where(side == 0, int(Side.BUY), int(Side.SELL))
        away = 1 + (number // 2 * 7_919) % levels
        rows["price"] = np.where(side == 0, MIDDLE - away, MIDDLE + away)
        rows["qty"] = 1 + number % 9
        rows["client_order_id_head"] = np.char.add(b"b-", number.astype("S9"))
        for at in range(0, count, STEP):
            self.apply(CommandList.ORDERS, rows[at : at + STEP])


class _Done:
    ok = True


def timed(work: Callable[[], T], times: list[float]) -> T:
    """What it gives; its milliseconds are added."""
    start = time.perf_counter()
    found = work()
    times.append((time.perf_counter() - start) * 1_000)
    return found


def snapshots(market: Market, view: BookView, rounds: int) -> tuple[str, ...]:
    """Milliseconds of each step, the median of the rounds."""
    read, write, load = list[float](), list[float](), list[float]()
    size = 0
    for _ in range(rounds):
        mirror = timed(lambda: Mirror("BTC-USD", MARKET, view, market.venue), read)
        parts = timed(lambda of=mirror: [encode_message(part) for part in of.snapshot()], write)  # type: ignore[misc]
        book = OrderBook(view)

        def take(into: OrderBook = book, wire: list[bytes] = parts) -> None:
            for part in wire:
                into.apply(decode_message(BookUpdate, part))

        timed(take, load)
        assert sum(len(book.levels(side)) for side in Side) == len(
            np.unique(mirror.rows[["side", "price"]])
        ), "the client has another book"
        size = sum(map(len, parts))
    medians = [statistics.median(times) for times in (read, write, load)]
    return (str(view), f"{size / 1e6:.2f}", *(f"{each:.1f}" for each in (*medians, sum(medians))))


def deltas(market: Market, view: BookView, rounds: int, levels: int) -> tuple[str, ...]:
    """Milliseconds of one order's delta, from the fold to the client's book."""
    mirror, book = Mirror("BTC-USD", MARKET, view, market.venue), OrderBook(view)
    for part in mirror.snapshot():
        book.apply(part)
    look, take = list[float](), list[float]()
    for _ in range(rounds):
        market.add(1, levels)
        delta = timed(lambda: mirror.look(market.venue), look)
        assert delta is not None
        wire = encode_message(delta)
        timed(lambda data=wire: book.apply(decode_message(BookUpdate, data)), take)  # type: ignore[misc]
    return (str(view), f"{statistics.median(look):.2f}", f"{statistics.median(take):.2f}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000, help="in the book (100000)")
    parser.add_argument("--levels", type=int, default=2_000, help="of each side (2000)")
    parser.add_argument("--rounds", type=int, default=7, help="of each measurement (7)")
    options = parser.parse_args()
    market = Market(options.orders, options.levels)
    assert market.venue.status()["live_orders"][0] == options.orders, "some orders do not rest"
    print(machine())
    print(f"a book of {options.orders:,} orders at {2 * options.levels:,} prices\n")
    steps = ("snapshot of", "MB", "read ms", "message ms", "client ms", "all ms")
    print(table(steps, [snapshots(market, view, options.rounds) for view in BookView]))
    head = ("delta of", "market data ms", "client ms")
    print("\n" + table(head, [deltas(market, view, options.rounds, options.levels) for view in BookView]))


if __name__ == "__main__":
    main()
