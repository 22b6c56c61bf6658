"""The embedded event log: a directory with one of each topic."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar, cast
from weakref import WeakSet

from exchange.bus.context import Context, new_context
from exchange.bus.log.embedded.disk import make_log_directory
from exchange.bus.log.embedded.groups import EmbeddedGroup, group_path, read_cursors
from exchange.bus.log.embedded.reader import EmbeddedReader
from exchange.bus.log.embedded.segments import (
    SegmentEnd,
    find_end,
    find_time,
    list_segments,
    read_segment_head,
    segment_path,
    walk_segment,
)
from exchange.bus.log.embedded.wakeup import WakeReceiver, WakeSender, wait_any, wake_endpoint
from exchange.bus.log.embedded.writer import EmbeddedWriter
from exchange.bus.log.interface import Extent, GroupStatus, TopicReader
from exchange.bus.topics import Retention, TopicTable
from exchange.config.durable import sync_directory
from exchange.errors import LogUnavailable

SEGMENT_BYTES: Final = 64 << 20
_LOGGER: Final = logging.getLogger("exchange")


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


class EmbeddedLog:
    """Topics in files. Any number of processes may have one of the same directory.

    Args:
        directory: Of all topics; made when the first is written.
        run: The private directory of sockets.
        topics: The table.
        segment_bytes: Size of a segment, after which the next one begins.
    """

    def __init__(
        self, directory: Path, run: Path, topics: TopicTable, *, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._directory = directory
        self._run = run
        self._table = topics
        self._segment_bytes = segment_bytes
        self._guard = threading.Lock()
        self._context: Context | None = None
        self._open: WeakSet[_Closes] = WeakSet()
        self._ends: dict[
            str, SegmentEnd
        ] = {}  # where topics were found to end; each is as good as an older one

    def writer(self, topic: str) -> EmbeddedWriter:
        """Takes a topic to write; see the interface."""
        row = self._table.find(topic)
        make_log_directory(self._directory)
        wake = WakeSender(self._sockets(), wake_endpoint(self._run, topic))
        return self._kept(
            EmbeddedWriter(self._directory / topic, row, self._segment_bytes, wake, self.retain)
        )

    def reader(self, topic: str, offset: int | None = None) -> EmbeddedReader:
        """Reads a topic; see the interface."""
        self._table.find(topic)
        receiver = WakeReceiver(self._sockets(), wake_endpoint(self._run, topic))
        return self._kept(EmbeddedReader(self._directory / topic, offset, receiver))

    def wait_any(self, readers: Sequence[TopicReader], timeout_s: float) -> bool:
        """Waits for one of several readers; see the interface."""
        own = cast(Sequence[EmbeddedReader], readers)  # a log's readers are its own
        return wait_any([reader.waiting for reader in own], timeout_s)

    def group(self, name: str, topic: str) -> EmbeddedGroup:
        """Takes a group's place at a topic; see the interface."""
        self._table.find(topic)
        make_log_directory(self._directory)
        segments = list_segments(self._directory / topic)
        return self._kept(EmbeddedGroup(self._directory / topic, name, segments[0] if segments else 0))

    def groups(self, topic: str) -> list[GroupStatus]:
        """Who consumes a topic; see the interface."""
        extent = self.extent(topic)
        return [
            GroupStatus(name, cursor, max(extent.end - cursor, 0), cursor < extent.begin)
            for name, cursor in read_cursors(self._directory / topic).items()
        ]

    def forget_group(self, name: str, topic: str) -> None:
        """Forgets a group for good; see the interface."""
        self._table.find(topic)
        group_path(self._directory / topic, name).unlink(missing_ok=True)

    def topics(self) -> list[str]:
        """Those that there are, by name."""
        return [topic for topic in sorted(self._table) if list_segments(self._directory / topic)]

    def extent(self, topic: str) -> Extent:
        """What a topic holds; see the interface."""
        self._table.find(topic)
        directory = self._directory / topic
        while segments := list_segments(directory):
            try:
                size = sum(segment_path(directory, first).stat().st_size for first in segments)
                end = self._ends[topic] = find_end(directory, segments[-1], self._ends.get(topic))
                return Extent(segments[0], end.offset, size)
            except FileNotFoundError:  # removed just now
                continue
        return Extent(0, 0, 0)

    def offset_at(self, topic: str, ts_ns: int) -> int:
        """The offset of the first record of at least a time; see the interface."""
        self._table.find(topic)
        directory = self._directory / topic
        while segments := list_segments(directory):
            try:
                return _offset_at(directory, segments, ts_ns)
            except FileNotFoundError:  # removed just now
                continue
        return 0

    def retain(self, topic: str, now_ns: int) -> int:
        """Removes what may go; see the interface."""
        directory = self._directory / topic
        cursors = read_cursors(directory)
        segments = list_segments(directory)
        try:
            kept_from = _first_kept(directory, segments, self._table.find(topic).retention, cursors, now_ns)
            gone = [first for first in segments if first < kept_from]
            for first in gone:
                segment_path(directory, first).unlink(missing_ok=True)
            if gone:
                sync_directory(directory)
        except OSError as error:
            raise LogUnavailable(f"{topic} cannot be shortened: {error.strerror}") from error
        if not gone:
            return 0
        self._tell(topic, gone[0], kept_from, cursors)
        return kept_from - gone[0]

    def _tell(self, topic: str, begin: int, kept_from: int, cursors: dict[str, int]) -> None:
        for name, cursor in cursors.items():
            if begin <= cursor < kept_from:
                _LOGGER.error(
                    "consumer group lost",
                    extra={
                        "fields": {"topic": topic, "group": name, "cursor": cursor, "kept_from": kept_from}
                    },
                )

    def _sockets(self) -> Context:
        with self._guard:
            if self._context is None:
                self._context = new_context()
            return self._context

    def _kept(self, opened: T) -> T:
        with self._guard:
            self._open.add(opened)
        return opened

    def close(self) -> None:
        """Closes what was opened with it."""
        with self._guard:
            opened = list(self._open)
            context, self._context = self._context, None
        for each in opened:
            each.close()
        if context is not None:
            context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _offset_at(directory: Path, segments: list[int], ts_ns: int) -> int:
    earlier = [first for first in segments if read_segment_head(directory, first)[1].ts_ns < ts_ns]
    start = earlier[-1] if earlier else segments[0]
    found = find_time(directory, start, ts_ns)
    if found is not None:
        return found
    later = [first for first in segments if first > start]
    return later[0] if later else walk_segment(directory, start).state.offset


def _first_kept(
    directory: Path, segments: list[int], retention: Retention, cursors: dict[str, int], now_ns: int
) -> int:
    """The first offset that is kept: that of a segment; the newest one always is."""
    sizes = [segment_path(directory, first).stat().st_size for first in segments]
    total = sum(sizes)
    for size, (first, following) in zip(sizes, pairwise(segments), strict=False):
        had = all(cursor >= following for cursor in cursors.values())
        ended_ns = read_segment_head(directory, following)[1].ts_ns
        aged = retention.age_ns is not None and ended_ns < now_ns - retention.age_ns
        if total <= retention.size_max and not (aged and had):
            return first
        total -= size
    return segments[-1] if segments else 0
