"""Coinbase Exchange WebSocket messages: the `full` channel order by order, or `level2` price by price.

`level2` (snapshot, l2update, match, ticker): each price level becomes one order. A match and the l2update
that it causes have the same time, price and side, and come in the same order: the match becomes an
execution of the level just before its update, which then finds its work done. A ticker tells the best bid
and ask: it is checked at its place in the stream, unless its trade was before the first update.

`full` (received, open, done, match, change): `open` is an order that rests, `match` names its maker. A book
with order ids (`bids` and `asks` of price, size, order id) may stand before them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import cast

import numpy as np

from cmatch.replay.decimals import scaled
from cmatch.replay.effects import BookCheck, EffectFlag, EffectKind, Tape
from cmatch.replay.errors import FeedError, line
from cmatch.replay.feeds.json_lines import (
    Message,
    Numbering,
    TextRow,
    clear_row,
    first_message,
    messages,
    scale,
    time_of,
)
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.tape import finish, no_orders
from cmatch.replay.files import read_bytes

_SIDES = {"buy": 1, "sell": 2}
_LAST = int(EffectFlag.LAST)
_ORDERS = ("snapshot", "l2update", "received", "open")
_TYPES = {
    "snapshot",
    "l2update",
    "match",
    "last_match",
    "ticker",
    "subscriptions",
    "heartbeat",
    "received",
    "open",
    "done",
    "change",
    "activate",
    "status",
}
_Key = tuple[str, str, str, str]  # product, time, price, side
_Ticker = tuple[int, int, str, str, int]  # rows before it, instrument, best bid, best ask, time


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like Coinbase messages."""
    message = first_message(head)
    if message is None:
        return b"ws-feed" in head[:200] and b"coinbase" in head[:200]
    return message.get("type") in _TYPES or ("bids" in message and "sequence" in message)


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads a capture.

    Raises:
        FeedError: a line is no message of Coinbase's, or names a price or size that is none.
    """
    return _Reader(path, options).tape()


class _Reader:
    """Reads messages in order."""

    def __init__(self, path: Path, options: FeedOptions) -> None:
        self.path = path
        self.wanted = frozenset(options.symbols)
        self.stream = list(messages(path, read_bytes(path)))
        self.counts: Counter[str] = Counter()
        self.by_order = any(message.get("type") in ("open", "received") for _, _, message in self.stream)
        self.products = Numbering()
        self.orders = Numbering()
        self.booked: set[str] = set()  # products whose snapshot came
        self.rows: list[TextRow] = []
        self.levels: dict[tuple[str, str, str], int] = {}  # product, side, price: the level's order
        self.last_order = self.events = self.aggressors = 0
        self.taker: object = None
        self.now = 0
        self.tickers: list[_Ticker] = []
        self.first_update: dict[int, int] = {}
        self.matches: dict[_Key, list[Message]] = {}

    def tape(self) -> Tape:
        """The whole capture."""
        if not self.by_order:
            self._pair_matches()
        for number, received, message in self.stream:
            try:
                self._take(number, received, message)
            except KeyError as error:
                raise FeedError(self.path, line(number), f"a {message.get('type')} lacks {error}") from None
            except (TypeError, ValueError) as error:
                raise FeedError(self.path, line(number), str(error)) from None
        symbols = self.products.names()
        quotes = [(k, price) for _, k, bid, ask, _ in self.tickers for price in (bid, ask)]
        if not self.rows:
            there = (
                str(message["product_id"])
                for *_, message in self.stream
                if message.get("type") in _ORDERS and "product_id" in message
            )
            raise no_orders(self.path, "Coinbase", self.wanted, there)
        effects, price_decimals, qty_decimals = scale(self.path, self.rows, len(symbols), quotes)
        return finish(
            self.path,
            "Coinbase full channel" if self.by_order else "Coinbase level2 capture",
            effects,
            symbols,
            price_decimals=price_decimals,
            qty_decimals=qty_decimals,
            rows=len(self.stream),
            unit="line",
            trade_words="matches" if self.by_order else "matches (of whole levels)",
            book_checks=self._ticker_check(price_decimals),
            counts=dict(self.counts.most_common()),
            notes=[] if self.by_order else ["the feed has no orders: each price level stands as one"],
            level_orders=not self.by_order,
        )

    def _pair_matches(self) -> None:
        """Groups the matches by what the update that each of them causes must say too."""
        pairs: defaultdict[_Key, list[Message]] = defaultdict(list)
        for _, _, message in self.stream:
            if message.get("type") == "match":
                key = tuple(str(message.get(name)) for name in ("product_id", "time", "price", "side"))
                pairs[cast("_Key", (*key[:2], _plain(key[2]), key[3]))].append(message)
        self.matches = dict(pairs)

    def _take(self, number: int, received: int | None, message: Message) -> None:
        kind = message.get("type")
        if kind is None and "bids" in message:
            kind = "snapshot"
        self.counts[str(kind)] += 1
        product = message.get("product_id")
        if self.wanted and product not in self.wanted:
            return
        if received is not None:
            self.now = received
        elif "time" in message:
            self.now = max(self.now, time_of(str(message["time"])))
        if kind == "snapshot":
            self._snapshot(number, message)
        elif self.by_order:
            self._by_order(number, kind, message)
        elif kind == "l2update":
            self._update(number, message)
        elif kind == "ticker" and "best_bid" in message:
            instrument = self.products(message["product_id"]) - 1
            quote = (str(message["best_bid"]), str(message["best_ask"]))
            self.tickers.append((len(self.rows), instrument, *quote, time_of(str(message["time"]))))

    def _put(
        self, kind: EffectKind, number: int, instrument: int, order: int, side: int, price: str, qty: str
    ) -> None:
        self.rows.append((self.now, order, price, qty, -1, -1, number, instrument, kind, side, _LAST))

    def _fill(
        self, number: int, instrument: int, maker: int, side: int, price: str, qty: str, flags: int
    ) -> None:
        self.events += 1
        told = (self.now, maker, price, qty, self.events, self.aggressors)
        self.rows.append((*told, number, instrument, EffectKind.FILL, side, flags))

    def _snapshot(self, number: int, message: Message) -> None:
        product = str(message.get("product_id") or next(iter(self.wanted), "product"))
        instrument = self.products(product) - 1
        if product in self.booked:
            self.rows.append(clear_row(self.now, number, instrument))
        self.booked.add(product)
        for key in [key for key in self.levels if key[0] == product]:
            del self.levels[key]
        for name, side in (("bids", "buy"), ("asks", "sell")):
            for level in message[name]:
                price, size = str(level[0]), str(level[1])
                if self.by_order:
                    order = self.orders(level[2])
                else:
                    order = self.levels[product, side, _plain(price)] = self._next_order()
                self._put(EffectKind.ADD, number, instrument, order, _SIDES[side], price, size)

    def _next_order(self) -> int:
        self.last_order += 1
        return self.last_order

    # Price by price.

    def _update(self, number: int, message: Message) -> None:
        product = str(message["product_id"])
        instrument = self.products(product) - 1
        time = str(message.get("time", ""))
        if time:
            self.first_update.setdefault(instrument, time_of(time))
        for side, price, size in message["changes"]:
            level = (product, side, _plain(price))
            order = self.levels.get(level)
            waiting = self.matches.get((product, time, level[2], side))
            if waiting and order is not None:
                match = waiting.pop(0)
                self.aggressors += 1
                self._fill(number, instrument, order, _SIDES[side], price, str(match["size"]), 0)
            if size.strip("0."):
                if order is None:
                    order = self.levels[level] = self._next_order()
                self._put(EffectKind.SET, number, instrument, order, _SIDES[side], price, size)
            elif order is not None:
                del self.levels[level]
                self._put(EffectKind.SET, number, instrument, order, _SIDES[side], price, "0")

    def _ticker_check(self, price_decimals: list[int]) -> list[BookCheck]:
        """What the tickers say of the best bid and ask."""
        good = [t for t in self.tickers if t[4] >= self.first_update.get(t[1], 1 << 63)]
        if not good:
            return []
        levels = np.zeros((len(good), 2, 1, 3), np.int64)
        for row, (_, instrument, bid, ask, _) in enumerate(good):
            for side, text in enumerate((bid, ask)):
                levels[row, side, 0, 0] = scaled(text, price_decimals[instrument])
                levels[row, side, 0, 1] = 0
        return [
            BookCheck(
                "tickers: best bid and ask",
                np.array([t[0] for t in good], np.int64),
                levels,
                np.array([t[1] for t in good], np.int64),
                ("price",),
                len(self.tickers) - len(good),
                "their trade was before the first update",
            )
        ]

    # Order by order.

    def _by_order(self, number: int, kind: object, message: Message) -> None:
        if kind not in ("open", "done", "match", "change"):
            return
        instrument = self.products(message["product_id"]) - 1
        side = _SIDES[message["side"]]
        price = str(message.get("new_price") or message.get("price") or "0")
        if kind == "match":
            if message["taker_order_id"] != self.taker:
                self.taker = message["taker_order_id"]
                self.aggressors += 1
            maker = self.orders(message["maker_order_id"])
            self._fill(number, instrument, maker, side, price, str(message["size"]), _LAST)
            return
        order = self.orders(message["order_id"])
        if kind == "open":
            self._put(EffectKind.ADD, number, instrument, order, side, price, str(message["remaining_size"]))
        elif kind == "done":
            self._put(EffectKind.SET, number, instrument, order, side, price, "0")
        elif "new_size" in message and message.get("price") is not None:
            self._put(EffectKind.SET, number, instrument, order, side, price, str(message["new_size"]))


def _plain(price: str) -> str:
    """A price without trailing zeros: 0.7910 and 0.791 are one level."""
    return price.rstrip("0").rstrip(".") if "." in price else price
