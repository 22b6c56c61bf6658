"""Ticks as they come: asked for in runs, read one by one."""

from __future__ import annotations

from collections import deque
from typing import Self, TypeAlias

from exchange.bus.rpc import MessageStream
from exchange.client.subscriptions import WaitingStream
from exchange.domain.contracts.marketdata import MarketTick, StreamTicksRequest, TickRun
from exchange.schema.tick_rows import ticks_of

Stream: TypeAlias = MessageStream[StreamTicksRequest, TickRun]


class AsyncTickStream:
    """Ticks to be awaited: `async for tick in stream`.

    Args:
        stream: At the exchange; not open yet.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._waiting: deque[MarketTick] = deque()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MarketTick:
        """The next one.

        Raises:
            ServiceUnavailableError, RpcError: What ended it.
            WireError: It cannot be read.
        """
        if not self._waiting:
            self._waiting.extend(ticks_of(await anext(self._stream)))
        return self._waiting.popleft()

    def take(self) -> list[MarketTick]:
        """Those that came with the last one and were not read: they are now."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class TickStream(WaitingStream[MarketTick]):
    """Ticks, as a client that waits reads them."""
