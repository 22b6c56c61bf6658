"""Which segments of the journal and which snapshots are kept.

The journal is kept whole while it is smaller than its limit. Beyond it the oldest segments go, but only those
that a verified snapshot covers: one whose digest line was written after it had been read back. Of snapshots
the newest few stay, and the oldest one that the journal still joins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from exchange.storage.digests import read_digests
from exchange.storage.directory import DataDirectory
from exchange.storage.snapshots import SnapshotFile, list_snapshots

_NEWEST_KEPT = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal."""

    first_sequence: int
    size: int


def list_segments(journal: Path) -> list[Segment]:
    """The segments of a journal, the oldest first."""
    if not journal.is_dir():
        return []
    return sorted(
        (
            Segment(int(path.stem), path.stat().st_size)
            for path in journal.glob("*.journal")
            if path.stem.isdigit()
        ),
        key=lambda segment: segment.first_sequence,
    )


def verified_snapshots(directory: DataDirectory) -> list[SnapshotFile]:
    """Snapshots that were read back after they were written, the oldest first."""
    known = {digest.sequence for digest in read_digests(directory.digests)}
    return [each for each in list_snapshots(directory.snapshots) if each.sequence in known]


def remove_unverified(directory: DataDirectory, up_to: int) -> list[Path]:
    """Removes what was left of snapshots that were never read back, as their writer was killed; what it was.

    Args:
        directory: whose.
        up_to: sequence that a fold has reached without them: they are of no use. A later one may be on its
            way here, and have its line in a moment.
    """
    verified = {each.path for each in verified_snapshots(directory)}
    histories = (
        SnapshotFile.at(path.with_suffix(".snapshot")) for path in directory.snapshots.glob("*.history")
    )
    there = {*list_snapshots(directory.snapshots), *(each for each in histories if each)}
    gone = sorted(each.path for each in there if each.path not in verified and each.sequence <= up_to)
    for path in gone:
        SnapshotFile(path, int(path.stem)).remove()
    return gone


def first_needed(segments: list[Segment], covered: int, most_bytes: int) -> int:
    """The sequence before which segments may go.

    Args:
        segments: the oldest first.
        covered: sequence of the newest verified snapshot; 0: none.
        most_bytes: what is kept in any case.

    Returns:
        First sequence of the oldest segment to keep; 0 where all are kept.
    """
    total = sum(segment.size for segment in segments)
    cut = 0
    for segment, following in pairwise(segments):
        if total <= most_bytes or following.first_sequence > covered + 1:
            break
        total -= segment.size
        cut = following.first_sequence
    return cut


def make_room(directory: DataDirectory, most_bytes: int, remove_before: Callable[[int], int]) -> int:
    """Removes what need not be kept; how many segments that were.

    Args:
        directory: whose.
        most_bytes: bytes of the journal that are kept in any case.
        remove_before: removes the segments that hold only sequences before its argument.
    """
    segments = list_segments(directory.journal)
    verified = verified_snapshots(directory)
    removed = 0
    if verified:
        cut = first_needed(segments, verified[-1].sequence, most_bytes)
        removed = remove_before(cut) if cut else 0
    first = (list_segments(directory.journal) or [Segment(1, 0)])[0].first_sequence
    joined = [each for each in verified if each.sequence + 1 >= first]
    kept = {each.path for each in [*verified[-_NEWEST_KEPT:], *joined[: int(first > 1)]]}
    for each in verified:
        if each.path not in kept:
            each.remove()
    return removed


def starting_point(directory: DataDirectory, most_bytes: int) -> list[SnapshotFile]:
    """Snapshots to begin a fold from, the best first: as much journal behind it as `most_bytes` allows.

    What lies behind the snapshot is what a history can tell of. An empty list says: from the first record.
    """
    segments = list_segments(directory.journal)
    verified = verified_snapshots(directory)
    if not verified or not segments:
        return list(reversed(verified))
    whole = segments[0].first_sequence == 1
    if whole and sum(segment.size for segment in segments) <= most_bytes:
        return []

    def behind(snapshot: SnapshotFile) -> int:
        return sum(
            segment.size
            for segment, following in zip(segments, [*segments[1:], None], strict=True)
            if following is None or following.first_sequence > snapshot.sequence + 1
        )

    usable = [each for each in verified if each.sequence + 1 >= segments[0].first_sequence]
    near = [each for each in usable if behind(each) <= most_bytes]
    first = near[:1] or usable[-1:]
    return [*first, *(each for each in reversed(usable) if each not in first)]
