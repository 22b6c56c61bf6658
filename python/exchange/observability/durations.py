"""How long something took, counted into the buckets that all metrics of durations have."""

from __future__ import annotations

from bisect import bisect_left

from exchange.domain.durations import BUCKETS_S
from exchange.observability.catalogue import Buckets


class Durations:
    """One thread writes, any thread reads."""

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    @property
    def buckets(self) -> Buckets:
        """As a metric has them."""
        return Buckets(BUCKETS_S, tuple(self._counts), self._sum_s)
