"""Decimals at the edge: exactly, or not at all (rows 4, 5 and 6 of the faults)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmatch

SCALE = cmatch.Scale(price="0.01", qty="0.001")


@pytest.mark.parametrize(
    ("price", "ticks"),
    [
        ("101.25", 10125),
        ("101.250", 10125),
        ("-0.01", -1),
        ("0", 0),
        ("-0", 0),
        ("007", 700),
        (7, 700),
        (Decimal("1E+2"), 10000),
        (Decimal("0.50"), 50),
        ("92233720368547758.07", 2**63 - 1),
    ],
)
def test_scale_price_becomes_whole_ticks(price: Any, ticks: int) -> None:
    """Strings, Decimals and ints."""
    assert SCALE.ticks(price) == ticks


@pytest.mark.parametrize(
    "price",
    [
        "1e3",
        "NaN",
        "Infinity",
        "+1",
        " 1",
        "1 ",
        "1_000",
        "1,000",
        "0x10",
        "9" * 40,
        "",
        "-",
        ".",
        ".5",
        "5.",
        "--1",
        "1.2.3",
        "໘",
        "1.໘",
        "١٢",
        "²",
        "\N{MINUS SIGN}1",
        "1\n",
        "101.255",
        "92233720368547758.08",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+100"),
        Decimal("1E-100"),
        Decimal("0.001"),
        10**400,
    ],
)
def test_scale_refuses_what_is_no_exact_plain_decimal(price: Any) -> None:
    """ASCII digits only, no exponent, no sign but minus, never rounded, within 64 bits."""
    with pytest.raises(cmatch.BadDecimal):
        SCALE.ticks(price)


@pytest.mark.parametrize("price", [1.5, True, None, b"1", 1j])
def test_scale_refuses_a_float_by_name(price: Any) -> None:
    """A float is no price."""
    with pytest.raises(TypeError, match="price must be a str, Decimal or int, not"):
        SCALE.ticks(price)


def test_scale_of_ticks_that_are_no_power_of_ten() -> None:
    """Quarter points."""
    scale = cmatch.Scale(price="0.25")
    assert [scale.ticks("5000.75"), scale.ticks(3)] == [20003, 12]
    assert scale.price(20003) == "5000.75"
    with pytest.raises(cmatch.BadDecimal, match=r"price 5000\.80 is no multiple of 0\.25"):
        scale.ticks("5000.80")


def test_scale_writes_all_places_of_its_unit() -> None:
    """As a screen has it, never with an exponent."""
    assert [SCALE.price(10120), SCALE.price(-1), SCALE.qty(0)] == ["101.20", "-0.01", "0.000"]
    assert cmatch.Scale(price="0.00000001").price(1) == "0.00000001"
    assert cmatch.Scale(price=5).price(-3) == "-15"
    with pytest.raises(TypeError, match="ticks must be an int, not float"):
        SCALE.price(1.0)  # type: ignore[arg-type]


def test_scale_refuses_a_unit_that_is_none() -> None:
    """Zero, less, a float."""
    for unit in ("0", "-0.01", "x"):
        with pytest.raises(cmatch.BadDecimal):
            cmatch.Scale(price=unit)
    with pytest.raises(TypeError, match="qty must be a str"):
        cmatch.Scale(qty=0.1)  # type: ignore[arg-type]


def test_scale_is_a_value() -> None:
    """Compares, hashes, and prints as the call that makes it."""
    assert cmatch.Scale("0.01", "0.001") == SCALE
    assert hash(cmatch.Scale("0.01", "0.001")) == hash(SCALE)
    assert cmatch.Scale("0.02", "0.001") != SCALE
    assert SCALE != "0.01"
    assert repr(SCALE) == "Scale(price='0.01', qty='0.001')"


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_scale_round_trip_is_exact(ticks: int) -> None:
    """Any price in ticks survives the way out and in."""
    assert SCALE.ticks(SCALE.price(ticks)) == ticks
    assert SCALE.ticks(Decimal(SCALE.price(ticks))) == ticks


@given(st.text(max_size=50))
def test_scale_never_fails_in_another_way(text: str) -> None:
    """Any text is ticks or BadDecimal."""
    try:
        ticks = SCALE.ticks(text)
    except cmatch.BadDecimal:
        return
    assert Decimal(text) == Decimal(ticks) / 100
