"""What trades cost their two sides: pure arithmetic of whole numbers, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.domain.enums import FeeMode

Numbers = npt.NDArray[Any]
"""Whole numbers: int64, or Python's own (dtype object) where 64 bits are too few. Both reckon alike."""

RATE_ONE: Final = 1_000_000_000
"""What a rate of 1 is."""
VOLUME_DAYS: Final = 30
"""Days, before the trade's own, whose volume chooses the tier."""
_ROOM: Final = 2.0**62  # below it a float that was rounded says that 63 bits are enough


@dataclass(frozen=True, slots=True)
class Terms:
    """How an instrument is charged.

    Args:
        base, quote: Assets.
        lot_units: Minor units of base in a lot.
        notional_units: Minor units of quote in a tick times a lot.
        fee_mode: Which asset a fee is taken in.
        maker_rate, taker_rate: Where no schedule says otherwise, in 1e-9.
    """

    base: int
    quote: int
    lot_units: int
    notional_units: int
    fee_mode: FeeMode
    maker_rate: int
    taker_rate: int

    def fee_in_base(self, buys: bool) -> bool:
        """Whether a side is charged in the base asset."""
        return self.fee_mode is FeeMode.BASE or (self.fee_mode is FeeMode.RECEIVED and buys)


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates, in 1e-9, from a volume on."""

    volume_min: int
    maker_rate: int
    taker_rate: int


def rates_of(tiers: Sequence[Tier], volumes: Numbers) -> tuple[Numbers, Numbers]:
    """The maker's and the taker's rate of the highest tier that each volume reaches.

    Args:
        tiers: By volume, the first from 0 on.
        volumes: (n,) minor units of the quote asset, of VOLUME_DAYS days.

    Returns:
        (n,) int64 twice, in 1e-9.
    """
    steps = np.array([tier.volume_min for tier in tiers], np.int64)
    reached = np.maximum(np.searchsorted(steps, volumes.astype(np.int64), "right") - 1, 0)
    maker, taker = ([getattr(tier, name) for tier in tiers] for name in ("maker_rate", "taker_rate"))
    return np.array(maker, np.int64)[reached], np.array(taker, np.int64)[reached]


def fees_of(basis: Numbers, rates: Numbers, most: Numbers) -> Numbers:
    """The fees on so many minor units, rounded toward the house, never beyond what the order has reserved.

    Args:
        basis: (n,) of the asset that is charged.
        rates: (n,) in 1e-9; negative: a rebate.
        most: (n,) of a fee or a rebate, as the fill said; not negative.

    Returns:
        (n,) minor units.
    """
    exact = -(product(-basis, rates) // RATE_ONE)
    fees: Numbers = np.maximum(-most, np.minimum(exact, most))
    return fees


def product(*factors: Numbers) -> Numbers:
    """(n,) of the products, in whichever form has room for them."""
    size = np.ones(len(factors[0]))
    for factor in factors:
        size = size * np.abs(factor.astype(np.float64))
    if size.max(initial=0.0) >= _ROOM:
        factors = tuple(factor.astype(object) for factor in factors)
    made = factors[0]
    for factor in factors[1:]:
        made = made * factor
    return made
