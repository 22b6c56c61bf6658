"""The venue that stands in where nothing was heard of the exchange's own trades for too long."""

from __future__ import annotations

import time
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final, Protocol

from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.queries import InstrumentRow
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.services.marketdata.board import STALE_NS

if TYPE_CHECKING:  # its HTTP is for those who have a venue
    from exchange.client.coinbase import VenueTicker

NAME: Final = "coinbase"
INT64_MAX: Final = (1 << 63) - 1
_FRESH_S: Final = 1.0
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Asked(Protocol):
    """A venue."""

    async def ticker(self, symbol: str) -> VenueTicker:
        """A product as it is there."""
        ...

    async def close(self) -> None:
        """Lets it go."""
        ...


class Streamed(Protocol):
    """What a venue says by itself."""

    def watch(self, symbol: str) -> None:
        """Of a product that it has, from now on."""
        ...

    def ticker(self, symbol: str) -> VenueTicker | None:
        """A product as it is there now; None while that is not known."""
        ...


class Fallback:
    """Another venue's prices in our ticks: streamed where they are, else asked for once a second at most.

    Belongs to one event loop.

    Args:
        venue: Who is asked.
        stream: What it says by itself, of each product that was asked for once.
    """

    def __init__(self, venue: Asked, stream: Streamed | None = None) -> None:
        self._venue = venue
        self._stream = stream
        self._said: dict[str, tuple[float, VenueTicker]] = {}

    async def ticker(self, symbol: str) -> VenueTicker:
        """A product as it is there now.

        Raises:
            ServiceUnavailableError: It does not say.
        """
        streamed = self._stream.ticker(symbol) if self._stream else None
        if streamed is not None:
            return streamed
        at, said = self._said.get(symbol, (float("-inf"), None))
        if said is None or time.monotonic() >= at + _FRESH_S:
            try:
                said = await self._venue.ticker(symbol)
            except ServiceUnavailableError:
                raise
            except ExchangeError as error:
                raise ServiceUnavailableError(f"no price of {symbol}: {error}") from None
            self._said[symbol] = (time.monotonic(), said)
            if self._stream:
                self._stream.watch(symbol)
        return said

    async def tick(self, row: InstrumentRow, sequence: int) -> MarketTick:
        """What an instrument shows there, in its own ticks and lots, as old as the last trade there.

        Raises:
            ServiceUnavailableError: It does not say, or what has no room in a tick.
        """
        said = await self.ticker(row.symbol)
        price, qty = _ticks(said.price, row.price_scale), scaled(said.qty, row.qty_scale)
        if price is None or qty > INT64_MAX:
            raise ServiceUnavailableError(f"{said.qty} of {row.symbol} at {said.price} is no tick")
        age = said.age_ns(time.time_ns())
        return MarketTick(
            symbol=row.symbol,
            instrument_id=row.instrument_id,
            stale=age > STALE_NS,
            sequence=sequence,
            ts_ns=said.ts_ns,
            bid_price=_ticks(said.bid, row.price_scale),
            ask_price=_ticks(said.ask, row.price_scale),
            last_price=price,
            last_qty=qty,
            venue=NAME,
            age_ns=age if age > STALE_NS else 0,
        )

    async def close(self) -> None:
        """Lets the venue go."""
        await self._venue.close()


def _ticks(price: Decimal | None, scale: int) -> int | None:
    """None where there is none, or it is less than half a tick, or has no room."""
    ticks = 0 if price is None else scaled(price, scale)
    return ticks if 0 < ticks <= INT64_MAX else None


def scaled(number: Decimal, scale: int) -> int:
    """In units of 10^-scale, half to even."""
    return int(number.scaleb(scale, _CONTEXT).to_integral_value(ROUND_HALF_EVEN, _CONTEXT))
