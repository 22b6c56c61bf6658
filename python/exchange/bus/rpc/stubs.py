"""Calls and handlers by the table of services: messages in, messages out, checked by the type checker.

stub = Stub(client)
tick = await stub.ask(GET_SNAPSHOT, GetSnapshotRequest(symbols=("EUR/USD",)))
async with stub.stream(STREAM_TICKS, StreamTicksRequest(symbols=("EUR/USD", "GBP/USD"))) as ticks:
    async for tick in ticks:
        ...

handlers = serve_unary(GET_SNAPSHOT, snapshot) | serve_server_stream(STREAM_TICKS, stream_ticks)

In one process messages are handed over as they are: they are frozen all the way down, so nobody can change
what another has.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, Self, TypeVar

from exchange.bus.rpc.calls import Call, Handler, Metadata
from exchange.bus.rpc.client import RpcClient
from exchange.bus.rpc.client_stream import ClientStream
from exchange.bus.rpc.methods import Method, bidirectional, client_streaming, server_streaming
from exchange.bus.rpc.streams import WINDOW_BYTES
from exchange.domain.method import (
    Bidirectional,
    ClientStreaming,
    RpcMethod,
    ServerStreaming,
    Unary,
)
from exchange.schema.codec import decode_message, encode_message

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
MessageT = TypeVar("MessageT")
Handlers = dict[str, Handler | Method]


class Carried(bytes):
    """A payload of no bytes, with a message that stays in its process."""

    message: Any


def _carried(message: object) -> Carried:
    payload = Carried()
    payload.message = message
    return payload


def _read(kind: type[MessageT], payload: bytes) -> MessageT:
    if isinstance(payload, Carried):
        message: MessageT = payload.message
        return message
    return decode_message(kind, payload)


class Stub:
    """Calls the methods of services over one client."""

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._write = _carried if client.in_process else encode_message
        self._nothing = Carried() if client.in_process else b""

    async def ask(
        self,
        method: Unary[RequestT, ReplyT],
        request: RequestT,
        *,
        metadata: Metadata | None = None,
        timeout_ms: int | None = None,
    ) -> ReplyT:
        """The reply to one request; asked again where that is allowed and may help.

        Raises:
            ExchangeError: As `RpcClient.call`; WireError also where the reply cannot be read.
        """
        payload = await self._client.call(
            method.path,
            self._write(request),
            metadata=metadata,
            timeout_ms=timeout_ms,
            repeatable=method.idempotent,
        )
        return _read(method.reply, payload)

    def stream(
        self,
        method: RpcMethod[RequestT, ReplyT],
        request: RequestT | None = None,
        *,
        metadata: Metadata | None = None,
        timeout_ms: int | None = None,
        window: int = WINDOW_BYTES,
    ) -> MessageStream[RequestT, ReplyT]:
        """A call with streams; see `RpcClient.stream`. `request` is for a server-streaming method."""
        payload = self._write(request) if request is not None else self._nothing
        stream = self._client.stream(
            method.path,
            method.streaming,
            payload,
            metadata=metadata,
            timeout_ms=timeout_ms,
            repeatable=method.idempotent,
            window=window,
        )
        return MessageStream(stream, method, self._write)


class MessageStream(Generic[RequestT, ReplyT]):
    """A `ClientStream` of messages."""

    def __init__(
        self,
        stream: ClientStream,
        method: RpcMethod[RequestT, ReplyT],
        write: Callable[[object], bytes],
    ) -> None:
        self._stream = stream
        self._method = method
        self._write = write

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReplyT:
        return _read(self._method.reply, await anext(self._stream))

    async def send(self, request: RequestT) -> None:
        """See `ClientStream.send`."""
        await self._stream.send(self._write(request))

    async def half_close(self) -> None:
        """See `ClientStream.half_close`."""
        await self._stream.half_close()

    async def result(self) -> ReplyT:
        """The reply to a stream of requests; see `ClientStream.result`."""
        return _read(self._method.reply, await self._stream.result())

    def cancel(self) -> None:
        """See `ClientStream.cancel`."""
        self._stream.cancel()


def serve_unary(
    method: Unary[RequestT, ReplyT], handler: Callable[[RequestT, Call], Awaitable[ReplyT]]
) -> Handlers:
    """A handler of messages, by its method's name."""

    async def serve(call: Call) -> bytes:
        return _like(call.payload, await handler(_read(method.request, call.payload), call))

    return {method.path: serve}


def serve_server_stream(
    method: ServerStreaming[RequestT, ReplyT],
    handler: Callable[[RequestT, Call], AsyncGenerator[ReplyT, None]],
) -> Handlers:
    """A handler whose answer is a stream."""

    @server_streaming
    async def serve(call: Call) -> AsyncGenerator[bytes, None]:
        async with aclosing(handler(_read(method.request, call.payload), call)) as replies:
            async for reply in replies:
                yield _like(call.payload, reply)

    return {method.path: serve}


def serve_client_stream(
    method: ClientStreaming[RequestT, ReplyT],
    handler: Callable[[AsyncIterator[RequestT], Call], Awaitable[ReplyT]],
) -> Handlers:
    """A handler of a stream of requests."""

    @client_streaming
    async def serve(call: Call, requests: AsyncIterator[bytes]) -> bytes:
        reading = _Requests(method.request, requests)
        return _like(call.payload, await handler(reading, call))

    return {method.path: serve}


def serve_bidirectional(
    method: Bidirectional[RequestT, ReplyT],
    handler: Callable[[AsyncIterator[RequestT], Call], AsyncGenerator[ReplyT, None]],
) -> Handlers:
    """A handler of streams both ways."""

    @bidirectional
    async def serve(call: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        reading = _Requests(method.request, requests)
        async with aclosing(handler(reading, call)) as replies:
            async for reply in replies:
                yield _like(call.payload, reply)

    return {method.path: serve}


class _Requests(Generic[MessageT]):
    """A stream of requests, read."""

    def __init__(self, kind: type[MessageT], payloads: AsyncIterator[bytes]) -> None:
        self._kind = kind
        self._payloads = payloads

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MessageT:
        return _read(self._kind, await anext(self._payloads))


def _like(request: bytes, reply: object) -> bytes:
    """The reply in the form in which the request came."""
    return _carried(reply) if isinstance(request, Carried) else encode_message(reply)
