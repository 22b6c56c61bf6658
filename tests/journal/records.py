"""Records whose sequence determines everything else of them."""

from __future__ import annotations

import random
from os import PathLike

from cmatch._core import Disk, Journal, JournalReader, JournalRecord

HEADER_BYTES = 4_096
SEGMENT_BYTES = HEADER_BYTES + 16_384
WRITE_BYTES = 4_096

Row = tuple[int, int, int, bytes]


def row_at(first_sequence: int) -> Row:
    """(first_sequence, count, ts_ns, payload), always the same of a sequence."""
    numbers = random.Random(first_sequence)
    count = numbers.randint(1, 3)
    return first_sequence, count, 1_000 + first_sequence, numbers.randbytes(numbers.randrange(400))


def rows_from(first_sequence: int, count: int) -> list[Row]:
    """So many rows, one behind the other."""
    rows: list[Row] = []
    for _ in range(count):
        rows.append(row_at(first_sequence))
        first_sequence += rows[-1][1]
    return rows


def row_of(record: JournalRecord) -> Row:
    """What was appended, of what was read."""
    return record.first_sequence, record.commands, record.ts_ns, record.payload


def small_journal(
    directory: str | PathLike[str], disk: Disk | None = None, *, epoch: int = 1, recover_from: int = 0
) -> Journal:
    """A journal of small segments."""
    return Journal(
        directory,
        disk=disk,
        segment_bytes=SEGMENT_BYTES,
        write_bytes=WRITE_BYTES,
        epoch=epoch,
        recover_from=recover_from,
    )


def read_all(directory: str | PathLike[str], disk: Disk | None = None, from_sequence: int = 0) -> list[Row]:
    """Every record to an honest end."""
    reader = JournalReader(directory, from_sequence, disk=disk)
    rows = [row_of(record) for record in reader]
    reader.check_tail()
    return rows
