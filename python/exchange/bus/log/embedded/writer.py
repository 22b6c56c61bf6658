"""The writer of a topic: appends records to its newest segment, and begins a new one when that is full."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from exchange.bus.log.embedded.ahead import SyncAhead
from exchange.bus.log.embedded.disk import boot_id, lock_file, make_file, make_log_directory, write_parts
from exchange.bus.log.embedded.format import TopicState, encode_record, encode_segment_head
from exchange.bus.log.embedded.segments import list_segments, read_segment_head, segment_path, walk_segment
from exchange.bus.log.embedded.wakeup import WakeSender
from exchange.bus.log.interface import Batch, Head
from exchange.bus.topics import Topic
from exchange.errors import LogCorrupt, LogFault, LogRefused, LogUnavailable, StorageError

_LOGGER: Final = logging.getLogger("exchange")
_SEGMENTS_PER_AGE: Final = 8
_WRITE_BYTES: Final = 1 << 20
"""Of one write, of more than one record."""
_Encoded = tuple[Batch, list[bytes]]
"""A batch, and the parts of its record."""


class EmbeddedWriter:
    """Owns the lock of a topic and its newest segment. Not thread-safe.

    Args:
        directory: Of the topic; its name is the topic's.
        row: Of the table.
        segment_bytes: Size after which a new segment begins.
        wake: Tells readers.
        on_rolled: Called with the topic and the time of the log when a segment was finished.

    Raises:
        LogRefused: TOPIC_IN_USE.
        LogCorrupt: What is there cannot be gone on from.
        LogUnavailable: It cannot be opened.
    """

    def __init__(
        self,
        directory: Path,
        row: Topic,
        segment_bytes: int,
        wake: WakeSender,
        on_rolled: Callable[[str, int], object],
    ) -> None:
        make_log_directory(directory)
        lock = lock_file(directory / "writer")
        if lock is None:
            raise LogRefused(LogFault.TOPIC_IN_USE, f"{directory.name} is written by {_owner(directory)}")
        self._directory = directory
        self._row = row
        self._segment_bytes = segment_bytes
        self._wake = wake
        self._on_rolled = on_rolled
        self._lock = lock
        self._file = -1
        self._path = directory
        self._first_offset = 0
        self._position = 0
        self._ahead = SyncAhead()
        self._state = TopicState(secrets.randbits(32))
        self._began_ns = 0
        try:
            self._recover()
            content = f"{os.getpid()} {boot_id()}\n".encode("ascii")
            os.pwrite(lock, content, 0)
            os.ftruncate(lock, len(content))
            wake.open()
        except OSError as error:
            self._drop()
            raise LogUnavailable(f"{directory} cannot be written: {error.strerror}") from error
        except BaseException:
            self._drop()
            raise

    @property
    def topic(self) -> str:
        """What it writes."""
        return self._directory.name

    @property
    def end(self) -> int:
        """The offset that the next record gets."""
        return self._state.offset

    @property
    def closed(self) -> bool:
        """Whether it takes no more; see the interface."""
        return self._file < 0

    def head(self, stream: int) -> Head | None:
        """How far the topic has a stream."""
        known = self._state.streams.get(stream)
        return None if known is None else known.head

    def append(self, batches: Sequence[Batch]) -> int:
        """Appends batches; see the interface."""
        if self._file < 0:
            raise LogUnavailable(f"the writer of {self.topic} is closed")
        before = self._state.offset
        try:
            self._append(batches)
        finally:
            if self._state.offset > before:
                if self._row.synced and self._file >= 0:
                    self.sync()
                self._wake.send()
        return self._state.offset - before

    def _append(self, batches: Sequence[Batch]) -> None:
        """Many with one write."""
        after, waiting, size = self._state.copy(), list[_Encoded](), 0
        for batch in batches:
            try:
                if not after.admit(batch):
                    continue
                parts = encode_record(after.offset, batch, after.seed)
            except LogRefused:
                self._write(waiting)
                raise
            length = sum(map(len, parts))
            full = self._is_full(after.offset, size + length, batch.ts_ns)
            if full or size + length > _WRITE_BYTES:
                self._write(waiting)
                waiting, size = [], 0
            if full:
                self._roll()
            waiting.append((batch, parts))
            size += length
            after.extend(batch)
        self._write(waiting)

    def _write(self, records: Sequence[_Encoded]) -> None:
        if not records:
            return
        parts = [part for _, of_one in records for part in of_one]
        try:
            write_parts(self._file, parts, self._position)
        except OSError as error:
            if error.__cause__ is not None:
                self._drop()
            elif len(records) > 1:  # there may be room for some of them
                for each in records:
                    self._write([each])
                return
            raise LogUnavailable(f"{self.topic} cannot be written: {error.strerror}") from error
        self._position += sum(map(len, parts))
        for batch, _ in records:
            self._state.extend(batch)
        if not self._row.synced:  # else each append syncs
            self._ahead.grown(self._path, self._position)

    def _is_full(self, offset: int, size: int, ts_ns: int) -> bool:
        """Whether the segment has no room for so much more from an offset on, or is too old for that time."""
        if offset == self._first_offset:
            return False  # a record larger than a segment has one of its own
        age = self._row.retention.age_ns
        old = age is not None and ts_ns - self._began_ns > age // _SEGMENTS_PER_AGE
        return old or self._position + size > self._segment_bytes

    def sync(self) -> None:
        """Makes what was appended outlive the machine; see the interface."""
        if self._file < 0:
            raise LogUnavailable(f"the writer of {self.topic} is closed")
        try:
            os.fdatasync(self._file)
        except OSError as error:
            # What the disk has is unknown now, and asking again would say that all is well.
            self._drop()
            raise LogUnavailable(f"{self.topic} cannot be synced: {error.strerror}") from error

    def _roll(self) -> None:
        self.sync()
        path = segment_path(self._directory, self._state.offset)
        content = encode_segment_head(self.topic, self._state)
        make_file(path, content)
        old = self._file
        try:
            self._open(self._state.offset, len(content))
        except OSError as error:
            self._drop()
            raise LogUnavailable(f"{path} cannot be opened: {error.strerror}") from error
        os.close(old)
        self._began_ns = self._state.ts_ns
        try:
            self._on_rolled(self.topic, self._state.ts_ns)
        except StorageError as error:  # the next roll tries again
            _LOGGER.error("retention failed", extra={"fields": {"topic": self.topic, "reason": error}})  # noqa: TRY400

    def _recover(self) -> None:
        """Finds the end of the newest segment, cutting off what is no record; or begins with an empty one."""
        for left in self._directory.glob(".*.new"):
            left.unlink(missing_ok=True)
        segments = list_segments(self._directory)
        if not segments:
            content = encode_segment_head(self.topic, self._state)
            make_file(segment_path(self._directory, 0), content)
            self._open(0, len(content))
            return
        self._began_ns = read_segment_head(self._directory, segments[-1])[1].ts_ns
        walked = walk_segment(self._directory, segments[-1])
        self._state = walked.state
        if walked.followed and (self._row.synced or self._same_boot()):
            raise LogCorrupt(
                f"{segment_path(self._directory, segments[-1])} is damaged at byte {walked.position}:"
                " whole records lie behind it"
            )
        self._open(segments[-1], walked.position)
        if walked.size > walked.position:
            os.ftruncate(self._file, walked.position)
            _LOGGER.warning(
                "tail of a topic cut",
                extra={
                    "fields": {
                        "topic": self.topic,
                        "offset": self._state.offset,
                        "from_byte": walked.position,
                        "to_byte": walked.size,
                    }
                },
            )
        os.fdatasync(self._file)  # what a life before this one left in memory alone

    def _same_boot(self) -> bool:
        """Whether the writer before this one ran since the machine started: then no power cut is to blame."""
        words = os.pread(self._lock, 256, 0).decode("ascii", "replace").split()
        return len(words) == 2 and words[1] == boot_id() != ""

    def _open(self, first_offset: int, position: int) -> None:
        self._path = segment_path(self._directory, first_offset)
        self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self._first_offset = first_offset
        self._position = position

    def close(self) -> None:
        """Lets another be the writer."""
        self._drop()

    def _drop(self) -> None:
        self._wake.close()
        self._ahead.close()
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _owner(directory: Path) -> str:
    words = (directory / "writer").read_text(encoding="ascii", errors="replace").split()
    return f"process {words[0]}" if words else "another"
