"""The policy of an edge, on a clock that stands still: what is tried, when, and what the caller is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import (
    DeadlineExceeded,
    RpcError,
    RpcStatus,
    ServiceUnavailableError,
    TransportError,
    status_of,
)
from exchange.resilience import LADDER_S, Counts, Edge, Outcome, Policies, Policy, Rules, Try
from tests.exchange.fake_clock import FakeClock

EDGE = Edge("settlement", "accounts")
BOTH = pytest.mark.parametrize("way", ["sync", "async"])
BEGIN = 100.0

# What the callee does at a try, by a word.
ERRORS: dict[str, Callable[[], Exception]] = {
    "away": lambda: ServiceUnavailableError("away"),
    "busy": lambda: RpcError(RpcStatus.RESOURCE_EXHAUSTED, "busy"),
    "broken": lambda: RpcError(RpcStatus.INTERNAL, "broken"),
    "wrong": lambda: RpcError(RpcStatus.INVALID_ARGUMENT, "wrong"),
}


@dataclass
class Callee:
    """Does what the script says, the last word for ever; notes when it was asked."""

    script: Sequence[str]
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[float] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)

    def policy(self, **rules: Any) -> Policy:
        """A policy on the same clock."""
        return Policy(EDGE, Rules(**rules), self.clock)

    async def ask(self, this: Try) -> str:
        """One try."""
        word = self._word(this)
        if word == "hang":
            await asyncio.Event().wait()
        return self._answer(word)

    def ask_sync(self, this: Try) -> str:
        """One try; it minds its deadline, as who blocks has to."""
        word = self._word(this)
        if word == "hang":
            self.clock.time += this.remaining_s
            raise DeadlineExceeded("accounts did not answer in time")
        return self._answer(word)

    def call(self, way: str, policy: Policy, **options: Any) -> str:
        """A call through the policy, or what it raised, as a line."""
        try:
            if way == "sync":
                return policy.call_sync(self.ask_sync, **options)
            return asyncio.run(self.clock.run(policy.call(self.ask, **options)))
        except TransportError as error:
            return f"{type(error).__name__}: {error}"

    def _word(self, this: Try) -> str:
        self.asked.append(self.clock.time - BEGIN)
        self.tries.append(this)
        return self.script[min(len(self.asked), len(self.script)) - 1]

    def _answer(self, word: str) -> str:
        if word in ERRORS:
            error = ERRORS[word]()
            raise error
        return word


@BOTH
@pytest.mark.req("C088", "E074")
def test_repeatable_call_of_a_callee_that_is_away_is_tried_on_the_ladder(way: str) -> None:
    """Six tries, with 0.5, 1, 2, 5 and 10 seconds between them; then its own error."""
    callee = Callee(["away"])
    policy = callee.policy(timeout_s=60.0, failure_threshold=100)
    assert callee.call(way, policy, repeatable=True) == "ServiceUnavailableError: away"
    assert callee.clock.pauses == [0.5, 1.0, 2.0, 5.0, 10.0] == list(LADDER_S)
    assert callee.asked == [0.0, 0.5, 1.5, 3.5, 8.5, 18.5]
    assert [this.number for this in callee.tries] == [1, 2, 3, 4, 5, 6]


@BOTH
@pytest.mark.req("C088")
@pytest.mark.parametrize(
    ("script", "repeatable", "answer", "asked"),
    [
        (["away", "busy", "ok"], True, "ok", [0.0, 0.5, 1.5]),
        (["away", "ok"], False, "ServiceUnavailableError: away", [0.0]),
        (["wrong", "ok"], True, "RpcError: INVALID_ARGUMENT: wrong", [0.0]),
        (["broken", "ok"], True, "RpcError: INTERNAL: broken", [0.0]),
        (["away", "wrong", "ok"], True, "RpcError: INVALID_ARGUMENT: wrong", [0.0, 0.5]),
    ],
)
def test_call_is_tried_again_only_where_that_may_help_and_may_be(
    way: str, script: list[str], repeatable: bool, answer: str, asked: list[float]
) -> None:
    """Transient errors of calls that may be carried out twice; all else passes through at once."""
    callee = Callee(script)
    assert callee.call(way, callee.policy(), repeatable=repeatable) == answer
    assert callee.asked == asked


@BOTH
def test_callee_that_names_a_longer_pause_gets_it(way: str) -> None:
    """The longer one of the ladder's and its own."""
    callee = Callee(["ok"])
    waits = iter([2_000, 100])

    def refuse(this: Try) -> str:
        callee.asked.append(callee.clock.time - BEGIN)
        if (wait := next(waits, None)) is not None:
            raise ServiceUnavailableError("later", wait)
        return "ok"

    async def refuse_async(this: Try) -> str:
        return refuse(this)

    policy = callee.policy()
    if way == "sync":
        assert policy.call_sync(refuse, repeatable=True) == "ok"
    else:
        assert asyncio.run(callee.clock.run(policy.call(refuse_async, repeatable=True))) == "ok"
    assert callee.asked == [0.0, 2.0, 3.0]


def test_jitter_shortens_pauses_by_at_most_its_share() -> None:
    """Chance at its ends and in the middle."""
    callee = Callee(["away"])
    chances = iter([0.0, 1.0, 0.5, 0.0, 0.0])
    rules = Rules(timeout_s=60.0, jitter=0.4, failure_threshold=100)
    policy = Policy(EDGE, rules, callee.clock, lambda: next(chances))
    with pytest.raises(ServiceUnavailableError, match="away"):
        policy.call_sync(callee.ask_sync, repeatable=True)
    assert callee.clock.pauses == [0.5, 0.6, 1.6, 5.0, 10.0]


@BOTH
@pytest.mark.req("C089", "D011", "D019")
def test_call_ends_with_its_total_deadline_and_each_try_with_its_own(way: str) -> None:
    """By default 10 and 5 seconds: a second try is cut by what is left, a third one does not fit in."""
    callee = Callee(["hang"])
    answer = callee.call(way, callee.policy(), repeatable=True)
    assert answer == "DeadlineExceeded: accounts did not answer in time"
    assert callee.asked == [0.0, 5.5]
    assert [this.deadline - BEGIN for this in callee.tries] == [5.0, 10.0]
    assert callee.clock.time - BEGIN == 10.0


@BOTH
@pytest.mark.req("C089")
def test_pause_that_would_outlast_the_deadline_is_not_made(way: str) -> None:
    """The caller hears the error while it has time left to do something else."""
    callee = Callee(["away"])
    assert callee.call(way, callee.policy(failure_threshold=100), repeatable=True).endswith("away")
    assert (callee.asked, callee.clock.time - BEGIN) == ([0.0, 0.5, 1.5, 3.5, 8.5], 8.5)


@BOTH
def test_call_may_ask_for_less_time_but_never_for_more(way: str) -> None:
    """One second, and an hour that becomes ten seconds; with none left the callee is not asked."""
    for timeout_s, ended in ((1.0, 1.0), (3_600.0, 5.0)):
        callee = Callee(["hang"])
        callee.call(way, callee.policy(), timeout_s=timeout_s)
        assert callee.clock.time - BEGIN == ended
    callee = Callee(["ok"])
    policy = callee.policy()
    answer = callee.call(way, policy, timeout_s=0.0)
    assert answer == "DeadlineExceeded: no time was left for a call of accounts"
    assert (callee.asked, policy.breaker.failure_count) == ([], 0)


@BOTH
@pytest.mark.req("C086", "C087", "D024", "A037")
def test_breaker_after_five_failures_refuses_and_is_not_waited_for(way: str) -> None:
    """The words and the type of document 003; no retry, however repeatable; one probe after 5 seconds."""
    callee = Callee(["away"] * 5 + ["ok"])
    policy = callee.policy(timeout_s=60.0)
    seen = [callee.call(way, policy) for _ in range(7)]
    assert (
        seen == ["ServiceUnavailableError: away"] * 5 + ["ServiceUnavailableError: Circuit breaker OPEN"] * 2
    )
    assert callee.call(way, policy, repeatable=True).endswith("Circuit breaker OPEN")
    with pytest.raises(ServiceUnavailableError) as refused:
        policy.call_sync(callee.ask_sync)
    assert (type(refused.value), refused.value.args) == (ServiceUnavailableError, ("Circuit breaker OPEN",))
    assert (len(callee.asked), callee.clock.pauses, policy.breaker.state) == (5, [], "OPEN")
    callee.clock.time += 5.0
    assert (callee.call(way, policy), policy.breaker.state) == ("ok", "CLOSED")


@BOTH
def test_breaker_that_opens_within_a_call_ends_its_tries(way: str) -> None:
    """The fifth failure opens it, for longer than the pause; the sixth try is not made."""
    callee = Callee(["away"])
    answer = callee.call(way, callee.policy(timeout_s=60.0, recovery_s=60.0), repeatable=True)
    assert answer == "ServiceUnavailableError: Circuit breaker OPEN"
    assert callee.asked == [0.0, 0.5, 1.5, 3.5, 8.5]


def test_probe_that_hangs_is_cut_and_counted_once() -> None:
    """Its time is that of a try."""
    callee = Callee(["away"] * 5 + ["hang"])
    policy = callee.policy(timeout_s=60.0)
    for _ in range(5):
        callee.call("async", policy)
    callee.clock.time += 5.0
    assert callee.call("async", policy) == "DeadlineExceeded: accounts did not answer in time"
    assert (policy.breaker.state, policy.breaker.failure_count, policy.breaker.retry_after) == (
        "OPEN",
        6,
        5.0,
    )


@pytest.mark.req("C087")
def test_open_breaker_answers_within_a_millisecond() -> None:
    """By the machine's own clock, with the whole policy around it; the median of 200 calls."""
    policy = Policy(EDGE)
    for _ in range(5):
        policy.breaker.record_failure()

    async def refused() -> list[float]:
        times = []
        for _ in range(200):
            begin = time.perf_counter()
            with pytest.raises(ServiceUnavailableError, match="Circuit breaker OPEN"):
                await policy.call(Callee(["ok"]).ask)
            times.append(time.perf_counter() - begin)
        return sorted(times)

    assert asyncio.run(refused())[100] < 0.001


@pytest.mark.req("C090")
def test_bulkhead_that_is_full_refuses_at_once_and_starves_no_other_edge() -> None:
    """Two calls hang in one callee; a third is refused, another callee answers, and places come back."""
    clock = FakeClock()
    rules = Rules(concurrency=2, try_timeout_s=10.0)
    policies = Policies(clock, {EDGE: rules, Edge("settlement", "marketdata"): rules})
    hung, other = policies.of(*EDGE), policies.of("settlement", "marketdata")

    async def play() -> list[str]:
        slow, quick = Callee(["hang"], clock), Callee(["ok"], clock)
        under_way = [asyncio.create_task(hung.call(slow.ask)) for _ in range(2)]
        await clock.settle()
        seen = []
        with pytest.raises(ServiceUnavailableError) as refused:
            await hung.call(slow.ask)
        seen.append(str(refused.value))
        with pytest.raises(ServiceUnavailableError):
            hung.call_sync(quick.ask_sync)
        seen.append(await other.call(quick.ask))
        under_way[0].cancel()
        await clock.settle()
        seen.append(await hung.call(quick.ask))
        await clock.advance(10.0)
        seen += [type(task.exception()).__name__ for task in under_way[1:]]
        seen.append(await hung.call(quick.ask))
        assert clock.time - BEGIN == 10.0
        return seen

    assert asyncio.run(play()) == [
        "Bulkhead full: 2 calls of accounts are under way",
        "ok",
        "ok",
        "DeadlineExceeded",
        "ok",
    ]
    assert ended(hung.counts) == {"ok": 2, "late": 1, "full": 2, "cancelled": 1}
    assert hung.counts.under_way == 0


@pytest.mark.req("D043")
def test_whatever_keeps_an_answer_away_is_one_error() -> None:
    """A fallback that catches ServiceUnavailableError, as document 003's do, is taken in every such case."""

    def silent(this: Try) -> str:
        raise TimeoutError("of a socket")

    async def silent_async(this: Try) -> str:
        raise TimeoutError("of a socket")

    callee = Callee(["away", "hang"])
    policy = callee.policy(failure_threshold=3)
    errors = []
    for func in (callee.ask, callee.ask, silent_async, callee.ask):
        with pytest.raises(ServiceUnavailableError) as refused:
            asyncio.run(callee.clock.run(policy.call(func)))
        errors.append(f"{status_of(refused.value).name} {refused.value}")
    assert errors == [
        "UNAVAILABLE away",
        "DEADLINE_EXCEEDED accounts did not answer in time",
        "DEADLINE_EXCEEDED accounts did not answer in time",
        "UNAVAILABLE Circuit breaker OPEN",
    ]
    with pytest.raises(DeadlineExceeded, match="accounts did not answer in time"):
        callee.policy().call_sync(silent)


def ended(counts: Counts) -> dict[str, int]:
    """Outcomes that there were."""
    return {str(outcome): number for outcome, number in counts.outcomes.items() if number}


@pytest.mark.req("C101")
def test_counts_say_how_many_calls_there_were_how_they_ended_and_how_long_they_took() -> None:
    """One of every kind on one edge."""
    callee = Callee(["ok", "wrong", "broken", "hang", "away", "ok", "away", "away"])
    policy = callee.policy(failure_threshold=2, recovery_s=100.0)
    for repeatable in (False, False, False, False, True, False, False, False):
        callee.call("async", policy, repeatable=repeatable)
    counts = policy.counts
    # broken and hang in a row opened it before "away" was ever asked for
    assert ended(counts) == {"ok": 1, "refused": 1, "failed": 1, "late": 1, "open": 4}
    assert (counts.calls, counts.tries, counts.under_way, counts.opened) == (8, 4, 0, 1)
    assert set(counts.outcomes) == set(Outcome)
    assert (counts.duration_s, sum(counts.durations), counts.durations[0], counts.durations[-3]) == (
        5.0,
        8,
        7,
        1,
    )


def test_cancelled_call_is_nobodys_failure() -> None:
    """In a try, and in the pause between two."""

    async def play() -> Policy:
        callee = Callee(["hang"])
        policy = callee.policy()
        for script in (["hang"], ["away"]):
            callee.script = script
            task = asyncio.create_task(policy.call(callee.ask, repeatable=True))
            await callee.clock.settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
        return policy

    policy = asyncio.run(play())
    assert (ended(policy.counts), policy.breaker.failure_count) == ({"cancelled": 2}, 1)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"concurrency": 0}, "concurrency is at least 1, not 0"),
        ({"timeout_s": 0.0}, "timeout_s is a positive number of seconds, not 0.0"),
        ({"try_timeout_s": float("inf")}, "try_timeout_s is a positive number of seconds, not inf"),
        ({"ladder_s": (1.0, -1.0)}, r"ladder_s has pauses of at least 0 seconds, not \(1.0, -1.0\)"),
        ({"jitter": 1.5}, "jitter is a share from 0 to 1, not 1.5"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], message: str) -> None:
    """Said where they are made."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        Rules(**rules)


def expected(script: Sequence[str], rules: Rules) -> tuple[str, list[float], float]:
    """What a repeatable call should come to: its answer, when the callee was asked, when it ended."""
    now = 0.0
    asked: list[float] = []
    for number in range(len(rules.ladder_s) + 1):
        if number >= rules.failure_threshold:  # so many tries failed
            return "Circuit breaker OPEN", asked, now
        word = script[min(number, len(script) - 1)]
        asked.append(now)
        if word == "hang":
            now = min(rules.timeout_s, now + rules.try_timeout_s)
        if word in {"ok", "wrong", "broken"}:
            return word, asked, now
        if number == len(rules.ladder_s) or now + rules.ladder_s[number] >= rules.timeout_s:
            return word, asked, now
        now += rules.ladder_s[number]
    raise AssertionError("a ladder has an end")


@given(
    script=st.lists(
        st.sampled_from(["ok", "away", "busy", "broken", "wrong", "hang"]), min_size=1, max_size=7
    ),
    ladder=st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0]), max_size=6),
    timeout_s=st.sampled_from([1.0, 4.0, 10.0, 60.0]),
    try_timeout_s=st.sampled_from([0.5, 2.0, 5.0]),
    failure_threshold=st.integers(1, 7),
    way=st.sampled_from(["sync", "async"]),
)
def test_any_call_comes_to_what_a_plain_model_says(
    script: list[str],
    ladder: list[float],
    timeout_s: float,
    try_timeout_s: float,
    failure_threshold: int,
    way: str,
) -> None:
    """Answer, times of all tries and time of the end; sums of quarters, so that they are exact."""
    rules = Rules(
        ladder_s=tuple(ladder),
        timeout_s=timeout_s,
        try_timeout_s=try_timeout_s,
        failure_threshold=failure_threshold,
        recovery_s=1_000.0,
    )
    callee = Callee(script)
    answer = callee.call(way, Policy(EDGE, rules, callee.clock), repeatable=True)
    word, asked, end = expected(script, rules)
    told = {"hang": "did not answer in time"}.get(word, word)
    assert answer.endswith(told)
    assert (callee.asked, callee.clock.time - BEGIN) == (asked, end)
