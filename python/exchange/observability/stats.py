"""Reads the statistics that the core process writes into shared memory, from any process.

The file carries its own table of names, so that this reader knows none of them; the layout is that of
`src/cmatch/io/shared_stats.hpp`. A reader never makes the writer wait.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exchange.errors import StorageError

MAGIC = b"CMSTATS\0"
VERSION = 1
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of our own in it, checked)
TRIES, QUICK_TRIES, PAUSE_S = 200, 100, 0.0002  # of a consistent read; a dead writer may leave none for ever
MILLION = 1_000_000

_HEADER = struct.Struct("<8s10IQ")  # magic to range_bits, total_bytes
_SEQUENCE = struct.Struct("<Q")
_SEQUENCE_OFFSET = 64
_ROW = struct.Struct("<48sHH140s")


class StatsUnavailable(StorageError):
    """There are no statistics, or none that this version can read; the message says which."""


class StatKind(IntEnum):
    """How a value behaves."""

    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3


class StatUnit(IntEnum):
    """What a value counts."""

    NUMBER = 1
    NANOSECONDS = 2
    BYTES = 3
    UNIX_NANOSECONDS = 4


@dataclass(frozen=True, slots=True)
class StatRow:
    """One line of the table that the file carries."""

    name: str
    kind: StatKind
    unit: StatUnit
    help: str


@cache
def bucket_limits(precision_bits: int, range_bits: int) -> NDArray[np.uint64]:
    """The largest value that each bucket of a histogram counts; ascending.

    Args:
        precision_bits: 2 to this power are the buckets of a doubling.
        range_bits: Values from 2 to this power on are in the last bucket.
    """
    buckets = np.arange((range_bits - precision_bits + 1) << precision_bits, dtype=np.uint64)
    shift = np.maximum(buckets >> np.uint64(precision_bits), 1) - np.uint64(1)
    heads = buckets - (shift << np.uint64(precision_bits))
    limits: NDArray[np.uint64] = ((heads + np.uint64(1)) << shift) - np.uint64(1)
    limits.flags.writeable = False
    return limits


@dataclass(frozen=True, slots=True)
class HistogramSnapshot:
    """A histogram at one moment, or between two.

    Attributes:
        counts: Values in each bucket; uint64.
        limits: The largest value of each bucket; uint64.
        sum: Of all values.
        max: The largest value since the process started.
    """

    counts: NDArray[np.uint64]
    limits: NDArray[np.uint64]
    sum: int
    max: int

    @property
    def count(self) -> int:
        """Values."""
        return int(self.counts.sum())

    def percentile(self, parts_per_million: int) -> int:
        """The least value that so many in a million do not exceed, at most 1/128 too high; 0 of none.

        Raises:
            ValueError: Not 0 to 1,000,000.
        """
        if not 0 <= parts_per_million <= MILLION:
            raise ValueError(f"a percentile is 0 to {MILLION:,} parts per million, not {parts_per_million}")
        seen = np.cumsum(self.counts)
        if not seen[-1]:
            return 0
        wanted = max(1, -(-int(seen[-1]) * parts_per_million // MILLION))
        bucket = int(np.searchsorted(seen, wanted))
        return self.max if bucket == len(seen) - 1 else min(int(self.limits[bucket]), self.max)

    def at_most(self, limits: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """How many values are in buckets that end at or below each of `limits`."""
        seen = np.concatenate((np.zeros(1, np.uint64), np.cumsum(self.counts, dtype=np.uint64)))
        return seen[np.searchsorted(self.limits, limits, side="right")]

    def since(self, earlier: HistogramSnapshot) -> HistogramSnapshot:
        """What came after `earlier` of the same process; `max` stays that of all time."""
        return HistogramSnapshot(
            self.counts - earlier.counts, self.limits, (self.sum - earlier.sum) % 2**64, self.max
        )


class _Values(dict[str, int]):
    """By name. The table only grows: a file that a core of an earlier version left behind has fewer rows."""

    def __missing__(self, _name: str) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class StatsSnapshot:
    """Everything at one moment.

    Attributes:
        values: Counters and gauges by name, in the order of the table; 0 of what an older writer has not.
        histograms: By name. Each agrees with itself, not with the next.
        consistent: Whether the values are of one moment; False where the writer died or stopped in between.
        read_ns: The reader's monotonic clock, comparable to `heartbeat_ns`.
    """

    values: Mapping[str, int]
    histograms: Mapping[str, HistogramSnapshot]
    consistent: bool
    read_ns: int

    @property
    def heartbeat_age_ns(self) -> int:
        """Since the loop's last turn."""
        return max(0, self.read_ns - self.values["heartbeat_ns"])


def stats_path(data_directory: Path) -> Path:
    """Where the core process of this data directory keeps its statistics; every process computes the same.

    In memory-backed storage where the system has it: in a file on disk each write-back makes a store wait.
    """
    at = data_directory.stat()
    folder = SHARED_MEMORY / f"exchange-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        made = folder.lstat()
    except OSError:
        return data_directory / "stats"
    if made.st_uid != os.getuid() or made.st_mode & 0o170077 != 0o040000:
        return data_directory / "stats"
    return folder / f"{at.st_dev:x}-{at.st_ino:x}.stats"


class StatsReader:
    """Reads statistics again and again; follows the file when the core process starts anew. One thread.

    Args:
        source: Path of the file, or a buffer of the same process (`cmatch` `SharedStats`).

    Raises:
        StatsUnavailable: It is not there, of another version, or no statistics at all.
    """

    def __init__(self, source: Path | memoryview) -> None:
        self._path: Path | None = None
        self._file_id = (0, 0)
        self._map: mmap.mmap | None = None
        if isinstance(source, memoryview):
            self._memory = source.cast("B")
            self._adopt(str(type(source.obj).__name__))
        else:
            self._path = source
            self._open(source)

    @property
    def rows(self) -> tuple[StatRow, ...]:
        """The table of the file: counters and gauges, then histograms."""
        return self._rows

    def read(self) -> StatsSnapshot:
        """Everything as it is now.

        Raises:
            StatsUnavailable: The file went away, or another version replaced it.
        """
        self._follow()
        values, consistent = self._values()
        counters = _Values((row.name, value) for row, value in zip(self._rows, values, strict=False))
        histograms = {
            row.name: self._histogram(index) for index, row in enumerate(self._rows[self._counters :])
        }
        return StatsSnapshot(counters, histograms, consistent, time.monotonic_ns())

    def read_values(self) -> Mapping[str, int]:
        """Only counters and gauges: a few microseconds.

        Raises:
            StatsUnavailable: The file went away, or another version replaced it.
        """
        self._follow()
        return _Values((row.name, value) for row, value in zip(self._rows, self._values()[0], strict=False))

    def close(self) -> None:
        """Lets the memory go."""
        self._memory.release()
        if self._map is not None:
            self._map.close()
            self._map = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                about = os.fstat(file.fileno())
                if about.st_size < _SEQUENCE_OFFSET + _SEQUENCE.size:
                    raise StatsUnavailable(f"{path} is too short to be statistics of a core process.")
                self._map = mmap.mmap(file.fileno(), about.st_size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StatsUnavailable(
                f"no statistics at {path}: {os.strerror(error.errno or 0)}. Does the core run?"
            ) from error
        self._file_id = (about.st_dev, about.st_ino)
        self._memory = memoryview(self._map)
        try:
            self._adopt(str(path))
        except StatsUnavailable:
            self.close()
            raise

    def _follow(self) -> None:
        if self._path is None:
            return
        try:
            about = self._path.stat()
        except OSError as error:
            raise StatsUnavailable(
                f"the statistics at {self._path} are gone: {os.strerror(error.errno or 0)}."
            ) from error
        if (about.st_dev, about.st_ino) != self._file_id or self._map is None:
            self.close()
            self._open(self._path)

    def _adopt(self, where: str) -> None:
        """Checks the head against everything that is read later."""
        if sys.byteorder != "little":
            raise StatsUnavailable("statistics are read on little-endian machines only.")
        (
            magic, version, rows, self._counters, histograms, rows_offset,
            self._counters_offset, self._histograms_offset, self._histogram_bytes,
            precision_bits, range_bits, total,
        ) = _HEADER.unpack_from(self._memory)  # fmt: skip
        if magic != MAGIC:
            raise StatsUnavailable(f"{where} is no file of statistics.")
        if version != VERSION:
            raise StatsUnavailable(
                f"{where} has statistics of version {version}, and this reader knows {VERSION}."
            )
        self._limits = (
            bucket_limits(precision_bits, range_bits)
            if 0 < precision_bits < range_bits <= 60 and precision_bits <= 10
            else np.zeros(0, np.uint64)
        )
        ends = (
            rows_offset + rows * _ROW.size,
            self._counters_offset + self._counters * 8,
            self._histograms_offset + histograms * self._histogram_bytes,
        )
        sound = (
            rows == self._counters + histograms
            and max(ends) <= total <= len(self._memory)
            and self._counters_offset % 8 == self._histograms_offset % 8 == self._histogram_bytes % 8 == 0
            and len(self._limits) > 0
            and self._histogram_bytes >= (2 + len(self._limits)) * 8
        )
        if not sound:
            raise StatsUnavailable(f"the head of {where} contradicts itself or its length.")
        self._rows = tuple(
            StatRow(name.rstrip(b"\0").decode(), StatKind(kind), StatUnit(unit), text.rstrip(b"\0").decode())
            for name, kind, unit, text in _ROW.iter_unpack(
                self._memory[rows_offset : rows_offset + rows * _ROW.size]
            )
        )

    def _sequence(self) -> int:
        (sequence,) = _SEQUENCE.unpack_from(self._memory, _SEQUENCE_OFFSET)
        return int(sequence)

    def _values(self) -> tuple[tuple[int, ...], bool]:
        begin, end = self._counters_offset, self._counters_offset + self._counters * 8
        copy = b""
        consistent = False
        for tried in range(TRIES):
            if tried >= QUICK_TRIES:  # the writer was put aside in between, and needs the processor
                time.sleep(PAUSE_S)
            before = self._sequence()
            copy = bytes(self._memory[begin:end])
            consistent = before % 2 == 0 and self._sequence() == before
            if consistent:
                break
        return struct.unpack(f"<{self._counters}Q", copy), consistent

    def _histogram(self, index: int) -> HistogramSnapshot:
        begin = self._histograms_offset + index * self._histogram_bytes
        end = begin + (2 + len(self._limits)) * 8
        words = np.frombuffer(bytes(self._memory[begin:end]), np.uint64)
        return HistogramSnapshot(words[2:], self._limits, int(words[0]), int(words[1]))
