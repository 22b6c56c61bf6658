"""Document 003's HTTP: the price of an instrument, and its candles of a minute. Numbers are written exactly.

What its fields have no room for is in headers: an answer that may be old has its `Age` in seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.intervals import MINUTE_NS
from exchange.domain.queries import InstrumentRow, MarketCandleRow
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError, status_of
from exchange.observability.server import Answer, Request, refused

PERIODS: Final = 60
PERIODS_MAX: Final = 1_000
_PRICE: Final = "/api/v1/price/"
_OHLCV: Final = "/api/v1/ohlcv/"
_TIMEOUT_S: Final = 5.0
_NS_A_S: Final = 1_000_000_000
_HTTP: Final = {
    RpcStatus.INVALID_ARGUMENT: 400,
    RpcStatus.NOT_FOUND: 404,
    RpcStatus.UNAVAILABLE: 503,
    RpcStatus.DEADLINE_EXCEEDED: 504,
}

Ticked = Callable[[str], Awaitable[tuple[MarketTick, InstrumentRow]]]
Candled = Callable[[str, int], Awaitable[tuple[tuple[MarketCandleRow, ...], InstrumentRow, int]]]


class PricePages:
    """Answers requests, called by any thread; what is asked runs in one event loop.

    Args:
        loop: Which.
        tick: What an instrument shows now.
        candles: The last candles of a minute of an instrument, so many, and how old they may be, ns.
        others: Answers all other pages.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tick: Ticked,
        candles: Candled,
        others: Callable[[Request], Answer],
    ) -> None:
        self._loop = loop
        self._tick = tick
        self._candles = candles
        self._others = others

    def __call__(self, request: Request) -> Answer:
        """The page of a path."""
        for path, page in ((_PRICE, self._price), (_OHLCV, self._ohlcv)):
            if request.path.startswith(path):
                return self._answer(page(unquote(request.path.removeprefix(path)), request.query))
        return self._others(request)

    def _answer(self, page: Any) -> Answer:
        work = asyncio.run_coroutine_threadsafe(asyncio.wait_for(page, _TIMEOUT_S), self._loop)
        try:
            answer: Answer = work.result()
        except TimeoutError:
            return _refused(ServiceUnavailableError("no answer in time"))
        except ExchangeError as error:
            return _refused(error)
        return answer

    async def _price(self, symbol: str, _: str) -> Answer:
        tick, row = await self._tick(symbol)
        if tick.last_price is None:
            raise ServiceUnavailableError(f"{symbol} was never traded")
        text = (
            f'{{"symbol": {json.dumps(symbol)}, "price": {_number(tick.last_price, row.price_scale)},'
            f' "timestamp": "{_time(tick.ts_ns)}", "source": {json.dumps(tick.venue)}}}\n'
        )
        return Answer(200, "application/json", text, _age(tick.age_ns if tick.stale else 0))

    async def _ohlcv(self, symbol: str, query: str) -> Answer:
        said = parse_qs(query, keep_blank_values=True).get("periods", [str(PERIODS)])
        if len(said) > 1 or not (periods := _periods(said[0])):
            wrong = " and ".join(map(repr, said))
            raise RpcError(RpcStatus.INVALID_ARGUMENT, f"periods is {wrong}: expected 1 to {PERIODS_MAX}")
        rows, instrument, age_ns = await self._candles(symbol, periods)
        data = ", ".join(_candle(row, instrument) for row in rows)
        text = f'{{"symbol": {json.dumps(symbol)}, "data": [{data}]}}\n'
        return Answer(200, "application/json", text, _age(age_ns))


def first_of(now_ns: int, periods: int) -> int:
    """Where the last so many candles of a minute begin, the current one among them."""
    return max(now_ns // MINUTE_NS - periods + 1, 0) * MINUTE_NS


def _periods(said: str) -> int:
    """How many; 0 where that is no number of candles."""
    number = int(said) if said.isascii() and said.isdigit() and len(said) <= len(str(PERIODS_MAX)) else 0
    return number if number <= PERIODS_MAX else 0


def _candle(row: MarketCandleRow, of: InstrumentRow) -> str:
    prices = ", ".join(
        f'"{name}": {_number(getattr(row, f"{name}_price"), of.price_scale)}'
        for name in ("open", "high", "low", "close")
    )
    volume = _number(row.volume, of.qty_scale)
    return f'{{"timestamp": "{_time(row.start_ns)}", {prices}, "volume": {volume}}}'


def _age(ns: int) -> tuple[tuple[str, str], ...]:
    """The header of that name, in seconds that have begun; none where there is no age."""
    return (("Age", str(-(-ns // _NS_A_S))),) if ns else ()


def _number(units: int, scale: int) -> str:
    return f"{Decimal(units).scaleb(-scale):f}"


def _time(ns: int) -> str:
    when = datetime.fromtimestamp(ns // _NS_A_S, UTC).replace(microsecond=ns // 1_000 % 1_000_000)
    return when.isoformat().replace("+00:00", "Z")


def _refused(error: ExchangeError) -> Answer:
    status = status_of(error)
    return refused(_HTTP.get(status, 500), status, str(error))
