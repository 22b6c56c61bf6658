"""Exact decimals, one by one and by the column."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmatch.replay.decimals import decimals_of, ints_of, places, scaled, text

DECIMALS = st.integers(-(10**17), 10**17).map(lambda n: Decimal(n).scaleb(-6))


def column(texts: list[str], decimals: int, *, cut: bool = False) -> list[int]:
    """The texts as a column."""
    data = ",".join(texts).encode()
    ends = np.cumsum([len(t.encode()) + 1 for t in texts]) - 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    buffer = np.frombuffer(data, np.uint8)
    numbers: list[int] = decimals_of(
        buffer, starts, ends, decimals, lambda k, why: ValueError(f"{k}: {why}"), cut=cut
    ).tolist()
    return numbers


@given(st.lists(DECIMALS, min_size=1, max_size=20))
def test_columns_and_single_texts_agree_with_decimal(values: list[Decimal]) -> None:
    """At six decimals, both ways."""
    texts = [format(value, "f") for value in values]
    wanted = [int(value.scaleb(6)) for value in values]
    assert column(texts, 6) == wanted
    assert [scaled(t, 6) for t in texts] == wanted
    assert [Decimal(text(n, 6)) for n in wanted] == values
    assert all(places(t) <= 6 for t in texts)


@pytest.mark.parametrize(
    "bad",
    ["", "-", ".", "1.", ".5", "+1", " 1", "1 ", "1e3", "NaN", "1_0", "0x10", "1.2.3", "--1", "໘", "9" * 40],
)
def test_what_is_no_plain_decimal_is_refused(bad: str) -> None:
    """In a column with its place, and alone."""
    with pytest.raises(ValueError, match=r"^1: "):
        column(["1.5", bad, "2"], 2)
    with pytest.raises(ValueError, match="is not a plain decimal"):
        scaled(bad, 2)


def test_more_decimals_than_wanted_are_refused_and_never_rounded() -> None:
    """But zeros say nothing, and a time may be cut."""
    assert column(["1.2300", "7"], 2) == [123, 700]
    assert scaled("1.2300", 2) == 123
    with pytest.raises(ValueError, match=r"^0: '1\.234' is not a decimal of at most 2 decimals$"):
        column(["1.234"], 2)
    with pytest.raises(ValueError, match="has more than 2 decimals"):
        scaled("1.234", 2)
    assert column(["35821.088778456004"], 9, cut=True) == [35_821_088_778_456]


def test_the_edges_of_64_bits() -> None:
    """The largest passes, one more does not."""
    most = (1 << 63) - 1
    assert column([str(most), f"-{most}"], 0) == [most, -most]
    assert column(["9223372036.854775807"], 9) == [most]
    for texts, decimals in (([str(most + 1)], 0), (["9223372036.854775808"], 9), (["99999999999"], 9)):
        with pytest.raises(ValueError, match="is not a"):
            column(texts, decimals)
    with pytest.raises(ValueError, match="does not fit 64 bits"):
        scaled("9223372037", 9)


def test_no_rows_are_no_numbers() -> None:
    """An empty column is an empty array."""
    none = np.zeros(0, np.int64)
    assert ints_of(np.zeros(0, np.uint8), none, none, lambda k, why: ValueError()).tolist() == []


def test_text_keeps_the_decimals_that_are_asked_for() -> None:
    """No trailing zeros beyond them."""
    assert [text(1500, 3), text(1500, 3, 2), text(-5, 2), text(7, 0), text(0, 4)] == [
        "1.5",
        "1.50",
        "-0.05",
        "7",
        "0",
    ]
