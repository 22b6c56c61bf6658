"""What is counted of calls, on either side: an interceptor that counts, and a snapshot of its numbers."""

from __future__ import annotations

import asyncio
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exchange.bus.rpc.calls import NS_A_S, Call, Handler
from exchange.bus.rpc.interceptors import status_of_end
from exchange.domain.durations import BUCKETS_S
from exchange.errors import RpcStatus

OTHER: Final = "other"
"""Stands for methods that are not known here: whoever calls must not make new rows."""


@dataclass(frozen=True, slots=True)
class MethodCounts:
    """Of one method.

    Args:
        calls: That ended, by status; those that there were.
        in_flight: That have not ended.
        durations: Of those that ended, a number for each of `BUCKETS_S` and one more.
        duration_s: Of all of them together.
    """

    calls: Mapping[RpcStatus, int]
    in_flight: int
    durations: tuple[int, ...]
    duration_s: float


class CallMetrics:
    """Counts the calls that its interceptor stands around, by method and status; any thread may read.

    Args:
        methods: Those that are counted by name; None: all, for a client, who calls what its program says.
    """

    def __init__(self, methods: frozenset[str] | None = None) -> None:
        self._methods = methods
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}

    async def interceptor(self, call: Call, proceed: Handler) -> bytes:
        """Counts one call, whatever ends it."""
        name = call.method if self._methods is None or call.method in self._methods else OTHER
        with self._lock:
            row = self._rows.get(name)
            if row is None:
                row = self._rows[name] = _Row()
            row.in_flight += 1
        start_ns = time.monotonic_ns()
        status = RpcStatus.CANCELLED
        try:
            payload = await proceed(call)
            status = RpcStatus.OK
        except (Exception, asyncio.CancelledError) as error:
            status = status_of_end(call, error)
            raise
        finally:
            seconds = (time.monotonic_ns() - start_ns) / NS_A_S
            with self._lock:
                row.end(status, seconds)
        return payload

    def snapshot(self) -> dict[str, MethodCounts]:
        """All of it, of one moment, by method."""
        with self._lock:
            return {name: row.read() for name, row in self._rows.items()}


class _Row:
    __slots__ = ("calls", "duration_s", "durations", "in_flight")

    def __init__(self) -> None:
        self.calls: dict[RpcStatus, int] = {}
        self.in_flight = 0
        self.durations = [0] * (len(BUCKETS_S) + 1)
        self.duration_s = 0.0

    def end(self, status: RpcStatus, seconds: float) -> None:
        self.in_flight -= 1
        self.calls[status] = self.calls.get(status, 0) + 1
        self.durations[bisect_left(BUCKETS_S, seconds)] += 1
        self.duration_s += seconds

    def read(self) -> MethodCounts:
        return MethodCounts(dict(self.calls), self.in_flight, tuple(self.durations), self.duration_s)
