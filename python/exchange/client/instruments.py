"""What a client knows of instruments and assets: decimals to ticks, lots and minor units, and back.

Everywhere in this client an int is already ticks, lots or minor units, and a str or Decimal is a decimal
that the instrument's or asset's scale converts, exactly or not at all. Floats are refused.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cmatch.decimals import Scale
from cmatch.errors import BadDecimal

Amount = int | str | Decimal
_TOLD_MAX: Final = 10  # of the symbols that are known instead


def _unit(scale: int) -> str:
    return f"0.{'1':>0{scale}}" if scale else "1"


@functools.cache  # of the few pairs that there are: making one costs more than converting by it
def _scale_of(price_scale: int, qty_scale: int) -> Scale:
    return Scale(price=_unit(price_scale), qty=_unit(qty_scale))


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an int, str or Decimal, not bool")
    if not -(2**63) <= value < 2**63:
        raise OverflowError(f"{name} does not fit an integer of 64 bits")
    return value


@dataclass(frozen=True, slots=True)
class Asset:
    """What balances are in. One minor unit is 10**-scale."""

    asset: int
    symbol: str
    scale: int

    def units(self, amount: Amount) -> int:
        """The amount in minor units.

        Raises:
            cmatch.BadDecimal: No plain decimal, or more places than the asset has.
            TypeError: A float, or anything else that is no int, str or Decimal.
        """
        if isinstance(amount, int):
            return _whole("amount", amount)
        try:
            return Scale(qty=_unit(self.scale)).lots(amount)
        except (BadDecimal, TypeError) as error:
            raise type(error)(f"amount{str(error).removeprefix('qty')}") from None

    def text(self, units: int) -> str:
        """The decimal of an amount in minor units."""
        return Scale(qty=_unit(self.scale)).qty(units)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded. One tick is 10**-price_scale of quote, one lot 10**-qty_scale of base."""

    instrument_id: int
    symbol: str
    base: int
    quote: int
    price_scale: int
    qty_scale: int
    tick_step: int = 1
    lot_step: int = 1

    def ticks(self, price: Amount) -> int:
        """The price in ticks.

        Raises:
            cmatch.BadDecimal: No plain decimal, or more places than prices have here.
            TypeError: A float, or anything else that is no int, str or Decimal.
        """
        return _whole("price", price) if isinstance(price, int) else self._scale().ticks(price)

    def lots(self, qty: Amount) -> int:
        """The quantity in lots.

        Raises:
            cmatch.BadDecimal: No plain decimal, or more places than quantities have here.
            TypeError: A float, or anything else that is no int, str or Decimal.
        """
        return _whole("qty", qty) if isinstance(qty, int) else self._scale().lots(qty)

    def price(self, ticks: int) -> str:
        """The decimal of a price in ticks."""
        return self._scale().price(ticks)

    def qty(self, lots: int) -> str:
        """The decimal of a quantity in lots."""
        return self._scale().qty(lots)

    def _scale(self) -> Scale:
        return _scale_of(self.price_scale, self.qty_scale)


class UnknownName(LookupError):
    """A client has not heard of an instrument or asset.

    Attributes:
        kind: "instrument" or "asset".
        which: Its id or symbol.

    Args:
        known: The symbols of those that it has heard of.
    """

    def __init__(self, kind: str, which: int | str, known: Sequence[str] = ()) -> None:
        if known:
            more = ", ..." if len(known) > _TOLD_MAX else ""
            super().__init__(f"there is no {kind} {which!r} (known: {', '.join(known[:_TOLD_MAX])}{more})")
        else:
            super().__init__(f"{kind} {which!r} is not known here: load_instruments() asks for all")
        self.kind, self.which = kind, which


class Directory:
    """The instruments and assets that this client has heard of, by id and by symbol.

    It learns from `client.load_instruments()` and from its own definitions that were answered.
    """

    def __init__(self) -> None:
        self._instruments: dict[int, Instrument] = {}
        self._assets: dict[int, Asset] = {}
        self._instrument_ids: dict[str, int] = {}
        self._asset_ids: dict[str, int] = {}

    def add(self, known: Instrument | Asset) -> None:
        """Know one more, or a known one anew."""
        if isinstance(known, Instrument):
            self._instruments[known.instrument_id] = known
            self._instrument_ids[known.symbol] = known.instrument_id
        else:
            self._assets[known.asset] = known
            self._asset_ids[known.symbol] = known.asset

    def __iter__(self) -> Iterator[Instrument]:
        """The instruments, by id."""
        return iter([self._instruments[key] for key in sorted(self._instruments)])

    def __len__(self) -> int:
        return len(self._instruments)

    def knows(self, symbol: str) -> bool:
        """Whether this client has heard of an instrument of that symbol."""
        return symbol in self._instrument_ids

    def instrument(self, which: int | str) -> Instrument:
        """The instrument of this id or symbol.

        Raises:
            UnknownName: This client has not heard of it.
        """
        known = self._instruments.get(self.instrument_id(which))
        if known is None:
            raise UnknownName("instrument", which, sorted(self._instrument_ids))
        return known

    def asset(self, which: int | str) -> Asset:
        """The asset of this id or symbol.

        Raises:
            UnknownName: This client has not heard of it.
        """
        known = self._assets.get(self.asset_id(which))
        if known is None:
            raise UnknownName("asset", which, sorted(self._asset_ids))
        return known

    def instrument_id(self, which: int | str) -> int:
        """The id of an instrument; an int is one already.

        Raises:
            UnknownName: This client has not heard of the symbol.
        """
        return _id("instrument", which, self._instrument_ids)

    def asset_id(self, which: int | str) -> int:
        """The id of an asset; an int is one already.

        Raises:
            UnknownName: This client has not heard of the symbol.
        """
        return _id("asset", which, self._asset_ids)

    def ticks(self, instrument: int | str, price: Amount) -> int:
        """A price in ticks; an int is it already, and needs no known instrument."""
        return _whole("price", price) if isinstance(price, int) else self.instrument(instrument).ticks(price)

    def lots(self, instrument: int | str, qty: Amount) -> int:
        """A quantity in lots; an int is it already, and needs no known instrument."""
        return _whole("qty", qty) if isinstance(qty, int) else self.instrument(instrument).lots(qty)

    def units(self, asset: int | str, amount: Amount) -> int:
        """An amount in minor units; an int is it already, and needs no known asset."""
        return _whole("amount", amount) if isinstance(amount, int) else self.asset(asset).units(amount)

    def quote_units(self, instrument: int | str, amount: Amount) -> int:
        """An amount of the instrument's quote asset in minor units; an int is it already."""
        if isinstance(amount, int):
            return _whole("amount", amount)
        return self.asset(self.instrument(instrument).quote).units(amount)


def _id(kind: str, which: int | str, known: dict[str, int]) -> int:
    if isinstance(which, int) and not isinstance(which, bool):
        return which
    if not isinstance(which, str):
        raise TypeError(f"{kind} must be an id or a symbol, not {type(which).__name__}")
    if which not in known:
        raise UnknownName(kind, which, sorted(known))
    return known[which]
