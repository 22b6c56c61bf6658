"""What the setting `market_data.index` says: the sources of each instrument's index price."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_SOURCE: Final = re.compile(
    r"(book|coinbase|static:([0-9]{1,18}(?:\.[0-9]{1,18})?))(?:\*([1-9][0-9]{0,3}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class IndexSource:
    """One source.

    Args:
        name: `book`, `coinbase` or `static`.
        weight: Above 0.
        price: Of `static`.
    """

    name: str
    weight: int
    price: Decimal | None = None


def index_sources(text: str) -> dict[str, tuple[IndexSource, ...]]:
    """The sources by symbol: of ``BTC-USD=book*2+coinbase ETH-USD=static:1800.50``.

    Raises:
        ValueError: It is not said so.
    """
    found: dict[str, tuple[IndexSource, ...]] = {}
    for part in text.split():
        symbol, _, said = part.partition("=")
        matches = [_SOURCE.fullmatch(source) for source in said.split("+")]
        if not symbol or symbol in found or None in matches:
            raise ValueError(f"{part!r}: expected SYMBOL=SOURCE*WEIGHT+SOURCE, each symbol once")
        found[symbol] = tuple(
            IndexSource(
                match[1].partition(":")[0], int(match[3] or 1), Decimal(match[2]) if match[2] else None
            )
            for match in matches
            if match is not None
        )
        if any(source.price == 0 for source in found[symbol]):
            raise ValueError(f"{part!r}: expected a price above 0")
    return found
