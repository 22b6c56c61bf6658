"""Accounts or risk in a process of its own: judges what the core proposes before it is journaled.

It owns no truth. Its state is the fold of the journal and of what was proposed beyond it; the reservations
and limits in the core's own fold stay: a verdict can refuse more than they do, and never less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch.frames import (
    RECORD_BYTES,
    VERDICT_DTYPE,
    CommandHeader,
    CommandList,
    ReportList,
    command_frames,
    decode_commands,
    decode_reports,
    encode_commands,
    is_report_frame,
)
from exchange.bus.connection import Connection
from exchange.domain.enums import Judge, OrderAction, ReportFlag, VerdictKind
from exchange.runtime.core_session import CoreRefusedError, CoreSession
from exchange.runtime.proposal_fold import ProposalFold
from exchange.storage.fold import Fold

Records = npt.NDArray[np.void]
Codes = npt.NDArray[np.uint32]

# What the fold may refuse an order for in each stage's name.
_CODES: Final = {Judge.ACCOUNTS: range(2_000, 3_000), Judge.RISK: range(3_000, 4_000)}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a stage says that it lives, and what silence of the core ends a connection; ns."""

    heartbeat_ns: int
    silence_ns: int


class Judging:
    """The work of such a process. One thread; nothing waits.

    Args:
        judge: Which stage it is.
        fold: What it knows.
        connection: To the core.
        pace: Of its heartbeats.
        approve: What it says beyond the fold: of a view and (n,) of ORDER_COMMAND, new and replaced ones, to
            (n,) of RejectCode, 0 where an order is approved.
    """

    def __init__(
        self,
        judge: Judge,
        fold: ProposalFold,
        connection: Connection,
        pace: Pace,
        approve: Callable[[Fold, Records], Codes] | None = None,
    ) -> None:
        self._judge = judge
        self._fold = fold
        self._approve = approve
        name = judge.name.lower()
        self._session = CoreSession(name, connection, self._mark, pace.heartbeat_ns, pace.silence_ns)

    @property
    def sequence(self) -> int:
        """Of the last command that was applied, proposed ones too."""
        return self._fold.sequence

    @property
    def logged_on(self) -> bool:
        """Whether the core takes verdicts."""
        return self._session.logged_on

    def turn(self, now_ns: int) -> int:
        """Does what is due; how many frames it took.

        Raises:
            CoreRefusedError: Another process judges in its place, or its verdicts are none.
            StorageError: The journal and the core do not agree.
        """
        frames = self._session.turn(now_ns)
        for frame in frames:
            if is_report_frame(frame):
                self._listen(frame)
            else:
                self._take(frame)
        return len(frames)

    def _mark(self, heartbeat: Records) -> None:
        heartbeat["judge"], heartbeat["followed"] = int(self._judge), self._fold.sequence

    def _listen(self, frame: bytes) -> None:
        _, kind, rows = decode_reports(frame)
        if kind is ReportList.REFUSALS:
            code = int(rows["reject"][-1])
            raise CoreRefusedError(f"{self._session.name}: the core refuses its verdict with code {code}")

    def _take(self, payload: bytes) -> None:
        header, kind, commands = decode_commands(payload, limit=RECORD_BYTES)
        if not self._fold.reach(header.first_seq, header.event_digest):
            return
        entering = np.zeros(0, np.intp)
        if kind is CommandList.ORDERS:
            kinds = commands["kind"]
            entering = np.flatnonzero((kinds == OrderAction.NEW_ORDER) | (kinds == OrderAction.REPLACE))
        if not entering.size:
            self._fold.apply(payload)
            return
        codes = np.zeros(len(commands), np.uint32)
        if self._approve is not None:
            codes[entering] = self._approve(self._fold.view, commands[entering])
            stamped = (codes != 0) & (commands["verdict"] == 0)
            if stamped.any():
                commands["verdict"][stamped] = codes[stamped]
                payload = encode_commands(kind, commands, header, limit=RECORD_BYTES)
        reports = self._fold.apply(payload)
        self._note_refused(codes, header.first_seq, reports)
        self._say(header, len(commands), codes[entering], header.first_seq + entering)

    def _note_refused(self, codes: Codes, first: int, reports: Records) -> None:
        """What the fold itself refuses orders for, where that is this stage's to say."""
        mine = _CODES[self._judge]
        rejects = reports["reject"]
        again = (reports["flags"] & int(ReportFlag.DUPLICATE)) != 0
        told = reports[(rejects >= mine.start) & (rejects < mine.stop) & ~again]
        at = told["sequence"] - first
        fresh = codes[at] == 0
        codes[at[fresh]] = told["reject"][fresh]

    def _say(self, header: CommandHeader, count: int, codes: Codes, sequences: npt.NDArray[np.int64]) -> None:
        refused = np.flatnonzero(codes)
        rows = np.zeros(refused.size + 1, VERDICT_DTYPE)
        rows["kind"], rows["judge"], rows["epoch"] = VerdictKind.REFUSED, int(self._judge), header.epoch
        rows["proposed_at"] = header.ts_ns
        rows["reject"][:-1], rows["sequence"][:-1] = codes[refused], sequences[refused]
        rows["kind"][-1], rows["sequence"][-1] = VerdictKind.JUDGED, header.first_seq + count - 1
        for frame in command_frames(CommandList.VERDICTS, rows):
            if not self._session.send(frame):
                return  # too late then, as the core has it
