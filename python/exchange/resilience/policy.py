"""The one way in which a service calls another.

bulkhead -> total deadline -> retry -> breaker -> per-try timeout -> the call

From outside: so many calls are under way at most, further ones are refused at once. The call as a whole has
its time. It is tried again, after the pauses of a ladder, where that may help and where it may be carried out
twice. Every try asks the circuit breaker, and has a time of its own.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from exchange.errors import DeadlineExceeded, ExchangeError, RpcStatus, ServiceUnavailableError, status_of
from exchange.resilience.breaker import BreakerState, CircuitBreaker, Transition
from exchange.resilience.clock import Clock, SystemClock
from exchange.resilience.counts import Counter, Counts, Outcome
from exchange.resilience.rules import Edge, Rules

T = TypeVar("T")

_MS_A_S: Final = 1_000


@dataclass(slots=True)
class Try:
    """One try of a call, as the function that makes it is told. What the breaker refuses is none.

    Args:
        number: From 1.
        deadline: When it is over, on the policy's clock.
    """

    number: int
    deadline: float
    _clock: Clock

    @property
    def remaining_s(self) -> float:
        """What is left of its time; 0 when it is over."""
        return max(0.0, self.deadline - self._clock.now())


class Policy:
    """Makes the calls over one edge; all of a process over that edge go through the same one.

    Any number of threads and tasks may share it. Whatever keeps a call from an answer is raised as
    `ServiceUnavailableError`: the breaker is open, the bulkhead full, nobody there, or (as its subclass
    `DeadlineExceeded`) the time used up. What the callee answers, errors included, passes through unchanged.

    Args:
        edge: Who calls whom.
        rules: What it keeps to.
        clock: The time.
        draw: Chance, from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        edge: Edge,
        rules: Rules | None = None,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.edge = edge
        self.rules = rules or Rules()
        self.clock = clock or SystemClock()
        self._draw = draw
        self._counter = Counter()
        self.breaker = CircuitBreaker(
            self.rules.failure_threshold,
            recovery_time=self.rules.recovery_s,
            probe_time=self.rules.try_timeout_s,
            failures=self.rules.failures,
            clock=self.clock.now,
            on_transition=self._note,
        )

    @property
    def counts(self) -> Counts:
        """What was counted of its calls."""
        return self._counter.read()

    async def call(
        self,
        func: Callable[[Try], Awaitable[T]],
        *,
        timeout_s: float | None = None,
        repeatable: bool = False,
        minds_deadline: bool = False,
    ) -> T:
        """What ``await func(this_try)`` gives.

        Args:
            func: Makes the call; awaited once a try.
            timeout_s: For all tries and pauses; the rules' own where None or longer.
            repeatable: It may be carried out twice, so it may be tried again.
            minds_deadline: `func` ends by `this_try.deadline` by itself and says what kept it; a second timer
                over it would only get in the way of its word.

        Raises:
            ServiceUnavailableError: The breaker is open or the bulkhead full: `func` was not called. Or what
                `func` raised so.
            DeadlineExceeded: The time was used up; whether the callee acted is unknown.
        """
        run = self._begin(timeout_s, repeatable)
        try:
            while True:
                this = run.next_try()
                try:
                    result = await (func(this) if minds_deadline else self._cut(func, this))
                except BaseException as error:
                    pause = run.pause_after(error)
                    if pause is None:
                        raise
                else:
                    run.succeeded()
                    return result
                await self.clock.pause(pause)
        except BaseException as error:
            run.failed(error)
            raise

    def call_sync(
        self, func: Callable[[Try], T], *, timeout_s: float | None = None, repeatable: bool = False
    ) -> T:
        """What ``func(this_try)`` gives, as `call` does; it blocks, pauses included.

        Nothing can cut a function that blocks: it has to mind `this_try.remaining_s` itself. An answer that
        comes late all the same is given.
        """
        run = self._begin(timeout_s, repeatable)
        try:
            while True:
                this = run.next_try()
                try:
                    result = self._mind(func, this)
                except BaseException as error:
                    pause = run.pause_after(error)
                    if pause is None:
                        raise
                else:
                    run.succeeded()
                    return result
                self.clock.sleep(pause)
        except BaseException as error:
            run.failed(error)
            raise

    def _begin(self, timeout_s: float | None, repeatable: bool) -> _Run:
        limit = self.rules.timeout_s
        timeout_s = limit if timeout_s is None else min(limit, timeout_s)
        most = self.rules.concurrency
        if not self._counter.begin(most):
            raise ServiceUnavailableError(f"Bulkhead full: {most} calls of {self.edge.callee} are under way")
        return _Run(self, self._counter, self._draw, timeout_s, repeatable)

    async def _cut(self, func: Callable[[Try], Awaitable[T]], this: Try) -> T:
        try:
            async with self.clock.cut_at(this.deadline):
                return await func(this)
        except TimeoutError as error:
            raise self._late(error) from error

    def _mind(self, func: Callable[[Try], T], this: Try) -> T:
        try:
            return func(this)
        except TimeoutError as error:
            raise self._late(error) from error

    def _late(self, error: TimeoutError) -> ExchangeError:
        """Our own words for a time-out that has none of ours."""
        if isinstance(error, ExchangeError):
            return error
        return DeadlineExceeded(f"{self.edge.callee} did not answer in time")

    def _note(self, transition: Transition) -> None:
        if transition.after is BreakerState.OPEN:
            self._counter.opened()

    def __repr__(self) -> str:
        return f"<Policy {self.edge.caller} -> {self.edge.callee}, {self.breaker!r}>"


class _Run:
    """One call that has its place in the bulkhead, to its end: its deadline, its tries."""

    __slots__ = (
        "_began",
        "_counter",
        "_deadline",
        "_draw",
        "_generation",
        "_number",
        "_policy",
        "_repeatable",
        "_tries",
    )

    def __init__(
        self, policy: Policy, counter: Counter, draw: Callable[[], float], timeout_s: float, repeatable: bool
    ) -> None:
        self._policy = policy
        self._counter = counter
        self._draw = draw
        self._began = policy.clock.now()
        self._deadline = self._began + timeout_s
        self._repeatable = repeatable
        self._number = 0
        self._tries = 0  # those of them that got past the breaker
        self._generation: int | None = None  # of the breaker, for a try that got past it

    def next_try(self) -> Try:
        """The next one, which the breaker has let through.

        Raises:
            DeadlineExceeded: No time is left for it.
            ServiceUnavailableError: The breaker does not let it through.
        """
        policy = self._policy
        now = policy.clock.now() if self._number else self._began
        self._generation = None
        if now >= self._deadline:
            raise DeadlineExceeded(f"no time was left for a call of {policy.edge.callee}")
        self._number += 1
        self._generation = policy.breaker.admit()
        self._tries += 1
        return Try(self._number, min(self._deadline, now + policy.rules.try_timeout_s), policy.clock)

    def succeeded(self) -> None:
        """The try did, and so the call."""
        if self._generation is not None:
            self._policy.breaker.settle(self._generation, None)
        self._counter.end(Outcome.OK, self._policy.clock.now() - self._began, self._tries)

    def failed(self, error: BaseException) -> None:
        """The call did."""
        self._counter.end(self._outcome(error), self._policy.clock.now() - self._began, self._tries)

    def pause_after(self, error: BaseException) -> float | None:
        """How long to wait after a try that failed before the next one; None where there is none."""
        rules = self._policy.rules
        if self._generation is not None:
            self._policy.breaker.settle(self._generation, error)
        if not (
            isinstance(error, Exception)
            and self._repeatable
            and self._number <= len(rules.ladder_s)
            and _may_help(error)
        ):
            return None
        pause = rules.ladder_s[self._number - 1]
        if rules.jitter:
            pause *= 1 - rules.jitter * self._draw()
        pause = max(pause, (getattr(error, "retry_after_ms", None) or 0) / _MS_A_S)
        return pause if self._policy.clock.now() + pause < self._deadline else None

    def _outcome(self, error: BaseException | None) -> Outcome:
        if error is None:
            return Outcome.OK
        if not isinstance(error, Exception):
            return Outcome.CANCELLED
        if isinstance(error, DeadlineExceeded):
            return Outcome.LATE
        if self._generation is None:
            return Outcome.OPEN
        return Outcome.FAILED if self._policy.breaker.is_failure(error) else Outcome.REFUSED


def _may_help(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    status = status_of(error)
    return status.transient or status is RpcStatus.DEADLINE_EXCEEDED
