"""A whole journal folded anew, from its first record: what came of it, and whether it is what was live."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.errors import StorageError
from exchange.storage.digests import Digest, Parting, first_parting, read_digests
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.retention import list_segments
from exchange.storage.snapshots import synced_sequence
from exchange.storage.venue_limits import read_limits

_SLICE = 1 << 16
_EVERYTHING = 1 << 62
_WRITER = "replay"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Replayed:
    """A journal, folded.

    Attributes:
        fold: what came of it.
        digest: where it ended.
        commands: how many were applied.
        seconds: within the kernels, reading included.
        start: sequence before the first one applied: 0, or that of a snapshot.
        points: digests at the sequences that were asked for.
    """

    fold: Fold
    digest: Digest
    commands: int
    seconds: float
    start: int
    points: tuple[Digest, ...]


def replay(root: Path, stops: Sequence[int] = (), progress: Progress | None = None) -> Replayed:
    """Folds the journal of a data directory from its first record, or from a snapshot where that is gone.

    Args:
        root: the data directory; it may be in use.
        stops: sequences, ascending, at which the hashes are taken.
        progress: told how many commands were applied, now and then.

    Raises:
        StorageError: there is no journal, or its beginning is gone and no snapshot stands in for it.
        JournalCorrupt: it is damaged.
    """
    directory = DataDirectory(root)
    if not list_segments(directory.journal):
        raise StorageError(f"there is no journal in {directory.journal}")
    fold = Fold(directory.journal, starting_venue(directory, read_limits(root) or {}, _EVERYTHING))
    start, total, seconds = fold.sequence, 0, 0.0
    points: list[Digest] = []
    for stop in [*(stop for stop in stops if stop > start), None]:
        while stop is None or fold.sequence < stop:
            began = time.perf_counter()
            done = fold.advance(_SLICE if stop is None else min(_SLICE, stop - fold.sequence))
            seconds += time.perf_counter() - began
            if not done:
                break
            total += done
            if progress:
                progress(total)
        if stop is not None and fold.sequence == stop:
            points.append(fold.digest(_WRITER))
    fold.advance_to_end()
    return Replayed(fold, fold.digest(_WRITER), total, seconds, start, tuple(points))


@dataclass(frozen=True)
class Verdict:
    """What comparing a replay with the digests that were recorded live gave."""

    replayed: Replayed
    compared: tuple[Digest, ...]  # recorded digests at whose sequence the replay could be compared
    passed_over: tuple[Digest, ...]  # recorded, but beyond the journal, before its start, or within a record
    parting: Parting | None
    synced: int  # the journal was synced up to here, as far as is known

    @property
    def same(self) -> bool:
        """Whether there was something to compare, all of it was equal, and nothing is missing behind it."""
        return bool(self.compared) and self.parting is None and not self.lacks

    @property
    def lacks(self) -> str:
        """What was synced and is not in the journal any more; empty where it is all there."""
        end = self.replayed.digest.sequence
        return f"sequences {end + 1} to {self.synced} were synced, and are gone" if self.synced > end else ""


def verify(root: Path, progress: Progress | None = None) -> Verdict:
    """Replays a journal and compares every digest that was recorded live.

    Raises:
        StorageError: there is no journal, or a line of the digests is none.
        JournalCorrupt: it is damaged.
    """
    recorded = read_digests(DataDirectory(root).digests)
    stops = sorted({digest.sequence for digest in recorded if digest.sequence > 0})
    replayed = replay(root, stops, progress)
    known = {point.sequence for point in replayed.points}
    compared = tuple(digest for digest in recorded if digest.sequence in known)
    passed_over = tuple(digest for digest in recorded if digest.sequence not in known)
    synced = synced_sequence(DataDirectory(root))
    return Verdict(replayed, compared, passed_over, first_parting(compared, replayed.points), synced)
