"""Bitstamp WebSocket messages: `live_orders_*`, and where there are `live_trades_*`, `detail_order_book_*`.

`order_created` shows an order as it came, so it may cross: then our engine matches it, and the trades of
`live_trades` are what the venue made of it. `order_changed` and `order_deleted` tell what is left. The first
detail book of a pair puts in the orders that were there before.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cmatch.replay.effects import EffectFlag, EffectKind, Tape
from cmatch.replay.errors import FeedError, line
from cmatch.replay.feeds.json_lines import Message, Numbering, TextRow, first_message, messages, scale
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.tape import finish, no_orders
from cmatch.replay.files import read_bytes

_ORDERS, _TRADES, _BOOK = "live_orders_", "live_trades_", "detail_order_book_"
_LAST = int(EffectFlag.LAST)
_ARRIVES = int(EffectFlag.LAST | EffectFlag.ARRIVES)


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like Bitstamp messages."""
    message = first_message(head)
    return message is not None and "event" in message and "channel" in message


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads a capture.

    Raises:
        FeedError: a line is no message of Bitstamp's, or names a price or amount that is none.
    """
    return _Reader(path, options).tape()


class _Reader:
    """Reads messages in order."""

    def __init__(self, path: Path, options: FeedOptions) -> None:
        self.path = path
        self.wanted = frozenset(symbol.lower() for symbol in options.symbols)
        self.there: set[str] = set()
        self.pairs = Numbering()
        self.rows: list[TextRow] = []
        self.counts: Counter[str] = Counter()
        self.booked: set[str] = set()
        self.events = self.total = 0
        self.now = 0

    def tape(self) -> Tape:
        """The whole capture."""
        for number, _, message in messages(self.path, read_bytes(self.path)):
            self.total += 1
            try:
                self._take(number, message)
            except KeyError as error:
                raise FeedError(self.path, line(number), f"a {message.get('event')} lacks {error}") from None
            except (TypeError, ValueError) as error:
                raise FeedError(self.path, line(number), str(error)) from None
        if not self.rows:
            raise no_orders(self.path, "Bitstamp", self.wanted, self.there)
        symbols = self.pairs.names()
        effects, price_decimals, qty_decimals = scale(self.path, self.rows, len(symbols))
        return finish(
            self.path,
            "Bitstamp live orders",
            effects,
            symbols,
            price_decimals=price_decimals,
            qty_decimals=qty_decimals,
            rows=self.total,
            unit="line",
            trade_words="live trades",
            counts=dict(self.counts.most_common()),
        )

    def _take(self, number: int, message: Message) -> None:
        event, channel = str(message["event"]), str(message.get("channel", ""))
        self.counts[event] += 1
        kind = next((kind for kind in (_ORDERS, _TRADES, _BOOK) if channel.startswith(kind)), "")
        pair = channel.removeprefix(kind)
        if not kind or event.startswith("bts:"):
            return
        self.there.add(pair)
        if self.wanted and pair not in self.wanted:
            return
        data = message["data"]
        self.now = max(self.now, int(data["microtimestamp"]) * 1000)
        instrument = self.pairs(pair) - 1
        if kind == _ORDERS:
            self._order(number, event, instrument, data)
        elif kind == _TRADES and event == "trade":
            self._trade(number, instrument, data)
        elif kind == _BOOK and pair not in self.booked:
            self.booked.add(pair)
            for name, side in (("bids", 1), ("asks", 2)):
                for price, amount, order_id in data[name]:
                    self._put(
                        EffectKind.ADD,
                        number,
                        instrument,
                        int(order_id),
                        side,
                        str(price),
                        str(amount),
                        _LAST,
                    )

    def _put(
        self,
        kind: EffectKind,
        number: int,
        instrument: int,
        order: int,
        side: int,
        price: str,
        qty: str,
        flags: int,
    ) -> None:
        self.rows.append((self.now, order, price, qty, -1, -1, number, instrument, kind, side, flags))

    def _order(self, number: int, event: str, instrument: int, data: Message) -> None:
        order, side = int(data["id"]), int(data["order_type"]) + 1
        if side not in (1, 2):
            raise ValueError(f"order_type {side - 1} is neither 0 (buy) nor 1 (sell)")
        price = str(data["price_str"] if "price_str" in data else data["price"])
        amount = str(data["amount_str"] if "amount_str" in data else data["amount"])
        if event == "order_created":
            self._put(EffectKind.ADD, number, instrument, order, side, price, amount, _ARRIVES)
        elif event == "order_changed":
            self._put(EffectKind.SET, number, instrument, order, side, price, amount, _LAST)
        elif event == "order_deleted":
            self._put(EffectKind.SET, number, instrument, order, side, price, "0", _LAST)

    def _trade(self, number: int, instrument: int, data: Message) -> None:
        self.events += 1
        buy, sell = int(data["buy_order_id"]), int(data["sell_order_id"])
        maker, taker, side = (sell, buy, 2) if int(data["type"]) == 0 else (buy, sell, 1)
        price = str(data["price_str"] if "price_str" in data else data["price"])
        amount = str(data["amount_str"] if "amount_str" in data else data["amount"])
        row = (
            self.now,
            maker,
            price,
            amount,
            self.events,
            taker,
            number,
            instrument,
            EffectKind.CONFIRM,
            side,
            _LAST,
        )
        self.rows.append(row)
