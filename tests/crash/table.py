"""Kills and stops processes of a whole exchange at random instants under load, then audits it.

    python -m tests.crash.table [--strikes 100] [--seed 1]

All processes of the table run under their supervisor, from the core to the history.
Every request that was answered is in the journal, once, with that answer; the replay is what ran last; and
`exchange audit` finds nothing wrong: money, orders and trades are conserved, each event published once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from exchange.bench.market import Market
from exchange.bus.topics import TopicTable
from exchange.cli.audit import audit_of
from exchange.config import load
from exchange.runtime.audit import Audit
from exchange.runtime.audit_follower import CHAIN, AuditFollower
from exchange.runtime.publisher import EXECUTIONS, TRADES, open_log
from exchange.security import KeyStore
from exchange.security.audit import AuditChain
from exchange.security.audit.verify import records_of, verify_log
from exchange.storage.directory import DataDirectory
from exchange.storage.venue_limits import limits_of
from tests.crash.lives import SEGMENT_BYTES, Core, Findings, fold, judge, open_market
from tests.crash.stall import connect
from tests.crash.traders import Traders

TRADERS: Final = 4
SETTINGS: Final = (
    f"limits.segment_bytes={SEGMENT_BYTES}",
    "matching.shards=1",
    "accounts.process=true",
    "risk.process=true",
    "stages.heartbeat_timeout_ms=500",
    "history.enabled=true",
)
_WAIT_S: Final = 120.0
# The supervisor gives up what falls more than eight times within a minute.
_KILLS_A_MINUTE: Final = 6


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Args:
        strikes: By `process kind`.
        answered: Requests.
        findings: Of the journal.
        complaints: Answers that the journal contradicts.
        audit: Of the data directory, after an orderly stop.
        unpublished: Events of the journal that the log does not have.
        unaudited: What is wrong with the audit log.
    """

    strikes: Counter[str]
    answered: int
    findings: Findings
    complaints: tuple[str, ...]
    audit: Audit
    unpublished: int
    unaudited: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, and all is accounted for."""
        whole = self.unpublished == 0 and not self.unaudited
        return self.findings.good and self.audit.good and not self.complaints and whole

    def __str__(self) -> str:
        struck = ", ".join(f"{name} {count}" for name, count in sorted(self.strikes.items()))
        wrong = "".join(f"; {each}" for each in (*self.complaints, *self.unaudited))
        counts = (
            f"{self.strikes.total()} strikes ({struck}), {self.answered} requests answered,"
            f" {self.findings.commands} commands, {self.findings.trades} trades;"
            f" missing {self.findings.missing}, repeated {self.findings.repeated},"
            f" unpublished {self.unpublished}{wrong}"
        )
        return "\n".join([counts, *self.audit.lines()])


@dataclass
class Table:
    """The processes of a running exchange, and who may be struck when."""

    directory: Path
    choose: random.Random

    def __post_init__(self) -> None:
        self._killed: defaultdict[str, list[float]] = defaultdict(list)
        self.strikes: Counter[str] = Counter()

    def processes(self) -> dict[str, int | None]:
        """Process ids by name, as the supervisor tells them; None between two lives."""
        content = json.loads(DataDirectory(self.directory).announcement.read_bytes())
        found: dict[str, int | None] = content["processes"]
        return found

    def strike(self) -> None:
        """Kills one, or stops it for a while."""
        kind = self.choose.choice(["kill", "stop"])
        now = time.monotonic()
        alive = {
            name: pid
            for name, pid in self.processes().items()
            if pid is not None
            and (kind == "stop" or sum(at > now - 60 for at in self._killed[name]) < _KILLS_A_MINUTE)
        }
        if not alive:
            return
        name = self.choose.choice(sorted(alive))
        self.strikes[f"{name} {kind}"] += 1
        if kind == "kill":
            self._killed[name].append(now)
            _signal(alive[name], signal.SIGKILL)
            return
        _signal(alive[name], signal.SIGSTOP)
        time.sleep(self.choose.uniform(0.05, 2.0))
        _signal(alive[name], signal.SIGCONT)

    def wait_for(self, there: Callable[[], bool], what: str) -> None:
        """Returns once it is so.

        Raises:
            TimeoutError: It never is.
        """
        deadline = time.monotonic() + _WAIT_S
        while not there():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {self.processes()}")
            time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it fell of itself
        os.kill(pid, number)


def run(directory: Path, strikes: int, seed: int) -> Verdict:
    """The campaign; raises CoreFailed where the exchange does not start or end."""
    choose = random.Random(seed)
    exchange = Core(directory, whole=True, settings=SETTINGS)
    exchange.start()
    table = Table(directory, choose)
    with Market(exchange.endpoint, 1) as market:
        open_market(market)
    with Traders(partial(connect, exchange.endpoint), TRADERS, seed) as traders:
        for _ in range(strikes):
            time.sleep(choose.uniform(0.2, 0.8))
            table.strike()
        table.wait_for(lambda: None not in table.processes().values(), "a process did not come back")
        now = time.monotonic_ns()
        traders.wait_told_after(now, _WAIT_S)
        traders.stop()
        table.wait_for(lambda: _unpublished(directory) == 0, "the publisher did not catch up")
        end = exchange.stop()
        complaints = traders.complaints(fold(directory))
        findings = judge(directory, traders.acknowledged, end)
    return Verdict(
        table.strikes,
        len(traders.acknowledged),
        findings,
        tuple(complaints),
        audit_of(load(data_directory=directory, history={"enabled": True}), stopped=True),
        _unpublished(directory),
        tuple(_unaudited(directory)),
    )


def _unaudited(directory: Path) -> list[str]:
    """What is wrong with the audit log: by itself, and held against another one that the journal gives."""
    data = DataDirectory(directory)
    store = KeyStore(data.keys)
    wrong = [
        f"{finding.where}: {finding.text}"
        for report in verify_log(data.audit, store.audit_keys())
        for finding in report.findings
    ]
    with tempfile.TemporaryDirectory(prefix="audit-") as place:
        with AuditChain(Path(place) / "audit", CHAIN, store.head_signer(), process="again") as chain:
            limits = limits_of(load(data_directory=directory))
            follower = AuditFollower(data, limits, chain, lambda: 1 << 62)
            while follower.advance(1 << 16):
                pass
        again = [record.entry for record in records_of(Path(place) / "audit" / CHAIN)]
    told = [record.entry for record in records_of(data.audit / CHAIN)]
    if [entry for entry in told if entry.action != "audit.recovered"] != again:
        wrong.append(f"{len(told)} records, and the journal gives {len(again)}")
    return wrong


def _unpublished(directory: Path) -> int:
    """Events and trades of the journal that are not in the log."""
    venue = fold(directory)
    settings = load(data_directory=directory)
    topics = TopicTable(settings.events.environment)
    made = {EXECUTIONS: venue.event_sequence, TRADES: int(venue.status()["trades"][0])}
    missing = 0
    with open_log(settings) as events:
        for name, number in made.items():
            topic = topics.full_name(name)
            extent = events.extent(topic)
            with events.reader(topic, max(extent.begin, extent.end - 1)) as reader:
                missing += number - max((record.batch.last_seq for record in reader.read()), default=0)
    return missing


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strikes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="table-") as directory:
        verdict = run(Path(directory) / "x", options.strikes, options.seed)
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
