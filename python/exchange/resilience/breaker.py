"""The circuit breaker in front of every call to another service.

CLOSED     calls pass; so many failures in a row open it
OPEN       calls are refused without being made, until the recovery time is over
HALF_OPEN  one call, the probe, is under way: its success closes, its failure opens
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from exchange.errors import ServiceUnavailableError

P = ParamSpec("P")
T = TypeVar("T")

Failures = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


class BreakerState(StrEnum):
    """The state of a breaker; equal to its name as text."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state; `at` is in seconds of the breaker's clock."""

    before: BreakerState
    after: BreakerState
    at: float


class CircuitBreaker:
    """Refuses calls to a service that keeps failing, and tries it again with one call at a time.

    Any number of threads and tasks may share one. It never sleeps and starts nothing: time is looked at when
    a call or `state` asks. A call that began before the last opening or `reset()` no longer counts when it
    ends. It does not interrupt calls either: they bring deadlines of their own.

    Args:
        failure_threshold: So many consecutive failures open it.
        recovery_time: Seconds from the opening until one call may probe.
        probe_time: Seconds after which a probe without outcome counts as failed.
        failures: Which exceptions are failures of the service, as types or as a predicate. Any other
            Exception is an answer, and counts like a success. What is no Exception (cancellation,
            KeyboardInterrupt) counts as neither; a probe that ends so leaves its place to the next call.
        clock: Seconds that never run backwards.
        on_transition: Is told of every change of state, in order and outside the lock; must not raise.
    """

    def __init__(
        self,
        failure_threshold: int = 5,
        *,
        recovery_time: float = 5.0,
        probe_time: float = 5.0,
        failures: Failures = Exception,
        clock: Callable[[], float] = time.monotonic,
        on_transition: Callable[[Transition], None] | None = None,
    ) -> None:
        if failure_threshold < 1:
            raise ValueError(f"failure_threshold is at least 1, not {failure_threshold}")
        for name, seconds in (("recovery_time", recovery_time), ("probe_time", probe_time)):
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{name} is a positive number of seconds, not {seconds}")
        self.failure_threshold = failure_threshold
        self.recovery_time = recovery_time
        self.probe_time = probe_time
        self._failures = failures
        self._clock = clock
        self._on_transition = on_transition
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._failure_count = 0
        self._retry_at = 0.0  # OPEN: when a call may probe; HALF_OPEN: when the probe has failed
        self._generation = 0  # one more with every change of state: outcomes of older calls are void
        self._undelivered: deque[Transition] = deque()
        self._delivering = threading.Lock()

    @property
    def state(self) -> BreakerState:
        """The state now: a probe that ran out of time has failed."""
        with self._lock:
            self._expire_probe(self._clock())
            state = self._state
        self._deliver()
        return state

    @property
    def failure_count(self) -> int:
        """Failures in a row, up to now."""
        with self._lock:
            self._expire_probe(self._clock())
            count = self._failure_count
        self._deliver()
        return count

    @property
    def retry_after(self) -> float:
        """Seconds until a call may pass, as far as is known: 0 when one may now."""
        with self._lock:
            now = self._clock()
            self._expire_probe(now)
            seconds = 0.0 if self._state is BreakerState.CLOSED else max(0.0, self._retry_at - now)
        self._deliver()
        return seconds

    async def call(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Await ``func(*args, **kwargs)`` and learn from its outcome.

        Raises:
            ServiceUnavailableError: The breaker is open, or another call is probing; `func` was not called.
        """
        generation = self.admit()
        try:
            result = await func(*args, **kwargs)
        except BaseException as error:
            self.settle(generation, error)
            raise
        self.settle(generation, None)
        return result

    def call_sync(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``func(*args, **kwargs)`` and learn from its outcome, as `call` does.

        Raises:
            ServiceUnavailableError: The breaker is open, or another call is probing; `func` was not called.
        """
        generation = self.admit()
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self.settle(generation, error)
            raise
        self.settle(generation, None)
        return result

    def reset(self) -> None:
        """Close it and forget all failures; calls still under way no longer count."""
        with self._lock:
            now = self._clock()
            self._expire_probe(now)
            self._failure_count = 0
            self._generation += 1
            self._move(BreakerState.CLOSED, now)
        self._deliver()

    def record_failure(self) -> None:
        """Count a failure that was seen elsewhere; while a probe is under way, it is the probe's."""
        with self._lock:
            now = self._clock()
            self._expire_probe(now)
            self._fail(now)
        self._deliver()

    def is_failure(self, error: Exception) -> bool:
        """Whether an exception is a failure of the service, rather than an answer of it."""
        if isinstance(self._failures, type | tuple):
            return isinstance(error, self._failures)
        return self._failures(error)

    def admit(self) -> int:
        """The generation under which a call may be made; its outcome is to be told to `settle`.

        Raises:
            ServiceUnavailableError: The breaker is open, or another call is probing.
        """
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return self._generation
            now = self._clock()
            self._expire_probe(now)
            refused_for = self._retry_at - now
            probes = self._state is BreakerState.OPEN and now >= self._retry_at
            if probes:
                self._retry_at = now + self.probe_time
                self._move(BreakerState.HALF_OPEN, now)
            generation = self._generation
        self._deliver()
        if not probes:
            raise ServiceUnavailableError("Circuit breaker OPEN", math.ceil(refused_for * 1000))
        return generation

    def settle(self, generation: int, error: BaseException | None) -> None:
        """Take in the outcome of a call that was admitted under this generation."""
        if error is None:
            with self._lock:
                if self._state is BreakerState.CLOSED and generation == self._generation:
                    self._failure_count = 0
                    return
        failed = isinstance(error, Exception) and self.is_failure(error)
        abandoned = error is not None and not isinstance(error, Exception)
        with self._lock:
            now = self._clock()
            self._expire_probe(now)
            if generation != self._generation:
                pass
            elif failed:
                self._fail(now)
            elif not abandoned:
                self._failure_count = 0
                self._move(BreakerState.CLOSED, now)
            elif self._state is BreakerState.HALF_OPEN:
                self._retry_at = now
                self._move(BreakerState.OPEN, now)
        self._deliver()

    def _expire_probe(self, now: float) -> None:
        """Fail a probe whose time is over, as of the moment when it was."""
        if self._state is BreakerState.HALF_OPEN and now >= self._retry_at:
            self._fail(self._retry_at)

    def _fail(self, now: float) -> None:
        self._failure_count += 1
        if self._state is BreakerState.OPEN:
            return
        if self._state is BreakerState.HALF_OPEN or self._failure_count >= self.failure_threshold:
            self._retry_at = now + self.recovery_time
            self._move(BreakerState.OPEN, now)

    def _move(self, after: BreakerState, now: float) -> None:
        if after is self._state:
            return
        if self._on_transition is not None:
            self._undelivered.append(Transition(self._state, after, now))
        self._state = after
        self._generation += 1

    def _deliver(self) -> None:
        """Hand over transitions; one thread at a time does, so that they arrive in order."""
        tell = self._on_transition
        while tell is not None and self._undelivered and self._delivering.acquire(blocking=False):
            try:
                while self._undelivered:
                    tell(self._undelivered.popleft())
            finally:
                self._delivering.release()

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.state}, {self.failure_count}/{self.failure_threshold} failures>"
