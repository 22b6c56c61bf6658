"""What other processes than its writer do with a journal: make room ahead, and behind."""

from __future__ import annotations

from pathlib import Path

from cmatch import _core
from cmatch.errors import JournalCorrupt

__all__ = ["JournalCorrupt", "prepare_spare", "remove_segments_before"]


def prepare_spare(journal: Path, segment_bytes: int) -> None:
    """Makes the next segment ahead where there is none yet, so that the writer need not wait for one.

    Raises:
        OSError: it cannot be made: a full disk is noticed here first.
    """
    _core.prepare_spare(str(journal), segment_bytes)


def remove_segments_before(journal: Path, sequence: int) -> int:
    """Removes the segments that hold only earlier sequences, never the last one; how many.

    Raises:
        OSError: one cannot be removed.
    """
    return _core.remove_segments_before(str(journal), sequence)
