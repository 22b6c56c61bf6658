"""A core whose accounts, risk or both are elsewhere: told what to say, or the real ones over memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cmatch import frames
from cmatch._core import JournalReader, Venue
from cmatch.frames import CommandHeader, CommandList, Records
from exchange.domain.enums import Judge, OrderAction, SessionAction, VerdictKind
from exchange.runtime.judging import Judging, Pace
from exchange.runtime.proposal_fold import ProposalFold
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import RemoteStage, WatchedStage
from exchange.storage.fold import Fold
from tests.core_loop.bench_table import Bench, Wire

MS = 1_000_000
BEAT, TIMEOUT, DEADLINE = 20 * MS, 200 * MS, 500 * MS


@dataclass
class StageBench(Bench):
    """A core with stages elsewhere, which have to be connected."""

    remote: tuple[Judge, ...] = (Judge.RISK,)

    def __post_init__(self) -> None:
        there = {judge.name.lower(): judge in self.remote for judge in Judge}
        self.options = {**there, "proposal_timeout_ns": DEADLINE} | self.options
        super().__post_init__()

        def watched(judge: Judge) -> WatchedStage:
            port = RemoteStage(
                lambda: self.core.judge_link(judge)[0], lambda: self.core.steady, TIMEOUT, away=True
            )
            return WatchedStage(port, self.policies.of("orders", judge.name.lower()), away=True)

        judges = {int(judge): watched(judge) for judge in self.remote}
        self.loop = CoreLoop(self.core, self.loop._stages[0], judges=judges)

    def push(self, connection: int, kind: CommandList, rows: Records) -> None:
        """Puts a frame where the next turn finds it."""
        assert self.transport.push(connection, frames.encode_commands(kind, rows))

    def journaled(self) -> list[tuple[CommandHeader, CommandList, Records]]:
        """Every record of the journal."""
        reader = JournalReader("/j", 1, disk=self.disk)
        return [frames.decode_commands(record.payload, limit=frames.RECORD_BYTES) for record in reader]


@dataclass
class Scripted:
    """A stage that says what the test tells it to."""

    bench: StageBench
    judge: Judge = Judge.RISK
    wire: Wire = field(init=False)
    proposals: list[tuple[CommandHeader, CommandList, Records]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wire = Wire(self.bench, self.judge.name.lower())
        self.wire.open()
        row = self._request(SessionAction.LOGON)
        row["name"] = self.judge.name.lower().encode()
        self._send(CommandList.SESSIONS, row)
        self.bench.turn()

    def beat(self) -> None:
        """One heartbeat, for the next turn."""
        row = self._request(SessionAction.HEARTBEAT)
        row["judge"] = int(self.judge)
        self._send(CommandList.SESSIONS, row)

    def listen(self) -> list[tuple[CommandHeader, CommandList, Records]]:
        """What was proposed or told since the last time; the last is kept."""
        found = [
            frames.decode_commands(frame, limit=frames.RECORD_BYTES)
            for frame in self.wire.receive()
            if not frames.is_report_frame(frame)
        ]
        self.proposals += found
        return found

    def say(
        self,
        refused: dict[int, int] | None = None,
        at: CommandHeader | None = None,
        *,
        last: int | None = None,
    ) -> None:
        """A verdict on the last proposal of orders, or on an earlier one, for the next turn.

        Args:
            refused: Codes by the place of the order in it.
            at: Which proposal.
            last: Up to which place it is judged; all of it where it is None.
        """
        self.listen()
        header, _, rows = next(
            each
            for each in reversed(self.proposals)
            if each[1] is CommandList.ORDERS and at in (None, each[0])
        )
        said = refused or {}
        verdicts = np.zeros(len(said) + 1, frames.VERDICT_DTYPE)
        verdicts["kind"], verdicts["judge"], verdicts["epoch"] = VerdictKind.REFUSED, self.judge, header.epoch
        verdicts["proposed_at"] = header.ts_ns
        verdicts["sequence"][:-1] = [header.first_seq + place for place in said]
        verdicts["reject"][:-1] = list(said.values())
        verdicts["kind"][-1] = VerdictKind.JUDGED
        verdicts["sequence"][-1] = header.first_seq + (len(rows) if last is None else last) - 1
        self._send(CommandList.VERDICTS, verdicts)

    def answer(self, refused: dict[int, int] | None = None) -> None:
        """A verdict, and a turn."""
        self.say(refused)
        self.bench.turn()

    def _request(self, action: SessionAction) -> Records:
        row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
        row["kind"], row["schema_version"], row["heartbeat_ms"] = action, frames.SCHEMA_VERSION, 600_000
        return row

    def _send(self, kind: CommandList, rows: Records) -> None:
        assert self.wire.send(frames.encode_commands(kind, rows))


def staged(*judges: Judge, **options: Any) -> tuple[StageBench, int, list[Scripted]]:
    """A core, a client with a market, and those stages, of which each is there."""
    bench = StageBench(remote=judges, **options)
    stages = [Scripted(bench, judge) for judge in judges]
    go(bench, *stages)
    me = bench.connect()
    bench.market(me)
    for stage in stages:
        stage.listen()
        stage.proposals.clear()
    return bench, me, stages


def go(bench: StageBench, *stages: Scripted, turns: int = 10) -> None:
    """Turns in which those stages are heard."""
    for _ in range(turns):
        for stage in stages:
            stage.beat()
        bench.turn(BEAT)


@dataclass
class Real:
    """The work of a stage's process on the disk in memory; a new one is its next life."""

    bench: StageBench
    judge: Judge = Judge.RISK
    approve: object = None

    def __post_init__(self) -> None:
        self.wire = Wire(self.bench, self.judge.name.lower())
        self.fold = ProposalFold(self._begin, self._records_from)
        self.work = Judging(self.judge, self.fold, self.wire, Pace(BEAT, 5 * TIMEOUT), self.approve)  # type: ignore[arg-type]

    def turn(self) -> None:
        """One turn of it."""
        self.work.turn(self.bench.clock.now_ns())

    def _begin(self) -> Fold:
        fold = Fold(Path("/j"), Venue(**self.bench.limits), disk=self.bench.disk)
        fold.advance_to_end()
        return fold

    def _records_from(self, sequence: int) -> JournalReader:
        return JournalReader("/j", sequence, disk=self.bench.disk)


def cancel(name: str, of: str, account: int = 1) -> Records:
    """A cancel of an order by its client order id."""
    row = np.zeros(1, frames.ORDER_COMMAND_DTYPE)
    row["kind"], row["instrument_id"], row["account"] = OrderAction.CANCEL, 1, account
    row["client_order_id_head"], row["orig_client_order_id_head"] = name.encode(), of.encode()
    return row
