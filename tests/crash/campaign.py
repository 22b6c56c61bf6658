"""Kills the core at random instants under load, again and again, and then reads the whole journal.

    python -m tests.crash.campaign [--kills 300] [--rate 20000] [--seed 1] [--durability process|disk]

Every request that was answered has to be in the journal, once, with the answer that was given; nothing may be
in it twice; the ledger has to sum to zero; the state of the core that ran last has to be that of the replay.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmatch._core import JournalReader, LoadGenerator, ReportReader, Venue
from cmatch.frames import RECORD_BYTES, CommandList, decode_commands
from exchange.bench.flow import Load, plan_load
from exchange.bench.market import Market
from exchange.config import load as load_settings
from exchange.domain.enums import ExecType, OrderAction, ReportFlag
from exchange.storage.venue_limits import limits_of

_ACCOUNTS = 100
_SOCKETS = 4
_LIMITS = {"accounts": 1_000, "client_order_ids": 1 << 21, "orders": 1 << 18}
_OF_NEW = (ExecType.ACCEPTED, ExecType.REJECTED)
_OF_CANCEL = (ExecType.CANCELED, ExecType.CANCEL_REJECTED)
Answered: TypeAlias = npt.NDArray[np.void]  # account and client order id of each request answered
_STOPPED = re.compile(r'event="core stopped" sequence=(\d+) event_digest=(\w+) state_hash=(\w+)')


class CoreFailed(Exception):
    """The core did not start, or did not stop as it should."""


@dataclass
class Core:
    """One life of the core process on a data directory."""

    directory: Path
    durability: str = "process"
    settings: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Returns once it is ready.

        Raises:
            CoreFailed: it is not within a minute.
        """
        words = [sys.executable, "-m", "exchange.cli", "run", "core", "--data", str(self.directory)]
        words += ["--set", f"durability={self.durability}", "--set", "limits.segment_bytes=16777216"]
        for name, value in _LIMITS.items():
            words += ["--set", f"limits.{name}={value}"]
        words += [word for pair in self.settings for word in ("--set", pair)]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(self.process, ready), daemon=True).start()
        if not ready.wait(60):
            raise CoreFailed("\n".join(self.log[-5:]))

    def kill(self) -> None:
        """Without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, str, str]:
        """In order; its last sequence, event digest and state hash."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise CoreFailed("\n".join(self.log[-5:]))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in reversed(self.log):
                if match := _STOPPED.search(line):
                    return int(match[1]), match[2], match[3]
            time.sleep(0.01)
        raise CoreFailed("it did not say where it stopped")

    def _listen(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log.append(line.rstrip())
                if "core ready" in line:
                    ready.set()


def _send(market: Market, load: Load, core: Core, after_s: float) -> Answered:
    """Sends until the core is gone; it is killed so long after the first request."""
    planned = plan_load(load)
    reader = ReportReader()
    generator = LoadGenerator([socket.underlying for socket in market.sockets], owner=market.sockets)

    def strike() -> None:
        time.sleep(after_s)
        core.kill()

    hand = threading.Thread(target=strike)
    hand.start()
    generator.run(planned.plan, planned.arena, reader, linger_ns=100_000_000)
    hand.join()
    latencies = np.frombuffer(generator.latencies(), np.uint64)
    length, frames = int(planned.plan["length"][0]), planned.plan.size
    ids = []
    arena = planned.arena.reshape(frames, length)
    for number in np.unique(np.flatnonzero(latencies) // load.batch):
        _, _, records = decode_commands(arena[number].tobytes())
        first = number * load.batch
        ids += [
            (int(record["account"]), bytes(record["client_order_id_head"]))
            for record, latency in zip(records, latencies[first : first + load.batch], strict=True)
            if latency
        ]
    return np.array(ids, dtype=[("account", "u8"), ("id", "S16")])


@dataclass(frozen=True)
class Verdict:
    """What the journal says of all lives of the core."""

    kills: int
    commands: int
    answered: int
    missing: int
    repeated: int
    trades: int
    same_end: bool

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, and the replay is what ran."""
        return self.missing == 0 and self.repeated == 0 and self.same_end


def run(directory: Path, kills: int, rate: int, seed: int, durability: str = "process") -> Verdict:
    """The campaign; raises CoreFailed where a core does not come back."""
    choose = random.Random(seed)
    core = Core(directory, durability)
    core.start()
    answered: list[Answered] = []
    for life in range(kills):
        with Market(f"ipc://{directory}/run/orders.sock", _SOCKETS) as market:
            if life == 0:
                market.define()
                market.fund(_ACCOUNTS)
            load = Load(
                rate,
                1.0,
                batch=choose.choice([1, 3, 10]),
                accounts=_ACCOUNTS,
                sockets=_SOCKETS,
                seed=seed + life,
                run=life,
            )
            answered.append(_send(market, load, core, choose.uniform(0.05, 0.9)))
        core.start()
    return _judge(directory, kills, answered, core.stop())


def _judge(directory: Path, kills: int, answered: list[Answered], end: tuple[int, str, str]) -> Verdict:
    venue = Venue(**limits_of(load_settings(data_directory=directory, limits=_LIMITS)))
    first_answers: Counter[tuple[int, bytes]] = Counter()
    for record in JournalReader(str(directory / "journal"), 0):
        reports, _ = venue.apply_payload(record.payload)
        header, kind, commands = decode_commands(record.payload, limit=RECORD_BYTES)
        if kind is not CommandList.ORDERS:
            continue
        asked = dict(zip(range(header.first_seq, header.first_seq + commands.size), commands, strict=True))
        for report in reports[(reports["flags"] & ReportFlag.DUPLICATE) == 0]:
            command = asked.get(int(report["sequence"]))
            name = bytes(report["client_order_id_head"])
            if command is None or name != bytes(command["client_order_id_head"]):
                continue
            cancels = int(command["kind"]) == OrderAction.CANCEL
            if int(report["exec_type"]) in (_OF_CANCEL if cancels else _OF_NEW):
                first_answers[int(report["account"]), name] += 1
    venue.check_invariants()
    acknowledged = [(int(account), bytes(name)) for run_ in answered for account, name in run_]
    return Verdict(
        kills=kills,
        commands=venue.sequence,
        answered=len(acknowledged),
        missing=sum(1 for each in acknowledged if first_answers[each] == 0),
        repeated=sum(1 for count in first_answers.values() if count > 1),
        trades=int(venue.status()["trades"][0]),
        same_end=(venue.sequence, f"{venue.event_digest:016x}", f"{venue.state_hash():016x}") == end,
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("process", "disk"), default="process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-") as directory:
        verdict = run(Path(directory) / "x", options.kills, options.rate, options.seed, options.durability)
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
