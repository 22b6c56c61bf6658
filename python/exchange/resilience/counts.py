"""What is counted of the calls over one edge: how many, how they ended, how long they took."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from exchange.domain.durations import BUCKETS_S


class Outcome(StrEnum):
    """How a call over an edge ended."""

    OK = "ok"
    REFUSED = "refused"  # the callee answered, with an error that speaks against the call
    FAILED = "failed"  # an error that speaks against the callee
    LATE = "late"  # the time was used up
    OPEN = "open"  # the breaker was open: the callee never heard of it
    FULL = "full"  # the bulkhead was full: the callee never heard of it
    CANCELLED = "cancelled"  # the caller gave up


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted until now.

    Args:
        outcomes: Calls that ended, by how; all outcomes are there.
        tries: How often they reached the callee; a call may several times, or never.
        under_way: Calls that have not ended.
        opened: How often the breaker opened.
        durations: Calls by how long they took, a number for each of `BUCKETS_S` and one more.
        duration_s: Of all of them together.
    """

    outcomes: Mapping[Outcome, int]
    tries: int
    under_way: int
    opened: int
    durations: tuple[int, ...]
    duration_s: float

    @property
    def calls(self) -> int:
        """Calls that ended."""
        return sum(self.outcomes.values())


class Counter:
    """Counts; any number of threads may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._durations = [0] * (len(BUCKETS_S) + 1)
        self._duration_s = 0.0
        self._tries = 0
        self._under_way = 0
        self._opened = 0

    def begin(self, most: int) -> bool:
        """A call begins, unless as many are under way."""
        with self._lock:
            if self._under_way >= most:
                self._outcomes[Outcome.FULL] += 1
                self._durations[0] += 1
                return False
            self._under_way += 1
            return True

    def end(self, outcome: Outcome, seconds: float, tries: int) -> None:
        """A call ended."""
        with self._lock:
            self._under_way -= 1
            self._outcomes[outcome] += 1
            self._durations[bisect_left(BUCKETS_S, seconds)] += 1
            self._duration_s += seconds
            self._tries += tries

    def opened(self) -> None:
        """The breaker opened."""
        with self._lock:
            self._opened += 1

    def read(self) -> Counts:
        """All of it, of one moment."""
        with self._lock:
            return Counts(
                dict(self._outcomes),
                self._tries,
                self._under_way,
                self._opened,
                tuple(self._durations),
                self._duration_s,
            )
