"""Kills and stops processes of a whole exchange at random instants under load, then audits it.

    python -m tests.crash.table [--strikes 100] [--seed 1]

All processes of the table run under their supervisor, from the core to two gateways, and are struck, as is
what forks them. Programs trade over ZeroMQ and through the gateways, a service settles what they trade, an
operator changes its fees. Every request that was answered is in the journal, once, with that answer; the
replay is what ran last; each trade is settled once; `exchange audit` finds nothing wrong: money, orders and
trades are conserved, each event published once, the rows of all services are what the journal makes of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from exchange.bench.market import Market
from exchange.bus.topics import TopicTable
from exchange.cli.audit import audit_of
from exchange.client import Client
from exchange.config import Settings, load
from exchange.domain.contracts.admin import FeeScheduleRecord, FeeTier
from exchange.runtime.audit import Audit
from exchange.runtime.audit_follower import CHAIN, AuditFollower
from exchange.runtime.publisher import EXECUTIONS, TRADES, open_log
from exchange.security import KeyStore
from exchange.security.audit import AuditChain
from exchange.security.audit.verify import records_of, verify_log
from exchange.services.settlement.tables import PROGRESS
from exchange.services.settlement.tables import TRADES as TRADES_SETTLED
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from exchange.topology.services import spec_of
from tests.crash.lives import SEGMENT_BYTES, Core, CoreFailed, Findings, fold, judge, open_market
from tests.crash.stall import connect
from tests.crash.traders import Traders
from tests.crash.visitors import Operator, Visitors
from tests.exchange.ports import free_pair
from tests.exchange.processes import parent_of

TRADERS: Final = 4
SETTINGS: Final = (
    f"limits.segment_bytes={SEGMENT_BYTES}",
    "matching.shards=1",
    "accounts.process=true",
    "risk.process=true",
    "stages.heartbeat_timeout_ms=500",
    "history.enabled=true",
    "market_data.enabled=true",
    "market_data.query_process=true",
    "settlement.enabled=true",
    "admin.enabled=true",
    "gateway.enabled=true",
    "gateway.instances=2",
)
VISITORS: Final = (TRADERS + 1, TRADERS + 2)
FORKS: Final = "fork-server"
_RATES: Final = (500_000, 700_000, 900_000)
_OPERATOR_TIMEOUT_MS: Final = 5_000
_WAIT_S: Final = 120.0
# The supervisor gives up what falls more than eight times within a minute.
_KILLS_A_MINUTE: Final = 6


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Args:
        strikes: By `process kind`.
        answered: Requests over ZeroMQ, and orders through the gateways.
        again: How often one of the latter was sent again, to the other gateway.
        changes: Of fees, answered.
        unsettled: Trades that wait, or are settled by no row.
        findings: Of the journal.
        complaints: Answers that the journal contradicts.
        audit: Of the data directory, after an orderly stop.
        unpublished: Events of the journal that the log does not have.
        unaudited: What is wrong with the audit log.
    """

    strikes: Counter[str]
    answered: tuple[int, int]
    again: int
    changes: int
    unsettled: int
    findings: Findings
    complaints: tuple[str, ...]
    audit: Audit
    unpublished: int
    unaudited: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, and all is accounted for."""
        whole = self.unpublished == self.unsettled == 0 and not self.unaudited
        return self.findings.good and self.audit.good and not self.complaints and whole

    def __str__(self) -> str:
        struck = ", ".join(f"{name} {count}" for name, count in sorted(self.strikes.items()))
        wrong = "".join(f"; {each}" for each in (*self.complaints, *self.unaudited))
        counts = (
            f"{self.strikes.total()} strikes ({struck}), {self.answered[0]} requests and {self.answered[1]}"
            f" orders through gateways answered, {self.again} times asked again, {self.changes} changes of"
            f" fees, {self.findings.commands} commands, {self.findings.trades} trades;"
            f" missing {self.findings.missing}, repeated {self.findings.repeated},"
            f" unpublished {self.unpublished}, unsettled {self.unsettled}{wrong}"
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
        processes = self.processes()
        processes[FORKS] = _forks_of(processes["replica"])
        alive = {
            name: pid
            for name, pid in processes.items()
            if pid is not None and (kind == "stop" or self._may_fall(name))
        }
        if not alive:
            return
        name = self.choose.choice(sorted(alive))
        self.strikes[f"{name} {kind}"] += 1
        if kind == "kill":
            now = time.monotonic()
            for fallen in processes if name == FORKS else (name,):
                self._killed[fallen].append(now)
            _signal(alive[name], signal.SIGKILL)
            return
        _signal(alive[name], signal.SIGSTOP)
        time.sleep(self.choose.uniform(0.05, 2.0))
        _signal(alive[name], signal.SIGCONT)

    def _may_fall(self, name: str) -> bool:
        """Whether the supervisor would start it again; what forks others takes them along."""
        since = time.monotonic() - 60
        those = self._killed if name == FORKS else (name,)
        return all(sum(at > since for at in self._killed[each]) < _KILLS_A_MINUTE for each in those)

    def wait_for(self, there: Callable[[], bool], what: str, why: Callable[[], object] | None = None) -> None:
        """Returns once it is so.

        Raises:
            TimeoutError: It never is; `why` says what is instead.
        """
        deadline = time.monotonic() + _WAIT_S
        while not there():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {(why or self.processes)()}")
            time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it fell of itself
        os.kill(pid, number)


def _forks_of(pid: int | None) -> int | None:
    """What forked a process; None where that is gone."""
    try:
        return None if pid is None else parent_of(pid)
    except FileNotFoundError:
        return None


def run(directory: Path, strikes: int, seed: int) -> Verdict:
    """The campaign; raises CoreFailed where the exchange does not start or end."""
    port = free_pair()
    exchange = Core(directory, whole=True, settings=(*SETTINGS, f"gateway.port={port}"))
    try:
        exchange.start()
        return _strike_and_audit(exchange, port, strikes, seed)
    finally:
        exchange.kill()


def _strike_and_audit(exchange: Core, port: int, strikes: int, seed: int) -> Verdict:
    directory, choose = exchange.directory, random.Random(seed)
    table = Table(directory, choose)
    with Market(exchange.endpoint, 1) as market:
        open_market(market)
    with (
        _operator(exchange.endpoint) as operator,
        Traders(partial(connect, exchange.endpoint), TRADERS, seed) as traders,
        Visitors(directory, (port, port + 1), VISITORS, seed) as visitors,
        Operator(partial(_change_fees, operator)) as changes,
    ):
        for _ in range(strikes):
            time.sleep(choose.uniform(0.2, 0.8))
            table.strike()
        table.wait_for(lambda: None not in table.processes().values(), "a process did not come back")
        now = time.monotonic_ns()
        traders.wait_told_after(now, _WAIT_S)
        table.wait_for(lambda: visitors.told_after(now), "the gateways did not answer")
        for each in (visitors, changes, traders):
            each.stop()
        table.wait_for(lambda: _unpublished(directory) == 0, "the publisher did not catch up")
        table.wait_for(lambda: _unsettled(directory) == 0, "trades were not settled")
        table.wait_for(
            lambda: not _behind(directory), "a service did not catch up", partial(_behind, directory)
        )
        end = exchange.stop()
        complaints = traders.complaints(fold(directory)) + visitors.complaints
        acknowledged = traders.acknowledged | visitors.acknowledged
        findings = judge(directory, acknowledged, end)
    return Verdict(
        table.strikes,
        (len(traders.acknowledged), len(visitors.acknowledged)),
        visitors.again,
        changes.done,
        _unsettled(directory),
        findings,
        tuple(complaints),
        audit_of(_settings(directory), stopped=True),
        _unpublished(directory),
        tuple(_unaudited(directory)),
    )


def _settings(directory: Path) -> Settings:
    """Of what keeps rows: so the audit looks at them."""
    on = {"enabled": True}
    return load(data_directory=directory, history=on, market_data=on, settlement=on, admin=on)


@contextlib.contextmanager
def _operator(endpoint: str) -> Iterator[Client]:
    """Who has had trades settled by the service, and may change fees."""
    with Client.connect(
        endpoint, tenant=0, name="operator", user="operator", timeout_ms=_OPERATOR_TIMEOUT_MS
    ) as client:
        if not client.admin.set_settlement(True).ok:
            raise CoreFailed("the venue does not let a service settle")
        yield client


def _change_fees(operator: Client, number: int) -> None:
    tier = FeeTier(volume_min=0, maker_rate=-100_000, taker_rate=_RATES[number % len(_RATES)])
    operator.admin.upsert_fee_schedule(
        FeeScheduleRecord(schedule_id="BTC-USD", name="main", tiers=(tier,)), why=f"change {number}"
    )


def _behind(directory: Path) -> list[dict[str, object]]:
    """Who is not well or lags, by the table that users have."""
    words = [sys.executable, "-m", "exchange.cli", "ps", "--data", str(directory), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return [row for row in rows if row["state"] != "healthy" or row["lag"]]


def _unsettled(directory: Path) -> int:
    """Trades that wait for a posting, and those that no row says to be settled."""
    venue = fold(directory)
    spec = spec_of("settlement")
    trades = int(venue.status()["trades"][0])
    with open_store(directory / "stores", spec.name, spec.tables) as store, store.read() as tx:
        rows = tx.execute(select(func.count()).select_from(TRADES_SETTLED)).scalar_one()
        posted = tx.execute(select(PROGRESS.c.posted)).scalar_one_or_none() or 0
    return venue.unposted_trades + trades - min(rows, posted)


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
