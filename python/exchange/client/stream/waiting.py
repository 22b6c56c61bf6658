"""The client of the gateway's streams that waits, for programs without an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

from exchange.client.errors import ClientClosed
from exchange.client.loop_thread import LoopThread
from exchange.client.rest.credentials import ApiKeyAuth, BearerAuth
from exchange.client.stream.book import StreamBook
from exchange.client.stream.client import StreamClient
from exchange.client.stream.connection import StreamOptions
from exchange.client.stream.entry import OrderEntry
from exchange.client.stream.events import Event

A = ParamSpec("A")
T = TypeVar("T")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


class _Waits(Protocol[C_co]):
    """What stands for something that is awaited in another thread."""

    @property
    def awaited(self) -> C_co:
        """That."""
        ...

    @property
    def loop(self) -> LoopThread:
        """Where it runs."""
        ...


def _waits(
    call: Callable[Concatenate[C, A], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Waits[C], A], T]:
    """The same call, waited for."""

    @functools.wraps(call)
    def waiting(self: _Waits[C], /, *args: A.args, **kwargs: A.kwargs) -> T:
        return self.loop.run(call(self.awaited, *args, **kwargs))

    return waiting


class WaitingOrderEntry:
    """See `OrderEntry`.

    Args:
        awaited: Whose calls these are.
        loop: Where they run.
    """

    def __init__(self, awaited: OrderEntry, loop: LoopThread) -> None:
        self.awaited = awaited
        self.loop = loop

    new_order = _waits(OrderEntry.new_order)
    limit = _waits(OrderEntry.limit)
    market = _waits(OrderEntry.market)
    cancel = _waits(OrderEntry.cancel)
    cancel_named = _waits(OrderEntry.cancel_named)
    replace = _waits(OrderEntry.replace)
    replace_named = _waits(OrderEntry.replace_named)
    mass_cancel = _waits(OrderEntry.mass_cancel)


class WaitingStreamClient:
    """See `StreamClient`, which runs in a thread of its own; one thread reads events, any may call.

    Args:
        url: Of the gateway: `http://127.0.0.1:8080`.
        auth: Who asks; None: public channels alone.
        options: See `StreamOptions`.

    Raises:
        ConfigError: The address is none.
    """

    def __init__(
        self, url: str, auth: ApiKeyAuth | BearerAuth | None = None, *, options: StreamOptions | None = None
    ) -> None:
        self.awaited = StreamClient(url, auth, options=options)
        self.loop = LoopThread("stream")
        self.orders = WaitingOrderEntry(self.awaited.orders, self.loop)
        """Enters, changes and cancels orders."""

    open = _waits(StreamClient.open)
    subscribe = _waits(StreamClient.subscribe)
    unsubscribe = _waits(StreamClient.unsubscribe)
    ping = _waits(StreamClient.ping)
    rates = _waits(StreamClient.rates)

    @property
    def reconnects(self) -> int:
        """How often the connection broke."""
        return self.awaited.reconnects

    @property
    def gaps(self) -> int:
        """How often a book had to begin anew."""
        return self.awaited.gaps

    def book(self, symbol: str) -> StreamBook:
        """A book that was subscribed to; see `StreamClient.book`."""
        return self.awaited.book(symbol)

    def read(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None where none comes in time."""
        return self.loop.run(_within(self.awaited.__anext__(), timeout_s))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """The next event; raises as `StreamClient` does, and ends when it is closed."""
        try:
            event = self.read()
        except ClientClosed:
            raise StopIteration from None
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Leave, and end the thread."""
        self.loop.close(self.awaited.close)

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _within(event: Awaitable[Event], timeout_s: float | None) -> Event | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await event
    except TimeoutError:
        return None
