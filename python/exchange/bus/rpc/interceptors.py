"""What is told of calls that ended, on either side: log lines are made of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from exchange.bus.rpc.calls import Call, Handler, Interceptor
from exchange.errors import RpcStatus, status_of


class CallRecord(NamedTuple):
    """One call that ended."""

    call: Call
    status: RpcStatus
    duration_ns: int


def status_of_end(call: Call, error: BaseException) -> RpcStatus:
    """How a call ended that raised, cancelled ones included."""
    if isinstance(error, asyncio.CancelledError):
        return RpcStatus.DEADLINE_EXCEEDED if call.remaining_ns <= 0 else RpcStatus.CANCELLED
    return RpcStatus.DEADLINE_EXCEEDED if isinstance(error, TimeoutError) else status_of(error)


def observe_calls(observe: Callable[[CallRecord], None]) -> Interceptor:
    """Tell `observe` of every call that ended, cancelled ones included; it must not raise."""

    async def observed(call: Call, proceed: Handler) -> bytes:
        start_ns = time.monotonic_ns()
        status = RpcStatus.CANCELLED
        try:
            payload = await proceed(call)
            status = RpcStatus.OK
        except (Exception, asyncio.CancelledError) as error:
            status = status_of_end(call, error)
            raise
        finally:
            observe(CallRecord(call, status, time.monotonic_ns() - start_ns))
        return payload

    return observed
