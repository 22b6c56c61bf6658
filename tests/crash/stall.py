"""Stops the core for seconds under load (SIGSTOP), and lets it go on.

    python -m tests.crash.stall [--stops 20] [--seconds 5] [--seed 1] [--short]

Clients leave a silent core after their heartbeat, come back under their name and send again what has no
answer. Every request is answered, each is executed once, each client gets each report once and in order,
and knows in the end exactly the orders that are live. The stall is what the stop took and a little: how
little is measured.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from exchange.bench.market import Market
from exchange.client import Client
from tests.crash.lives import Core, Findings, fold, judge, open_market
from tests.crash.traders import TENANT, Traders

_TRADERS: Final = 4
_BACK_WITHIN_S: Final = 30.0  # two attempts of a client take 5, on a machine that has nothing else to do


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Args:
        stops: How often the core was stopped.
        answered: Requests.
        reconnects: Of all clients.
        back_ms: From the end of each stop to the next answer of each client, ascending.
        complaints: Of the clients.
        findings: In the journal.
    """

    stops: int
    answered: int
    reconnects: int
    back_ms: tuple[float, ...]
    complaints: tuple[str, ...]
    findings: Findings

    @property
    def good(self) -> bool:
        """Whether nothing was lost or done twice, everyone knows what is so, and all came back in time."""
        in_time = len(self.back_ms) == self.stops * _TRADERS and self.back_ms[-1] < _BACK_WITHIN_S * 1_000
        return in_time and self.findings.good and not self.complaints

    def __str__(self) -> str:
        middle = self.back_ms[len(self.back_ms) // 2] if self.back_ms else float("nan")
        longest = self.back_ms[-1] if self.back_ms else float("nan")
        return (
            f"{self.stops} stops, {self.answered} requests answered, {self.reconnects} reconnects;"
            f" next answer after {middle:.1f} ms (median), {longest:.1f} ms (longest);"
            f" missing {self.findings.missing}, repeated {self.findings.repeated}"
            f"{''.join(f'; {each}' for each in self.complaints)}"
        )


def connect(endpoint: str, name: str, account: int) -> Client:
    """A client that waits as long as it takes."""
    return Client.connect(
        endpoint, tenant=TENANT, name=name, user="trader", account=account, timeout_ms=60_000
    )


def run(directory: Path, stops: int, seconds: float, seed: int) -> Verdict:
    """The campaign; raises CoreFailed where the core does not start or end."""
    chance = Random(seed)
    core = Core(directory)
    core.start()
    with Market(core.endpoint, 1) as market:
        open_market(market)
    back: list[float] = []
    with Traders(partial(connect, core.endpoint), _TRADERS, seed) as traders:
        for _ in range(stops):
            time.sleep(chance.uniform(0.3, 1.0))
            assert core.process is not None
            os.kill(core.process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            now = time.monotonic_ns()
            os.kill(core.process.pid, signal.SIGCONT)
            back += [(ns - now) / 1e6 for ns in traders.wait_told_after(now, 2 * _BACK_WITHIN_S)]
        traders.stop()
        end = core.stop()
        complaints = traders.complaints(fold(directory))
        reconnects = sum(trader.client.reconnects for trader in traders.all)
        findings = judge(directory, traders.acknowledged, end)
    return Verdict(
        stops, len(traders.acknowledged), reconnects, tuple(sorted(back)), tuple(complaints), findings
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="two stops")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stall-") as directory:
        stops = 2 if options.short else options.stops
        verdict = run(Path(directory) / "x", stops, options.seconds, options.seed)
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
