"""Streams of what happens, for those who await them and for those who wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

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


@runtime_checkable
class Taking(AsyncStream[T_co], Protocol[T_co]):
    """An `AsyncStream` of which several may come at once."""

    def take(self) -> Sequence[T_co]:
        """Those that came with the last one and were not read: they are now."""
        ...


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
        self._read: deque[T] = deque()

    def __enter__(self) -> Self:
        self._stream = self._loop.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> T:
        """The next one; waits for it."""
        if not self._read:
            if self._stream is None:
                raise StopIteration
            self._read.extend(self._loop.run(_next(self._stream)))
            if not self._read:
                raise StopIteration
        return self._read.popleft()

    def close(self) -> None:
        """Take no more."""
        stream, self._stream = self._stream, None
        self._read.clear()
        if stream is not None:
            self._loop.run(stream.__aexit__(None, None, None))

    async def _open(self) -> AsyncStream[T]:
        return await (await self._make()).__aenter__()


async def _next(stream: AsyncStream[T]) -> Sequence[T]:
    """The next one, with those that need not be waited for; empty at the end."""
    try:
        first = await stream.__anext__()
    except StopAsyncIteration:  # which no future may carry
        return ()
    return (first, *stream.take()) if isinstance(stream, Taking) else (first,)
