"""What a venue with Coinbase's WebSocket feed tells of a product, folded: its ticker, its book by levels.

A ticker comes with a trade, numbered by the venue; of several trades at once with the last. A heartbeat comes
each second and names the last trade: what it named a second ago and did not come is missing. A book is a
snapshot, then what is at a price from now on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from exchange.client.coinbase import VenueTicker, best_of, ns_of, number_of
from exchange.errors import ServiceUnavailableError, WireError

CHANNELS: Final = ("ticker", "heartbeat", "level2_batch")
"""`level2_batch` is `level2` in steps of 50 ms, and asks for no key."""
LEVELS_MAX: Final = 1_000_000
"""Of a side."""
_SIDES: Final = {"buy": "bids", "sell": "asks"}


class FeedParted(ServiceUnavailableError):
    """Something is missing: the feed has to begin anew."""


class ProductFeed:
    """One product, since its feed began. Pure.

    Args:
        symbol: Of the product.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._sides: dict[str, dict[Decimal, Decimal]] | None = None
        self._ticker: VenueTicker | None = None
        self._sequence = -1
        self._trade_id = 0
        self._due = 0  # the trade that the last heartbeat named

    @property
    def ticker(self) -> VenueTicker | None:
        """The last trade, and the best of the book where there is one; None before the first."""
        if self._ticker is None or self._sides is None:
            return self._ticker
        bids, asks = self._sides.values()
        return VenueTicker(
            self.symbol,
            self._ticker.price,
            self._ticker.qty,
            max(bids, default=None),
            min(asks, default=None),
            self._ticker.ts_ns,
        )

    def levels(self, side: str) -> list[tuple[Decimal, Decimal]]:
        """What is at each price of `bids` or `asks`, best first."""
        there = (self._sides or {}).get(side, {})
        return sorted(there.items(), reverse=side == "bids")

    def take(self, said: Mapping[str, Any]) -> None:
        """A message of the product; one of a kind that is not known says nothing.

        Raises:
            WireError: It is not what its kind says.
            FeedParted: Something before it did not come. Either way the feed has to begin anew.
        """
        take = {
            "ticker": self._traded,
            "heartbeat": self._beat,
            "snapshot": self._begin,
            "l2update": self._change,
        }.get(said["type"])
        if take is None:
            return
        try:
            take(said)
        except (ValueError, KeyError, TypeError, IndexError, InvalidOperation) as error:
            raise WireError(f"no {said['type']} of {self.symbol}: {error!r}") from None

    def _traded(self, said: Mapping[str, Any]) -> None:
        sequence, trade_id = _count(said["sequence"]), _count(said["trade_id"])
        price, qty = number_of(said["price"]), number_of(said["last_size"])
        if price <= 0 or qty < 0:
            raise ValueError(f"price {price}, size {qty}")
        bid, ask = best_of(said.get("best_bid")), best_of(said.get("best_ask"))
        ticker = VenueTicker(self.symbol, price, qty, bid, ask, ns_of(said["time"]))
        if sequence > self._sequence:  # else it comes late, behind a newer one
            self._ticker, self._sequence, self._trade_id = ticker, sequence, trade_id

    def _beat(self, said: Mapping[str, Any]) -> None:
        last = _count(said["last_trade_id"])
        if self._ticker is not None and self._trade_id < self._due:
            raise FeedParted(f"trade {self._due} of {self.symbol} did not come")
        self._due = last

    def _begin(self, said: Mapping[str, Any]) -> None:
        sides = {
            side: {price: qty for price, qty in map(_level, said[side]) if qty} for side in _SIDES.values()
        }
        self._sides = _bounded(sides)

    def _change(self, said: Mapping[str, Any]) -> None:
        changes = [(_SIDES[side], *_level((price, qty))) for side, price, qty in said["changes"]]
        if self._sides is None:
            raise FeedParted(f"the book of {self.symbol} changes before it began")
        for side, price, qty in changes:
            if qty:
                self._sides[side][price] = qty
            else:
                self._sides[side].pop(price, None)
        _bounded(self._sides)


def message_of(text: str | bytes) -> dict[str, Any]:
    """A message of the feed.

    Raises:
        WireError: It is none, or has no kind.
        FeedParted: The venue says that something is wrong.
    """
    try:
        said = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message cannot be read: {error!r}") from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise WireError("a message has no type")
    if said["type"] == "error":
        raise FeedParted(f"the venue says: {str(said.get('message'))[:200]}, {str(said.get('reason'))[:200]}")
    return said


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _bounded(sides: dict[str, dict[Decimal, Decimal]]) -> dict[str, dict[Decimal, Decimal]]:
    if max(map(len, sides.values())) > LEVELS_MAX:
        raise ValueError(f"a side has more than {LEVELS_MAX} levels")
    return sides


def _level(row: Any) -> tuple[Decimal, Decimal]:
    price, qty = (number_of(each) for each in row)
    if price <= 0 or qty < 0:
        raise ValueError(f"{qty} at {price}")
    return price, qty


def _count(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise ValueError(f"{said!r} is no number of a message or trade")
    return said
