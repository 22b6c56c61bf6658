"""The files of a topic: segments named by their first offset, the newest of them still growing.

What a segment holds is found by walking it. Only the newest one can end in something that is no record: a
segment is synced before the next one is named.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from exchange.bus.log.embedded.format import (
    HEAD_BYTES_MAX,
    TopicState,
    decode_head,
    decode_segment_head,
    is_whole,
    record_size,
)
from exchange.bus.log.interface import Batch
from exchange.errors import LogCorrupt

_SUFFIX: Final = ".log"


def segment_path(directory: Path, first_offset: int) -> Path:
    """The segment that begins with an offset."""
    return directory / f"{first_offset:020d}{_SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    """First offsets of the segments of a topic, the oldest first; none where there is no directory."""
    try:
        paths = list(directory.iterdir())
    except FileNotFoundError:
        return []
    return sorted(int(path.stem) for path in paths if path.suffix == _SUFFIX and path.stem.isdigit())


def read_segment_head(directory: Path, first_offset: int) -> tuple[int, TopicState]:
    """The length of a segment's head, and the topic's state before its first record.

    Raises:
        LogCorrupt: It is none, or of another topic or place.
        FileNotFoundError: The segment was removed.
    """
    path = segment_path(directory, first_offset)
    with path.open("rb") as file:
        data = file.read(HEAD_BYTES_MAX)
    length, topic, state = decode_segment_head(data, path.name)
    if topic != directory.name or state.offset != first_offset:
        raise LogCorrupt(f"{path} begins with offset {state.offset} of {topic}")
    return length, state


@dataclass(frozen=True, slots=True)
class Walked:
    """Where a walk of a segment ended.

    Args:
        state: Of the topic behind the last whole record.
        position: Of its end in the file.
        size: Of the file.
        followed: Whether a whole record lies behind what is none.
    """

    state: TopicState
    position: int
    size: int
    followed: bool


def walk_segment(directory: Path, first_offset: int) -> Walked:
    """Walks a segment to its end. O(bytes).

    Raises:
        LogCorrupt: Its head is damaged.
        FileNotFoundError: It was removed.
    """
    length, state = read_segment_head(directory, first_offset)
    path = segment_path(directory, first_offset)
    with _mapped(path) as data:
        end = length
        for at, size, batch in _records(data, length, first_offset):
            if not is_whole(data, at, size, state.seed):
                break
            state.extend(batch)
            end = at + size
        return Walked(state, end, len(data), _any_record(data, end, state))


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """Behind the last whole record of a segment.

    Args:
        file: Which file it is, by inode.
        first_offset: The segment's.
        offset: The next one.
        position: In the file.
        seed: Of the topic.
    """

    file: int
    first_offset: int
    offset: int
    position: int
    seed: int


def find_end(directory: Path, first_offset: int, before: SegmentEnd | None = None) -> SegmentEnd:
    """Where a segment ends. O(bytes that came since).

    Args:
        directory: Of the topic.
        first_offset: Of the segment.
        before: Where it, or another one, was found to end.

    Raises:
        LogCorrupt: As walk_segment().
        FileNotFoundError: It was removed.
    """
    path = segment_path(directory, first_offset)
    found = path.stat()
    known = before
    if (
        known is None
        or (known.file, known.first_offset) != (found.st_ino, first_offset)
        or found.st_size < known.position
    ):
        length, state = read_segment_head(directory, first_offset)
        known = SegmentEnd(found.st_ino, first_offset, first_offset, length, state.seed)
    if found.st_size == known.position:
        return known
    offset, position = known.offset, known.position
    with _mapped(path) as data:
        for at, size, _ in _records(data, position, offset):
            if not is_whole(data, at, size, known.seed):
                break
            offset, position = offset + 1, at + size
    return replace(known, offset=offset, position=position)


def find_offset(directory: Path, first_offset: int, offset: int) -> int | None:
    """Where the record with an offset begins in a segment, or will begin; None: further behind its end.

    Raises:
        LogCorrupt: As walk_segment().
        FileNotFoundError: It was removed.
    """
    length, state = read_segment_head(directory, first_offset)
    path = segment_path(directory, first_offset)
    if offset == first_offset:
        return length
    with _mapped(path) as data:
        for count, (at, size, _) in enumerate(_records(data, length, first_offset), 1):
            if first_offset + count == offset:
                return at + size if is_whole(data, at, size, state.seed) else None
    return None


def find_time(directory: Path, first_offset: int, ts_ns: int) -> int | None:
    """The offset of a segment's first record of at least a time; None where it has none.

    Raises:
        LogCorrupt: As walk_segment().
        FileNotFoundError: It was removed.
    """
    length, state = read_segment_head(directory, first_offset)
    path = segment_path(directory, first_offset)
    with _mapped(path) as data:
        for count, (at, size, batch) in enumerate(_records(data, length, first_offset)):
            if batch.ts_ns >= ts_ns:
                return first_offset + count if is_whole(data, at, size, state.seed) else None
    return None


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as data,
    ):
        yield data


def _records(data: memoryview, at: int, expected: int) -> Iterator[tuple[int, int, Batch]]:
    """Records that lie one behind the other, not checked: where each begins, its size, its head."""
    while (size := record_size(data, at)) is not None and at + size <= len(data):
        offset, batch = decode_head(data, at)
        if offset != expected:
            return
        yield at, size, batch
        at += size
        expected += 1


def _any_record(data: memoryview, at: int, state: TopicState) -> bool:
    """Whether a whole record with a later offset lies anywhere behind a place."""
    for place in range(at + 8, len(data), 8):
        size = record_size(data, place)
        if (
            size is not None
            and is_whole(data, place, size, state.seed)
            and decode_head(data, place)[0] > state.offset
        ):
            return True
    return False
