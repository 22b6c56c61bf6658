"""The audit follower: what administrators told the core, read from the journal, in the chain `core`.

A process of its own: the core does nothing else, and what came of a command only a fold tells. The core has
answered when a record is made here; nothing is lost all the same, because the journal has the command: the
signed heads say up to which sequence the chain was derived, and what follows is folded again from the newest
snapshot before that. The same journal gives the same records, with its own times.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from cmatch._core import JournalReader, JournalRecord, Venue
from cmatch.errors import JournalGap
from exchange.config.settings import Settings
from exchange.errors import AuditUnavailable, StorageError
from exchange.runtime.administrative import administrative
from exchange.runtime.audit_entries import entry_of
from exchange.runtime.auditing import key_store
from exchange.runtime.exits import ExitCode
from exchange.runtime.follower_metrics import tell_progress
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.log import log
from exchange.runtime.refusals import Refused, read_refused
from exchange.runtime.vitals import telling
from exchange.security.audit import AuditChain, AuditEntry, Outcome
from exchange.security.audit.heads import Position
from exchange.storage.directory import DataDirectory
from exchange.storage.retention import list_segments, verified_snapshots
from exchange.storage.snapshots import restore
from exchange.storage.venue_limits import limits_of

NAME: Final = "audit"
CHAIN: Final = "core"

_SLICE_COMMANDS: Final = 4_096
_SHORTEST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1
_PAUSE_WITHOUT_ROOM_S: Final = 1.0


class AuditFollower:
    """Derives records from a journal. One thread.

    Args:
        directory: The data directory.
        limits: Of an empty venue.
        chain: Where records go.
        limit: Sequence of the last command that may be recorded: it will not be undone.

    Raises:
        StorageError: What follows the chain is no longer in the journal, and no snapshot stands in for it.
    """

    def __init__(
        self,
        directory: DataDirectory,
        limits: dict[str, Any],
        chain: AuditChain,
        limit: Callable[[], int],
    ) -> None:
        self._chain = chain
        self._limit = limit
        self._directory = directory
        self._refused: Refused | None = None
        self._waiting: list[AuditEntry] = []
        # Records may be ahead of the last head that says how far they were derived.
        self._known = max(chain.position, chain.marked, key=_later)
        self._venue = _venue_before(directory, limits, self._known.sequence)
        self._at = Position(self._venue.sequence, int(self._venue.status()["epoch"][0]))
        self._reader = JournalReader(str(directory.journal), self._venue.sequence + 1)
        self._next: JournalRecord | None = None
        if self._at.sequence > self._known.sequence:
            self._say_gap(self._known.sequence + 1, self._at.sequence)
            self._known = self._at

    @property
    def sequence(self) -> int:
        """Of the last command that was looked at."""
        return int(self._venue.sequence)

    def advance(self, most_commands: int) -> int:
        """Records what there is, up to so many commands, or a record more; how many it was.

        Raises:
            JournalCorrupt: The journal cannot be followed.
            AuditUnavailable: The chain cannot be written now; nothing is lost by trying again.
        """
        self._flush()
        done, limit = 0, self._limit()
        while done < most_commands:
            done += self._pass_orders(most_commands - done, limit)
            if (record := self._take(limit)) is None:
                break
            done += record.commands
            self._waiting += self._of(record)
        self._flush()
        self._chain.keep(self.position)
        return done

    @property
    def position(self) -> Position:
        """Up to where the chain is derived."""
        return max(self._at, self._known, key=_later)

    def _flush(self) -> None:
        if self._waiting:
            self._chain.append(self._waiting)
            self._waiting.clear()

    def note_refused(self) -> None:
        """Records how many keys the core has refused, where that is news.

        Raises:
            AuditUnavailable: The chain cannot be written now.
        """
        refused = read_refused(self._directory)
        if refused is None or refused == self._refused:
            return
        details: dict[str, str | int] = {"total": refused.total, "core_pid": refused.pid}
        entry = AuditEntry(
            action="logon.refused",
            outcome=Outcome.REFUSED,
            ts_ns=time.time_ns(),
            process="core",
            target=refused.last_key or "no key",
            details=details,
        )
        self._chain.append([entry])
        self._refused = refused

    def _pass_orders(self, most_commands: int, limit: int) -> int:
        """Folds what nobody administers by, where no rewind can begin; how many commands it was."""
        if self._next is not None or self._venue.sequence < self._known.sequence:
            return 0
        done, epoch, self._next = self._venue.pass_orders(self._reader, most_commands, limit)
        if done:
            self._at = Position(self._venue.sequence, epoch)
        return done

    def _take(self, limit: int) -> JournalRecord | None:
        record, self._next = self._next or self._reader.next(), None
        if record is not None and record.first_sequence + record.commands - 1 > limit:
            self._next, record = record, None
        return record

    def _of(self, record: JournalRecord) -> Iterator[AuditEntry]:
        last = record.first_sequence + record.commands - 1
        if record.first_sequence <= self._known.sequence and record.epoch > self._known.epoch:
            yield self._rewind(record)
        commands = administrative(record.payload) if last > self._known.sequence else ()
        names = self._session_names() if commands else {}
        _, answers = self._venue.apply_payload(record.payload)
        self._at = Position(last, record.epoch)
        if not commands:
            return
        rejects = dict(zip(answers["sequence"].tolist(), answers["reject"].tolist(), strict=True))
        for place, command in commands:
            sequence = record.first_sequence + place
            if sequence > self._known.sequence:
                yield entry_of(
                    command, Position(sequence, record.epoch), record.ts_ns, rejects.get(sequence), names
                )

    def _session_names(self) -> dict[int, str]:
        rows = self._venue.sessions()
        return {int(row["session"]): row["name"].decode("ascii", "replace") for row in rows}

    def _rewind(self, record: JournalRecord) -> AuditEntry:
        """A machine lost power, and the unsynced end of its journal: what came again is of a later epoch."""
        recorded, last = self._known, record.first_sequence - 1
        # No position behind this one counts any more; the epoch of this record is the next one's to say.
        self._known = Position(last, record.epoch)
        details: dict[str, str | int] = {
            "sequence": last,
            "epoch": record.epoch,
            "recorded": recorded.sequence,
            "recorded_epoch": recorded.epoch,
        }
        log("the journal was rewound", level=logging.ERROR, to=last, recorded=recorded.sequence)
        return _own("journal.rewound", f"to sequence {last}", details)

    def _say_gap(self, first: int, last: int) -> None:
        details: dict[str, str | int] = {"sequence": last, "epoch": self._at.epoch, "first": first}
        self._chain.append([_own("journal.gap", f"sequences {first} to {last}", details)])
        log("the audit log has a gap", level=logging.ERROR, first=first, last=last)


def _later(position: Position) -> tuple[int, int]:
    """Of two places the one of the later epoch is later: what was written before may have been lost."""
    return position.epoch, position.sequence


def _own(action: str, target: str, details: dict[str, str | int]) -> AuditEntry:
    return AuditEntry(
        action=action,
        outcome=Outcome.DONE,
        ts_ns=time.time_ns(),
        process=NAME,
        target=target,
        details=details,
    )


def _venue_before(directory: DataDirectory, limits: dict[str, Any], sequence: int) -> Venue:
    """The venue of the newest snapshot that is not beyond a sequence; else of the oldest that there is."""
    segments = list_segments(directory.journal)
    begins = segments[0].first_sequence if segments else 1
    oldest: Venue | None = None
    for snapshot in reversed(verified_snapshots(directory)):
        if snapshot.sequence + 1 < begins:
            break
        try:
            venue = restore(snapshot, Venue.restore)
        except StorageError as error:
            log("snapshot passed over", level=logging.WARNING, reason=error)
            continue
        if snapshot.sequence <= sequence:
            return venue
        oldest = venue
    if begins == 1:
        return Venue(**limits)
    if oldest is None:
        raise StorageError(f"{directory.journal} has lost its beginning, and no snapshot stands in for it")
    return oldest


def main(settings: Settings, limit: Callable[[], int]) -> int:
    """Follows the journal until it is told to stop; its exit code.

    Args:
        settings: Of the exchange.
        limit: As of `exchange.runtime.publisher.limit_of`.

    Raises:
        JournalCorrupt: The journal cannot be followed.
        SecurityError: The chain is damaged, or the keys are.
        ExchangeError: It cannot begin.
    """
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    directory = DataDirectory(settings.data_directory)
    with (
        telling(settings, NAME, ["orders"]) as vitals,
        AuditChain(directory.audit, CHAIN, key_store(settings).head_signer(), process=NAME) as chain,
    ):
        follower = AuditFollower(directory, limits_of(settings), chain, limit)
        tell_progress(vitals, settings, lambda: follower.sequence)
        caught_up, pause = False, _SHORTEST_PAUSE_S
        while not stopped:
            vitals.beat(sequence=follower.sequence)
            try:
                done = follower.advance(_SLICE_COMMANDS)
                follower.note_refused()
            except AuditUnavailable as error:
                log("the audit log cannot be written", level=logging.ERROR, reason=error)
                time.sleep(_PAUSE_WITHOUT_ROOM_S)
                continue
            except JournalGap as error:
                log("the journal was removed before it was read", level=logging.ERROR, reason=error)
                return ExitCode.FAILED
            if done:
                pause = _SHORTEST_PAUSE_S
                continue
            if not caught_up:
                caught_up = True
                spare_what_is_there()
                log("audit caught up", sequence=follower.sequence, records=chain.seq)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        while follower.advance(_SLICE_COMMANDS):
            pass
        chain.close(follower.position)
    log("audit stopped", sequence=follower.sequence)
    return ExitCode.STOPPED
