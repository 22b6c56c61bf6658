"""Calls that a server served: counted by method and status, timed, traced, named in lines of the log.

An interceptor, the outermost of a server's, and its counterpart of a client:

    served = ServedCalls()
    Dispatcher(handlers, interceptors=[served])
    vitals.tells(families=served.families)
    RpcClient(channel, policy, interceptors=[traced_call])
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from exchange.bus.rpc import Call, Handler
from exchange.bus.rpc.interceptors import CallRecord, observe_calls
from exchange.errors import status_of
from exchange.observability.catalogue import METRICS, Buckets
from exchange.observability.correlation import correlated
from exchange.observability.openmetrics import Family
from exchange.observability.tracing import Kind, span
from exchange.resilience import BUCKETS_S


class ServedCalls:
    """Counts calls; the interceptor of one dispatcher, read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._observe = observe_calls(self._ended)

    async def __call__(self, call: Call, proceed: Handler) -> bytes:
        """Around one call."""
        metadata = call.metadata
        with (
            correlated(metadata.correlation_id, metadata.tenant_id),
            span(f"rpc {call.method}", Kind.SERVER, attributes={"rpc.method": call.method}) as it,
        ):
            try:
                return await self._observe(call, proceed)
            except Exception as error:
                it.failed(status_of(error).name)
                raise

    def families(self) -> Iterator[Family]:
        """What was counted."""
        with self._lock:
            calls, sums = dict(self._calls), dict(self._seconds)
            durations = {method: tuple(counts) for method, counts in self._durations.items()}
        yield METRICS["exchange_rpc_server_calls"].family(calls.items())
        yield METRICS["exchange_rpc_server_duration_seconds"].histogram(
            ((method,), Buckets(BUCKETS_S, counts, sums[method])) for method, counts in durations.items()
        )

    def _ended(self, record: CallRecord) -> None:
        method = record.call.method
        seconds = record.duration_ns / 1e9
        with self._lock:
            self._calls[method, record.status.name] += 1
            counts = self._durations.setdefault(method, [0] * (len(BUCKETS_S) + 1))
            counts[bisect_left(BUCKETS_S, seconds)] += 1
            self._seconds[method] = self._seconds.get(method, 0.0) + seconds


async def traced_call(call: Call, proceed: Handler) -> bytes:
    """The interceptor of a client: a span around the call with all its tries."""
    with span(f"rpc {call.method}", Kind.CLIENT, attributes={"rpc.method": call.method}) as it:
        try:
            return await proceed(call)
        except Exception as error:
            it.failed(status_of(error).name)
            raise
