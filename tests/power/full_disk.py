"""Fills the disk beneath a running core, again and again, and makes room again.

    python -m tests.power.full_disk [--times 20] [--seed 1] [--durability process|disk] [--short]

The data directory lies on a tmpfs of its own, which a ballast fills up to a random rest. Orders go on until
the journal needs a segment for which there is no room: then every command is refused with READ_ONLY,
cancels as new orders, nothing of them is in the journal, and questions are answered. With room again (in
every third case after a kill -9 of the full core) the same bytes are accepted: each once. Needs root for
the mount; without it: exit 2.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from cmatch import RejectCode
from cmatch.enums import CommandField, OrderType, Side, TimeInForce
from exchange.bench.market import BASE, INSTRUMENT, Market
from exchange.client import Client, empty_commands
from tests.crash.lives import Core, Findings, Request, judge, open_market
from tests.crash.traders import TENANT

_SEGMENT_BYTES: Final = (4 << 20) + (1 << 19)
_ACCOUNT: Final = 1
_PRICE: Final = 50_000
_ROWS: Final = 400
_BATCHES_MAX: Final = 2_000
_RESUMED_WITHIN_S: Final = 10.0


class CannotMount(Exception):
    """This machine, or this user, may not have a file system of its own."""


class Broken(Exception):
    """A full disk was not met as docs/journal.md says."""


@dataclass
class Verdict:
    """What came of it.

    Args:
        times: How often the disk was full.
        refused: Requests that were refused with READ_ONLY.
        accepted: Requests that were answered otherwise.
        resumed_ms: From the room to the first order that was accepted, where the core lived on.
        findings: In the journal.
    """

    times: int = 0
    refused: int = 0
    accepted: int = 0
    resumed_ms: list[float] = field(default_factory=list)
    findings: Findings | None = None

    def __str__(self) -> str:
        times = sorted(self.resumed_ms) or [float("nan")]
        return (
            f"{self.times} full disks, {self.refused} requests refused, {self.accepted} accepted; resumed"
            f" after {times[len(times) // 2]:.0f} ms (median), {times[-1]:.0f} ms (longest); {self.findings}"
        )


@contextmanager
def mounted(size: int) -> Iterator[Path]:
    """A file system of that many bytes.

    Raises:
        CannotMount: None may be made here.
    """
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        raise CannotMount("there is no mount command")
    place = Path(tempfile.mkdtemp(prefix="full-"))
    try:
        words = [mount, "-t", "tmpfs", "-o", f"size={size}", "full-disk-test", str(place)]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        if done.returncode:
            raise CannotMount(done.stderr.strip())
        try:
            yield place
        finally:
            subprocess.run([unmount, "-l", str(place)], check=True)
    finally:
        place.rmdir()


def fill(ballast: Path, rest: int) -> None:
    """Takes all of the file system but a rest."""
    status = os.statvfs(ballast.parent)
    size = max(0, status.f_bavail * status.f_frsize - rest)
    with ballast.open("wb") as file:
        if size:
            os.posix_fallocate(file.fileno(), 0, size)


def orders(first: int) -> npt.NDArray[np.void]:
    """Orders that never rest, under ids that count from `first` on."""
    rows = empty_commands(_ROWS)
    rows["instrument_id"], rows["account"] = INSTRUMENT, _ACCOUNT
    rows["side"], rows["type"], rows["time_in_force"] = (
        int(Side.BUY),
        int(OrderType.LIMIT),
        int(TimeInForce.IOC),
    )
    rows["qty"], rows["price"], rows["present"] = 1, _PRICE, int(CommandField.PRICE)
    rows["client_order_id_head"] = [f"f{first + n:09d}".encode() for n in range(_ROWS)]
    rows["sent_at"] = time.time_ns()
    return rows


class Campaign:
    """Full disks beneath one core.

    Args:
        place: The file system.
        seed: Of all choices.
        durability: `process` or `disk`.
    """

    def __init__(self, place: Path, seed: int, durability: str) -> None:
        self._ballast = place / "ballast"
        self._chance = Random(seed)
        settings = (
            f"limits.segment_bytes={_SEGMENT_BYTES}",
            "limits.disk_used_percent=100",
            "sessions.orders_per_s=10000000",
            "sessions.orders_burst=10000000",
        )
        self._core = Core(place / "x", durability, settings=settings)
        self._acknowledged: set[Request] = set()
        self._count = 0
        self._verdict = Verdict()

    def run(self, times: int) -> Verdict:
        """So many times.

        Raises:
            Broken: It was not met as it should.
            CoreFailed: A core did not start or end.
        """
        self._core.start()
        with Market(self._core.endpoint, 1) as market:
            open_market(market)
        with self._client() as client:
            resting = client.limit(INSTRUMENT, "sell", 1, 2 * _PRICE)
            for number in range(times):
                self._once(client, resting.order_id, kill=number % 3 == 2)
        end = self._core.stop()
        self._verdict.findings = judge(self._core.directory, self._acknowledged, end)
        return self._verdict

    def _client(self) -> Client:
        return Client.connect(
            self._core.endpoint,
            tenant=TENANT,
            name="filler",
            user="filler",
            account=_ACCOUNT,
            timeout_ms=30_000,
        )

    def _once(self, client: Client, resting: int, *, kill: bool) -> None:
        fill(self._ballast, self._chance.randrange(2 * _SEGMENT_BYTES))
        refused = self._until_full(client)
        sequence = client.sequence
        if client.order(resting).leaves_qty != 1 or client.balance(BASE).total <= 0:
            raise Broken("a question was answered wrongly while the disk was full")
        for report in (client.cancel(resting), client.limit(INSTRUMENT, "buy", 1, _PRICE)):
            if report.reject is None or report.reject.number != RejectCode.READ_ONLY or report.sequence:
                raise Broken(f"a full disk, and an answer: {report}")
        if client.sequence != sequence:
            raise Broken("the journal went on while it was full")
        if kill:
            self._core.kill()
        self._ballast.unlink()
        start = time.monotonic()
        if kill:
            self._core.start()
        self._again(client, refused, start)
        if not kill:
            self._verdict.resumed_ms.append((time.monotonic() - start) * 1e3)
        self._verdict.times += 1

    def _until_full(self, client: Client) -> npt.NDArray[np.void]:
        """Orders until they are refused; those."""
        for _ in range(_BATCHES_MAX):
            rows = orders(self._count)
            self._count += _ROWS
            refused = self._ask(client, rows)
            if refused.size:
                return refused
        raise Broken("the disk never got full")

    def _again(self, client: Client, refused: npt.NDArray[np.void], start: float) -> None:
        while refused.size:
            if time.monotonic() - start > _RESUMED_WITHIN_S:
                raise Broken(f"{refused.size} requests are still refused though there is room")
            refused = self._ask(client, refused)

    def _ask(self, client: Client, rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """Sends rows; those that were refused because the disk is full."""
        answers = client.submit_array(rows).result().rows
        full = answers["reject"] == int(RejectCode.READ_ONLY)
        if answers["reject"][~full].any():
            raise Broken(f"rejected with {set(answers['reject'][~full].tolist())}")
        names: list[bytes] = rows["client_order_id_head"][~full].tolist()
        self._acknowledged |= {(_ACCOUNT, name) for name in names}
        self._verdict.refused += int(full.sum())
        self._verdict.accepted += len(names)
        refused: npt.NDArray[np.void] = rows[full]
        return refused


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("process", "disk"), default="process")
    parser.add_argument("--short", action="store_true", help="three times")
    options = parser.parse_args()
    times = 3 if options.short else options.times
    try:
        with mounted((32 << 20) + times * 4 * _SEGMENT_BYTES) as place:
            verdict = Campaign(place, options.seed, options.durability).run(times)
    except CannotMount as error:
        print(f"not possible here: a file system of its own cannot be mounted: {error}")
        return 2
    except Broken as error:
        print(f"FAILED: {error}")
        return 1
    good = verdict.findings is not None and verdict.findings.good
    print(f"{'ok' if good else 'FAILED'}: {verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
