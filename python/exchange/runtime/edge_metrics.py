"""What the policies of a process counted of its calls to others, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from exchange.observability.metrics import Family
from exchange.resilience import BUCKETS_S, BreakerState, Edge, Policies, Policy

_PREFIX: Final = "exchange_edge_"
_STATES: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}

Sample = tuple[str, str, str]


def edge_families(policies: Policies) -> Iterator[Family]:
    """Rate, errors and duration of every edge that was used, and its breaker."""
    made = policies.all()
    calls = [
        ("_total", _labels(key, f'outcome="{outcome}"'), str(number))
        for key, policy in made.items()
        for outcome, number in policy.counts.outcomes.items()
    ]
    yield Family(f"{_PREFIX}calls", "counter", "", "Calls that ended, by how", calls)
    durations = [sample for key, policy in made.items() for sample in _durations(key, policy)]
    yield Family(f"{_PREFIX}duration_seconds", "histogram", "seconds", "How long calls took", durations)
    yield _of_each(made, "tries", "counter", "Tries that reached the callee", lambda each: each.counts.tries)
    yield _of_each(made, "under_way", "gauge", "Calls under way", lambda each: each.counts.under_way)
    yield _of_each(
        made,
        "breaker_state",
        "gauge",
        "The breaker: 0 closed, 1 half open, 2 open",
        lambda each: _STATES[each.breaker.state],
    )
    yield _of_each(
        made,
        "breaker_failures",
        "gauge",
        "Failures in a row",
        lambda each: each.breaker.failure_count,
    )
    yield _of_each(
        made, "breaker_opened", "counter", "How often the breaker opened", lambda each: each.counts.opened
    )


def _of_each(
    made: Mapping[tuple[Edge, str], Policy], name: str, kind: str, words: str, read: Callable[[Policy], int]
) -> Family:
    suffix = "_total" if kind == "counter" else ""
    samples = [(suffix, _labels(key), str(read(policy))) for key, policy in made.items()]
    return Family(f"{_PREFIX}{name}", kind, "", words, samples)


def _durations(key: tuple[Edge, str], policy: Policy) -> Iterator[Sample]:
    counts = policy.counts
    limits = [*(f"{limit:g}" for limit in BUCKETS_S), "+Inf"]
    for limit, number in zip(limits, accumulate(counts.durations), strict=True):
        yield "_bucket", _labels(key, f'le="{limit}"'), str(number)
    yield "_sum", _labels(key), f"{counts.duration_s:.9f}"
    yield "_count", _labels(key), str(sum(counts.durations))


def _labels(key: tuple[Edge, str], *more: str) -> str:
    (caller, callee), instance = key
    labels = [f'caller="{caller}"', f'callee="{callee}"', f'instance="{instance}"', *more]
    return "{" + ",".join(labels) + "}"
