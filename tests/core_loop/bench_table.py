"""A core on a bench: the real stages over memory, driven turn by turn."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch import frames
from cmatch._core import (
    Journal,
    JournalReader,
    MemoryDisk,
    MemoryTransport,
    Sequencer,
    SharedStats,
    Venue,
    VirtualClock,
)
from cmatch.frames import CommandList, ReportList
from exchange.bench.market import instrument_rows
from exchange.domain.enums import AdminAction, LedgerAction
from exchange.resilience import Policies, SystemClock
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import LocalStage, StagePort, WatchedStage

LIMITS: dict[str, Any] = {"max_accounts": 100, "max_client_ids": 10_000, "max_orders": 1_000}
START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
ENOSPC, EIO = errno.ENOSPC, errno.EIO
Rows = npt.NDArray[np.void]


@dataclass
class Bench:
    """One core and its clients; a new one on the same disk is the core after a restart."""

    disk: MemoryDisk = field(default_factory=MemoryDisk)
    durability: int = 1
    port: StagePort = field(default_factory=LocalStage)
    options: dict[str, Any] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START_NS))
    limits: dict[str, Any] = field(default_factory=lambda: dict(LIMITS))
    followed: set[int] = field(default_factory=set)  # connections whose frames others take

    def __post_init__(self) -> None:
        self.venue = Venue(**self.limits)
        self.journal = Journal("/j", disk=self.disk, segment_bytes=8 << 20)
        self.transport = MemoryTransport(1_000)
        self.stats = SharedStats()
        self.core = Sequencer(
            self.venue,
            self.journal,
            self.transport,
            self.clock,
            self.stats,
            durability=self.durability,
            **self.options,
        )
        self.core.replay(JournalReader("/j", 1, disk=self.disk), self.journal.written_sequence)
        self.core.begin()
        self.policies = Policies(SystemClock(lambda: self.clock.now_ns() / 1e9))
        self.loop = CoreLoop(self.core, WatchedStage(self.port, self.policies.of("orders", "matching")))
        self.got: dict[int, dict[ReportList, list[Rows]]] = defaultdict(lambda: defaultdict(list))

    def connect(self, name: str = "me", *, flags: int = 0, last_event: int = 0, tenant: int = 0) -> int:
        """A connection that is logged on; its number."""
        connection = self.transport.open()
        row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
        row["kind"], row["name"], row["schema_version"] = 1, name.encode(), frames.SCHEMA_VERSION
        row["flags"], row["last_event_sequence"], row["tenant"] = flags, last_event, tenant
        self.send(connection, CommandList.SESSIONS, row)
        return connection

    def send(self, connection: int, kind: CommandList, rows: Rows) -> None:
        """Pushes a frame and makes a turn."""
        assert self.transport.push(connection, frames.encode_commands(kind, rows))
        self.turn()

    def turn(self, later_ns: int = 1_000) -> None:
        """A moment later, one turn of the loop; what it sent is taken."""
        self.clock.advance(later_ns)
        self.loop.turn()
        for connection in set(self.connections()) - self.followed:
            while (data := self.transport.take(connection)) is not None:
                _, kind, rows = frames.decode_reports(data)
                self.got[connection][kind].append(rows)

    def connections(self) -> range:
        """Numbers that may be open."""
        return range(1, 64)

    def took(self, connection: int, kind: ReportList) -> Rows:
        """What came since the last time."""
        parts = self.got[connection].pop(kind, [])
        return np.concatenate(parts) if parts else np.zeros(0, frames.REPORT_DTYPES[kind])

    def market(self, connection: int, accounts: int = 3) -> None:
        """Two assets, an instrument, and accounts of tenant 1 with money."""
        self.send(connection, CommandList.INSTRUMENTS, instrument_rows())
        opened = np.zeros(accounts, frames.ADMIN_COMMAND_DTYPE)
        opened["kind"], opened["tenant"], opened["account"] = (
            AdminAction.OPEN_ACCOUNT,
            1,
            np.arange(1, accounts + 1),
        )
        self.send(connection, CommandList.ADMINISTRATION, opened)
        gifts = np.zeros(2 * accounts, frames.LEDGER_COMMAND_DTYPE)
        gifts["kind"], gifts["amount"] = LedgerAction.DEPOSIT, 10**12
        gifts["account"] = np.repeat(np.arange(1, accounts + 1), 2)
        gifts["asset"] = np.tile([1, 2], accounts)
        gifts["transfer_id"][:, 0] = np.arange(1, 2 * accounts + 1)
        self.send(connection, CommandList.LEDGER, gifts)
        assert not self.took(connection, ReportList.ANSWERS)["reject"].any()


class Wire:
    """A connection of a process beside it to a core in memory; `lose` says which frames never arrive."""

    def __init__(self, bench: Bench, user: str) -> None:
        self.bench = bench
        self.user = user
        self.number = 0
        self.lose: Callable[[bytes], bool] = lambda _frame: False

    def open(self) -> None:
        """Connect."""
        if self.number:
            self.bench.transport.close(self.number)
        self.number = self.bench.transport.open(self.user)
        self.bench.followed.add(self.number)

    def send(self, frame: bytes) -> bool:
        """Send one frame, or lose it."""
        return self.lose(frame) or bool(self.bench.transport.push(self.number, frame))

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """What is there."""
        found = []
        while self.number and (frame := self.bench.transport.take(self.number)) is not None:
            found.append(frame)
        return found

    @property
    def broken(self) -> bool:
        """It never breaks by itself."""
        return False


def order(name: str, account: int = 1, **values: int | bytes) -> Rows:
    """One new limit order, gtc, buy 1 at 100 unless said otherwise."""
    row = np.zeros(1, frames.ORDER_COMMAND_DTYPE)
    row["kind"], row["side"], row["type"], row["time_in_force"], row["instrument_id"] = 1, 1, 1, 2, 1
    row["present"], row["qty"], row["price"], row["sent_at"] = 1, 1, 100, START_NS
    row["account"], row["client_order_id_head"] = account, name.encode()
    for key, value in values.items():
        row[key] = value
    return row


def replayed(disk: MemoryDisk) -> Venue:
    """What the journal on a disk says."""
    venue = Venue(**LIMITS)
    for record in JournalReader("/j", 1, disk=disk):
        venue.apply_payload(record.payload)
    return venue
