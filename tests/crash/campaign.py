"""Kills the core at random instants under load, again and again, and then reads the whole journal.

    python -m tests.crash.campaign [--kills 300] [--rate 20000] [--seed 1] [--durability process|disk]

Every request that was answered has to be in the journal, once, with the answer that was given; nothing may be
in it twice; the ledger has to sum to zero; the state of the core that ran last has to be that of the replay.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from exchange.bench.market import Market
from tests.crash.lives import (
    LIVES_MAX,
    SOCKETS,
    Core,
    Findings,
    Request,
    judge,
    open_market,
    planned_load,
    send,
)


@dataclass(frozen=True)
class Verdict:
    """What the journal says of all lives of the core."""

    kills: int
    answered: int
    findings: Findings

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing done twice, and the replay is what ran."""
        return self.findings.good


def run(directory: Path, kills: int, rate: int, seed: int, durability: str = "process") -> Verdict:
    """On one directory, of less than `LIVES_MAX`; raises CoreFailed where a core does not come back."""
    choose = random.Random(seed)
    core = Core(directory, durability)
    core.start()
    answered: set[Request] = set()
    for life in range(kills):
        with Market(core.endpoint, SOCKETS) as market:
            if life == 0:
                open_market(market)
            planned = planned_load(seed, life, rate, batch=choose.choice([1, 3, 10]))
            hand = threading.Timer(choose.uniform(0.05, 0.9), core.kill)
            hand.start()
            answered |= send(market, planned)
            hand.join()
        core.start()
    with Market(core.endpoint, SOCKETS) as market:  # the last life is not killed
        answered |= send(market, planned_load(seed, kills, rate, batch=10))
    return Verdict(kills, len(answered), judge(directory, answered, core.stop()))


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
    good = True
    for first in range(0, options.kills, LIVES_MAX):
        kills = min(LIVES_MAX, options.kills - first)
        with tempfile.TemporaryDirectory(prefix="crash-") as directory:
            verdict = run(
                Path(directory) / "x", kills, options.rate, options.seed + first, options.durability
            )
        print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}", flush=True)
        good = good and verdict.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
