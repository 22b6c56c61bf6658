"""What trades cost, held against fractions; whole numbers all the way."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.enums import FeeMode
from exchange.services.settlement.fees import RATE_ONE, Terms, Tier, fees_of, rates_of

AMOUNTS = st.integers(0, 2**62)
RATES = st.integers(-RATE_ONE, RATE_ONE)


@pytest.mark.req("A030")
@given(basis=AMOUNTS, rate=RATES, most=AMOUNTS)
def test_fee_is_the_exact_one_rounded_toward_the_house_within_its_bound(
    basis: int, rate: int, most: int
) -> None:
    """A fee is rounded up, a rebate in what the house gives down; neither exceeds what the fill said."""
    exact = Fraction(basis * rate, RATE_ONE)
    fee = int(fees_of(*(np.array([number], np.int64) for number in (basis, rate, most)))[0])
    assert abs(fee) <= most
    if abs(math.ceil(exact)) <= most:
        assert exact <= fee < exact + 1
    else:
        assert fee == (most if exact > 0 else -most)


@given(
    steps=st.lists(st.integers(1, 10**12), max_size=6, unique=True),
    volume=st.integers(0, 2 * 10**12),
)
def test_tier_is_the_highest_that_the_volume_reaches(steps: list[int], volume: int) -> None:
    """The first one holds from 0 on; a volume equal to a step has reached it."""
    tiers = [Tier(least, number, -number) for number, least in enumerate([0, *sorted(steps)])]
    reached = [tier for tier in tiers if tier.volume_min <= volume]
    maker, taker = rates_of(tiers, np.array([volume], np.int64))
    assert (maker.tolist(), taker.tolist()) == ([reached[-1].maker_rate], [reached[-1].taker_rate])


@pytest.mark.parametrize(
    ("mode", "buyer_in_base", "seller_in_base"),
    [(FeeMode.RECEIVED, True, False), (FeeMode.QUOTE, False, False), (FeeMode.BASE, True, True)],
)
def test_fee_mode_says_which_asset_a_side_is_charged_in(
    mode: FeeMode, buyer_in_base: bool, seller_in_base: bool
) -> None:
    """What each receives, or always the one or the other."""
    terms = Terms(1, 2, 1, 1, mode, 0, 0)
    assert (terms.fee_in_base(buys=True), terms.fee_in_base(buys=False)) == (buyer_in_base, seller_in_base)
