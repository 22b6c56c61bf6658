"""Options that all commands on files share."""

from __future__ import annotations

import argparse
import sys

from cmatch.cli.words import place
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds import FORMATS, FeedOptions, open_flow
from cmatch.replay.flow import Flow
from cmatch.replay.progress import Bar

FORMATS_HELP = "Formats, found by content and name:\n" + "\n".join(
    f"  {known.name:<15}{known.title} ({known.files})" for known in FORMATS
)


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds FILE and the options on how it is read."""
    parser.add_argument(
        "file", type=place, metavar="FILE", help="the file; .gz, .xz, .bz2 and .zst are unpacked"
    )
    names = [known.name for known in FORMATS]
    parser.add_argument(
        "--format", choices=names, metavar="NAME", help=f"read it as one of: {', '.join(names)}"
    )
    parser.add_argument(
        "--symbol",
        action="append",
        default=[],
        metavar="SYMBOL",
        help="only this instrument; may be given several times",
    )
    parser.add_argument(
        "--book", type=place, metavar="FILE", help="the vendor's book (found beside FILE otherwise)"
    )
    parser.add_argument("--no-progress", action="store_true", help="draw no progress bar on a terminal")


def read_file(options: argparse.Namespace, bar: Bar) -> Flow:
    """Reads the file that the options name.

    Raises:
        FeedError: it cannot be read.
    """
    wanted = FeedOptions(symbols=tuple(options.symbol), book=options.book)
    return open_flow(options.file, format_name=options.format, options=wanted, progress=bar)


def refuse(error: FeedError, bar: Bar) -> int:
    """Says what is wrong with a file; returns the exit code."""
    bar.clear()
    print(f"cmatch: {error}", file=sys.stderr)
    return 2
