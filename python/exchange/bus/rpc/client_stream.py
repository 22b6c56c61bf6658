"""The client's half of a call with streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from exchange.bus.rpc.calls import Call, Interceptor, chain, loop_time
from exchange.bus.rpc.streams import Stream
from exchange.errors import DeadlineExceeded, ExchangeError, RpcError, RpcStatus


class ClientStream:
    """One call with streams: `async with` opens it, `async for` reads, `send` writes, `result` is the answer.

    The interceptors stand around its whole life, in a task of its own. Leaving the block before the call has
    ended cancels it, and the server's handler with it.
    """

    def __init__(
        self, call: Call, opened: Callable[[], Awaitable[Stream]], interceptors: Sequence[Interceptor]
    ) -> None:
        self.call = call
        self._opened = opened
        self._life = chain(interceptors, self._live)
        self._task: asyncio.Task[bytes] | None = None
        self._ready = asyncio.Event()
        self._stream: Stream | None = None

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            ExchangeError: As `RpcClient.call`; what a handler answers comes with the first reading.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.call.method)
        try:
            await self._ready.wait()
        except BaseException:
            await self._end()
            raise
        if self._stream is None:
            await self._task  # an interceptor or the policy refused it
            raise RpcError(RpcStatus.INTERNAL, f"{self.call.method} was answered by an interceptor")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The server's next message.

        Raises:
            ExchangeError: The call ended otherwise than well, once what came before has been read.
        """
        return await anext(self._open.incoming)

    async def send(self, payload: bytes) -> None:
        """Send a message; waits while the server does not read.

        Raises:
            RpcError: FAILED_PRECONDITION: this side was closed, or the call has ended.
            ExchangeError: How it ended, where that was not well.
        """
        await self._open.outgoing.send(payload)

    async def half_close(self) -> None:
        """Say that nothing more is sent; the server goes on."""
        await self._open.half_close()

    async def result(self) -> bytes:
        """Half-close, wait for the end, and give the answer of a client-streaming call.

        Raises:
            ExchangeError: The call ended otherwise than well.
        """
        await self.half_close()
        if self._task is None:
            raise RuntimeError("the call was not opened")
        return await asyncio.shield(self._task)

    def cancel(self) -> None:
        """Give it up: the server's handler is cancelled, and who reads or sends here gets CANCELLED."""
        self._open.cancel(RpcError(RpcStatus.CANCELLED, "the call was cancelled"))

    @property
    def held_bytes(self) -> int:
        """What came and was not read, as the window counts it."""
        return self._open.incoming.held_bytes

    @property
    def _open(self) -> Stream:
        if self._stream is None:
            raise RuntimeError("the call is not open: use it within `async with`")
        return self._stream

    async def _run(self) -> bytes:
        try:
            return await self._life(self.call)
        except ExchangeError as error:
            self._let_go(error)
            raise
        finally:
            self._let_go(RpcError(RpcStatus.CANCELLED, "the call was cancelled"))
            self._ready.set()

    async def _live(self, call: Call) -> bytes:
        stream = self._stream = await self._opened()
        self._ready.set()
        try:
            async with asyncio.timeout_at(loop_time(call.deadline_ns)):
                reply = await asyncio.shield(stream.ended)
        except TimeoutError:
            late = DeadlineExceeded(f"{call.method} had no time left")
            stream.cancel(late)
            raise late from None
        return reply.result()

    def _let_go(self, error: ExchangeError) -> None:
        """Whatever ends the life of the call, ends it."""
        if self._stream is not None and not self._stream.ended.done():
            self._stream.cancel(error)

    async def _end(self) -> None:
        if self._task is not None:
            if self._stream is None or not self._stream.ended.done():
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._stream is not None:
            self._stream.cancel(RpcError(RpcStatus.CANCELLED, "the call was cancelled"))
