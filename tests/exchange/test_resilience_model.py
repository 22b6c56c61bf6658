"""The circuit breaker against a plain model of it: any calls, in any order, that end at any time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from exchange.errors import ServiceUnavailableError
from exchange.resilience import CircuitBreaker

THRESHOLD, RECOVERY, PROBE = 3, 10, 4


@dataclass(eq=False)
class Running:
    """A call under way: the real one, and in which era of the model it began."""

    task: asyncio.Task[None]
    answer: asyncio.Future[None]
    era: int


class Model:
    """What a breaker is, in whole seconds, as its description says; nothing of it is the breaker's."""

    def __init__(self) -> None:
        self.now = 0
        self.state = "CLOSED"
        self.failures = 0
        self.until = 0
        self.era = 0

    def go(self, state: str) -> None:
        """To another state, which ends the era."""
        self.state = state
        self.era += 1

    def at(self, now: int) -> None:
        """Time has passed."""
        self.now = now
        if self.state == "HALF_OPEN" and now >= self.until:
            self.failures += 1
            self.until += RECOVERY
            self.go("OPEN")

    def ask(self) -> bool:
        """Whether a call may be made."""
        if self.state == "OPEN" and self.now >= self.until:
            self.until = self.now + PROBE
            self.go("HALF_OPEN")
            return True
        return self.state == "CLOSED"

    def fail(self) -> None:
        """One more failure."""
        self.failures += 1
        if self.state == "HALF_OPEN" or (self.state == "CLOSED" and self.failures >= THRESHOLD):
            self.until = self.now + RECOVERY
            self.go("OPEN")

    def end(self, era: int, outcome: str) -> None:
        """A call that was made in an era has ended."""
        if era != self.era:
            return
        if outcome == "failure":
            self.fail()
        elif outcome == "success":
            self.failures = 0
            if self.state == "HALF_OPEN":
                self.go("CLOSED")
        elif self.state == "HALF_OPEN":
            self.until = self.now
            self.go("OPEN")


class BreakerMachine(RuleBasedStateMachine):
    """Both side by side."""

    calls: Bundle[Running] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.running: list[Running] = []
        self.breaker = CircuitBreaker(
            THRESHOLD, recovery_time=RECOVERY, probe_time=PROBE, clock=lambda: float(self.model.now)
        )

    def turn(self) -> None:
        """Let the loop do what is ready."""
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))

    @rule(seconds=st.integers(0, 12))
    def pass_time(self, seconds: int) -> None:
        """The clock goes on."""
        self.model.at(self.model.now + seconds)

    @rule(target=calls)
    def start(self) -> Running:
        """A call is tried; it is made exactly when the model says so."""
        answer: asyncio.Future[None] = self.loop.create_future()
        made = []

        async def func() -> None:
            made.append(1)
            await answer

        async def call() -> None:
            await self.breaker.call(func)

        task = self.loop.create_task(call())
        self.turn()
        may = self.model.ask()
        assert bool(made) == may
        if not may:
            assert isinstance(task.exception(), ServiceUnavailableError)
        running = Running(task, answer, self.model.era)
        self.running.append(running)
        return running

    @rule(running=consumes(calls), outcome=st.sampled_from(["success", "failure", "cancel"]))
    def end(self, running: Running, outcome: str) -> None:
        """A call ends; one that was refused has already."""
        if running.task.done():
            return
        if outcome == "success":
            running.answer.set_result(None)
        elif outcome == "failure":
            running.answer.set_exception(OSError("down"))
        else:
            running.task.cancel()
        self.turn()
        assert running.task.done()
        self.model.end(running.era, outcome)

    @rule(outcome=st.sampled_from(["success", "failure"]))
    def call_at_once(self, outcome: str) -> None:
        """A synchronous call."""
        made = []

        def func() -> None:
            made.append(1)
            if outcome == "failure":
                raise OSError("down")

        try:
            self.breaker.call_sync(func)
        except (OSError, ServiceUnavailableError) as error:
            seen = "failure" if isinstance(error, OSError) else "refused"
        else:
            seen = "success"
        if may := self.model.ask():
            self.model.end(self.model.era, outcome)
        assert (seen, bool(made)) == ((outcome, True) if may else ("refused", False))

    @rule()
    def record_failure(self) -> None:
        """One that was seen elsewhere."""
        self.breaker.record_failure()
        self.model.fail()

    @rule()
    def reset(self) -> None:
        """By hand."""
        self.breaker.reset()
        self.model.failures = 0
        self.model.go("CLOSED")

    @invariant()
    def same(self) -> None:
        """State, failures and the time until the next call agree at every step."""
        model = self.model
        wait = 0 if model.state == "CLOSED" else max(0, model.until - model.now)
        assert (self.breaker.state, self.breaker.failure_count, self.breaker.retry_after) == (
            model.state,
            model.failures,
            wait,
        )

    def teardown(self) -> None:
        """No task outlives its example."""
        for running in self.running:
            running.task.cancel()
        self.turn()
        assert all(running.task.done() for running in self.running)
        self.loop.close()


def test_breaker_in_any_course_of_events_is_what_the_model_says() -> None:
    """Hypothesis looks for a course in which they differ."""
    run_state_machine_as_test(BreakerMachine, settings=settings(max_examples=150, stateful_step_count=40))
