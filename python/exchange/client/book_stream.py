"""A book as it changes: snapshots and deltas, each applied and checked when it is read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Self, TypeAlias

from exchange.bus.rpc import MessageStream
from exchange.client.errors import BookParted
from exchange.client.loop_thread import LoopThread
from exchange.client.order_book import BookDelta, BookSnapshot, OrderBook
from exchange.client.subscriptions import WaitingStream
from exchange.domain.contracts.marketdata import BookUpdate, StreamOrderBookRequest
from exchange.domain.enums import BookView

_log = logging.getLogger("exchange.client")
Stream: TypeAlias = MessageStream[StreamOrderBookRequest, BookUpdate]


class AsyncBookStream:
    """A book to be awaited: `async for update in stream`, after each of which `stream.book` has it.

    A gap, or a book that is not what the exchange's is, begins it anew: the next one is a snapshot.

    Args:
        open_stream: Opens it at the exchange.
        view: What of the book.
    """

    def __init__(self, open_stream: Callable[[], Stream], view: BookView) -> None:
        self.book = OrderBook(view)
        self.mended = 0
        """How often it began anew."""
        self._open = open_stream
        self._stream = open_stream()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BookSnapshot | BookDelta:
        """The next one.

        Raises:
            ServiceUnavailableError, RpcError: What ended it.
            WireError: It cannot be read.
        """
        while True:
            update = await anext(self._stream)
            try:
                read = self.book.apply(update)
            except BookParted as error:
                _log.warning("a book begins anew: %s", error)
                await self._stream.__aexit__(None, None, None)
                self.mended += 1
                self.book = OrderBook(self.book.view)
                self._stream = self._open()
                await self._stream.__aenter__()
                continue
            if read is not None:
                return read


class BookStream(WaitingStream[BookSnapshot | BookDelta]):
    """A book for a client that waits: `for update in stream`, after each of which `stream.book` has it."""

    def __init__(self, make: Callable[[], Awaitable[AsyncBookStream]], loop: LoopThread) -> None:
        self._source: AsyncBookStream | None = None

        async def made() -> AsyncBookStream:
            self._source = await make()
            return self._source

        super().__init__(made, loop)

    @property
    def book(self) -> OrderBook:
        """As of the last update that was read."""
        if self._source is None:
            raise ValueError("the stream of a book has to be entered")
        return self._source.book
