"""Calls that a server served: counted by method and status, timed, traced, named in lines of the log.

An interceptor, the outermost of a server's, and its counterpart of a client:

    served = ServedCalls()
    Dispatcher(handlers, interceptors=[served])
    vitals.tells(families=served.families)
    RpcClient(channel, policy, interceptors=[traced_call])
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.bus.rpc import Call, CallMetrics, Handler
from exchange.domain.durations import BUCKETS_S
from exchange.errors import status_of
from exchange.observability.catalogue import METRICS, Buckets
from exchange.observability.correlation import correlated
from exchange.observability.openmetrics import Family
from exchange.observability.tracing import Kind, is_tracing, span, traceparent


class ServedCalls:
    """The interceptor of one dispatcher; what it counted is read by any thread.

    Args:
        methods: Those that are counted by name; None: all.
    """

    def __init__(self, methods: frozenset[str] | None = None) -> None:
        self._calls = CallMetrics(methods)

    async def __call__(self, call: Call, proceed: Handler) -> bytes:
        """Around one call."""
        metadata = call.metadata
        if not is_tracing():
            with correlated(metadata.correlation_id, metadata.tenant_id):
                return await self._calls.interceptor(call, proceed)
        with (
            correlated(metadata.correlation_id, metadata.tenant_id),
            span(
                f"rpc {call.method}",
                Kind.SERVER,
                parent=metadata.traceparent or None,
                attributes={"rpc.method": call.method},
            ) as it,
        ):
            try:
                return await self._calls.interceptor(call, proceed)
            except Exception as error:
                it.failed(status_of(error).name)
                raise

    def families(self) -> Iterator[Family]:
        """What was counted."""
        rows = self._calls.snapshot()
        yield METRICS["exchange_rpc_server_calls"].family(
            ((method, status.name), count)
            for method, counts in rows.items()
            for status, count in counts.calls.items()
        )
        yield METRICS["exchange_rpc_server_duration_seconds"].histogram(
            ((method,), Buckets(BUCKETS_S, counts.durations, counts.duration_s))
            for method, counts in rows.items()
        )


async def traced_call(call: Call, proceed: Handler) -> bytes:
    """The interceptor of a client: a span around the call and all its tries; its server goes on with it."""
    with span(f"rpc {call.method}", Kind.CLIENT, attributes={"rpc.method": call.method}) as it:
        if header := traceparent():
            call = call._replace(metadata=call.metadata._replace(traceparent=header))
        try:
            return await proceed(call)
        except Exception as error:
            it.failed(status_of(error).name)
            raise
