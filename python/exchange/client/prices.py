"""Document 003's client of market data: the price of an instrument, by HTTP, whoever can say it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from exchange.client.coinbase import NAME, CoinbaseClient, ns_of, number_of
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError, WireError
from exchange.resilience import Policies, Try

MARKET_DATA_URL: Final = "http://localhost:8001"
COINBASE_URL: Final = "https://api.exchange.coinbase.com"
_NS_A_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What was paid last.

    Args:
        symbol: Of the instrument.
        price: Exactly as it was said.
        ts_ns: When that was, ns since 1970.
        source: Who says it: `exchange`, or the venue that stands in.
        stale_s: For so many seconds it may have changed unseen; 0: it is live. Of the venue that stands in:
            since its last trade.
    """

    symbol: str
    price: Decimal
    ts_ns: int
    source: str
    stale_s: int = 0


class MarketDataClient:
    """Asks market data, and a venue with Coinbase's interface where that is away. For one event loop.

    Args:
        url: Of market data; else the variable MARKET_DATA_URL, else port 8001 of this machine.
        coinbase_url: Of the venue; else the variable COINBASE_API_URL, else Coinbase's own.
    """

    def __init__(self, url: str | None = None, coinbase_url: str | None = None) -> None:
        policies = Policies()
        self._policy = policies.of("client", "prices")
        url = url or os.environ.get("MARKET_DATA_URL") or MARKET_DATA_URL
        self._http = httpx.AsyncClient(base_url=url, trust_env=False)
        coinbase = coinbase_url or os.environ.get("COINBASE_API_URL") or COINBASE_URL
        self._coinbase = CoinbaseClient(coinbase, policies.of("client", "coinbase"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get_price(self, symbol: str) -> Price:
        """The price of an instrument; its `source` says whose it is.

        Raises:
            RpcError: NOT_FOUND: nobody has such an instrument.
            ServiceUnavailableError: Neither of them answers.
            WireError: What the venue that stands in answers cannot be read.
        """
        try:
            return await self._policy.call(lambda this: self._of_gateway(symbol, this), repeatable=True)
        except (ServiceUnavailableError, WireError):  # whoever answers there, that was no price
            found = await self._coinbase.ticker(symbol)
            return Price(symbol, found.price, found.ts_ns, NAME, found.age_ns(time.time_ns()) // _NS_A_S)

    async def close(self) -> None:
        """Lets the connections go."""
        await self._http.aclose()
        await self._coinbase.close()

    async def _of_gateway(self, symbol: str, this: Try) -> Price:
        try:
            path = f"/api/v1/price/{quote(symbol, safe='')}"
            answer = await self._http.get(path, timeout=this.remaining_s)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnavailableError(f"market data does not answer: {error!r}") from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailableError(f"market data answers {answer.status_code}")
        try:
            said = json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)
            missing = answer.status_code == httpx.codes.NOT_FOUND and said["name"] == RpcStatus.NOT_FOUND.name
            if not missing:
                return _price(symbol, answer, said)
        except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError) as error:
            raise WireError(
                f"market data: no price of {symbol}: it answers {answer.status_code}, {error!r}"
            ) from None
        raise RpcError(RpcStatus.NOT_FOUND, f"market data has no instrument {symbol!r}")


def _price(symbol: str, answer: httpx.Response, said: Mapping[str, Any]) -> Price:
    """What was answered, if that is a price of that instrument."""
    price, age = number_of(said["price"]), int(answer.headers.get("Age", "0"))
    if answer.status_code != httpx.codes.OK or said["symbol"] != symbol or price <= 0 or age < 0:
        raise ValueError(f"{price} of {said['symbol']}, {age} s old")
    if not isinstance(said["source"], str):
        raise TypeError(f"source {said['source']!r}")
    return Price(symbol, price, ns_of(said["timestamp"]), said["source"], age)
