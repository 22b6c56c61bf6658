"""A core that is killed and comes back on one data directory, the load on it, and its journal read anew."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cmatch._core import JournalReader, LoadGenerator, ReportReader, Venue
from cmatch.frames import RECORD_BYTES, CommandList, decode_commands
from exchange.bench.flow import Load, Planned, plan_load
from exchange.bench.market import Market
from exchange.config import load as load_settings
from exchange.domain.enums import ExecType, OrderAction, ReportFlag
from exchange.storage.venue_limits import limits_of, read_limits

ACCOUNTS: Final = 100
SOCKETS: Final = 4
LIVES_MAX: Final = 200  # on one directory: client order ids are of 256 runs
SEGMENT_BYTES: Final = 16 << 20
LIMITS: Final = {"accounts": 1_000, "client_order_ids": 1 << 21, "orders": 1 << 18}
_WAIT_S: Final = 240.0  # for a machine that has much to do
_OF_NEW: Final = (ExecType.ACCEPTED, ExecType.REJECTED)
_OF_CANCEL: Final = (ExecType.CANCELED, ExecType.CANCEL_REJECTED)
_STOPPED: Final = re.compile(r'event="core stopped" sequence=(\d+) event_digest=(\w+) state_hash=(\w+)')

Request: TypeAlias = tuple[int, bytes]  # account and client order id
End: TypeAlias = tuple[int, str, str]  # last sequence, event digest and state hash


class CoreFailed(Exception):
    """The core did not start, or did not stop as it should."""


@dataclass
class Core:
    """The core process, or a whole exchange, on one data directory; one life after the other.

    Args:
        directory: The data directory.
        durability: `process` or `disk`.
        whole: With the replica and under the supervisor, as `exchange up` runs it.
        settings: Further ones, as `--set` takes them.
        environment: Variables set beside ours.
        prefix: A command that runs the command which follows it, and becomes it.
    """

    directory: Path
    durability: str = "process"
    whole: bool = False
    settings: tuple[str, ...] = (f"limits.segment_bytes={SEGMENT_BYTES}",)
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        """Of its orders."""
        return f"ipc://{self.directory}/run/orders.sock"

    def start(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Returns once it is ready; `log` is that of this life.

        Args:
            given_up: Whether it cannot become ready any more, though it may not have ended.

        Raises:
            CoreFailed: it is not within `_WAIT_S`, ended before, or was given up.
        """
        words = [
            *self.prefix,
            sys.executable,
            "-m",
            "exchange.cli",
            *(["up"] if self.whole else ["run", "core"]),
        ]
        words += ["--data", str(self.directory)]
        settings = [f"durability={self.durability}", *self.settings]
        settings += [f"limits.{name}={value}" for name, value in LIMITS.items()]
        if self.whole:
            settings += ["endpoints.metrics=", "core.snapshot_interval_s=1"]
        for each in settings:
            words += ["--set", each]
        self.log = []
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        settled, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._listen, args=(self.process, settled, self._ended), daemon=True).start()
        deadline = time.monotonic() + _WAIT_S
        while not settled.wait(0.05) and not given_up() and time.monotonic() < deadline:
            pass
        if not any(self._awaited in line for line in self.log):
            raise CoreFailed("\n".join(self.log[-40:]))

    @property
    def ready(self) -> bool:
        """Whether the core of this life recovered and was ready."""
        return any('event="core ready"' in line for line in self.log)

    @property
    def recovered(self) -> int:
        """The last sequence that the core found when it started."""
        line = next(line for line in self.log if 'event="core ready"' in line)
        found = re.search(r" sequence=(\d+)", line)
        assert found is not None, line
        return int(found[1])

    def wait(self) -> None:
        """Until it has ended, and all that it said is in the log."""
        assert self.process is not None
        self.process.wait()
        self._ended.wait(_WAIT_S)

    @property
    def lost(self) -> str:
        """What the core said when it was ready of what recovery cut off: `nothing`, or which sequences."""
        line = next(line for line in self.log if 'event="core ready"' in line)
        found = re.search(r' lost=(?:"((?:[^"\\]|\\.)*)"|(\S+))', line)
        assert found is not None, line
        return found[1] or found[2]

    def kill(self) -> None:
        """Without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> End:
        """In order; where it ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(_WAIT_S) != 0:
            raise CoreFailed("\n".join(self.log[-40:]))
        self._ended.wait(_WAIT_S)
        return end_of(self.log)

    @property
    def _awaited(self) -> str:
        return "exchange ready" if self.whole else "core ready"

    def _listen(
        self, process: subprocess.Popen[str], settled: threading.Event, ended: threading.Event
    ) -> None:
        assert process.stderr is not None
        log = self.log
        with process.stderr as lines:
            for line in lines:
                log.append(line.rstrip())
                if self._awaited in line:
                    settled.set()
        ended.set()
        settled.set()


def end_of(log: list[str]) -> End:
    """Where a core stopped, as its log says.

    Raises:
        CoreFailed: it does not say so.
    """
    for line in reversed(log):
        if match := _STOPPED.search(line):
            return int(match[1]), match[2], match[3]
    raise CoreFailed("it did not say where it stopped")


def planned_load(seed: int, life: int, rate: int, batch: int, seconds: float = 1.0) -> Planned:
    """The requests of one life."""
    load = Load(rate, seconds, batch=batch, accounts=ACCOUNTS, sockets=SOCKETS, seed=seed + life, run=life)
    return plan_load(load)


def open_market(market: Market) -> None:
    """Defines and funds what the load trades; once in the lives of a directory."""
    market.define()
    market.fund(ACCOUNTS)


def send(market: Market, planned: Planned) -> set[Request]:
    """Sends what was planned, whoever listens; what was answered."""
    reader = ReportReader()
    generator = LoadGenerator([socket.underlying for socket in market.sockets], owner=market.sockets)
    generator.run(planned.plan, planned.arena, reader, linger_ns=100_000_000)
    latencies = np.frombuffer(generator.latencies(), np.uint64)
    length, frames = int(planned.plan["length"][0]), planned.plan.size
    batch = int(planned.plan["requests"][0])
    answered: set[Request] = set()
    arena = planned.arena.reshape(frames, length)
    for number in np.unique(np.flatnonzero(latencies) // batch):
        _, _, records = decode_commands(arena[number].tobytes())
        first = number * batch
        answered.update(
            request_of(record)
            for record, latency in zip(records, latencies[first : first + batch], strict=True)
            if latency
        )
    return answered


def request_of(record: np.void) -> Request:
    """What names the request of a command or of a report."""
    return int(record["account"]), bytes(record["client_order_id_head"])


def requests_in(payload: bytes) -> npt.NDArray[np.void]:
    """The orders' commands in a record of the journal; (0,) where it holds others."""
    _, kind, commands = decode_commands(payload, limit=RECORD_BYTES)
    return commands if kind is CommandList.ORDERS else commands[:0]


@dataclass(frozen=True)
class Findings:
    """What the journal says of all lives on a directory.

    Args:
        commands: In it.
        missing: Requests that were acknowledged and are not in it.
        repeated: Requests that were carried out more than once.
        trades: In it.
        same_end: Whether its replay is what ran last.
    """

    commands: int
    missing: int
    repeated: int
    trades: int
    same_end: bool

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, and the replay is what ran."""
        return self.missing == 0 and self.repeated == 0 and self.same_end


def fold(directory: Path) -> Venue:
    """The whole journal, folded anew."""
    venue = _empty_venue(directory)
    for record in JournalReader(str(directory / "journal"), 0):
        venue.apply_payload(record.payload)
    return venue


def _empty_venue(directory: Path) -> Venue:
    # A copy of the journal alone is one of a core here.
    return Venue(
        **(read_limits(directory) or limits_of(load_settings(data_directory=directory, limits=LIMITS)))
    )


def judge(directory: Path, acknowledged: Iterable[Request], end: End) -> Findings:
    """Folds the whole journal anew.

    Raises:
        InvariantViolation: the ledger does not sum to zero, or another invariant is broken.
    """
    venue = _empty_venue(directory)
    first_answers: Counter[Request] = Counter()
    for record in JournalReader(str(directory / "journal"), 0):
        reports, _ = venue.apply_payload(record.payload)
        commands = requests_in(record.payload)
        asked = dict(
            zip(range(record.first_sequence, record.first_sequence + commands.size), commands, strict=True)
        )
        for report in reports[(reports["flags"] & ReportFlag.DUPLICATE) == 0] if asked else ():
            command = asked.get(int(report["sequence"]))
            if command is None or report["client_order_id_head"] != command["client_order_id_head"]:
                continue
            cancels = int(command["kind"]) == OrderAction.CANCEL
            if int(report["exec_type"]) in (_OF_CANCEL if cancels else _OF_NEW):
                first_answers[request_of(report)] += 1
    venue.check_invariants()
    return Findings(
        commands=venue.sequence,
        missing=sum(1 for each in acknowledged if first_answers[each] == 0),
        repeated=sum(1 for count in first_answers.values() if count > 1),
        trades=int(venue.status()["trades"][0]),
        same_end=(venue.sequence, f"{venue.event_digest:016x}", f"{venue.state_hash():016x}") == end,
    )
