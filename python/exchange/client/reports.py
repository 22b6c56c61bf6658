"""A reader of executions: an iterator over reports, or over whole arrays of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from exchange.client.errors import ClientClosed
from exchange.client.results import ExecutionReport, Reports
from exchange.client.streams import Shelf


class StreamWaiter(Protocol):
    """Brings reports about: a thread elsewhere does, or this call."""

    def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until something is so, at most `timeout` seconds; whether it is."""
        ...


class ReportStream(Iterator[ExecutionReport]):
    """All reports of a session from the moment it was made, each once and in causal order.

    Iterating waits for the next report and ends when the client is closed. One thread may read.

    Args:
        waiter: Who brings them.
        shelf: Where they lie.
        forget: Called when it is closed.
    """

    def __init__(self, waiter: StreamWaiter, shelf: Shelf, forget: Callable[[], None]) -> None:
        self._waiter = waiter
        self._shelf = shelf
        self._forget = forget
        self._batch: Iterator[ExecutionReport] = iter(())

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
            if self._shelf.ended:
                if isinstance(self._shelf.why, ClientClosed):
                    return None
                raise self._shelf.why
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._waiter.wait_for(lambda: self._shelf.ready, left):
                return None

    def close(self) -> None:
        """Take no more."""
        self._forget()
        self._shelf.end(ClientClosed("the reader was closed"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
