"""The server's half of a call without its socket: checks, bounds, interceptors, handler, status."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exchange.bus.rpc.calls import (
    NS_A_MS,
    Call,
    Handler,
    Interceptor,
    Reply,
    chain,
    enter_scope,
    leave_scope,
)
from exchange.bus.rpc.eager import Deadline, within
from exchange.bus.rpc.methods import Method, eager
from exchange.bus.rpc.streams import WINDOW_BYTES
from exchange.domain.method import Streaming
from exchange.errors import (
    ConfigError,
    ExchangeError,
    RpcError,
    RpcStatus,
    ServiceUnavailableError,
    StorageError,
    status_of,
)
from exchange.schema.bus_frames import PAYLOAD_BYTES_MAX

_log = logging.getLogger(__name__)

HEALTH_METHOD: Final = "health.check"
"""Asks whether a service takes calls; every dispatcher answers it."""


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """Bounds of a server.

    Args:
        calls_max: Calls under way at once, of all peers.
        peer_calls_max: Calls under way at once of one peer, that none keeps out the others.
        timeout_ms_max: The longest time that a caller is given.
        stream_timeout_ms_max: The longest time that a stream is given; whoever wants more opens it anew.
        window_bytes: What a client may send of a stream before the handler has read it.
        retry_after_ms: What a refused caller is told to wait.
    """

    calls_max: int = 256
    peer_calls_max: int = 128
    timeout_ms_max: int = 60_000
    stream_timeout_ms_max: int = 86_400_000
    window_bytes: int = WINDOW_BYTES
    retry_after_ms: int = 50


class Dispatcher:
    """Answers calls by method name, however they came in. Used from one loop.

    A plain handler serves unary calls; see `exchange.bus.rpc.methods` for streams. `health.check` is there
    always: OK, or UNAVAILABLE once the dispatcher is closing.

    A handler is cancelled when its caller's deadline is over. Its exceptions become statuses: those of
    `exchange.errors` their own, any other INTERNAL, whose text stays in the log of this process.

    Args:
        handlers: By method name, `service.method`.
        interceptors: Around every handler, the first outermost.
        limits: Bounds.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler | Method],
        interceptors: Sequence[Interceptor] = (),
        limits: DispatchLimits | None = None,
    ) -> None:
        self.limits = limits or DispatchLimits()
        self.refused = 0
        self._methods = {HEALTH_METHOD: eager(_health)}
        for name, handler in handlers.items():
            method = handler if isinstance(handler, Method) else Method(Streaming.UNARY, handler)
            self._methods[name] = replace(method, handler=chain(interceptors, method.handler))
        self._running: dict[Hashable, int] = {}
        self._running_total = 0
        self.closing = False

    @property
    def running(self) -> int:
        """Calls under way."""
        return self._running_total

    def close(self) -> None:
        """Refuse every call from now on; those under way go on."""
        self.closing = True

    def deadline_within(self, remaining_ns: int, streaming: Streaming = Streaming.UNARY) -> int:
        """When a call that comes in now is out of time, as its caller says or the bound; monotonic ns."""
        limits = self.limits
        most_ms = limits.stream_timeout_ms_max if streaming else limits.timeout_ms_max
        return time.monotonic_ns() + min(remaining_ns, most_ms * NS_A_MS)

    def admit(self, peer: Hashable) -> Reply | None:
        """Take up one call of a peer, to be given back by `release`; or the refusal that it gets."""
        limits = self.limits
        if self.closing:
            refusal = Reply(RpcStatus.UNAVAILABLE, b"", "the service is closing", limits.retry_after_ms)
        elif self._running_total >= limits.calls_max or self._running.get(peer, 0) >= limits.peer_calls_max:
            refusal = Reply(
                RpcStatus.RESOURCE_EXHAUSTED, b"", "too many calls are under way", limits.retry_after_ms
            )
        else:
            self._running[peer] = self._running.get(peer, 0) + 1
            self._running_total += 1
            return None
        self.refused += 1
        return refusal

    def release(self, peer: Hashable) -> None:
        """One call of a peer has ended."""
        self._running_total -= 1
        left = self._running[peer] - 1
        if left:
            self._running[peer] = left
        else:
            del self._running[peer]

    def is_eager(self, call: Call) -> bool:
        """Whether the handler of a call may begin outside of a task."""
        method = self._methods.get(call.method)
        return method is not None and method.eager

    async def answer(self, call: Call, deadline: Deadline | None = None) -> Reply:
        """Run one admitted call; raises only what cancels the task.

        Args:
            call: What is asked.
            deadline: That of the call, where whoever asks may bring it forward.
        """
        method = self._methods.get(call.method)
        if method is None or method.streaming is not call.streaming:
            method = _NO_METHOD
        if deadline is None:
            deadline = Deadline(call.deadline_ns)
        scope = enter_scope(call)
        try:
            _check_identity(call)
            payload = _checked(await within(deadline, method.handler(call)))
        except Exception as error:  # noqa: BLE001 (whatever a handler raises becomes a status)
            return _late(call) if deadline.passed else _failed(call, error)
        finally:
            leave_scope(scope)
        if deadline.passed:
            return _late(call)
        return Reply(RpcStatus.OK, payload)


def _checked(payload: object) -> bytes:
    """What a handler returned, if it can be sent."""
    if not isinstance(payload, bytes):
        raise TypeError(f"a handler returns bytes, not {type(payload).__name__}")
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise RpcError(RpcStatus.OUT_OF_RANGE, f"the answer is longer than {PAYLOAD_BYTES_MAX} bytes")
    return payload


async def _health(_: Call) -> bytes:
    return b""  # one that is closing admits no call


async def _no_method(call: Call) -> bytes:
    kind = f"{call.streaming.name.lower()} " if call.streaming else ""
    raise RpcError(RpcStatus.UNIMPLEMENTED, f"there is no {kind}method {call.method}")


_NO_METHOD = Method(Streaming.UNARY, _no_method)


def _check_identity(call: Call) -> None:
    """All headers are there, and the connection may speak for this tenant."""
    call.metadata.check()
    principal = call.principal
    if principal is None:
        raise RpcError(RpcStatus.UNAUTHENTICATED, "the connection's key is not known")
    if principal.tenant is not None and principal.tenant != call.metadata.tenant_id:
        raise RpcError(RpcStatus.PERMISSION_DENIED, "the connection belongs to another tenant")


def _late(call: Call) -> Reply:
    return Reply(RpcStatus.DEADLINE_EXCEEDED, b"", f"{call.method} took longer than the call had")


def _failed(call: Call, error: Exception) -> Reply:
    status = status_of(error)
    if isinstance(error, RpcError):
        return Reply(status, b"", error.message, error.retry_after_ms)
    if isinstance(error, ExchangeError) and not isinstance(error, ConfigError | StorageError):
        retry_after_ms = error.retry_after_ms if isinstance(error, ServiceUnavailableError) else None
        return Reply(status, b"", str(error), retry_after_ms)
    _log.error("%s failed, correlation id %s", call.method, call.metadata.correlation_id, exc_info=error)
    return Reply(status, b"", "internal error")
