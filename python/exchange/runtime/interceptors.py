"""What stands around every call that a host of ours serves: metrics, spans, log lines, the table of roles."""

from __future__ import annotations

import logging
from typing import Final

from exchange.bus.rpc import CallRecord, Interceptor, observe_calls
from exchange.errors import RpcStatus
from exchange.runtime.auditing import ProcessAudit, guard
from exchange.runtime.log import LOGGER, log
from exchange.runtime.rpc_metrics import ServedCalls
from exchange.security import StoredContexts

_NS_A_US: Final = 1_000


def standard_interceptors(
    served: ServedCalls, contexts: StoredContexts, audit: ProcessAudit
) -> list[Interceptor]:
    """Those that every server has, the first outermost.

    Args:
        served: Counts, times and traces; enters the correlation id, so that the others' lines have it.
        contexts: By which keys security contexts are read.
        audit: Where calls that are refused are recorded.
    """
    return [served, logged_call, guard(contexts, audit)]


def _write(record: CallRecord) -> None:
    """At debug, what did not go well as a warning; never payload, security context or an error's text."""
    failed = record.status is not RpcStatus.OK
    level = logging.WARNING if failed else logging.DEBUG
    if LOGGER.isEnabledFor(level):
        log(
            "call failed" if failed else "call served",
            level=level,
            method=record.call.method,
            status=record.status.name,
            duration_us=record.duration_ns // _NS_A_US,
            user=record.call.metadata.user_id,
        )


logged_call: Final[Interceptor] = observe_calls(_write)
"""The interceptor that writes a line a call; correlation id and tenant are in every line."""
