"""What market data asks the read replica: instruments by their symbols, the best of books, the last trade."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient
from exchange.client.questions import method_of
from exchange.domain.queries import (
    QUERIES,
    BookTopReply,
    BookTopRequest,
    InstrumentRow,
    InstrumentsReply,
    InstrumentsRequest,
    Request,
    StatusReply,
    StatusRequest,
)
from exchange.errors import ExchangeError, RpcError, RpcStatus
from exchange.schema.codec import decode_message, encode_message

NAME: Final = "exchange"
"""Of this venue, in ticks."""
_WHO: Final = Metadata("marketdata", "0", "marketdata", NO_CONTEXT)
_LEARN_S: Final = 0.25  # symbols that nobody knows are asked for once in as long; who asks waits
_LOOK_S: Final = 0.25
_AT_ONCE: Final = 16


class Venue:
    """The exchange's own books, by way of its read replica. Belongs to one event loop.

    Args:
        client: Of the replica.
    """

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._rows: Mapping[str, InstrumentRow] = {}
        self._symbols: Mapping[int, str] = {}
        self._learned_at = float("-inf")
        self._seen = 0
        self._learning = asyncio.Lock()

    async def ids(self, symbols: Iterable[str]) -> list[int]:
        """The instruments of symbols, each once, in their order.

        Raises:
            RpcError, ServiceUnavailableError: As of `row`.
        """
        return [(await self.row(symbol)).instrument_id for symbol in dict.fromkeys(symbols)]

    async def row(self, symbol: str) -> InstrumentRow:
        """An instrument by its symbol.

        Raises:
            RpcError: NOT_FOUND: there is none.
            ServiceUnavailableError: It is not known yet, and nobody can be asked.
        """
        if symbol not in self._rows:
            await self._learn(time.monotonic())
        if symbol not in self._rows:
            raise RpcError(RpcStatus.NOT_FOUND, f"there is no instrument {symbol!r}")
        return self._rows[symbol]

    def symbol(self, instrument_id: int) -> str:
        """Of an instrument that was asked for by its symbol."""
        return self._symbols.get(instrument_id, "")

    async def tops(self, instruments: Iterable[int]) -> dict[int, BookTopReply]:
        """The best bid and ask of each that can be had now."""
        found: dict[int, BookTopReply] = {}
        waiting = list(instruments)

        async def ask() -> None:
            while waiting:
                instrument_id = waiting.pop()
                try:
                    found[instrument_id] = await self._ask(BookTopRequest(instrument_id=instrument_id))
                except ExchangeError:
                    continue  # whoever asked sees that it is missing

        await asyncio.gather(*(ask() for _ in waiting[:_AT_ONCE]))
        return found

    async def last_trade(self) -> int:
        """The number of the venue's last trade that the replica has seen; 0 where there is none.

        Raises:
            ExchangeError: It does not answer.
        """
        status: StatusReply = await self._ask(StatusRequest())
        return status.trades

    async def watch(self, defined: Callable[[], tuple[int, bytes] | None]) -> None:
        """Learns again what is defined anew, so that no symbol that was given up answers; until cancelled.

        Args:
            defined: Up to which command, and what is another where instruments are; None: not known.
        """
        learned = b""
        while True:
            found = defined()
            if found is not None and found[1] != learned:
                with suppress(ExchangeError):  # the next look is soon
                    await self._learn(time.monotonic(), found[0])
                    learned = found[1]
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        """Lets the connection go."""
        await self._client.close()

    async def _learn(self, since: float, min_seq: int = 0) -> None:
        """Knows all that there are then, at that time or later, and once that command was applied."""
        async with self._learning:
            if self._learned_at >= since and self._seen >= min_seq:
                return
            await asyncio.sleep(max(self._learned_at + _LEARN_S - time.monotonic(), 0))
            began = time.monotonic()
            reply: InstrumentsReply = await self._ask(InstrumentsRequest(min_seq=min_seq))
            self._rows = {row.symbol: row for row in reply.instruments}
            self._symbols = {row.instrument_id: row.symbol for row in reply.instruments}
            self._learned_at, self._seen = began, reply.sequence

    async def _ask(self, request: Request) -> Any:
        payload = await self._client.call(
            method_of(request), encode_message(request), metadata=_WHO, repeatable=True
        )
        return decode_message(QUERIES[type(request)], payload)
