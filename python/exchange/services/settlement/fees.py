"""What a trade costs its two sides: pure arithmetic of whole numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exchange.domain.enums import FeeMode

RATE_ONE: Final = 1_000_000_000
"""What a rate of 1 is."""
VOLUME_DAYS: Final = 30
"""Days, before the trade's own, whose volume chooses the tier."""


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


def tier_of(tiers: Sequence[Tier], volume: int) -> Tier:
    """The highest one that a volume reaches.

    Args:
        tiers: By volume, the first from 0 on.
        volume: Minor units of the quote asset, of VOLUME_DAYS days.
    """
    return tiers[max(bisect_right([tier.volume_min for tier in tiers], volume) - 1, 0)]


def fee_of(basis: int, rate: int, most: int) -> int:
    """The fee on so many minor units, rounded toward the house, never beyond what the order has reserved.

    Args:
        basis: Of the asset that is charged.
        rate: In 1e-9; negative: a rebate.
        most: Of a fee or a rebate, as the fill said.
    """
    return max(-most, min(-(-basis * rate // RATE_ONE), most))
