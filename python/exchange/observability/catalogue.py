"""Every metric but those of the core, in one table: name, kind, unit, meaning, labels.

The core's are named by the table that its shared memory carries; `docs/metrics.md` has both. Names follow the
conventions of OpenMetrics: base units, the unit last, counters without their `_total` here. Every sample has
the label `process` in front of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from exchange.observability.openmetrics import Family, Labels, Sample


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the table.

    Args:
        name: Without the suffixes of samples.
        kind: `counter`, `gauge` or `histogram`.
        help: What it says, without a full stop.
        unit: `seconds`, `bytes` or nothing.
        labels: Beside `process`.
    """

    name: str
    kind: str
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()

    def family(self, values: Iterable[tuple[Sequence[str], int | float]]) -> Family:
        """With a value for the labels of each sample, which are given in the order of the table."""
        suffix = "_total" if self.kind == "counter" else ""
        samples: list[Sample] = [(suffix, self._labels(said), _shown(value)) for said, value in values]
        return Family(self.name, self.kind, self.unit, self.help, samples)

    def one(self, value: float) -> Family:
        """With the one value of a metric without labels."""
        return self.family([((), value)])

    def histogram(self, values: Iterable[tuple[Sequence[str], Buckets]]) -> Family:
        """With the buckets for the labels of each sample."""
        samples: list[Sample] = []
        for said, buckets in values:
            labels = self._labels(said)
            limits = [*(f"{limit:g}" for limit in buckets.limits), "+Inf"]
            for limit, count in zip(limits, accumulate(buckets.counts), strict=True):
                samples.append(("_bucket", (*labels, ("le", limit)), str(count)))
            samples.append(("_sum", labels, _shown(buckets.sum)))
            samples.append(("_count", labels, str(sum(buckets.counts))))
        return Family(self.name, self.kind, self.unit, self.help, samples)

    def _labels(self, said: Sequence[str]) -> Labels:
        return tuple(zip(self.labels, said, strict=True))


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram counted.

    Args:
        limits: Upper limits, ascending.
        counts: Of each, and one more for the rest.
        sum: Of all that was counted.
    """

    limits: Sequence[float]
    counts: Sequence[int]
    sum: float


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9f}".rstrip("0").rstrip(".")


_EDGE: Final = ("caller", "callee", "instance")
_TOPIC: Final = ("service", "topic")

METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        # Every process
        Metric(
            "exchange_build_info", "gauge", "1, and what runs", labels=("version", "python", "implementation")
        ),
        Metric("exchange_process_up", "gauge", "Whether the process answered when it was asked"),
        Metric("exchange_process_ready", "gauge", "Whether it does its work and may be asked"),
        Metric("exchange_process_healthy", "gauge", "Its status: 1 healthy, 0.5 degraded, 0 unhealthy"),
        Metric("exchange_process_restarts", "counter", "How often its supervisor started it again"),
        Metric(
            "exchange_dependency_healthy",
            "gauge",
            "What it needs: 1 healthy, 0.5 degraded, 0 unhealthy",
            labels=("dependency",),
        ),
        Metric("process_cpu_seconds", "counter", "Processor time, user and system", "seconds"),
        Metric("process_resident_memory_bytes", "gauge", "Memory that is resident", "bytes"),
        Metric("process_virtual_memory_bytes", "gauge", "Memory that is mapped", "bytes"),
        Metric("process_open_fds", "gauge", "File descriptors that are open"),
        Metric("process_max_fds", "gauge", "File descriptors that may be open"),
        Metric("process_threads", "gauge", "Threads, those of libraries included"),
        Metric("process_start_time_seconds", "gauge", "When it started, since 1970", "seconds"),
        Metric(
            "process_context_switches",
            "counter",
            "How often it waited (voluntary), and was put aside (involuntary)",
            labels=("kind",),
        ),
        Metric("python_gc_collections", "counter", "Runs of the collector", labels=("generation",)),
        Metric("python_gc_objects_collected", "counter", "Objects that it let go", labels=("generation",)),
        Metric(
            "exchange_log_lines", "counter", "Lines of the log, those held back included", labels=("level",)
        ),
        Metric("exchange_log_lines_suppressed", "counter", "Lines that were held back as repetitions"),
        # Who follows the journal
        Metric("exchange_follower_sequence", "gauge", "Sequence of the last command that it has applied"),
        Metric("exchange_follower_lag_commands", "gauge", "Commands in the journal that it has not applied"),
        Metric("exchange_follower_connected", "gauge", "Whether the core hears it"),
        Metric("exchange_unposted_trades", "gauge", "Trades that wait for a settlement service"),
        # Calls, on the side of the caller
        Metric("exchange_edge_calls", "counter", "Calls that ended, by how", labels=(*_EDGE, "outcome")),
        Metric("exchange_edge_duration_seconds", "histogram", "How long calls took", "seconds", _EDGE),
        Metric("exchange_edge_tries", "counter", "Tries that reached the callee", labels=_EDGE),
        Metric("exchange_edge_under_way", "gauge", "Calls under way", labels=_EDGE),
        Metric(
            "exchange_edge_breaker_state", "gauge", "The breaker: 0 closed, 1 half open, 2 open", labels=_EDGE
        ),
        Metric("exchange_edge_breaker_failures", "gauge", "Failures in a row", labels=_EDGE),
        Metric("exchange_edge_breaker_opened", "counter", "How often the breaker opened", labels=_EDGE),
        # Calls, on the side of the server
        Metric(
            "exchange_rpc_server_calls",
            "counter",
            "Calls that were served, by status",
            labels=("method", "status"),
        ),
        Metric(
            "exchange_rpc_server_duration_seconds",
            "histogram",
            "How long they took to serve",
            "seconds",
            ("method",),
        ),
        # Consumers of the event log
        Metric(
            "exchange_consumer_events",
            "counter",
            "Events that were read: taken, duplicates, behind a dead letter, dead",
            labels=(*_TOPIC, "outcome"),
        ),
        Metric("exchange_consumer_retries", "counter", "Tries of an event that failed", labels=_TOPIC),
        Metric("exchange_consumer_held", "gauge", "Whether it stands still, for a dependency", labels=_TOPIC),
        Metric("exchange_consumer_lag_records", "gauge", "Records not yet taken", labels=_TOPIC),
        Metric("exchange_consumer_lag_events", "gauge", "Events not yet taken", labels=_TOPIC),
        Metric(
            "exchange_consumer_lag_seconds",
            "gauge",
            "Age of the oldest event not yet taken; 0 of none",
            "seconds",
            _TOPIC,
        ),
        Metric("exchange_outbox_published", "counter", "Batches appended to the log", labels=("service",)),
        Metric("exchange_outbox_held", "gauge", "Whether nothing can be published", labels=("service",)),
        # Caches
        Metric(
            "exchange_cache_lookups",
            "counter",
            "Entries that were looked up: hit, miss",
            labels=("group", "outcome"),
        ),
        Metric(
            "exchange_cache_failures",
            "counter",
            "Times that the cache could not be asked: its entries count as missed",
            labels=("group",),
        ),
        Metric(
            "exchange_cache_evictions",
            "counter",
            "Entries that went by the bound or by age",
            labels=("group",),
        ),
        Metric(
            "exchange_cache_invalidations",
            "counter",
            "Times that an administrator's change emptied it",
            labels=("group",),
        ),
        Metric("exchange_cache_entries", "gauge", "Entries in memory"),
        # The gateway
        Metric(
            "exchange_gateway_requests",
            "counter",
            "Requests that were answered, by route and HTTP status",
            labels=("route", "status"),
        ),
        Metric(
            "exchange_gateway_request_duration_seconds",
            "histogram",
            "From a request's head to its answer",
            "seconds",
            ("route",),
        ),
        Metric(
            "exchange_gateway_refusals",
            "counter",
            "Requests that were refused, by the name of the number",
            labels=("name",),
        ),
        Metric("exchange_gateway_connections", "gauge", "Connections of programs"),
        Metric("exchange_gateway_connections_refused", "counter", "Connections that were one too many"),
        Metric("exchange_gateway_sessions", "gauge", "Tenants with a session at the core"),
        Metric(
            "exchange_gateway_changes_heard",
            "gauge",
            "Whether changes of identity come from the event log in time (1), or are asked for (0)",
        ),
        Metric(
            "exchange_gateway_changes_sequence", "gauge", "The last change of identity that was told here"
        ),
        Metric(
            "exchange_gateway_tokens",
            "counter",
            "Tokens that were looked at, by whether it was remembered what they stand for",
            labels=("outcome",),
        ),
        # Identity
        Metric(
            "exchange_identity_logins",
            "counter",
            "Users who signed in, or the name of the number they were refused with",
            labels=("outcome",),
        ),
        Metric(
            "exchange_identity_logins_waiting",
            "gauge",
            "Names and addresses with wrong passwords whose next one has to wait",
        ),
        Metric(
            "exchange_identity_credential_checks",
            "counter",
            "Signatures, sessions' tokens and JWTs that were looked at; REPLAYED: a nonce came again",
            labels=("kind", "outcome"),
        ),
        Metric("exchange_identity_sessions", "gauge", "Sessions that count, as of the last ten seconds"),
        Metric("exchange_identity_api_keys", "gauge", "Keys of programs", labels=("status",)),
        Metric(
            "exchange_identity_hashes_under_way", "gauge", "Passwords that are hashed, or wait for a worker"
        ),
        Metric(
            "exchange_identity_hash_duration_seconds",
            "histogram",
            "Of one password's hash, without the wait for a worker",
            "seconds",
        ),
        # Its streams
        Metric("exchange_gateway_streams", "gauge", "Streams of programs and browsers"),
        Metric(
            "exchange_gateway_stream_feeds",
            "gauge",
            "What streams are told of that is open, each once for all its readers",
            labels=("channel",),
        ),
        Metric(
            "exchange_gateway_stream_feeds_opened",
            "counter",
            "What was opened, by channel",
            labels=("channel",),
        ),
        Metric(
            "exchange_gateway_stream_subscriptions", "gauge", "Readers of what is open", labels=("channel",)
        ),
        Metric("exchange_gateway_stream_frames", "counter", "Frames that were sent"),
        Metric("exchange_gateway_stream_bytes", "counter", "Of those frames", "bytes"),
        Metric("exchange_gateway_stream_updates", "counter", "Updates in those frames"),
        Metric(
            "exchange_gateway_stream_conflations", "counter", "How often a reader was slower than its bound"
        ),
        Metric(
            "exchange_gateway_stream_updates_dropped",
            "counter",
            "Updates in whose place a reader that was too slow has a snapshot",
        ),
        Metric(
            "exchange_gateway_stream_closes",
            "counter",
            "Streams that the gateway closed, by the name of the code",
            labels=("name",),
        ),
        # The event log
        Metric("exchange_event_log_begin_offset", "gauge", "Offset of the oldest record", labels=("topic",)),
        Metric(
            "exchange_event_log_end_offset", "gauge", "Offset that the next record gets", labels=("topic",)
        ),
        Metric("exchange_event_log_size_bytes", "gauge", "Of its segments", "bytes", ("topic",)),
        Metric(
            "exchange_event_log_group_lag_records",
            "gauge",
            "Records that a consumer group has not committed",
            labels=("topic", "group"),
        ),
        Metric(
            "exchange_event_log_group_lost",
            "gauge",
            "Whether records were removed before the group had them",
            labels=("topic", "group"),
        ),
    )
}
"""By name."""
