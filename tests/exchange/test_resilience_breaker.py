"""The circuit breaker: by table, at half-open with many tasks and threads, and under cancellation."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError, is_service_failure
from exchange.resilience import BreakerState, CircuitBreaker, Transition
from tests.clock import Clock


class Service:
    """Counts the calls that reach it, and fails when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: BaseException | None = None

    async def ask(self, answer: str, *, suffix: str = "") -> str:
        """Answer, or fail."""
        self.calls += 1
        if self.error is not None:
            raise self.error
        return answer + suffix

    def ask_sync(self, answer: str, *, suffix: str = "") -> str:
        """Answer, or fail."""
        self.calls += 1
        if self.error is not None:
            raise self.error
        return answer + suffix


def fail(breaker: CircuitBreaker, service: Service, times: int = 1) -> None:
    """Let calls fail, each of them made."""
    service.error = OSError("down")
    for _ in range(times):
        with pytest.raises(OSError, match="down"):
            breaker.call_sync(service.ask_sync, "x")
    service.error = None


def trace(script: str, **options: float) -> list[str]:
    """Play a script of one word a step; gives after each what was seen: outcome, state, failures, calls made.

    ok, bad: a call that goes well or fails. +N: N seconds pass. fail, reset: the methods.
    """
    clock, service = Clock(100.0), Service()
    breaker = CircuitBreaker(**{"failure_threshold": 5} | options, clock=clock)  # type: ignore[arg-type]
    seen = []
    for step in script.split():
        outcome = ""
        if step.startswith("+"):
            clock.now += float(step[1:])
        elif step == "fail":
            breaker.record_failure()
        elif step == "reset":
            breaker.reset()
        else:
            service.error = OSError("down") if step == "bad" else None
            try:
                outcome = breaker.call_sync(service.ask_sync, "answer")
            except (OSError, ServiceUnavailableError) as error:
                outcome = str(error)
        seen.append(
            f"{step} -> {outcome} {breaker.state} {breaker.failure_count} {service.calls}".replace("  ", " ")
        )
    return seen


@pytest.mark.req("A037")
def test_breaker_after_exactly_five_failures_opens_and_the_sixth_call_is_not_made() -> None:
    """Document 000: the circuit opens after 5 failures."""
    assert trace("bad bad bad bad bad bad ok") == [
        "bad -> down CLOSED 1 1",
        "bad -> down CLOSED 2 2",
        "bad -> down CLOSED 3 3",
        "bad -> down CLOSED 4 4",
        "bad -> down OPEN 5 5",
        "bad -> Circuit breaker OPEN OPEN 5 5",
        "ok -> Circuit breaker OPEN OPEN 5 5",
    ]


def test_breaker_with_a_success_between_failures_counts_only_those_in_a_row() -> None:
    """Four failures, a success, four failures: closed still."""
    seen = trace("bad bad bad bad ok bad bad bad bad ok")
    assert [line.split()[-2] for line in seen] == ["1", "2", "3", "4", "0", "1", "2", "3", "4", "0"]
    assert {line.split()[-3] for line in seen} == {"CLOSED"}


@pytest.mark.req("D022")
def test_breaker_after_recovery_time_lets_one_probe_decide() -> None:
    """A failed probe opens for the whole time again, a good one closes."""
    assert trace("bad bad +4.999 ok +0.001 bad +4.999 ok +0.001 ok bad", failure_threshold=2) == [
        "bad -> down CLOSED 1 1",
        "bad -> down OPEN 2 2",
        "+4.999 -> OPEN 2 2",
        "ok -> Circuit breaker OPEN OPEN 2 2",
        "+0.001 -> OPEN 2 2",
        "bad -> down OPEN 3 3",
        "+4.999 -> OPEN 3 3",
        "ok -> Circuit breaker OPEN OPEN 3 3",
        "+0.001 -> OPEN 3 3",
        "ok -> answer CLOSED 0 4",
        "bad -> down CLOSED 1 5",
    ]


def test_breaker_recording_failures_by_hand_opens_as_calls_do() -> None:
    """The public methods of document 003; a failure while open does not keep it open longer."""
    assert trace("fail fail fail fail fail +4 fail ok +1 ok fail reset fail") == [
        "fail -> CLOSED 1 0",
        "fail -> CLOSED 2 0",
        "fail -> CLOSED 3 0",
        "fail -> CLOSED 4 0",
        "fail -> OPEN 5 0",
        "+4 -> OPEN 5 0",
        "fail -> OPEN 6 0",
        "ok -> Circuit breaker OPEN OPEN 6 0",
        "+1 -> OPEN 6 0",
        "ok -> answer CLOSED 0 1",
        "fail -> CLOSED 1 1",
        "reset -> CLOSED 0 1",
        "fail -> CLOSED 1 1",
    ]


def test_breaker_reset_while_open_closes_at_once() -> None:
    """An operator's word."""
    assert trace("bad reset ok", failure_threshold=1)[1:] == [
        "reset -> CLOSED 0 1",
        "ok -> answer CLOSED 0 2",
    ]


@pytest.mark.req("D022")
def test_breaker_state_is_the_text_of_document_003() -> None:
    """Compared with plain strings, as its example does."""
    breaker = CircuitBreaker()
    assert (breaker.state, breaker.failure_count, breaker.failure_threshold) == ("CLOSED", 0, 5)
    assert [str(state) for state in BreakerState] == ["CLOSED", "OPEN", "HALF_OPEN"]


@pytest.mark.req("D020", "D023")
def test_breaker_has_the_interface_of_document_003() -> None:
    """`CircuitBreaker(failure_threshold: int = 5)`, `await breaker.call(func, *args, **kwargs)`."""
    made = inspect.signature(CircuitBreaker).parameters
    kinds = inspect.Parameter
    first, *others = made.values()
    assert (first.name, first.default, first.kind) == ("failure_threshold", 5, kinds.POSITIONAL_OR_KEYWORD)
    assert all(each.kind is kinds.KEYWORD_ONLY and each.default is not kinds.empty for each in others)
    assert [CircuitBreaker().failure_threshold, CircuitBreaker(3).failure_threshold] == [5, 3]
    called = inspect.signature(CircuitBreaker.call).parameters.values()
    assert [(each.name, each.kind) for each in called][1:] == [
        ("func", kinds.POSITIONAL_OR_KEYWORD),
        ("args", kinds.VAR_POSITIONAL),
        ("kwargs", kinds.VAR_KEYWORD),
    ]
    assert inspect.iscoroutinefunction(CircuitBreaker.call)


@pytest.mark.req("D025", "D026")
def test_awaited_call_that_fails_raises_the_original_and_one_that_succeeds_resets_the_count() -> None:
    """Document 003's two branches: `record_failure()` and `raise`, and `reset()`."""
    breaker, service = CircuitBreaker(), Service()
    original = OSError("down")

    async def play() -> list[tuple[object, int, str]]:
        seen: list[tuple[object, int, str]] = []
        for error in (original, original, None, original, None):
            service.error = error
            try:
                outcome: object = await breaker.call(service.ask, "answer")
            except OSError as raised:
                outcome = raised
            seen.append((outcome, breaker.failure_count, breaker.state))
        return seen

    seen = asyncio.run(play())
    assert [each[1:] for each in seen] == [(n, "CLOSED") for n in (1, 2, 0, 1, 0)]
    assert [each[0] for each in seen if each[0] != "answer"] == [original] * 3
    assert all(each[0] is original for each in seen if each[0] != "answer")
    assert service.calls == 5


@pytest.mark.req("D023")
def test_breaker_call_passes_arguments_and_result() -> None:
    """Positional and named, on both ways."""
    breaker, service = CircuitBreaker(), Service()
    assert breaker.call_sync(service.ask_sync, "a", suffix="b") == "ab"
    assert asyncio.run(breaker.call(service.ask, "c", suffix="d")) == "cd"
    assert service.calls == 2


def test_breaker_when_open_refuses_awaited_calls_with_the_words_of_document_003() -> None:
    """The exception says when to come back; the function is not called."""
    clock, service = Clock(100.0), Service()
    breaker = CircuitBreaker(failure_threshold=1, recovery_time=5.0, clock=clock)
    service.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        asyncio.run(breaker.call(service.ask, "x"))
    clock.now += 3.5
    with pytest.raises(ServiceUnavailableError) as refused:
        asyncio.run(breaker.call(service.ask, "x"))
    assert (str(refused.value), refused.value.retry_after_ms, service.calls) == (
        "Circuit breaker OPEN",
        1500,
        1,
    )
    assert breaker.retry_after == 1.5


@pytest.mark.parametrize(
    ("failures", "error", "count"),
    [
        (Exception, ValueError("x"), 1),
        (OSError, ValueError("x"), 0),
        ((OSError, ValueError), ValueError("x"), 1),
        (is_service_failure, RpcError(RpcStatus.INVALID_ARGUMENT, "x"), 0),
        (is_service_failure, RpcError(RpcStatus.INTERNAL, "x"), 1),
        (is_service_failure, ServiceUnavailableError("x"), 1),
    ],
)
def test_breaker_counts_only_what_is_a_failure(
    failures: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool],
    error: Exception,
    count: int,
) -> None:
    """What does not count is an answer: it even ends a row of failures."""
    breaker, service = CircuitBreaker(failures=failures), Service()
    if count == 0:
        breaker.record_failure()
    service.error = error
    with pytest.raises(type(error)):
        breaker.call_sync(service.ask_sync, "x")
    assert breaker.failure_count == count


def test_breaker_at_half_open_lets_one_of_20_tasks_through() -> None:
    """The others are refused while the probe is under way, and all pass once it went well."""

    async def play() -> tuple[int, list[str], BreakerState, int]:
        clock, service = Clock(100.0), Service()
        breaker = CircuitBreaker(clock=clock)
        fail(breaker, service, 5)
        clock.now += 5.0
        go_on = asyncio.Event()
        entered = 0

        async def probed() -> str:
            nonlocal entered
            entered += 1
            await go_on.wait()
            return "probed"

        tasks = [asyncio.create_task(breaker.call(probed)) for _ in range(20)]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        during = breaker.state
        go_on.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(done) + len(waiting) == 20
        return entered, sorted(str(outcome) for outcome in outcomes), during, breaker.failure_count

    entered, outcomes, during, failures = asyncio.run(play())
    assert (entered, during, failures) == (1, "HALF_OPEN", 0)
    assert outcomes == ["Circuit breaker OPEN"] * 19 + ["probed"]


def test_breaker_at_half_open_lets_one_of_8_threads_through() -> None:
    """All start at one barrier; the probe ends after the last of the others was refused."""
    clock, service = Clock(100.0), Service()
    breaker = CircuitBreaker(clock=clock)
    for _ in range(50):
        fail(breaker, service, 5)
        clock.now += 5.0
        barrier, refused_all = threading.Barrier(8), threading.Semaphore(0)
        outcomes: list[str] = []

        def probe(refused_all: threading.Semaphore = refused_all) -> str:
            for _ in range(7):
                assert refused_all.acquire(timeout=30)
            return "probed"

        def run(
            barrier: threading.Barrier = barrier,
            outcomes: list[str] = outcomes,
            probe: Callable[[], str] = probe,
            refused_all: threading.Semaphore = refused_all,
        ) -> None:
            barrier.wait()
            try:
                outcomes.append(breaker.call_sync(probe))
            except ServiceUnavailableError as error:
                outcomes.append(str(error))
                refused_all.release()

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["Circuit breaker OPEN"] * 7 + ["probed"]
        assert breaker.state == "CLOSED"


def test_breaker_with_failures_from_many_threads_loses_none() -> None:
    """4 threads with 1,000 failures each; the threshold is met by exactly the last one."""
    breaker = CircuitBreaker(failure_threshold=4_000)

    def run() -> None:
        for _ in range(1_000):
            breaker.record_failure()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (breaker.failure_count, breaker.state) == (4_000, "OPEN")


def test_breaker_whose_probe_is_cancelled_lets_the_next_call_probe() -> None:
    """Cancellation says nothing about the service, and does not wedge the breaker."""

    async def play() -> list[object]:
        clock, service = Clock(100.0), Service()
        breaker = CircuitBreaker(clock=clock)
        fail(breaker, service, 5)
        clock.now += 5.0
        never = asyncio.Event()
        probe = asyncio.create_task(breaker.call(never.wait))
        await asyncio.sleep(0)
        seen: list[object] = [breaker.state]
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        seen += [probe.cancelled(), breaker.state, breaker.failure_count]
        return [*seen, await breaker.call(service.ask, "next"), breaker.state]

    assert asyncio.run(play()) == ["HALF_OPEN", True, "OPEN", 5, "next", "CLOSED"]


def test_breaker_whose_closed_call_is_cancelled_counts_nothing() -> None:
    """Neither failure nor success: four failures before it are still four."""

    async def play() -> int:
        breaker, service = CircuitBreaker(), Service()
        fail(breaker, service, 4)
        task = asyncio.create_task(breaker.call(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return breaker.failure_count

    assert asyncio.run(play()) == 4


@pytest.mark.parametrize("late", ["success", "failure"])
def test_breaker_whose_probe_outlives_its_time_counts_it_as_failed(late: str) -> None:
    """From the end of its time on it is open for the recovery time; what the probe says later is void."""

    async def play() -> list[object]:
        clock, service = Clock(100.0), Service()
        breaker = CircuitBreaker(recovery_time=5.0, probe_time=2.0, clock=clock)
        fail(breaker, service, 5)
        clock.now += 5.0
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def slow() -> str:
            return await answer

        probe = asyncio.create_task(breaker.call(slow))
        await asyncio.sleep(0)
        seen: list[object] = [breaker.state]
        clock.now += 3.0  # one second more than it had
        seen += [breaker.state, breaker.failure_count, breaker.retry_after]
        if late == "success":
            answer.set_result("late")
        else:
            answer.set_exception(OSError("late"))
        await asyncio.gather(probe, return_exceptions=True)
        seen += [breaker.state, breaker.failure_count]
        clock.now += 4.0
        return [*seen, await breaker.call(service.ask, "next"), breaker.state]

    assert asyncio.run(play()) == ["HALF_OPEN", "OPEN", 6, 4.0, "OPEN", 6, "next", "CLOSED"]


@pytest.mark.parametrize("late", ["success", "failure"])
def test_breaker_ignores_calls_that_began_before_it_opened(late: str) -> None:
    """A slow call of the closed time neither closes it nor counts when it ends."""

    async def play() -> tuple[str, int]:
        breaker, service = CircuitBreaker(clock=Clock(100.0)), Service()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def slow() -> str:
            return await answer

        task = asyncio.create_task(breaker.call(slow))
        await asyncio.sleep(0)
        fail(breaker, service, 5)
        if late == "success":
            answer.set_result("late")
        else:
            answer.set_exception(OSError("late"))
        await asyncio.gather(task, return_exceptions=True)
        return breaker.state, breaker.failure_count

    assert asyncio.run(play()) == ("OPEN", 5)


def test_breaker_tells_every_transition_once_in_order_with_its_time() -> None:
    """A probe that ran out of time is told with that time; the callback may look at the breaker."""
    clock, service = Clock(100.0), Service()
    told: list[Transition] = []
    states: list[str] = []

    def tell(transition: Transition) -> None:
        told.append(transition)
        states.append(breaker.state)

    breaker = CircuitBreaker(2, recovery_time=5.0, probe_time=1.0, clock=clock, on_transition=tell)
    fail(breaker, service, 2)
    clock.now = 105.0

    def overtaken() -> None:
        clock.now = 107.5

    breaker.call_sync(overtaken)
    clock.now = 111.0
    breaker.call_sync(service.ask_sync, "x")
    breaker.reset()
    assert [(t.before, t.after, t.at) for t in told] == [
        ("CLOSED", "OPEN", 100.0),
        ("OPEN", "HALF_OPEN", 105.0),
        ("HALF_OPEN", "OPEN", 106.0),
        ("OPEN", "HALF_OPEN", 111.0),
        ("HALF_OPEN", "CLOSED", 111.0),
    ]
    assert states == ["OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN", "CLOSED"]


def test_breaker_told_from_many_threads_keeps_the_order_of_transitions() -> None:
    """Each begins where the one before ended."""
    told: list[Transition] = []
    breaker = CircuitBreaker(1, on_transition=told.append)

    def run() -> None:
        for _ in range(500):
            breaker.record_failure()
            breaker.reset()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told[0].before == "CLOSED"
    assert all(one.after == other.before for one, other in pairwise(told))
    assert told[-1].after == breaker.state


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failure_threshold": 0}, "failure_threshold is at least 1, not 0"),
        ({"recovery_time": 0.0}, "recovery_time is a positive number of seconds, not 0.0"),
        ({"probe_time": float("inf")}, "probe_time is a positive number of seconds, not inf"),
        ({"recovery_time": float("nan")}, "recovery_time is a positive number of seconds, not nan"),
    ],
)
def test_breaker_with_impossible_bounds_is_refused(options: dict[str, float], message: str) -> None:
    """Said where it is made."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        CircuitBreaker(**options)  # type: ignore[arg-type]
