"""A reader of executions: an iterator over reports, or over whole arrays of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol, Self

from exchange.client.errors import ClientClosed
from exchange.client.results import ExecutionReport, Reports
from exchange.client.streams import Shelf


class StreamWaiter(Protocol):
    """Brings reports about: a thread elsewhere does, or this call."""

    def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something is so, at most `timeout` seconds; whether it is."""
        ...


class AsyncStreamWaiter(Protocol):
    """Brings reports about within an event loop."""

    async def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109  # as its synchronous twin
        """Wait until something is so, at most `timeout` seconds; whether it is."""
        ...


class _Reading:
    def __init__(self, shelf: Shelf, forget: Callable[[], None]) -> None:
        self._shelf = shelf
        self._forget = forget
        self._batch: Iterator[ExecutionReport] = iter(())

    def close(self) -> None:
        """Take no more."""
        self._forget()
        self._shelf.end(ClientClosed("the reader was closed"))

    @property
    def _is_over(self) -> bool:
        """Whether nothing more comes, as it was closed; raises what ended it otherwise."""
        if self._shelf.ended and not isinstance(self._shelf.why, ClientClosed):
            raise self._shelf.why
        return self._shelf.ended


class ReportStream(_Reading, Iterator[ExecutionReport]):
    """All reports of a session from the moment it was made, each once and in causal order.

    Iterating waits for the next report and ends when the client is closed. One thread may read.

    Args:
        waiter: Who brings them.
        shelf: Where they lie.
        forget: Called when it is closed.
    """

    def __init__(self, waiter: StreamWaiter, shelf: Shelf, forget: Callable[[], None]) -> None:
        super().__init__(shelf, forget)
        self._waiter = waiter

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ExecutionReport:
        """The next report, waiting for it.

        Raises:
            ReportsLost: Reports between the last one and the next were missed; iterating goes on after them.
            LogonRefused, WireError, SecurityError: The session ended by an accident.
        """
        while True:
            for report in self._batch:
                return report
            batch = self.take()
            if batch is None:
                raise StopIteration
            self._batch = iter(batch)

    def take(self, timeout: float | None = None) -> Reports | None:
        """All reports of the next frame, at the cost of one array; not those that iterating has begun with.

        Args:
            timeout: Seconds to wait; by default until there are some.

        Returns:
            None when the client was closed, or the time is over.

        Raises:
            As iterating.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            batch = self._shelf.take()
            if batch is not None:
                return batch
            if self._is_over:
                return None
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._waiter.wait_for(lambda: self._shelf.ready, left):
                return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncReportStream(_Reading, AsyncIterator[ExecutionReport]):
    """All reports of a session from the moment it was made: `ReportStream`, to be awaited."""

    def __init__(self, waiter: AsyncStreamWaiter, shelf: Shelf, forget: Callable[[], None]) -> None:
        super().__init__(shelf, forget)
        self._waiter = waiter

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExecutionReport:
        """The next report; raises as `ReportStream.__next__`."""
        while True:
            for report in self._batch:
                return report
            batch = await self.take()
            if batch is None:
                raise StopAsyncIteration
            self._batch = iter(batch)

    async def take(self, timeout: float | None = None) -> Reports | None:  # noqa: ASYNC109  # as its synchronous twin
        """All reports of the next frame: see `ReportStream.take`."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            batch = self._shelf.take()
            if batch is not None:
                return batch
            if self._is_over:
                return None
            left = None if until is None else max(0.0, until - time.monotonic())
            if not await self._waiter.wait_for(lambda: self._shelf.ready, left):
                return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
