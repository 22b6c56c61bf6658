"""Pages of what there is little of: all of it is read, sorted and cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from exchange.runtime.caller import page

T = TypeVar("T")
_MOST: Final = 1_000


def page_of(
    found: Iterable[T], key: Callable[[T], str], after: str, limit: int
) -> tuple[tuple[T, ...], bool]:
    """Those behind a key, in order, as many as may be; and whether there are more."""
    rest = sorted((each for each in found if key(each) > after), key=key)
    most = page(limit, _MOST)
    return tuple(rest[:most]), len(rest) > most
