"""A leader and its standby on a bench: both cores over memory, and a wire between them that can be cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cmatch import frames
from cmatch._core import (
    Journal,
    JournalReader,
    MemoryDisk,
    MemoryTransport,
    Sequencer,
    SharedStats,
    Standby,
    Venue,
)
from cmatch.frames import CommandList
from exchange.domain.enums import FollowAction, FollowFlag
from exchange.services.orders.standby import Promotion, StandbyLoop
from tests.core_loop.bench_table import LIMITS, Bench, Rows

REPLICA = 3
TIMEOUT_NS = 1_000_000_000


@dataclass
class Wire:
    """The standby's connection to its leader. Cut, it loses what is sent; away, it takes nothing."""

    leader: Bench
    connection: int = 0
    cut: bool = False
    deaf: bool = False
    away: bool = False
    broken: bool = False
    lost: int = 0
    opened: int = 0
    held: deque[bytes] = field(default_factory=deque)

    def open(self) -> None:
        """A new connection."""
        if self.connection:
            self.leader.transport.close(self.connection)
        self.connection = self.leader.transport.open()
        self.leader.followed.add(self.connection)
        self.opened += 1
        self.broken = False
        self.held.clear()

    def filenos(self) -> tuple[int, ...]:
        """Nothing to wait for."""
        return ()

    @property
    def readable(self) -> bool:
        """Always to be looked at."""
        return True

    def send(self, frame: bytes) -> bool:
        """To the leader, unless the wire is cut."""
        if not self.cut and not self.away:
            self.leader.transport.push(self.connection, frame)
        return not self.away

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """What arrived."""
        while (frame := self.leader.transport.take(self.connection)) is not None:
            if self.cut or self.deaf:
                self.lost += 1
            else:
                self.held.append(frame)
        return [self.held.popleft() for _ in range(min(frames_max, len(self.held)))]


@dataclass
class Files:
    """The leader's journal files."""

    leader: Bench
    asked: int = 0

    def batches_after(self, sequence: int, epoch: int) -> tuple[list[bytes], bool]:
        """All that there is."""
        self.asked += 1
        reader = JournalReader("/j", sequence + 1, disk=self.leader.disk)
        return [bytes(record.payload) for record in reader], False


class StandbyBench:
    """A core that stands by for a leader; a new one on the same disk is the standby after a restart."""

    def __init__(self, leader: Bench, disk: MemoryDisk | None = None, *, in_sync: bool = False) -> None:
        self.leader = leader
        self.disk = disk or MemoryDisk()
        self.venue = Venue(**LIMITS)
        self.journal = Journal("/j", disk=self.disk, segment_bytes=8 << 20)
        self.transport = MemoryTransport(1_000)
        self.core = Sequencer(
            self.venue,
            self.journal,
            self.transport,
            leader.clock,
            SharedStats(),
            durability=REPLICA,
            leads=False,
            standby_timeout_ns=TIMEOUT_NS,
        )
        self.core.replay(JournalReader("/j", 1, disk=self.disk), self.journal.written_sequence)
        self.standby = Standby(self.core, timeout_ns=TIMEOUT_NS, in_sync=in_sync)
        self.wire, self.files = Wire(leader), Files(leader)
        self.told: list[bool] = []
        self.loop = StandbyLoop(
            self.core, self.standby, self.wire, self.files, leader.clock, tell=self.told.append
        )
        self.wire.open()

    def turn(self) -> None:
        """One turn of its loop."""
        self.loop.turn()

    def house(self) -> Promotion | None:
        """Its own socket is looked after."""
        self.leader.clock.advance(20_000_000)
        return self.loop._house()

    def ask(self, *, accept_loss: bool = False) -> tuple[Promotion | None, Any]:
        """An operator asks it to lead; what became of that, and the answer."""
        connection = self.transport.open()
        row = np.zeros(1, frames.FOLLOW_REQUEST_DTYPE)
        row["kind"] = FollowAction.PROMOTE
        row["flags"] = FollowFlag.ACCEPT_LOSS if accept_loss else 0
        self.transport.push(connection, frames.encode_commands(CommandList.FOLLOW_REQUESTS, row))
        promotion = self.house()
        frame = self.transport.take(connection)
        assert frame is not None
        return promotion, frames.decode_commands(frame)[2][0]


def replica_leader(disk: MemoryDisk | None = None, epoch: int = 1, **options: Any) -> Bench:
    """A leader whose answers wait for a standby."""
    options = {"standby_timeout_ns": TIMEOUT_NS, "epoch": epoch} | options
    return Bench(disk=disk or MemoryDisk(), durability=REPLICA, options=options)


def run(leader: Bench, *standbys: StandbyBench, turns: int = 4, later_ns: int = 30_000_000) -> None:
    """Some turns of everybody; time passes."""
    for _ in range(turns):
        leader.turn(later_ns)
        for each in standbys:
            each.turn()
            each.house()


def request(kind: FollowAction, **values: int) -> Rows:
    """One follow request."""
    row = np.zeros(1, frames.FOLLOW_REQUEST_DTYPE)
    row["kind"] = kind
    for name, value in values.items():
        row[name] = value
    return row
