"""The synchronous and the asynchronous client behind one face, so that one suite tests both."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from exchange.client import AsyncClient, AsyncHandle, AsyncReportStream, Client


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, make: Callable[[], Any]) -> Any:
        """Call on the loop, await what is to be awaited, give the outcome."""

        async def work() -> Any:
            made = make()
            return await made if inspect.isawaitable(made) else made

        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(120)

    def close(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class _Part:
    """A part of an asynchronous client whose calls wait."""

    def __init__(self, loop: Loop, part: Any) -> None:
        self._loop = loop
        self._part = part

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return _wrapped(self._loop, self._loop.run(lambda: value(*args, **kwargs)))

        return call


def _wrapped(loop: Loop, value: Any) -> Any:
    return WaitingStream(loop, value) if isinstance(value, AsyncReportStream) else value


class WaitingHandle:
    """An AsyncHandle whose answer is waited for."""

    def __init__(self, loop: Loop, handle: AsyncHandle[Any]) -> None:
        self._loop = loop
        self._handle = handle

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self._handle.done

    def result(self, timeout: float | None = None) -> Any:
        """The answer."""

        async def wait() -> Any:
            return await self._handle

        return self._loop.run(lambda: asyncio.wait_for(wait(), timeout))


class WaitingStream:
    """An AsyncReportStream that waits."""

    def __init__(self, loop: Loop, stream: AsyncReportStream) -> None:
        self._loop = loop
        self._stream = stream

    def __iter__(self) -> WaitingStream:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def take(self, timeout: float | None = None) -> Any:
        """Reports of a frame."""
        return self._loop.run(lambda: self._stream.take(timeout))

    def close(self) -> None:
        """Take no more."""
        self._loop.run(self._stream.close)


class WaitingClient:
    """An AsyncClient whose calls wait: it does what `Client` does."""

    def __init__(self, loop: Loop, client: AsyncClient) -> None:
        self._loop = loop
        self._client = client
        self.admin = _Part(loop, client.admin)
        self.query = _Part(loop, client.query)

    def submit(self, *args: Any, **kwargs: Any) -> WaitingHandle:
        """As `Client.submit`."""
        return self._submitted(self._client.submit, args, kwargs)

    def submit_array(self, *args: Any, **kwargs: Any) -> WaitingHandle:
        """As `Client.submit_array`."""
        return self._submitted(self._client.submit_array, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        return getattr(_Part(self._loop, self._client), name) if inspect.ismethod(value) else value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As `Client.close`."""
        self._loop.run(self._client.close)

    def _submitted(self, submit: Callable[..., Any], args: Any, kwargs: Any) -> WaitingHandle:
        handles: list[AsyncHandle[Any]] = []
        self._loop.run(lambda: handles.append(submit(*args, **kwargs)))
        return WaitingHandle(self._loop, handles[0])


class Connector:
    """Makes clients of one kind, and closes them all.

    Args:
        kind: "sync" or "async".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._loop = Loop() if kind == "async" else None
        self._clients: list[Any] = []

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """As `Client.connect`, but more patient with a machine that has much to do."""
        kwargs = {"heartbeat_ms": 30_000, "timeout_ms": 60_000, "connect_ms": 60_000} | kwargs
        if self._loop is None:
            client: Any = Client.connect(*args, **kwargs)
        else:
            client = WaitingClient(self._loop, self._loop.run(lambda: AsyncClient.connect(*args, **kwargs)))
        self._clients.append(client)
        return client

    def adopt(self, make: Callable[[], Any], make_async: Callable[[], Awaitable[Any]]) -> Any:
        """A client made otherwise."""
        if self._loop is None:
            client: Any = make()
        else:
            client = WaitingClient(self._loop, self._loop.run(make_async))
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            client.close()
        if self._loop is not None:
            self._loop.close()
