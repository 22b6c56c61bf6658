"""Feed readers: one table of formats, found by content and name, or forced by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cmatch.replay.effects import Tape
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds import bitstamp, coinbase, databento_csv, dbn, itch, lobster, ops
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.files import read_bytes
from cmatch.replay.flow import Flow
from cmatch.replay.translate import translate

__all__ = ["FORMATS", "Feed", "FeedOptions", "Format", "find_format", "open_flow"]

_HEAD = 1 << 22  # bytes: a book snapshot may be one long line


class Feed(Protocol):
    """What a feed reader is: a module with these two functions."""

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether a file looks like this feed, by its name and its first decompressed bytes."""

    def read(self, path: Path, options: FeedOptions) -> Tape | Flow:
        """Reads the whole file. Raises FeedError with a position and a reason where it is not right."""


@dataclass(frozen=True)
class Format:
    """One row of the table of formats."""

    name: str  # for --format
    title: str
    files: str  # what such files are called
    feed: Feed


FORMATS: tuple[Format, ...] = (
    Format("ops", "our own commands", ".npy .npz .parquet", ops),
    Format("dbn", "Databento Binary Encoding, market by order", ".dbn .dbn.zst", dbn),
    Format("databento-csv", "Databento market by order as CSV", "*mbo*.csv[.xz|.gz|.zst]", databento_csv),
    Format("lobster", "LOBSTER messages (Nasdaq)", "*_message_*.csv[.xz|.gz|.zst]", lobster),
    Format("coinbase", "Coinbase messages, level2 or full channel", "JSON lines, raw captures", coinbase),
    Format("bitstamp", "Bitstamp live orders", "JSON lines", bitstamp),
    Format("itch", "Nasdaq TotalView-ITCH 5.0", "*.NASDAQ_ITCH50[.gz]", itch),
)


def find_format(path: Path, name: str | None = None) -> Format:
    """The format of a file: the one that is named, else the first that it looks like.

    Raises:
        FeedError: it looks like none, or there is no format of that name.
    """
    if name is not None:
        for known in FORMATS:
            if known.name == name:
                return known
        raise FeedError(path, "", f"there is no format {name}, only {', '.join(f.name for f in FORMATS)}")
    head = read_bytes(path, _HEAD)
    if not head:
        raise FeedError(path, "", "the file is empty")
    for known in FORMATS:
        if known.feed.sniff(path, head):
            return known
    raise FeedError(
        path,
        "",
        f"its format is not recognized: give --format, one of {', '.join(f.name for f in FORMATS)}",
    )


def open_flow(
    path: Path,
    *,
    format_name: str | None = None,
    options: FeedOptions | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Flow:
    """Reads a file of any format and makes the commands for the engine.

    Args:
        path: the file.
        format_name: forces a format.
        options: what is wanted of it.
        progress: called with a stage, how much is done, how much there is.

    Raises:
        FeedError: the file cannot be read, with the position and the reason.
    """
    known = find_format(path, format_name)
    if progress:
        progress("reading", 0, 1)
    read = known.feed.read(path, options or FeedOptions())
    if isinstance(read, Flow):
        return read
    return translate(read, (lambda done, of: progress("translating", done, of)) if progress else None)
