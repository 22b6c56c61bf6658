"""The client's half of a call: headers, deadline, interceptors, circuit breaker, tries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, Protocol, Self, TypeVar

from exchange.bus.rpc.calls import (
    NS_A_MS,
    NS_A_S,
    Call,
    Interceptor,
    Metadata,
    chain,
    current_scope,
    deadline_after,
)
from exchange.bus.rpc.channels import Channel
from exchange.errors import DeadlineExceeded, RpcError, RpcStatus, TransportError, status_of

P = ParamSpec("P")
T = TypeVar("T")


class Breaker(Protocol):
    """What a client needs of a circuit breaker: `exchange.resilience.CircuitBreaker` is one."""

    async def call(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await the function, or refuse with ServiceUnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How long a call may take, and how often it is tried.

    Args:
        timeout_ms: Of the call as a whole, tries and pauses included.
        try_timeout_ms: Of one try; None: all that is left.
        tries_max: More than 1 only for methods that may be carried out twice.
        pauses_ms: Before each further try; the last is used again. A longer one that the server names counts.
    """

    timeout_ms: int = 5_000
    try_timeout_ms: int | None = None
    tries_max: int = 1
    pauses_ms: tuple[int, ...] = (10, 20, 50, 100)

    def __post_init__(self) -> None:
        if self.timeout_ms < 1 or self.tries_max < 1 or (self.try_timeout_ms or 1) < 1 or not self.pauses_ms:
            raise ValueError(f"times and tries are at least 1, and there is a pause: {self}")


class RpcClient:
    """Calls one service. Every try goes through the circuit breaker; there is no client without one.

    Args:
        channel: The way to the service; closed with the client.
        breaker: Asked for every try. It should count what `exchange.errors.is_service_failure` does.
        policy: For calls that bring none.
        interceptors: Around every call, tries included; the first outermost.
    """

    def __init__(
        self,
        channel: Channel,
        breaker: Breaker,
        policy: CallPolicy | None = None,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self._channel = channel
        self._breaker = breaker
        self._policy = policy or CallPolicy()
        self._interceptors = tuple(interceptors)

    async def call(
        self,
        method: str,
        payload: bytes = b"",
        *,
        metadata: Metadata | None = None,
        policy: CallPolicy | None = None,
    ) -> bytes:
        """The answer's payload.

        Within a handler, or a block of `calling`, headers are those of the surrounding call unless others are
        given, and the deadline is the surrounding one where that is earlier.

        Raises:
            DeadlineExceeded: The time was used up; whether the service acted is unknown.
            ServiceUnavailableError: The breaker is open, nobody answers, or the connection broke.
            RpcError: The service refused or failed; see its `code`. UNAUTHENTICATED or INVALID_ARGUMENT also
                where a header is missing, before anything is sent.
            WireError: A header or the payload is beyond its bounds.
        """
        policy = policy or self._policy
        scope = current_scope()
        if metadata is None:
            if scope is None:
                raise RpcError(RpcStatus.UNAUTHENTICATED, "x-tenant-id is missing: the call has no headers")
            metadata = scope.metadata
        metadata.check()

        async def tries(call: Call) -> bytes:
            return await self._tries(call, policy)

        call = Call(method, payload, metadata, deadline_after(policy.timeout_ms))
        return await chain(self._interceptors, tries)(call)

    async def close(self) -> None:
        """Close the channel; calls under way fail."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _tries(self, call: Call, policy: CallPolicy) -> bytes:
        for number in range(policy.tries_max):
            if call.remaining_ns <= 0:
                raise DeadlineExceeded(f"no time was left for {call.method}")
            try:
                return await self._breaker.call(self._try, call, policy)
            except TransportError as error:
                if number + 1 == policy.tries_max or not _may_retry(error):
                    raise
                ladder = policy.pauses_ms[min(number, len(policy.pauses_ms) - 1)]
                pause_ns = max(ladder, getattr(error, "retry_after_ms", None) or 0) * NS_A_MS
                if pause_ns >= call.remaining_ns:
                    raise
                await asyncio.sleep(pause_ns / NS_A_S)
        raise AssertionError("a policy has at least one try")

    async def _try(self, call: Call, policy: CallPolicy) -> bytes:
        if policy.try_timeout_ms is not None:
            latest_ns = time.monotonic_ns() + policy.try_timeout_ms * NS_A_MS
            call = replace(call, deadline_ns=min(call.deadline_ns, latest_ns))
        return (await self._channel.ask(call)).result()


def _may_retry(error: TransportError) -> bool:
    status = status_of(error)
    return status.transient or status is RpcStatus.DEADLINE_EXCEEDED
