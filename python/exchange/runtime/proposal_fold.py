"""The fold of the journal, and of what was proposed beyond its end: journaled in a moment, or forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cmatch.errors import JournalGap, StateParted
from exchange.errors import StorageError
from exchange.storage.fold import Fold

Records = npt.NDArray[np.void]


class Record(Protocol):
    """A record of the journal; `cmatch._core.JournalRecord` is one."""

    @property
    def first_sequence(self) -> int:
        """Of its first command."""
        ...

    @property
    def payload(self) -> bytes:
        """The frame."""
        ...


class ProposalFold:
    """What a stage elsewhere knows: never more than the journal, but for what was proposed last.

    Whether that was journaled shows with the next proposal: it names the place before it, and the digest of
    all events up to there. Where either is another one, the fold begins anew with snapshot and journal.

    Args:
        begin: Makes a fold of snapshot and journal, up to its end.
        records_from: The records of the journal from a sequence on; raises JournalGap where they are gone.
    """

    def __init__(self, begin: Callable[[], Fold], records_from: Callable[[int], Iterable[Record]]) -> None:
        self._begin = begin
        self._records_from = records_from
        self.view = begin()
        """The state."""
        self._journaled = self.view.sequence
        self.beginnings = 1

    @property
    def sequence(self) -> int:
        """Of the last command that was applied, proposed ones too."""
        return self.view.sequence

    def forget(self) -> None:
        """Begins anew: with the journal as it is now, without what was proposed."""
        del self.view  # there is room for one
        self.view = self._begin()
        self._journaled = self.view.sequence
        self.beginnings += 1

    def reach(self, first: int, digest: int) -> bool:
        """Brings it right before a proposal.

        Args:
            first: The sequence of its first command.
            digest: Over all events before it; 0: not said, it follows on the proposal before.

        Returns:
            Whether the proposal can be judged; False: the journal has something else in its place.

        Raises:
            StorageError: The journal and the core do not agree.
        """
        if first <= self._journaled:
            return False
        if first <= self.sequence or self._differs(first, digest):
            self.forget()
        if first > self.sequence + 1:
            self._catch_up(first - 1)
        if first <= self.sequence:
            return False
        if first != self.sequence + 1 or self._differs(first, digest):
            raise StorageError(
                f"the journal leads to sequence {self.sequence}, digest {self.view.venue.event_digest:016x};"
                f" sequence {first} is proposed on digest {digest:016x}"
            )
        if digest:
            self._journaled = first - 1
        return True

    def apply(self, payload: bytes) -> Records:
        """What follows from a proposal, now its commands count as journaled: (n,) of EXECUTION_REPORT."""
        reports, _ = self.view.venue.apply_payload(payload)
        return reports

    def _differs(self, first: int, digest: int) -> bool:
        return bool(digest) and first == self.sequence + 1 and digest != self.view.venue.event_digest

    def _catch_up(self, last: int) -> None:
        """From the journal, up to a sequence at least."""
        try:
            for record in self._records_from(self.sequence + 1):
                if record.first_sequence != self.sequence + 1:
                    break  # what was proposed ended elsewhere
                self.view.venue.apply_payload(record.payload)
                if self.sequence >= last:
                    self._journaled = self.sequence
                    return
        except (JournalGap, StateParted):
            pass
        self.forget()
