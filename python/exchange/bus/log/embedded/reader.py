"""A reader of a topic: follows its segments from an offset on, in any process, while the writer appends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from exchange.bus.log.embedded.format import SIZE_MAX, decode_record, is_whole, record_size
from exchange.bus.log.embedded.segments import find_offset, list_segments, read_segment_head, segment_path
from exchange.bus.log.embedded.wakeup import WakeReceiver, wait_any
from exchange.bus.log.interface import RECORD_BYTES_MAX, Record
from exchange.errors import LogCorrupt, LogFault, LogRefused

_CHUNK_BYTES: Final = 256 << 10


class EmbeddedReader:
    """Owns a descriptor of the segment that it is in. Not thread-safe.

    Args:
        directory: Of the topic; it may not be there yet.
        offset: Where to begin; None: with the oldest record.
        receiver: Wakes it.
    """

    def __init__(self, directory: Path, offset: int | None, receiver: WakeReceiver) -> None:
        segments = list_segments(directory)
        self._directory = directory
        self._receiver = receiver
        self._offset = offset if offset is not None else (segments[0] if segments else 0)
        self._file = -1
        self._first_offset = 0
        self._seed = 0
        self._position = 0
        self._tried = (-1, -1)  # the segment in which the offset was not found, and its size then
        self._view = memoryview(b"")
        self._view_at = 0

    @property
    def topic(self) -> str:
        """What it reads."""
        return self._directory.name

    @property
    def offset(self) -> int:
        """Where the next record is read."""
        return self._offset

    def seek(self, offset: int) -> None:
        """Goes on from there."""
        self._leave()
        self._offset = offset
        self._tried = (-1, -1)

    def read(self, records_max: int = 256, bytes_max: int = RECORD_BYTES_MAX) -> list[Record]:
        """The next whole records; see the interface."""
        records: list[Record] = []
        taken = 0
        while len(records) < records_max:
            size = self._next_size()
            if size is None or (records and taken + size > bytes_max):
                break
            offset, batch = decode_record(self._view, self._position - self._view_at)
            if offset != self._offset:
                raise LogCorrupt(f"{self.topic} has offset {offset} where {self._offset} belongs")
            records.append(Record(offset, batch))
            self._position += size
            self._offset += 1
            taken += size
        return records

    def wait(self, timeout_s: float) -> bool:
        """Waits until there is something to read, as long as that at most; whether there is."""
        return wait_any([self.waiting], timeout_s)

    @property
    def waiting(self) -> tuple[WakeReceiver, Callable[[], bool]]:
        """What wakes it, and what says whether there is something to read."""
        return self._receiver, self._has_more

    def _has_more(self) -> bool:
        try:
            return self._next_size() is not None
        except (LogRefused, LogCorrupt):
            return True  # reading says what

    def _next_size(self) -> int | None:
        """The size of the next whole record, which is in the view then; None: it is not there yet."""
        while self._file >= 0 or self._enter():
            if (size := self._look()) is not None:
                return size
            if not self._follow():
                return None
        return None

    def _look(self) -> int | None:
        size = self._in_view()
        if size is None:
            self._fill(_CHUNK_BYTES)
            size = self._in_view()
        if size is None and (claimed := record_size(self._view, 0)) is not None and claimed > _CHUNK_BYTES:
            self._fill(claimed)
            size = self._in_view()
        return size

    def _in_view(self) -> int | None:
        at = self._position - self._view_at
        size = record_size(self._view, at)
        return size if size is not None and is_whole(self._view, at, size, self._seed) else None

    def _fill(self, size: int) -> None:
        self._view = memoryview(os.pread(self._file, size, self._position))
        self._view_at = self._position

    def _follow(self) -> bool:
        """Whether there is another segment to go on with, now that nothing whole is next in this one.

        Raises:
            LogRefused: TRUNCATED.
            LogCorrupt: What is next is damaged, and not on its way: something follows it.
        """
        if self._offset > self._first_offset and segment_path(self._directory, self._offset).exists():
            self._leave()
            return self._enter()
        status = os.fstat(self._file)
        left = status.st_size - self._position
        if left or not status.st_nlink:
            claimed = record_size(self._view, 0)
            ahead = [first for first in list_segments(self._directory) if first > self._offset]
            if ahead or left > SIZE_MAX or (claimed is not None and left > claimed):
                if self._look() is not None:
                    return True  # it was on its way
                if not status.st_nlink:
                    self._leave()
                    return self._enter()
                raise LogCorrupt(
                    f"{segment_path(self._directory, self._first_offset)} is damaged at byte {self._position}"
                )
        return False

    def _enter(self) -> bool:
        """Opens the segment that has the offset, or will have it; whether there is one."""
        segments = list_segments(self._directory)
        if not segments:
            return False
        if self._offset < segments[0]:
            raise LogRefused(
                LogFault.TRUNCATED,
                f"{self.topic} begins with offset {segments[0]}, and {self._offset} was asked for",
            )
        first = max(each for each in segments if each <= self._offset)
        path = segment_path(self._directory, first)
        try:
            size = path.stat().st_size
            if self._tried == (first, size):
                return False
            position = find_offset(self._directory, first, self._offset)
            if position is None:
                self._tried = (first, size)
                return False
            self._seed = read_segment_head(self._directory, first)[1].seed
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # it was removed just now
            return self._enter()
        self._first_offset = first
        self._position = position
        self._view, self._view_at = memoryview(b""), position
        return True

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        """Lets its files go."""
        self._leave()
        self._receiver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
