"""Text tables of any size, split by the column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.decimals import Ints, decimals_of, ints_of
from cmatch.replay.errors import FeedError, line

Text = npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class Table:
    """The fields of a comma separated file.

    `starts` and `ends` are (rows, columns) places in `buffer`; `lines` (rows,) are the rows' line numbers.
    """

    path: Path
    buffer: npt.NDArray[np.uint8]
    starts: Ints
    ends: Ints
    lines: Ints

    @property
    def rows(self) -> int:
        """How many rows there are, without a header."""
        return int(self.starts.shape[0])

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return int(self.starts.shape[1])

    def bad(self, column: str) -> Callable[[int, str], FeedError]:
        """Makes the error of a row's field."""
        return lambda row, reason: FeedError(self.path, line(int(self.lines[row])), f"{column}: {reason}")

    def ints(self, column: int, name: str) -> Ints:
        """A column of integers, (rows,)."""
        return ints_of(self.buffer, self.starts[:, column], self.ends[:, column], self.bad(name))

    def decimals(self, column: int, name: str, decimals: int, *, cut: bool = False) -> Ints:
        """A column of decimals as integers of 10^-decimals, (rows,); with `cut`, more digits are left out."""
        starts, ends = self.starts[:, column], self.ends[:, column]
        return decimals_of(self.buffer, starts, ends, decimals, self.bad(name), cut=cut)

    def texts(self, column: int, width: int) -> Text:
        """A column of short texts, (rows,) bytes, cut off behind `width`."""
        starts, ends = self.starts[:, column], self.ends[:, column]
        out = np.zeros((self.rows, width), np.uint8)
        for k in range(width):
            here = starts + k < ends
            out[:, k] = np.where(here, self.buffer[np.where(here, starts + k, 0)], 0)
        return out.view(f"S{width}").reshape(self.rows)

    def empty(self, column: int) -> npt.NDArray[np.bool_]:
        """Where a column has nothing, (rows,)."""
        return np.asarray(self.starts[:, column] == self.ends[:, column])

    def only(self, rows: npt.NDArray[np.bool_]) -> Table:
        """The table of some rows."""
        return Table(self.path, self.buffer, self.starts[rows], self.ends[rows], self.lines[rows])

    def has_point(self, column: int) -> bool:
        """Whether any field of the column has a decimal point."""
        points = np.flatnonzero(self.buffer == ord("."))
        if points.size == 0 or self.rows == 0:
            return False
        places = np.minimum(np.searchsorted(points, self.starts[:, column]), points.size - 1)
        found = points[places]
        return bool(((found >= self.starts[:, column]) & (found < self.ends[:, column])).any())


def split(path: Path, data: bytes, *, header: bool = False) -> Table:
    """Splits a file without quotes into its fields.

    Raises:
        FeedError: a line has more or fewer fields than the first one.
    """
    buffer = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(buffer == ord("\n")).astype(np.int64)
    if buffer.size and (newlines.size == 0 or newlines[-1] != buffer.size - 1):
        newlines = np.append(newlines, np.int64(buffer.size))
    line_starts = np.concatenate((np.zeros(1, np.int64), newlines[:-1] + 1)) if newlines.size else newlines
    commas = np.flatnonzero(buffer == ord(",")).astype(np.int64)
    per_line = np.diff(np.searchsorted(commas, np.append(line_starts, buffer.size)))
    if newlines.size == 0:
        raise FeedError(path, "", "the file is empty")
    columns = int(per_line[0]) + 1
    if (per_line != columns - 1).any():
        row = int(np.argmax(per_line != columns - 1))
        found = int(per_line[row]) + 1 if newlines[row] > line_starts[row] else 0
        raise FeedError(path, line(row + 1), f"{columns} fields are expected here, but there are {found}")
    grid = commas.reshape(newlines.size, columns - 1)
    starts = np.column_stack((line_starts, grid + 1))
    line_ends = newlines - ((newlines > line_starts) & (buffer[newlines - 1] == ord("\r")))
    ends = np.column_stack((grid, line_ends))
    skip = 1 if header else 0
    return Table(path, buffer, starts[skip:], ends[skip:], np.arange(skip + 1, newlines.size + 1))
