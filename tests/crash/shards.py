"""Kills and stops a shard at random instants under load, again and again, and then reads the whole journal.

    python -m tests.crash.shards [--strikes 100] [--rate 5000] [--seed 1]

Every order that the journal has is answered, once; none is executed twice; what was queued while the shard
was away is submitted in order, what may not wait was refused; the ledger sums to zero; a fold that runs the
engine of the shard beside, and one that does not, end as the core did.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cmatch._core import ALL_SHARDS, JournalReader, Venue
from cmatch.frames import RECORD_BYTES, CommandList, decode_commands
from cmatch.rejects import RejectCode
from exchange.bench.flow import RUN_DIGITS, Load
from exchange.bench.market import Market
from exchange.config import load as load_settings
from exchange.domain.enums import ExecType, OrderAction, OrderStatus, ReportFlag, TimeInForce
from exchange.storage.venue_limits import limits_of
from tests.crash.beside import Beside, strike_under_load
from tests.crash.lives import LIMITS, Core

_ACCOUNTS = 100
_SOCKETS = 4
_SETTINGS = ("matching.shards=1", "matching.heartbeat_timeout_ms=200")
_WAIT_S = 240.0
_ANSWERS = (ExecType.ACCEPTED, ExecType.REJECTED, ExecType.CANCEL_REJECTED)
_ENDS = (ExecType.CANCELED, ExecType.EXPIRED)
Name: TypeAlias = tuple[int, bytes]  # account and client order id
Rows: TypeAlias = npt.NDArray[np.void]


@dataclass
class Verdict:
    """What the journal says."""

    strikes: int
    commands: int = 0
    trades: int = 0
    queued: int = 0
    refused: int = 0
    unanswered: int = 0
    repeated: int = 0
    out_of_order: int = 0
    wrongly_taken: int = 0
    wrongly_refused: int = 0
    waiting: int = 0
    same_end: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        wrong = self.unanswered + self.repeated + self.out_of_order + self.waiting
        return wrong + self.wrongly_taken + self.wrongly_refused == 0 and self.same_end and not self.faults


def run(directory: Path, strikes: int, rate: int, seed: int) -> Verdict:
    """The campaign: so many lives of the shard under one core."""
    choose = random.Random(seed)
    core = Core(directory, settings=("limits.segment_bytes=16777216", *_SETTINGS))
    core.start()
    shard = Beside(directory, "shard", 1, _SETTINGS)
    shard.start()
    with Market(f"ipc://{directory}/run/orders.sock", _SOCKETS) as market:
        market.define()
        market.fund(_ACCOUNTS)
        market.assign(1)
        for number in range(strikes):
            load = Load(rate, 2.0, choose.choice([1, 3, 10]), _ACCOUNTS, _SOCKETS, seed + number, number)
            strike_under_load(market, load, shard, choose)
        _settle(directory)
    end = core.stop()
    code = shard.end()
    verdict = _judge(directory, strikes, end)
    if code != 0:
        verdict.faults.append(f"the shard ended with {code}: {shard.told}")
    return verdict


def _settle(directory: Path) -> None:
    """Until the journal says that the shard is there and has answered all."""
    venue = Venue(**limits_of(load_settings(data_directory=directory, limits=LIMITS)))
    reader = JournalReader(str(directory / "journal"), 0)
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        for record in reader:
            venue.apply_payload(record.payload)
        (row,) = venue.shards()
        if row["passed"] == row["queued"] == row["away"] == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"the shard does not come to rest: {venue.shards()}")


class Judge:
    """Reads the journal beside a fold of it, record by record."""

    def __init__(self, strikes: int) -> None:
        self.verdict = Verdict(strikes)
        self._asked: set[Name] = set()
        self._decided: Counter[Name] = Counter()
        self._filled: Counter[int] = Counter()
        self._pending: dict[int, Name] = {}  # queued orders that are not submitted
        self._last_of_queue = 0

    def take(self, away: bool, commands: Rows | None, reports: Rows) -> None:
        """One record: whether the shard was away before it, the orders in it, what was told."""
        reports = reports[(reports["flags"] & ReportFlag.DUPLICATE) == 0]
        if commands is not None:
            self._take_orders(away, commands, reports)
        for report in reports:
            self._take_report(report)

    def end(self) -> Verdict:
        """What it came to."""
        self.verdict.unanswered = sum(1 for name in self._asked if self._decided[name] == 0)
        self.verdict.repeated = sum(1 for name in self._asked if self._decided[name] > 1)
        return self.verdict

    def _take_orders(self, away: bool, commands: Rows, reports: Rows) -> None:
        verdict = self.verdict
        new = commands[commands["kind"] == OrderAction.NEW_ORDER]
        immediate = _names(new[new["time_in_force"] == int(TimeInForce.IOC)])
        refused = _names(reports[reports["reject"] == int(RejectCode.ENGINE_UNAVAILABLE)])
        self._asked |= _names(commands)
        verdict.refused += len(refused)
        verdict.wrongly_taken += len(immediate - refused) if away else 0
        verdict.wrongly_refused += 0 if away else len(refused)

    def _take_report(self, report: np.void) -> None:
        order_id, exec_type = int(report["order_id"]), int(report["exec_type"])
        name = int(report["account"]), bytes(report["client_order_id_head"])
        if report["order_status"] == OrderStatus.PENDING_NEW:
            self.verdict.queued += 1
            self._pending[order_id] = name
            return
        waited = self._pending.pop(order_id, None)
        if exec_type == ExecType.TRADE:
            self._take_trade(order_id, report)
        elif exec_type == ExecType.ACCEPTED and waited is not None:
            self.verdict.out_of_order += order_id < self._last_of_queue
            self._last_of_queue = order_id
        if exec_type in _ANSWERS:
            self._decided[name] += 1
        elif exec_type in _ENDS:
            self._decided[name] += name[1][RUN_DIGITS : RUN_DIGITS + 1] == b"c"  # of a cancel
            self._decided[waited or name] += waited is not None

    def _take_trade(self, order_id: int, report: np.void) -> None:
        self._filled[order_id] += int(report["last_qty"])
        if self._filled[order_id] != report["cum_qty"] or report["cum_qty"] > report["order_qty"]:
            self.verdict.faults.append(f"order {order_id} has traded {self._filled[order_id]}: {report}")


def _judge(directory: Path, strikes: int, end: tuple[int, str, str]) -> Verdict:
    limits = limits_of(load_settings(data_directory=directory, limits=LIMITS))
    venue, runner = Venue(**limits), Venue(**limits, shard=ALL_SHARDS)
    judge = Judge(strikes)
    for record in JournalReader(str(directory / "journal"), 0):
        away = any(bool(row["away"]) for row in venue.shards())
        reports, _ = venue.apply_payload(record.payload)
        runner.apply_payload(record.payload)
        _, kind, commands = decode_commands(record.payload, limit=RECORD_BYTES)
        judge.take(away, commands if kind is CommandList.ORDERS else None, reports)
    venue.check_invariants()
    runner.check_invariants()
    verdict = judge.end()
    verdict.commands, verdict.trades = venue.sequence, int(venue.status()["trades"][0])
    verdict.waiting = int(venue.shards()[0]["passed"])
    for each in (venue, runner):
        found = (each.sequence, f"{each.event_digest:016x}", f"{each.state_hash():016x}")
        if found != end:
            verdict.faults.append(f"a fold ends as {found}, the core as {end}")
    verdict.same_end = not verdict.faults
    return verdict


def _names(rows: Rows) -> set[Name]:
    return set(zip(rows["account"].tolist(), rows["client_order_id_head"].tolist(), strict=True))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strikes", type=int, default=100)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shards-") as directory:
        verdict = run(Path(directory) / "x", options.strikes, options.rate, options.seed)
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
