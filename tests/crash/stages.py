"""Kills and stops accounts and risk at random instants under load, again and again; then reads the journal.

    python -m tests.crash.stages [--strikes 100] [--rate 5000] [--seed 1]

Accounts and risk are processes of their own. Every request is either in the journal, answered there once, or
was refused because a stage was away or late, and is not; none is executed twice; the ledger sums to zero; a
replay, which has no stages, ends as the core did; what a stage refused is in the record of its order.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch._core import JournalReader
from cmatch.frames import Records
from cmatch.rejects import RejectCode
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.domain.enums import Judge
from tests.crash.beside import Beside, strike_under_load
from tests.crash.lives import (
    ACCOUNTS,
    LIVES_MAX,
    SEGMENT_BYTES,
    SOCKETS,
    Core,
    Findings,
    judge,
    open_market,
    requests_in,
)

_SETTINGS = (
    "accounts.process=true",
    "risk.process=true",
    "risk.approval=tests.crash.stages:not_every_hundredth",
    "stages.heartbeat_timeout_ms=200",
    "stages.proposal_timeout_ms=300",
)
_UNJUDGED = (int(RejectCode.ACCOUNTS_UNAVAILABLE), int(RejectCode.RISK_UNAVAILABLE))


def not_every_hundredth(_view: object, orders: Records) -> npt.NDArray[np.bool_]:
    """What the risk process approves: by the client's id, so that the judge of the campaign knows it, too."""
    names = orders["client_order_id_head"]
    return np.array([sum(bytes(name)) % 100 != 0 for name in names], np.bool_)


@dataclass
class Verdict:
    """What came of it."""

    strikes: int
    sent: int = 0
    unanswered: int = 0
    unjudged: int = 0  # refused for want of a stage, and not journaled
    refused: int = 0  # by a verdict in the journal
    wrongly_judged: int = 0
    journaled: int = 0
    findings: Findings | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        complete = self.journaled + self.unjudged == self.sent
        right = self.unanswered == self.wrongly_judged == 0 and not self.faults
        return complete and right and self.findings is not None and self.findings.good


def run(directory: Path, strikes: int, rate: int, seed: int) -> Verdict:
    """The campaign: so many lives of the two under one core."""
    choose = random.Random(seed)
    core = Core(directory, settings=(f"limits.segment_bytes={SEGMENT_BYTES}", *_SETTINGS))
    core.start()
    stages = [Beside(directory, judge.name.lower(), 0, _SETTINGS) for judge in Judge]
    for stage in stages:
        stage.start()
    verdict = Verdict(strikes)
    with Market(core.endpoint, SOCKETS) as market:
        open_market(market)
        for number in range(strikes):
            batch = choose.choice([1, 3, 10])
            load = Load(
                rate, 2.0, batch=batch, accounts=ACCOUNTS, sockets=SOCKETS, seed=seed + number, run=number
            )
            _, reader, generator = strike_under_load(market, load, choose.choice(stages), choose)
            verdict.sent += generator.counts["requests_sent"]
            verdict.unanswered += generator.counts["requests_sent"] - generator.counts["answered"]
            verdict.unjudged += sum(reader.rejects.get(code, 0) for code in _UNJUDGED)
    end = core.stop()
    for stage in stages:
        if code := stage.end():
            verdict.faults.append(f"{stage.name} ended with {code}: {stage.told}")
    _look_into(directory, verdict)
    verdict.findings = judge(directory, (), end)
    return verdict


def _look_into(directory: Path, verdict: Verdict) -> None:
    """Counts what the journal has, and holds its verdicts against what risk would approve."""
    codes: Counter[int] = Counter()
    for record in JournalReader(str(directory / "journal"), 0):
        commands = requests_in(record.payload)
        verdict.journaled += commands.size
        entering = commands[commands["kind"] == 1]
        codes.update(commands["verdict"].tolist())
        refused = entering["verdict"] == int(RejectCode.RISK_REFUSED)
        verdict.wrongly_judged += int((refused == not_every_hundredth(None, entering)).sum())
    verdict.refused = sum(count for code, count in codes.items() if code)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strikes", type=int, default=100)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    good = True
    for first in range(0, options.strikes, LIVES_MAX):
        strikes = min(LIVES_MAX, options.strikes - first)
        with tempfile.TemporaryDirectory(prefix="stages-") as directory:
            verdict = run(Path(directory) / "x", strikes, options.rate, options.seed + first)
        print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}", flush=True)
        good = good and verdict.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
