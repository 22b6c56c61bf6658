"""What a caller may ask of a feed reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FeedOptions:
    """Choices of the caller.

    Args:
        symbols: only these instruments; all where empty.
        book: the vendor's book to check against; found beside the file where None.
    """

    symbols: tuple[str, ...] = ()
    book: Path | None = None
