"""What stands around calls on either side: log lines and measurements."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from exchange.bus.rpc.calls import Call, Handler, Interceptor
from exchange.errors import RpcStatus, status_of


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call that ended: what metrics and logs are made of."""

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


def log_calls(logger: logging.Logger, level: int = logging.INFO) -> Interceptor:
    """One log line a call: method, status, time and correlation id; never payload or security context."""

    def write(record: CallRecord) -> None:
        logger.log(
            level,
            "%s %s %d us, correlation id %s, tenant %s, user %s",
            record.call.method,
            record.status.name,
            record.duration_ns // 1_000,
            record.call.metadata.correlation_id,
            record.call.metadata.tenant_id,
            record.call.metadata.user_id,
        )

    return observe_calls(write)
