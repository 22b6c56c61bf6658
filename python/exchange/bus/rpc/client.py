"""The client's half of a call: headers, deadline, interceptors, and the policy of its edge."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Self, TypeVar

from exchange.bus.rpc.blocking import BlockingChannel
from exchange.bus.rpc.blocking_balancing import BlockingBalancedChannel
from exchange.bus.rpc.calls import (
    NS_A_S,
    Call,
    Interceptor,
    Metadata,
    chain,
    current_scope,
    deadline_after,
)
from exchange.bus.rpc.channels import Channel
from exchange.bus.rpc.client_stream import ClientStream
from exchange.bus.rpc.eager import run_now
from exchange.bus.rpc.streams import WINDOW_BYTES, Stream
from exchange.domain.method import Streaming
from exchange.errors import RpcError, RpcStatus

T = TypeVar("T")

_MS_A_S = 1_000


class Rules(Protocol):
    """What a client needs of a policy's rules."""

    @property
    def timeout_s(self) -> float:
        """Of a call that says nothing else, in seconds."""
        ...


class Try(Protocol):
    """What a client needs of a try."""

    @property
    def remaining_s(self) -> float:
        """What is left of its time, in seconds."""
        ...


class Policy(Protocol):
    """What a client needs of the policy of an edge: `exchange.resilience.Policy` is one."""

    @property
    def rules(self) -> Rules:
        """What it keeps to."""
        ...

    async def call(
        self,
        func: Callable[[Try], Awaitable[T]],
        *,
        timeout_s: float | None = None,
        repeatable: bool = False,
        minds_deadline: bool = False,
    ) -> T:
        """Await the function as often as there are tries, or refuse with ServiceUnavailableError."""
        ...

    def call_sync(
        self, func: Callable[[Try], T], *, timeout_s: float | None = None, repeatable: bool = False
    ) -> T:
        """Call the function as often as there are tries, or refuse; blocks."""
        ...


def _headers(metadata: Metadata | None) -> Metadata:
    """Those given, or the surrounding call's."""
    if metadata is None:
        if (scope := current_scope()) is None:
            raise RpcError(RpcStatus.UNAUTHENTICATED, "x-tenant-id is missing: the call has no headers")
        metadata = scope.metadata
    metadata.check()
    return metadata


def _new_call(
    policy: Policy,
    method: str,
    payload: bytes,
    metadata: Metadata | None,
    timeout_ms: int | None,
    *,
    repeatable: bool,
) -> Call:
    """A unary call that begins now."""
    if timeout_ms is None:
        timeout_ms = round(policy.rules.timeout_s * _MS_A_S)
    return Call(method, payload, _headers(metadata), deadline_after(timeout_ms), repeatable=repeatable)


def _latest_ns(call: Call, this: Try) -> int:
    """When a try of a call is over; monotonic."""
    return min(call.deadline_ns, time.monotonic_ns() + round(this.remaining_s * NS_A_S))


class RpcClient:
    """Calls one service. Every call goes through the policy of its edge; there is no client without one.

    Args:
        channel: The way to the service; closed with the client.
        policy: Of the edge, from the process's `exchange.resilience.Policies`.
        interceptors: Around every call, tries included; the first outermost.
    """

    def __init__(self, channel: Channel, policy: Policy, interceptors: Sequence[Interceptor] = ()) -> None:
        self._channel = channel
        self._policy = policy
        self._interceptors = tuple(interceptors)
        self._carry_out = chain(self._interceptors, self._tried)

    @property
    def in_process(self) -> bool:
        """Whether the service is in this process, so that messages need no bytes."""
        return self._channel.in_process

    async def call(
        self,
        method: str,
        payload: bytes = b"",
        *,
        metadata: Metadata | None = None,
        timeout_ms: int | None = None,
        repeatable: bool = False,
    ) -> bytes:
        """The answer's payload.

        Within a handler, or a block of `calling`, headers are those of the surrounding call unless others are
        given, and the deadline is the surrounding one where that is earlier.

        Args:
            method: `service.method`.
            payload: The request.
            metadata: The headers, where not the surrounding call's.
            timeout_ms: For the call as a whole; what the policy's rules say where None or longer.
            repeatable: It may be carried out twice, so it may be tried again.

        Raises:
            DeadlineExceeded: The time was used up; whether the service acted is unknown.
            ServiceUnavailableError: The breaker is open, too many calls are under way, nobody answers, or the
                connection broke.
            RpcError: The service refused or failed; see its `code`. UNAUTHENTICATED or INVALID_ARGUMENT also
                where a header is missing, before anything is sent.
            WireError: A header or the payload is beyond its bounds.
        """
        return await self._carry_out(
            _new_call(self._policy, method, payload, metadata, timeout_ms, repeatable=repeatable)
        )

    def stream(
        self,
        method: str,
        streaming: Streaming,
        payload: bytes = b"",
        *,
        metadata: Metadata | None = None,
        timeout_ms: int | None = None,
        repeatable: bool = False,
        window: int = WINDOW_BYTES,
    ) -> ClientStream:
        """A call with streams; `async with` opens it and, where it has not ended, cancels it.

        Headers and deadline are handed down as those of `call`. Opening it goes through the policy of the
        edge: its time-outs, its tries where `repeatable`, its breaker. One that is open is not tried again.

        Args:
            method: `service.method`.
            streaming: Which side sends a stream.
            payload: The request, where the client sends none.
            metadata: The headers, where not the surrounding call's.
            timeout_ms: For the stream as a whole; None: it goes on, at most as long as the server lets it.
            repeatable: It may be opened twice.
            window: What the server may send before it is read; bytes.
        """
        call = Call(method, payload, _headers(metadata), deadline_after(timeout_ms), streaming=streaming)
        opening_s = self._policy.rules.timeout_s

        async def opened() -> Stream:
            async def open_once(this: Try) -> Stream:
                stream = await self._channel.open(call, window, _latest_ns(call, this))
                if stream.ended.done() and (reply := stream.ended.result()).status is RpcStatus.UNAVAILABLE:
                    raise reply.error()  # refused before anything was done: it may be tried again
                return stream

            return await self._policy.call(
                open_once,
                timeout_s=min(opening_s, call.remaining_ns / NS_A_S),
                repeatable=repeatable,
                minds_deadline=True,
            )

        return ClientStream(call, opened, self._interceptors)

    async def _tried(self, call: Call) -> bytes:
        async def ask(this: Try) -> bytes:
            return (await self._channel.ask(call, _latest_ns(call, this))).result()

        return await self._policy.call(
            ask, timeout_s=call.remaining_ns / NS_A_S, repeatable=call.repeatable, minds_deadline=True
        )

    async def close(self) -> None:
        """Close the channel; calls under way fail."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class BlockingClient:
    """`RpcClient` for those who have no event loop: its unary calls, which block. Any thread may use it.

    Args:
        channel: The way to the service; closed with the client.
        policy: Of the edge, from the process's `exchange.resilience.Policies`.
        interceptors: As of `RpcClient`; they must not wait for anything but the call.
    """

    def __init__(
        self,
        channel: BlockingChannel | BlockingBalancedChannel,
        policy: Policy,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self._channel = channel
        self._policy = policy
        self._interceptors = tuple(interceptors)

    def call(
        self,
        method: str,
        payload: bytes = b"",
        *,
        metadata: Metadata | None = None,
        timeout_ms: int | None = None,
        repeatable: bool = False,
    ) -> bytes:
        """The answer's payload; see `RpcClient.call`."""

        def tries(call: Call) -> bytes:
            return self._policy.call_sync(
                lambda this: self._channel.ask(call, _latest_ns(call, this)).result(),
                timeout_s=call.remaining_ns / NS_A_S,
                repeatable=repeatable,
            )

        call = _new_call(self._policy, method, payload, metadata, timeout_ms, repeatable=repeatable)
        if not self._interceptors:
            return tries(call)

        async def go_on(call: Call) -> bytes:
            return tries(call)

        return run_now(chain(self._interceptors, go_on)(call))

    def close(self) -> None:
        """Close the channel; calls under way fail."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
