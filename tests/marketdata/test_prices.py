"""Index and mark price against a plain oracle of fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.config import load
from exchange.config.index_sources import index_sources
from exchange.domain.contracts.marketdata import MarkPrice
from exchange.domain.enums import PriceSourceState
from exchange.domain.intervals import SECOND_NS as SECOND
from exchange.domain.prices import (
    MICRO,
    RATE_UNIT,
    IndexRules,
    Said,
    div_half_even,
    index_price,
    mark_price,
    weighted_median,
)
from exchange.domain.queries import InstrumentRow
from exchange.errors import ConfigError
from exchange.services.marketdata.pricing import Priced

PRICES = st.one_of(st.integers(1, 40), st.integers(1, 10**15), st.integers(9 * 10**6, 11 * 10**6))
SAID = st.lists(
    st.builds(
        Said, st.just("x"), st.integers(1, 5), st.none() | PRICES, st.sampled_from([0, 10, 11, 10**12])
    ),
    max_size=7,
)
RULES = st.builds(IndexRules, st.just(10), st.sampled_from([0, 100, 500, 20_000]), st.integers(1, 4))


def median_of(prices: list[tuple[int, int]]) -> int:
    """Each price as often as it weighs; the middle one, or the mean of the two, half to even."""
    each = sorted(price for price, weight in prices for _ in range(weight))
    half = len(each) // 2
    return each[half] if len(each) % 2 else round(Fraction(each[half - 1] + each[half], 2))


@pytest.mark.req("B061")
@given(SAID, RULES)
def test_index_is_the_weighted_median_of_what_is_fresh_and_near(said: list[Said], rules: IndexRules) -> None:
    """Whoever is absent, stale or far is left out and named; too few make none."""
    fresh = [each for each in said if each.price is not None and each.age_ns <= rules.stale_ns]
    used: list[Said] = []
    if fresh:
        middle = median_of([(each.price or 0, each.weight) for each in fresh])
        most = Fraction(rules.outlier_bps, 10_000)
        used = [each for each in fresh if Fraction(abs((each.price or 0) - middle), middle) <= most]
    wanted = None
    if len(used) >= rules.sources_min:
        wanted = median_of([(each.price or 0, each.weight) for each in used])
    found, states = index_price(said, rules)
    assert found == wanted
    assert [state is PriceSourceState.USED for state in states] == [
        any(each is one for one in used) for each in said
    ]
    assert all(
        (state is PriceSourceState.ABSENT) == (each.price is None)
        for each, state in zip(said, states, strict=True)
    )


@pytest.mark.req("B061")
@given(
    st.integers(1, 10**15),
    st.none() | st.integers(1, 10**15),
    st.lists(st.integers(-(10**12), 10**12), max_size=30),
    st.integers(-RATE_UNIT // 100, RATE_UNIT // 100),
    st.integers(0, 8 * 3600),
)
def test_mark_is_the_median_of_three(
    index: int, last: int | None, premiums: list[int], rate: int, left_s: int
) -> None:
    """Each of them rounded half to even, and so what comes of them."""
    interval = 8 * 3600
    first = round(index * (1 + Fraction(rate, RATE_UNIT) * Fraction(left_s, interval)))
    mean = round(Fraction(sum(premiums), 2 * len(premiums))) if premiums else 0
    three = sorted([first, index + mean, *([] if last is None else [last])])
    middle = three[1] if last is not None else round(Fraction(sum(three), 2))
    found = mark_price(index, last, premiums, funding_rate=rate, to_funding_ns=left_s, interval_ns=interval)
    assert found == round(Fraction(middle, MICRO))


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**10))
def test_half_goes_to_the_even_one(number: int, by: int) -> None:
    """As of fractions."""
    assert div_half_even(number, by) == round(Fraction(number, by))


def test_nothing_has_no_median() -> None:
    """Whoever asks made a mistake."""
    with pytest.raises(ValueError, match="no median of nothing"):
        weighted_median([])


def test_mark_is_stale_while_sources_are_too_few() -> None:
    """The last one stands, with its age, and what each source said; premiums are of half a minute."""
    sources = index_sources("A=book*2+coinbase+static:10.5")["A"]
    assert [(each.name, each.weight, each.price) for each in sources] == [
        *(("book", 2, None), ("coinbase", 1, None), ("static", 1, Decimal("10.5"))),
    ]
    priced = Priced(sources, IndexRules(stale_ns=3 * SECOND, sources_min=2))
    row = InstrumentRow(instrument_id=7, symbol="A", price_scale=1)

    def second(number: int, *said: int | None, quote: tuple[int, int] | None = (104, 108)) -> MarkPrice:
        now = number * SECOND
        for at, price in enumerate(said):
            priced.say(at, None if price is None else price * MICRO, now)
        priced.sample(row, quote, 110, now, 5)
        return priced.now

    assert second(1, None, None, 105).stale
    assert not priced.known
    good = second(2, 106, 104, 105)
    assert (good.stale, good.index_micro_ticks, good.mark_price) == (False, 105_500_000, 106)
    for number in (3, 4, 5):
        assert not second(number, None, None, 105).stale
    stale = second(6, None, None, 105)
    assert (stale.stale, stale.age_ns, stale.mark_price) == (True, SECOND, good.mark_price)
    assert [(each.state, each.age_ns) for each in stale.sources] == [
        (PriceSourceState.STALE, 4 * SECOND),
        (PriceSourceState.STALE, 4 * SECOND),
        (PriceSourceState.USED, 0),
    ]
    # Nothing of the book is as old as half a minute: the index and the index are two of the three.
    assert second(50, 90, 90, 90, quote=None).mark_price == 90


@pytest.mark.parametrize(
    "text",
    ["A", "A=", "A=book+", "A=book*0", "A=static:0", "A=book A=book", "=book", "A=other", "A=static:1e3"],
)
def test_sources_of_an_index_that_cannot_be_read_are_refused(text: str, tmp_path: Path) -> None:
    """With what was expected; so is a venue that nobody named."""
    for wanted in (text, "A=coinbase"):
        with pytest.raises(ConfigError, match=r"market_data\.index .*expected"):
            load(environment={}, data_directory=tmp_path, market_data={"index": wanted})
