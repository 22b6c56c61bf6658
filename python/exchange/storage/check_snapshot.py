"""Reads a snapshot back and prints its sequence: `python -m exchange.storage.check_snapshot FILE`.

A process of its own, of low priority: what it needs of memory and time is not taken from who serves queries.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cmatch._core import Venue
from exchange.errors import StorageError
from exchange.storage.snapshots import SnapshotFile, restore

_NICEST = 19


def main(arguments: list[str]) -> int:
    """Checks the file that is named; returns 0 where it is right, else 1."""
    os.nice(_NICEST)
    file = SnapshotFile.at(Path(arguments[0]))
    if file is None:
        print(f"{arguments[0]} is no name of a snapshot", file=sys.stderr)
        return 1
    try:
        venue = restore(file, Venue.restore)
    except StorageError as error:
        print(error, file=sys.stderr)
        return 1
    print(venue.sequence)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
