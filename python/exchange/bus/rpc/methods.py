"""Handlers of the four kinds of call. A plain handler is unary; each of the others says what it is.

@eager
async def approve(call: Call) -> bytes: ...           # a request, an answer that seldom has to wait

@server_streaming
async def ticks(call: Call) -> AsyncGenerator[bytes]: ...               # a request, answers

@client_streaming
async def upload(call: Call, requests: AsyncIterator[bytes]) -> bytes: ...     # requests, an answer

@bidirectional
async def quotes(call: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes]: ...
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from exchange.bus.rpc.calls import Call, Handler
from exchange.bus.rpc.streams import Stream
from exchange.domain.method import Streaming

Answers = AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class Method:
    """A handler and which calls it serves. It ends when its call does, so interceptors see all of it.

    Args:
        streaming: Which side of its calls sends a stream.
        handler: Awaited once a call.
        eager: It begins where its call comes in, and gets a task when it waits for the first time.
    """

    streaming: Streaming
    handler: Handler
    eager: bool = False


def eager(handler: Handler) -> Method:
    """A request gets an answer, most often without waiting: no task is made for it until it waits.

    It saves a turn of the event loop. Until its first wait the handler must not ask for its task, as
    `asyncio.timeout` and `asyncio.TaskGroup` do, and while it computes nothing else of its loop runs.
    """
    return Method(Streaming.UNARY, handler, eager=True)


def server_streaming(handler: Callable[[Call], Answers]) -> Method:
    """A request is answered by a stream."""

    async def serve(call: Call) -> bytes:
        return await _send_all(_stream_of(call), handler(call))

    return Method(Streaming.SERVER, serve)


def client_streaming(handler: Callable[[Call, AsyncIterator[bytes]], Awaitable[bytes]]) -> Method:
    """A stream of requests gets one answer."""

    async def serve(call: Call) -> bytes:
        return await handler(call, _stream_of(call).incoming)

    return Method(Streaming.CLIENT, serve)


def bidirectional(handler: Callable[[Call, AsyncIterator[bytes]], Answers]) -> Method:
    """Streams both ways, independent of each other."""

    async def serve(call: Call) -> bytes:
        stream = _stream_of(call)
        return await _send_all(stream, handler(call, stream.incoming))

    return Method(Streaming.BIDIRECTIONAL, serve)


def _stream_of(call: Call) -> Stream:
    if call.stream is None:
        raise RuntimeError(f"{call.method} was called without a stream")
    return call.stream


async def _send_all(stream: Stream, answers: Answers) -> bytes:
    async with aclosing(answers):
        async for answer in answers:
            await stream.outgoing.send(answer)
    return b""
