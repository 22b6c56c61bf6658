"""Requests as metrics: by route and status, how long they took, and which numbers they were refused with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from exchange.observability.catalogue import METRICS
from exchange.observability.durations import Durations
from exchange.observability.openmetrics import Family


class Counted:
    """What a gateway served. One loop writes, any thread reads.

    Args:
        connections: How many there are now, and were one too many.
        sessions: How many tenants have a session with the core.
    """

    def __init__(self, connections: Callable[[], tuple[int, int]], sessions: Callable[[], int]) -> None:
        self._connections = connections
        self._sessions = sessions
        self._requests: Counter[tuple[str, int]] = Counter()
        self._refused: Counter[str] = Counter()
        self._durations: defaultdict[str, Durations] = defaultdict(Durations)

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self._requests.total()

    def answered(self, route: str, status: int, duration_ns: int) -> None:
        """One more."""
        self._requests[route, status] += 1
        self._durations[route].add(duration_ns / 1e9)

    def refused(self, name: str) -> None:
        """One was refused with the number of that name."""
        self._refused[name] += 1

    def families(self) -> Iterator[Family]:
        """As metrics."""
        yield METRICS["exchange_gateway_requests"].family(
            ((route, str(status)), count) for (route, status), count in list(self._requests.items())
        )
        yield METRICS["exchange_gateway_request_duration_seconds"].histogram(
            ((route,), durations.buckets) for route, durations in list(self._durations.items())
        )
        yield METRICS["exchange_gateway_refusals"].family(
            ((name,), count) for name, count in list(self._refused.items())
        )
        count, turned_away = self._connections()
        yield METRICS["exchange_gateway_connections"].one(count)
        yield METRICS["exchange_gateway_connections_refused"].one(turned_away)
        yield METRICS["exchange_gateway_sessions"].one(self._sessions())
