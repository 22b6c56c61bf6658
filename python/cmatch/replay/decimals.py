"""Exact decimals: text to integers by integer arithmetic, one by one and by the column, never by a float."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_DECIMAL = re.compile(r"(-?)([0-9]{1,19})(?:\.([0-9]+))?\Z")
_ZERO, _NINE, _MINUS, _POINT = b"09-."
MAX_DIGITS = 19  # of which every number fits 64 bits without a sign


def places(text: str) -> int:
    """How many decimals a text needs; trailing zeros count for nothing.

    Raises:
        ValueError: it is not a plain decimal.
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a plain decimal")
    return len((match[3] or "").rstrip("0"))


def scaled(text: str, decimals: int) -> int:
    """The decimal as an integer of 10^-decimals.

    Raises:
        ValueError: it is not a plain decimal, or needs more decimals: nothing is ever rounded.
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a plain decimal")
    fraction = (match[3] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"{text[:40]!r} has more than {decimals} decimals")
    value = int(match[2] + fraction.ljust(decimals, "0"))
    if value >= 1 << 63:
        raise ValueError(f"{text[:40]!r} does not fit 64 bits at {decimals} decimals")
    return -value if match[1] else value


def text(value: int, decimals: int, keep: int = 0) -> str:
    """An integer of 10^-decimals as text, without trailing zeros beyond `keep` decimals."""
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**decimals)
    digits = str(fraction).zfill(decimals) if decimals else ""
    while len(digits) > keep and digits.endswith("0"):
        digits = digits[:-1]
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def ints_of(
    buffer: npt.NDArray[np.uint8], starts: Ints, ends: Ints, bad: Callable[[int, str], Exception]
) -> Ints:
    """Whole columns of integers.

    Args:
        buffer: the file's bytes.
        starts: (n,) where each field begins in it.
        ends: (n,) where each field ends in it.
        bad: makes the error for a row (0-based) and a reason; it is raised for the first bad field.
    """
    return decimals_of(buffer, starts, ends, 0, bad)


def decimals_of(
    buffer: npt.NDArray[np.uint8],
    starts: Ints,
    ends: Ints,
    decimals: int,
    bad: Callable[[int, str], Exception],
    *,
    cut: bool = False,
) -> Ints:
    """Whole columns of decimals as integers of 10^-decimals, (n,) int64; arguments as `ints_of`.

    Digits beyond `decimals` may only be zeros, as nothing is ever rounded; with `cut` they are left out.
    """
    if starts.size == 0:
        return np.zeros(0, np.int64)
    negative = (ends > starts) & (buffer[np.minimum(starts, len(buffer) - 1)] == _MINUS)
    first = starts + negative
    point = _points(buffer, first, ends)
    value, faults = _digits(buffer, first, point, 0, MAX_DIGITS)
    faults |= point == first
    fraction_starts = np.minimum(point + 1, ends)
    fraction_ends = np.minimum(fraction_starts + decimals, ends)
    fraction, fraction_faults = _digits(buffer, fraction_starts, fraction_ends, decimals, decimals)
    faults |= fraction_faults | ((point < ends) & (fraction_starts == ends))
    rest, rest_faults = _digits(buffer, fraction_ends, ends, 0, MAX_DIGITS)
    faults |= rest_faults | ((rest != 0) & (not cut))
    scale, most = np.uint64(10**decimals), np.uint64((1 << 63) - 1)
    faults |= value > most // scale
    value = np.where(faults, 0, value) * scale + fraction
    faults |= value > most
    if faults.any():
        row = int(np.argmax(faults))
        field = bytes(buffer[int(starts[row]) : int(ends[row])][:40]).decode("ascii", "replace")
        kind = f"a decimal of at most {decimals} decimals" if decimals else "a whole number"
        raise bad(row, f"{field!r} is not {kind}")
    whole = value.astype(np.int64)
    signed: Ints = np.where(negative, -whole, whole)
    return signed


def _points(buffer: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> Ints:
    """(n,) where each field's decimal point stands; its end where it has none."""
    points = np.flatnonzero(buffer == _POINT).astype(np.int64)
    if points.size == 0:
        return ends
    nearest = np.searchsorted(points, starts)
    found = points[np.minimum(nearest, points.size - 1)]
    return np.where((found >= starts) & (found < ends), found, ends)


def _digits(
    buffer: npt.NDArray[np.uint8], starts: Ints, ends: Ints, width: int, most: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """(n,) each field's digits as a number, zeros added on the right to `width`; and where it is none."""
    lengths = ends - starts
    faults = lengths > most
    value = np.zeros(starts.size, np.uint64)
    ten = np.uint64(10)
    longest = min(int(lengths.max(initial=0)), most)
    for k in range(longest):
        here = k < lengths
        digit = buffer[np.where(here, starts + k, 0)]
        faults |= here & ((digit < _ZERO) | (digit > _NINE))
        value = np.where(here, value * ten + (digit - _ZERO), value)
    for k in range(width):
        value = np.where(k >= lengths, value * ten, value)
    return value, faults
