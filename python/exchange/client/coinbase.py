"""What a venue with Coinbase's REST interface says of a product: prices as decimals, never as floats."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

import httpx

from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError, WireError
from exchange.resilience import Policy, Try

NAME: Final = "coinbase"
_BYTES_MAX: Final = 1 << 20
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_BUSY: Final = 429
AHEAD_NS_MAX: Final = 60_000_000_000
"""A venue's clock is no farther ahead of ours."""
_DIGITS_MAX: Final = 18  # of what a ledger has room for; a number of a million digits takes seconds


@dataclass(frozen=True, slots=True)
class VenueTicker:
    """A product as it is there.

    Args:
        symbol: Of the product: `BTC-USD`.
        price: Of its last trade; `qty` how much that was.
        bid: The best one; None where there is none.
        ask: Likewise.
        ts_ns: Of the last trade, ns since 1970.
    """

    symbol: str
    price: Decimal
    qty: Decimal
    bid: Decimal | None
    ask: Decimal | None
    ts_ns: int

    def age_ns(self, now_ns: int) -> int:
        """Since its last trade; 0 where the venue's clock is ahead of ours."""
        return max(now_ns - self.ts_ns, 0)


class CoinbaseClient:
    """Asks one venue. Belongs to the event loop in which it is made.

    Args:
        url: Where it is: `https://api.exchange.coinbase.com`.
        policy: Of the edge to it.
    """

    def __init__(self, url: str, policy: Policy) -> None:
        self._policy = policy
        self._http = httpx.AsyncClient(base_url=url, timeout=policy.rules.try_timeout_s, trust_env=False)

    async def ticker(self, symbol: str) -> VenueTicker:
        """A product's last trade and its best bid and ask.

        Raises:
            ServiceUnavailableError: It does not answer, or is busy.
            RpcError: NOT_FOUND: it has no such product.
            WireError: What it answers is no ticker.
        """
        body = await self._policy.call(lambda this: self._get(symbol, this), repeatable=True)
        try:
            said = json.loads(body, parse_float=Decimal, parse_int=Decimal)
            return _ticker(symbol, said, time.time_ns())
        except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
            raise WireError(f"{NAME}: no ticker of {symbol}: {error!r}") from None

    async def close(self) -> None:
        """Lets its connections go."""
        await self._http.aclose()

    async def _get(self, symbol: str, this: Try) -> bytes:
        try:
            path = f"/products/{quote(symbol, safe='')}/ticker"
            answer = await self._http.get(path, timeout=this.remaining_s)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnavailableError(f"{NAME} does not answer: {error!r}") from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == _BUSY:
            raise ServiceUnavailableError(f"{NAME} answers {answer.status_code}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise RpcError(RpcStatus.NOT_FOUND, f"{NAME} has no product {symbol!r}")
        if answer.status_code != httpx.codes.OK or len(answer.content) > _BYTES_MAX:
            raise WireError(f"{NAME} answers {answer.status_code} with {len(answer.content)} bytes")
        return answer.content


def ns_of(text: str) -> int:
    """A time of ISO 8601 with its zone, ns since 1970.

    Raises:
        ValueError: It is none, or before that.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None or when < _EPOCH:
        raise ValueError(f"{text!r} has no zone, or is before 1970")
    return (when - _EPOCH) // timedelta(microseconds=1) * 1_000


def number_of(said: object) -> Decimal:
    """A number that is said as text, or was read as a decimal.

    Raises:
        ValueError, InvalidOperation: It is none.
    """
    number = Decimal(said) if isinstance(said, str | Decimal) else Decimal("NaN")
    if not number.is_finite() or number.adjusted() > _DIGITS_MAX:
        raise ValueError(f"{said!r} is no number")
    return number


def best_of(said: object) -> Decimal | None:
    """A best bid or ask; None where there is none, as text that is empty, or 0.

    Raises:
        ValueError, InvalidOperation: It is no price.
    """
    price = number_of(said) if said else Decimal(0)
    if price < 0:
        raise ValueError(f"a best price of {price}")
    return price or None


def _ticker(symbol: str, said: Mapping[str, Any], now_ns: int) -> VenueTicker:
    price, qty = number_of(said["price"]), number_of(said.get("size", "0"))
    if price <= 0 or qty < 0:
        raise ValueError(f"price {price}, size {qty}")
    bid, ask, ts_ns = best_of(said.get("bid")), best_of(said.get("ask")), ns_of(said["time"])
    if bid is not None and ask is not None and ask < bid:
        raise ValueError(f"ask {ask} below bid {bid}")
    if ts_ns > now_ns + AHEAD_NS_MAX:
        raise ValueError(f"{said['time']} is to come")
    return VenueTicker(symbol, price, qty, bid, ask, ts_ns)
