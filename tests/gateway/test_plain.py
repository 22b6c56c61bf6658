"""Decimals as the gateway tells them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exchange.services.gateway.market import plain


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Decimal("-2.9E-7"), "-0.00000029"),
        (Decimal("0E-8"), "0.00000000"),
        (Decimal("64000.50"), "64000.50"),
        (Decimal("1E+3"), "1000"),
        ("buy", "buy"),
        (12, "12"),
        (None, None),
    ],
)
def test_decimals_have_no_exponent(value: object, told: str | None) -> None:
    """However small they are: what reads them knows digits and a point."""
    assert plain(value) == told
