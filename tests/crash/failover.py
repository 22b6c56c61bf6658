"""Kills the parts of an exchange that is there twice, under load, and has the standby take the lead.

    python -m tests.crash.failover [--kills 300] [--seed 1] [--short]

A leader whose answers wait for its standby, and clients that know the endpoints of both. In turn:

- the leader's machine is lost (kill -9 of all its processes): its standby is told to lead, the clients find
  it and send again what has no answer; a new standby begins on the emptied directory of the old leader;
- the leader's core is killed, and started again by its supervisor;
- the standby's machine is lost, and comes back on its directory: answers wait, or new orders are refused;
- the leader's read replica is killed: nobody notices.

What was acknowledged is in the journal of whoever leads in the end, once; each client got each report once
and in order, and knows exactly the orders that are live. Measured is the time from the kill to the first
answer to what the new core carried out. After fifty of each kind another pair takes over: a new standby takes
all that its leader ever journaled.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from exchange.bench.market import Market
from exchange.bus.dealer import Dealer
from exchange.cli.promote import ask
from exchange.client import Client
from exchange.domain.enums import FollowOutcome
from tests.crash.lives import End, Findings, end_of, fold, judge, open_market
from tests.crash.traders import TENANT, Traders
from tests.exchange.processes import descendants_of, is_running
from tests.replication.processes import Running

_TRADERS: Final = 4
_BACK_WITHIN_S: Final = 120.0
_IN_SYNC: Final = 'event="in sync"'
_KILLS_A_PAIR: Final = 50


class Broken(Exception):
    """The pair did not do what docs/replication.md says."""


@dataclass
class Verdict:
    """What came of it.

    Args:
        back_ms: By kind: from each kill to the first answer of the core that was there then.
        answered: Requests that were carried out.
        reconnects: Of all clients.
        complaints: Of the clients.
        findings: In the journals of the pairs' last leaders.
    """

    back_ms: dict[str, list[float]] = field(default_factory=dict)
    answered: int = 0
    reconnects: int = 0
    complaints: list[str] = field(default_factory=list)
    findings: list[Findings] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost or done twice, and everyone knows what is so."""
        return bool(self.findings) and all(each.good for each in self.findings) and not self.complaints

    def __str__(self) -> str:
        kinds = "; ".join(f"{kind}: {_spread(times)}" for kind, times in self.back_ms.items())
        lost, twice = (sum(getattr(each, name) for each in self.findings) for name in ("missing", "repeated"))
        parted = sum(not each.same_end for each in self.findings)
        return (
            f"{self.answered} requests carried out by {len(self.findings)} pairs, {lost} lost, {twice} twice,"
            f" {parted} replays that end elsewhere, {self.reconnects} reconnects;"
            f" {kinds}{''.join(f'; {each}' for each in self.complaints)}"
        )


def _spread(times: list[float]) -> str:
    """How many, and their percentiles in ms."""
    ordered = sorted(times)
    p50, p99 = (ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 99))
    return (
        f"{len(ordered)} kills, back after p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {ordered[-1]:.0f} ms"
    )


class Pair:
    """A leader and its standby, in two places that they swap.

    Args:
        place: An empty directory.
        seed: Of all choices.
        verdict: To which what comes of it is added.
    """

    def __init__(self, place: Path, seed: int, verdict: Verdict) -> None:
        self._places = [place / "one", place / "two"]
        self._chance = Random(seed)
        self._whole_again: Callable[[], bool] = lambda: True
        self.leader = Running.leader(self._places[0])
        self.standby = _standby(self._places[1], self.leader.data)
        self._until_in_sync()
        with Market(self.endpoints[0], 1) as market:
            open_market(market)
        self.verdict = verdict

    @property
    def endpoints(self) -> list[str]:
        """Of both places, whoever is there."""
        return [f"ipc://{place}/run/orders.sock" for place in self._places]

    def run(self, kills: int, seed: int, until: float = math.inf) -> None:
        """So many kills of each kind, or as many as are begun until then.

        Raises:
            Broken: The standby does not lead, or nobody answers.
        """
        verdict = self.verdict
        with Traders(partial(_connect, self.endpoints), _TRADERS, seed) as traders:
            for _ in range(kills):
                if time.monotonic() > until:
                    break
                self._lose("leader", traders, self._lose_leader, new_epoch=True)
                self._follow_again()
                self._lose("core", traders, partial(self._kill, "core"), new_epoch=True)
                self._lose("standby", traders, self._lose_standby)
                self._lose("replica", traders, partial(self._kill, "replica"))
            traders.stop()
            end = self._stop()
            verdict.complaints += traders.complaints(fold(self.leader.data))
            verdict.reconnects += sum(trader.client.reconnects for trader in traders.all)
            acknowledged = traders.acknowledged
        verdict.answered += len(acknowledged)
        verdict.findings.append(judge(self.leader.data, acknowledged, end))

    def close(self) -> None:
        """End what still runs."""
        for each in (self.standby, self.leader):
            each.stop()

    def _lose(
        self, kind: str, traders: Traders, lose: Callable[[], None], *, new_epoch: bool = False
    ) -> None:
        self.leader.until(self._whole_again)
        time.sleep(self._chance.uniform(0.1, 0.6))
        epoch = max(trader.client.epoch for trader in traders.all)
        start = time.monotonic_ns()
        lose()
        told = traders.wait_carried_out(start, epoch + 1 if new_epoch else epoch, _BACK_WITHIN_S)
        if told is None:
            raise Broken(f"{kind}: nobody was answered within {_BACK_WITHIN_S:g} s")
        self.verdict.back_ms.setdefault(kind, []).append((told - start) / 1e6)

    def _kill(self, process: str) -> None:
        leader, healthy = self.leader, f'event="child healthy" name={process}'
        before = leader.log.read_text().count(healthy)
        os.kill(leader.pid(process), signal.SIGKILL)
        self._whole_again = lambda: leader.log.read_text().count(healthy) > before

    def _lose_leader(self) -> None:
        _lose_machine(self.leader)
        dealer = Dealer(f"ipc://{self.standby.data}/run/orders.sock")
        try:
            answer = ask(dealer, accept_loss=False, timeout_s=10.0)
        finally:
            dealer.close()
        if answer.kind is not FollowOutcome.PROMOTED:
            raise Broken(f"a standby in sync does not lead: {answer}")

    def _follow_again(self) -> None:
        """Who stood by leads; the other place is emptied, and stands by."""
        self.leader, gone = self.standby, self.leader.data
        self._whole_again = lambda: True
        shutil.rmtree(gone)
        self.standby = _standby(gone, self.leader.data)
        self._end_solo()
        self._until_in_sync()

    def _end_solo(self) -> None:
        """Answers wait for the standby again, as soon as it has caught up."""
        until = time.monotonic() + _BACK_WITHIN_S
        with self.leader.client("operator") as operator:
            while not (answer := operator.admin.set_solo(False)).ok:
                if time.monotonic() > until:
                    raise Broken(f"a standby follows, and answers do not wait for it: {answer}")
                time.sleep(0.05)

    def _lose_standby(self) -> None:
        _lose_machine(self.standby)
        self.standby = _standby(self.standby.data, self.leader.data)
        self.standby.until(lambda: self.standby.said("state=streaming"))  # it was in sync, and is still

    def _until_in_sync(self) -> None:
        self.standby.until(lambda: self.standby.said(_IN_SYNC))

    def _stop(self) -> End:
        self.leader.until(self._whole_again)
        if self.standby.stop() or self.leader.stop():
            raise Broken("an exchange does not end in order")
        return end_of(self.leader.log.read_text().splitlines())


def _lose_machine(running: Running) -> None:
    """Kills all of it: the supervisor first stands still, so that it starts nothing again."""
    supervisor = running.process.pid
    os.kill(supervisor, signal.SIGSTOP)
    lost = descendants_of(supervisor)
    for each in lost:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    running.process.kill()
    running.process.wait()
    while any(is_running(each) for each in lost):
        time.sleep(0.001)


def _standby(data: Path, of: Path) -> Running:
    """With a log of its own."""
    data.with_suffix(".log").unlink(missing_ok=True)
    return Running.standby(data, of)


def _connect(endpoints: list[str], name: str, account: int) -> Client:
    return Client.connect(
        endpoints, tenant=TENANT, name=name, user="trader", account=account, timeout_ms=60_000
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300, help="of each kind")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no more after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="two of each kind")
    options = parser.parse_args()
    verdict, until = Verdict(), time.monotonic() + options.seconds
    left: int = 2 if options.short else options.kills
    while left > 0 and time.monotonic() < until:
        seed = options.seed + len(verdict.findings)
        with tempfile.TemporaryDirectory(prefix="failover-") as directory:
            pair = Pair(Path(directory), seed, verdict)
            try:
                pair.run(min(left, _KILLS_A_PAIR), seed, until)
            except Broken as error:
                print(f"FAILED: {error}")
                return 1
            finally:
                pair.close()
        left -= _KILLS_A_PAIR
        print(f"so far: {verdict}", flush=True)
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
