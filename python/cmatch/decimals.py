"""Decimals at the edge: prices and quantities to whole ticks and lots and back, exactly or not at all."""

from decimal import Decimal

from cmatch.errors import BadDecimal

_MOST_DIGITS = 38
_INT64_MAX = 2**63 - 1
_TENS: tuple[int, ...] = tuple(10**places for places in range(2 * _MOST_DIGITS + 1))


class Scale:
    """How one instrument's decimals become ticks and lots.

    Takes str, Decimal and int, never float. A str is an optional minus, ASCII digits, and at most one point
    with digits on both sides; a Decimal is finite. What is no multiple of the unit is refused, never rounded.

    Args:
        price: One tick, as a decimal: "0.01".
        qty: One lot, as a decimal: "0.001".

    Raises:
        BadDecimal: A unit that is no plain decimal above 0.
        TypeError: A float, or anything else that is no str, Decimal or int.
    """

    __slots__ = ("_price", "_qty")

    def __init__(self, price: str | Decimal | int = 1, qty: str | Decimal | int = 1) -> None:
        self._price = _unit("price", price)
        self._qty = _unit("qty", qty)

    def ticks(self, price: str | Decimal | int) -> int:
        """The price in ticks.

        Raises:
            BadDecimal: No plain decimal, no multiple of a tick, or more than 2**63 - 1 ticks.
            TypeError: A float, or anything else that is no str, Decimal or int.
        """
        return _divide("price", price, self._price)

    def lots(self, qty: str | Decimal | int) -> int:
        """The quantity in lots.

        Raises:
            BadDecimal: No plain decimal, no multiple of a lot, or more than 2**63 - 1 lots.
            TypeError: A float, or anything else that is no str, Decimal or int.
        """
        return _divide("qty", qty, self._qty)

    def price(self, ticks: int) -> str:
        """The decimal of a price in ticks, with as many places as a tick has and never an exponent."""
        return _multiply("ticks", ticks, self._price)

    def qty(self, lots: int) -> str:
        """The decimal of a quantity in lots, with as many places as a lot has and never an exponent."""
        return _multiply("lots", lots, self._qty)

    def __repr__(self) -> str:
        return f"Scale(price={_text(*self._price)!r}, qty={_text(*self._qty)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scale):
            return NotImplemented
        return (self._price, self._qty) == (other._price, other._qty)

    def __hash__(self) -> int:
        return hash((self._price, self._qty))


# A decimal as (digits, places): digits / 10**places.
_Scaled = tuple[int, int]


def _parse(name: str, value: str | Decimal | int) -> _Scaled:
    if isinstance(value, str):
        return _parse_text(name, value)
    if isinstance(value, Decimal):
        return _parse_decimal(name, value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a str, Decimal or int, not {type(value).__name__}")
    return value, 0


def _parse_text(name: str, value: str) -> _Scaled:
    whole, point, fraction = value.removeprefix("-").partition(".")
    digits = whole + fraction
    # isdigit alone would take the digits of every script.
    plain = digits.isascii() and whole.isdigit() and (fraction.isdigit() if point else True)
    if not plain or len(digits) > _MOST_DIGITS:
        raise BadDecimal(f"{name} is no plain decimal of at most {_MOST_DIGITS} digits: {_shortened(value)}")
    return (-int(digits) if value.startswith("-") else int(digits)), len(fraction)


def _parse_decimal(name: str, value: Decimal) -> _Scaled:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) + abs(exponent) > 2 * _MOST_DIGITS:
        raise BadDecimal(
            f"{name} is no finite decimal of at most {_MOST_DIGITS} digits: {_shortened(str(value))}"
        )
    number = int("".join(map(str, digits)))
    number = -number if sign else number
    return (number * _TENS[exponent], 0) if exponent > 0 else (number, -exponent)


def _unit(name: str, value: str | Decimal | int) -> _Scaled:
    digits, places = _parse(name, value)
    if digits <= 0:
        raise BadDecimal(f"the unit of {name} must be above 0: {_shortened(str(value))}")
    return digits, places


def _divide(name: str, value: str | Decimal | int, unit: _Scaled) -> int:
    digits, places = _parse(name, value)
    unit_digits, unit_places = unit
    units, rest = divmod(digits * _TENS[unit_places], unit_digits * _TENS[places])
    if rest != 0:
        raise BadDecimal(f"{name} {value} is no multiple of {_text(*unit)}")
    if abs(units) > _INT64_MAX:
        raise BadDecimal(f"{name} {_shortened(str(value))} is more than 2**63 - 1 times {_text(*unit)}")
    return units


def _multiply(name: str, count: int, unit: _Scaled) -> str:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{name} must be an int, not {type(count).__name__}")
    return _text(count * unit[0], unit[1])


def _text(digits: int, places: int) -> str:
    sign = "-" if digits < 0 else ""
    written = str(abs(digits)).rjust(places + 1, "0")
    return f"{sign}{written[:-places]}.{written[-places:]}" if places else sign + written


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")
