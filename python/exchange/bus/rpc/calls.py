"""What a call is, on either side: its headers, its deadline, and how both pass on to the calls it causes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final, NamedTuple

from exchange.bus.curve import Principal
from exchange.domain.method import Streaming
from exchange.errors import DeadlineExceeded, ExchangeError, RpcError, RpcStatus, ServiceUnavailableError

if TYPE_CHECKING:
    from exchange.bus.rpc.streams import Stream

NS_A_MS: Final = 1_000_000
NS_A_US: Final = 1_000
NS_A_S: Final = 1_000_000_000
NO_DEADLINE_NS: Final = 2**62
"""The deadline of a stream that goes on until somebody ends it, on the monotonic clock."""

NO_CONTEXT: Final = "e30="
"""The x-security-context of a caller whose rights are those of its connection: Base64 of {}."""

# The headers of document 004, in its order, and the attribute of Metadata that holds each.
HEADERS: Final[Mapping[str, str]] = {
    "x-correlation-id": "correlation_id",
    "x-tenant-id": "tenant_id",
    "x-user-id": "user_id",
    "x-security-context": "security_context",
}

TRACEPARENT: Final = "traceparent"


class Metadata(NamedTuple):
    """The four headers that every call carries, as text; a call without one of them is refused.

    And the one that it may carry. A tuple, as `Call` is.

    Args:
        correlation_id: x-correlation-id: the same on all that one request causes, at most 40 ASCII bytes.
        tenant_id: x-tenant-id: on whose behalf, at most 64 ASCII bytes.
        user_id: x-user-id: at most 64 ASCII bytes.
        security_context: x-security-context: Base64 of JSON, at most 16 KiB; `exchange.security` reads it.
        traceparent: W3C Trace Context: the span of the caller; empty where none is, at most 64 ASCII bytes.
    """

    correlation_id: str
    tenant_id: str
    user_id: str
    security_context: str
    traceparent: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """By the names of document 004, and `traceparent` where there is one."""
        headers = {header: str(getattr(self, name)) for header, name in HEADERS.items()}
        return headers | ({TRACEPARENT: self.traceparent} if self.traceparent else {})

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Metadata:
        """From headers by the names of document 004, in any case; others are passed over.

        Raises:
            RpcError: One is missing or empty.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        four = {name: lower.get(header, "") for header, name in HEADERS.items()}
        metadata = cls(**four, traceparent=lower.get(TRACEPARENT, ""))
        metadata.check()
        return metadata

    def check(self) -> None:
        """See that all are there.

        Raises:
            RpcError: UNAUTHENTICATED where it is unknown who asks, INVALID_ARGUMENT without correlation id.
        """
        if self.correlation_id and self.tenant_id and self.user_id and self.security_context:
            return
        for header, name in HEADERS.items():
            if not getattr(self, name):
                code = RpcStatus.INVALID_ARGUMENT if name == "correlation_id" else RpcStatus.UNAUTHENTICATED
                raise RpcError(code, f"{header} is missing")


class Call(NamedTuple):
    """One call, as interceptors and handlers see it.

    A tuple, as these are made several times faster than frozen dataclasses.

    Args:
        method: `service.method`.
        payload: The request; whose schema, the method says.
        metadata: The headers.
        deadline_ns: When the caller's time is over, on this process's monotonic clock.
        principal: Who the connection is, on a server; None on a client.
        streaming: Which side sends a stream.
        stream: The server's side of it, on a server.
        repeatable: It may be carried out twice, on a client.
    """

    method: str
    payload: bytes
    metadata: Metadata
    deadline_ns: int
    principal: Principal | None = None
    streaming: Streaming = Streaming.UNARY
    stream: Stream | None = None
    repeatable: bool = False

    @property
    def remaining_ns(self) -> int:
        """What is left of the caller's time; negative when it is over."""
        return self.deadline_ns - time.monotonic_ns()


class Reply(NamedTuple):
    """How a call ended, as it goes over the wire."""

    status: RpcStatus
    payload: bytes = b""
    message: str = ""
    retry_after_ms: int | None = None

    def result(self) -> bytes:
        """The payload of a call that went well.

        Raises:
            DeadlineExceeded, ServiceUnavailableError, RpcError: As the status says.
        """
        if self.status is RpcStatus.OK:
            return self.payload
        raise self.error()

    def error(self) -> ExchangeError:
        """What is raised for a call that did not go well."""
        if self.status is RpcStatus.DEADLINE_EXCEEDED:
            return DeadlineExceeded(self.message)
        if self.status is RpcStatus.UNAVAILABLE:
            return ServiceUnavailableError(self.message, self.retry_after_ms)
        return RpcError(self.status, self.message, self.retry_after_ms)


Handler = Callable[[Call], Awaitable[bytes]]
# Stands around a call, on a client or a server: awaits the second argument to go on, or raises to refuse.
Interceptor = Callable[[Call, Handler], Awaitable[bytes]]


class Scope(NamedTuple):
    """What a call hands down to the calls that it causes."""

    metadata: Metadata
    deadline_ns: int | None = None


_scope: ContextVar[Scope | None] = ContextVar("exchange_call_scope", default=None)


def current_scope() -> Scope | None:
    """The headers and deadline under which this task runs; None outside of any call."""
    return _scope.get()


@contextmanager
def calling(metadata: Metadata, timeout_ms: int | None = None) -> Iterator[Scope]:
    """Make all calls of the block with these headers, and within this time altogether.

    For the edges, where requests come in by other ways than RPC. A surrounding deadline stays in force.
    """
    outer = _scope.get()
    limited = timeout_ms is not None or (outer is not None and outer.deadline_ns is not None)
    scope = Scope(metadata, deadline_after(timeout_ms) if limited else None)
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def enter_scope(call: Call) -> Token[Scope | None]:
    """Let what the running task calls be caused by `call`, until `leave_scope`."""
    return _scope.set(Scope(call.metadata, call.deadline_ns))


def leave_scope(token: Token[Scope | None]) -> None:
    """What was before `enter_scope` counts again."""
    _scope.reset(token)


def deadline_after(timeout_ms: int | None) -> int:
    """When a call that starts now is out of time, no later than the surrounding one; monotonic ns."""
    deadline_ns = NO_DEADLINE_NS if timeout_ms is None else time.monotonic_ns() + timeout_ms * NS_A_MS
    scope = _scope.get()
    if scope is None or scope.deadline_ns is None or deadline_ns < scope.deadline_ns:
        return deadline_ns
    return scope.deadline_ns


def chain(interceptors: Sequence[Interceptor], handler: Handler) -> Handler:
    """One handler that goes through the interceptors, the first outermost."""
    for interceptor in reversed(interceptors):
        handler = _around(interceptor, handler)
    return handler


def loop_time(deadline_ns: int) -> float:
    """A monotonic deadline on the clock of the running loop."""
    return asyncio.get_running_loop().time() + (deadline_ns - time.monotonic_ns()) / NS_A_S


def _around(interceptor: Interceptor, handler: Handler) -> Handler:
    async def call_around(call: Call) -> bytes:
        return await interceptor(call, handler)

    return call_around
