"""What the policies of a process counted of its calls, as metrics: rate, errors, duration, breaker."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from exchange.domain.durations import BUCKETS_S
from exchange.observability.catalogue import METRICS, Buckets
from exchange.observability.openmetrics import Family
from exchange.resilience import BreakerState, Edge, Policies, Policy
from exchange.storage.directory import replace_file

_STATES: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_WRITE_NS: Final = 1_000_000_000

Key = tuple[Edge, str]


def edge_families(policies: Policies) -> Iterator[Family]:
    """Of every edge that was used."""
    made = {_labels(key): policy for key, policy in policies.all().items()}
    counts = {labels: policy.counts for labels, policy in made.items()}

    def each(name: str, read: Callable[[Policy], int]) -> Family:
        return METRICS[name].family((labels, read(policy)) for labels, policy in made.items())

    yield METRICS["exchange_edge_calls"].family(
        ((*labels, str(outcome)), number)
        for labels, of in counts.items()
        for outcome, number in of.outcomes.items()
    )
    yield METRICS["exchange_edge_duration_seconds"].histogram(
        (labels, Buckets(BUCKETS_S, of.durations, of.duration_s)) for labels, of in counts.items()
    )
    yield each("exchange_edge_tries", lambda policy: policy.counts.tries)
    yield each("exchange_edge_under_way", lambda policy: policy.counts.under_way)
    yield each("exchange_edge_breaker_state", lambda policy: _STATES[policy.breaker.state])
    yield each("exchange_edge_breaker_failures", lambda policy: policy.breaker.failure_count)
    yield each("exchange_edge_breaker_opened", lambda policy: policy.counts.opened)


class EdgeFile:
    """Writes the metrics of edges once a second, for a process that has no thread to serve them: the core.

    Args:
        path: Beside the statistics, in memory-backed storage.
        policies: Of the process.
        now_ns: The monotonic clock.
    """

    def __init__(self, path: Path, policies: Policies, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = path
        self._policies = policies
        self._now_ns = now_ns
        self._due_ns = 0

    def __call__(self) -> None:
        """Writes, where it is time to."""
        now_ns = self._now_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + _WRITE_NS
            with contextlib.suppress(OSError):
                content = [asdict(family) for family in edge_families(self._policies)]
                replace_file(self._path, json.dumps(content).encode())


def edges_path(stats: Path) -> Path:
    """Where the core writes its edges: beside its statistics."""
    return stats.with_name(f"{stats.name}.edges")


def read_edges(path: Path) -> list[Family]:
    """What was written; nothing where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [
        Family(
            each["name"],
            each["kind"],
            each["unit"],
            each["help"],
            [
                (suffix, tuple((name, value) for name, value in labels), value)
                for suffix, labels, value in each["samples"]
            ],
        )
        for each in content
    ]


def _labels(key: Key) -> tuple[str, str, str]:
    (caller, callee), instance = key
    return caller, callee, instance
