"""Timestamps and durations as a person reads them."""

from __future__ import annotations

import numpy as np


def clock(nanoseconds: int) -> str:
    """The time of day of a timestamp, to the nanosecond."""
    return str(np.datetime64(nanoseconds, "ns")).partition("T")[2]


def moment(nanoseconds: int) -> str:
    """Date and time to the millisecond; only the time where the feed has no date."""
    text = str(np.datetime64(nanoseconds, "ns")).replace("T", " ")[:-6]
    return text.removeprefix("1970-01-01 ")


def duration(nanoseconds: int) -> str:
    """A duration in the unit that suits it, three digits of it."""
    for unit, size in (("h", 3600 * 10**9), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            tenths = nanoseconds * 10 // size
            return f"{tenths // 10}.{tenths % 10} {unit}" if tenths < 1000 else f"{tenths // 10:,} {unit}"
    return f"{nanoseconds} ns"
