"""Instruments and assets as the gateway knows them: symbols, scales, and decimals both ways."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from cmatch import BadDecimal
from exchange.client.instruments import Asset, Directory, Instrument
from exchange.client.rest.models import DecimalText
from exchange.domain.enums import RejectCode
from exchange.domain.queries import InstrumentsReply
from exchange.errors import ExchangeError, GatewayFault
from exchange.services.gateway.refusal import Refusal

NameT = TypeVar("NameT")
FoundT = TypeVar("FoundT")
_NS: Final = 1_000_000_000
_REFRESH_S: Final = 5.0
_AGAIN_S: Final = 0.25
_INT64: Final = 2**63
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Known:
    """What the replica says there is, asked again now and then and where a symbol is new.

    Args:
        directory: Learns from every answer to `load`.
        load: Asks.
    """

    def __init__(self, directory: Directory, load: Callable[[], Awaitable[InstrumentsReply]]) -> None:
        self.directory = directory
        self._load = load
        self._asked_at = 0.0
        self._asking: asyncio.Future[InstrumentsReply] | None = None

    async def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol.

        Raises:
            Refusal: UNKNOWN_INSTRUMENT.
        """
        try:
            return self.directory.instrument(symbol)
        except LookupError:
            missing = Refusal(RejectCode.UNKNOWN_INSTRUMENT, details={"symbol": symbol})
            return await self._asked(self.directory.instrument, symbol, missing)

    async def asset(self, symbol: str) -> Asset:
        """The asset of a symbol.

        Raises:
            Refusal: UNKNOWN_ASSET.
        """
        try:
            return self.directory.asset(symbol)
        except LookupError:
            missing = Refusal(RejectCode.UNKNOWN_ASSET, details={"asset": symbol})
            return await self._asked(self.directory.asset, symbol, missing)

    async def by_id(self, instrument_id: int) -> Instrument:
        """The instrument of an id, which a row of the exchange has.

        Raises:
            Refusal: UNKNOWN_INSTRUMENT: nobody could be asked.
        """
        try:
            return self.directory.instrument(instrument_id)
        except LookupError:
            missing = Refusal(RejectCode.UNKNOWN_INSTRUMENT, details={"instrumentId": instrument_id})
            return await self._asked(self.directory.instrument, instrument_id, missing)

    async def keep(self) -> None:
        """Ask now and then, for ever: a definition may change while no order of it lives."""
        while True:
            try:
                await self._load()
            except ExchangeError:  # asked for again; who needs a symbol meanwhile is told
                await asyncio.sleep(_AGAIN_S)
            else:
                await asyncio.sleep(_REFRESH_S)

    async def _asked(self, find: Callable[[NameT], FoundT], name: NameT, missing: Refusal) -> FoundT:
        """What is there once the replica was asked again."""
        await self._ask_again()
        try:
            return find(name)
        except LookupError:
            raise missing from None

    async def _ask_again(self) -> None:
        """One question, for all who miss something while it is under way."""
        if self._asking is None:
            if time.monotonic() - self._asked_at < _AGAIN_S:
                return
            self._asked_at = time.monotonic()
            self._asking = asyncio.ensure_future(self._load())
            self._asking.add_done_callback(self._answered)
        await asyncio.shield(self._asking)

    def _answered(self, _: object) -> None:
        self._asking = None


def ticks(instrument: Instrument, name: str, text: DecimalText | None) -> int | None:
    """A price in ticks; None where none was said.

    Raises:
        Refusal: BAD_DECIMAL.
    """
    return None if text is None else _number(name, text, instrument.ticks)


def lots(instrument: Instrument, name: str, text: DecimalText | None) -> int | None:
    """A quantity in lots; likewise."""
    return None if text is None else _number(name, text, instrument.lots)


def units(asset: Asset, name: str, text: DecimalText | None) -> int | None:
    """An amount in minor units; likewise."""
    return None if text is None else _number(name, text, asset.units)


def _number(name: str, text: DecimalText, read: Callable[[str], int]) -> int:
    try:
        number = read(str(text))
    except (BadDecimal, OverflowError) as error:
        raise Refusal(GatewayFault.BAD_DECIMAL, str(error), {"field": name}) from None
    if not -_INT64 <= number < _INT64:
        raise Refusal(GatewayFault.BAD_DECIMAL, "the number is too large", {"field": name})
    return number


def position(name: str, text: str | None) -> int:
    """An id of 64 bits, or what a page begins after; 0 where none was said.

    Raises:
        Refusal: INVALID_PARAMETER: nothing has such a number.
    """
    number = int(text or 0)
    if number >= _INT64:
        raise Refusal(GatewayFault.INVALID_PARAMETER, "the number is too large", {"parameter": name})
    return number


def decimal(number: int, scale: int) -> str:
    """The decimal of a number of units of 10**-scale, with all its places."""
    if not scale:
        return str(number)
    digits = str(abs(number)).rjust(scale + 1, "0")
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def decimal_or_none(number: int | None, scale: int) -> str | None:
    """Likewise; None stays None."""
    return None if number is None else decimal(number, scale)


def instant(ns: int) -> str:
    """RFC 3339 in UTC, with nanoseconds."""
    seconds, rest = divmod(ns, _NS)
    return f"{_second(seconds)}.{rest:09d}Z"


@functools.lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def nanoseconds(name: str, text: str | None) -> int | None:
    """Of an RFC 3339 time with an offset, with up to nanoseconds; None where none was said.

    Raises:
        Refusal: INVALID_BODY.
    """
    if text is None:
        return None
    found = _INSTANT.fullmatch(text)
    try:
        seconds = datetime.fromisoformat(f"{found[1]}{found[3]}") if found else None
    except ValueError:
        seconds = None
    if found is None or seconds is None:
        raise Refusal(
            GatewayFault.INVALID_BODY,
            f"{name} is no time: expected one as in 2026-02-12T12:34:56.789Z",
            {"field": name},
        )
    return int(seconds.timestamp()) * _NS + int((found[2] or "0").ljust(9, "0"))
