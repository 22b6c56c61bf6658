"""Index and mark price. Pure arithmetic of integers: prices are millionths of a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.domain.enums import PriceSourceState

MICRO: Final = 1_000_000
"""Of a tick."""
RATE_UNIT: Final = 1_000_000_000
"""A funding rate of 1 is so many."""
_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a source said last.

    Args:
        name: Of the source.
        weight: Above 0.
        price: Above 0; None: it has none.
        age_ns: Since it said so.
    """

    name: str
    weight: int
    price: int | None
    age_ns: int = 0


@dataclass(frozen=True, slots=True)
class IndexRules:
    """Which sources count.

    Args:
        stale_ns: What was said longer ago is left out.
        outlier_bps: What is farther from the weighted median of all that are fresh is left out.
        sources_min: Fewer than that make no index.
    """

    stale_ns: int = 5_000_000_000
    outlier_bps: int = 500
    sources_min: int = 1


def div_half_even(number: int, by: int) -> int:
    """A quotient, to the nearest integer, of two to the even one. `by` is above 0."""
    quotient, rest = divmod(number, by)
    return quotient + (2 * rest > by or (2 * rest == by and quotient % 2 == 1))


def weighted_median(prices: Sequence[tuple[int, int]]) -> int:
    """The price at which half of the weight is reached; the middle of two that share it.

    Args:
        prices: (price, weight), at least one.
    """
    ordered = sorted(prices)
    total, reached = sum(weight for _, weight in ordered), 0
    for at, (price, weight) in enumerate(ordered):
        reached += weight
        if 2 * reached > total:
            return price
        if 2 * reached == total:
            return div_half_even(price + ordered[at + 1][0], 2)
    raise ValueError("there is no median of nothing")


def index_price(said: Sequence[Said], rules: IndexRules) -> tuple[int | None, tuple[PriceSourceState, ...]]:
    """The weighted median of the sources that count; None where they are too few. And the state of each."""
    states = [_state(each, rules) for each in said]
    fresh = _counting(said, states)
    if fresh:
        middle = weighted_median(fresh)
        for at, each in enumerate(said):
            if (
                states[at] is PriceSourceState.USED
                and abs((each.price or 0) - middle) * _BPS > rules.outlier_bps * middle
            ):
                states[at] = PriceSourceState.OUTLIER
    used = _counting(said, states)
    return (weighted_median(used) if len(used) >= max(rules.sources_min, 1) else None), tuple(states)


def mark_price(
    index: int,
    last: int | None,
    premiums: Sequence[int],
    *,
    funding_rate: int = 0,
    to_funding_ns: int = 0,
    interval_ns: int = 1,
) -> int:
    """The median of the funded index, the index with the mean premium of the book, and the last price.

    Args:
        index: The index now.
        last: Of the last trade; None where there was none: then the middle of the other two.
        premiums: Of the last 30 seconds, one a second: best bid and ask together, less twice the index.
        funding_rate: The last one, in units of RATE_UNIT; 0 of what has no funding.
        to_funding_ns: Until the next funding.
        interval_ns: Between two fundings.

    Returns:
        Ticks, half to even.
    """
    unit = RATE_UNIT * interval_ns
    funded = div_half_even(index * (unit + funding_rate * to_funding_ns), unit)
    premium = div_half_even(sum(premiums), 2 * len(premiums)) if premiums else 0
    three = sorted([funded, index + premium, *([] if last is None else [last])])
    middle = three[1] if last is not None else div_half_even(sum(three), 2)
    return div_half_even(middle, MICRO)


def _state(each: Said, rules: IndexRules) -> PriceSourceState:
    if each.price is None:
        return PriceSourceState.ABSENT
    return PriceSourceState.STALE if each.age_ns > rules.stale_ns else PriceSourceState.USED


def _counting(said: Sequence[Said], states: Sequence[PriceSourceState]) -> list[tuple[int, int]]:
    return [
        (each.price, each.weight)
        for each, state in zip(said, states, strict=True)
        if state is PriceSourceState.USED and each.price is not None
    ]
