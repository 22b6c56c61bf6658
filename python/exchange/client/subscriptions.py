"""Streams of what happens, for those who await them and for those who wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from exchange.bus.rpc import MessageStream
from exchange.client.loop_thread import LoopThread
from exchange.domain.method import ServerStreaming

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Q = TypeVar("Q")
S = TypeVar("S")
W = TypeVar("W")


class AsyncStream(Protocol[T_co]):
    """What comes, from when it is entered until it is left."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def __anext__(self) -> T_co: ...


class Streamer(Protocol):
    """Opens streams."""

    def stream(self, method: ServerStreaming[Q, T], request: Q) -> MessageStream[Q, T]:
        """What a method answers, once it is entered."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription(Generic[S, W]):
    """A stream that is not opened yet: made without anything being sent.

    Args:
        start: Makes it, for whoever awaits.
        waiting: Makes it for whoever waits, of how it is made and where it runs.
    """

    start: Callable[[Streamer], S]
    waiting: Callable[[Callable[[], Awaitable[S]], LoopThread], W]


class WaitingStream(Iterator[T]):
    """What comes, as a client that waits reads it; from when it is entered until it is left.

    Reading raises what ended it: ServiceUnavailableError, RpcError.

    Args:
        make: Makes the stream.
        loop: Where it runs.
    """

    def __init__(self, make: Callable[[], Awaitable[AsyncStream[T]]], loop: LoopThread) -> None:
        self._make = make
        self._loop = loop
        self._stream: AsyncStream[T] | None = None

    def __enter__(self) -> Self:
        self._stream = self._loop.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> T:
        """The next one; waits for it."""
        if self._stream is None:
            raise StopIteration
        found = self._loop.run(_next(self._stream))
        if found is None:
            raise StopIteration
        (read,) = found
        return read

    def close(self) -> None:
        """Take no more."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._loop.run(stream.__aexit__(None, None, None))

    async def _open(self) -> AsyncStream[T]:
        return await (await self._make()).__aenter__()


async def _next(stream: AsyncStream[T]) -> tuple[T] | None:
    try:
        return (await stream.__anext__(),)
    except StopAsyncIteration:  # which no future may carry
        return None
