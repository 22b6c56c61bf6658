"""What commands share that print records: a span of time, how many, and as what."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from cmatch.cli.words import UINT32_MAX, counted, new_file, whole
from exchange.cli.common import table
from exchange.client.past import Record, write_arrow

Lines = dict[str, Callable[[Record], Any]]
"""Columns of the table that people see, each with what it shows of a record."""
_NS_A_US: Final = 1_000


def add_span(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say from when to when, and how many."""
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        help="from then on: 2026-02-12T12:34:56Z, or ns since 1970",
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="before then")
    add_most(parser)


def add_most(parser: argparse.ArgumentParser) -> None:
    """Adds the option that says how many."""
    parser.add_argument(
        "--most", type=whole(0, UINT32_MAX), default=100, metavar="N", help="at most N; 0: all (100)"
    )


def add_file(parser: argparse.ArgumentParser) -> None:
    """Adds the option that writes a file."""
    parser.add_argument(
        "--arrow",
        type=new_file,
        metavar="FILE",
        help="write them as an Arrow IPC file; as Parquet where its name ends in .parquet",
    )


def span_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was said of it, as questions take it.

    Raises:
        ValueError: It is no time.
    """
    return {"from_ns": _ns(options.start), "to_ns": _ns(options.end), "most": options.most or None}


def show(
    options: argparse.Namespace, records: list[Record], names: Sequence[str], lines: Lines, *, left: int
) -> None:
    """Prints records, or writes them to a file.

    Args:
        options: `what` they are, and `arrow` or `json`.
        records: Of one kind.
        names: Their keys.
        lines: The table for people.
        left: How many columns of it are aligned to the left.
    """
    if options.arrow:
        write_arrow(options.arrow, records, names)
        print(f"{counted(len(records), options.what)} in {options.arrow}")
    elif options.json:
        print(json.dumps(records, indent=2, default=text))
    elif records:
        rows = [tuple(text(line(each)) for line in lines.values()) for each in records]
        print(table(tuple(lines), rows, left=left))
        print(counted(len(records), options.what))
    else:
        print(f"no {options.what}")


def time_text(ns: int) -> str:
    """A time in UTC, with microseconds."""
    when = datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(microsecond=ns // _NS_A_US % 1_000_000)
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def text(value: Any) -> str:
    """A value of a record; nothing of None."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _ns(when: str | None) -> int:
    """A time as people or programs say it, ns since 1970; 0 where nothing is said."""
    if when is None:
        return 0
    if when.isascii() and when.isdigit():
        return int(when)
    said = datetime.fromisoformat(when)
    since = (said if said.tzinfo else said.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) * _NS_A_US
