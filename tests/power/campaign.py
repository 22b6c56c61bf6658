"""Cuts the power beneath a real core at random operations on its files, again and again.

    python -m tests.power.campaign [--cuts 1000] [--seed 1] [--durability disk|process] [--rate 10000]

The core (in every fifth round the whole exchange, with its replica) runs above the witness, which knows what
it wrote and what it made durable. At a random operation, in a start or under load, everything stops at once;
the data directory becomes what a disk without power may have kept: unsynced writes lost, torn or reordered,
unsynced names undone. The core recovers on that and goes on.

- What was durable is there again, and all that is there is what was written, byte for byte.
- With `disk` everything that was acknowledged was durable. With `process` only an unsynced tail may be gone.
- The core says which sequences it cut off; only a tail of which no byte is left goes without a word.
- Requests of the life before are sent again: in all its lives the journal has each once.
- The ledger sums to zero, and the replay of the whole journal is what ran last.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from exchange.bench.flow import Planned
from exchange.bench.market import Market
from tests.crash.lives import (
    SOCKETS,
    Core,
    CoreFailed,
    Request,
    judge,
    open_market,
    planned_load,
    request_of,
    requests_in,
    send,
)
from tests.power.disk_model import DiskModel, Image, Loss, differences, write_tree
from tests.power.segments import HEADER_BYTES, Record, is_segment, journal_of, segment_of
from tests.power.witness import Witness

_CUTS_A_ROUND: Final = 10
_WHOLE_EVERY: Final = 5
_LOAD_S: Final = 0.5
_LOAD_OF_WHOLE_S: Final = 1.0  # so much journal that snapshots let its beginning go
_SEGMENT_BYTES: Final = (4 << 20) + (1 << 19)  # little more than what one write may take: many rotations
_LOST: Final = re.compile(r"sequences (\d+) to (\d+)|what came from sequence (\d+) on")
Tree = dict[str, Image | None]


class Broken(Exception):
    """A promise of docs/journal.md was not kept."""


@dataclass
class Tally:
    """What the campaign did and saw."""

    cuts: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    acknowledged_lost: int = 0
    records_lost: int = 0
    losses_reported: int = 0
    findings: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        cuts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.cuts.items()))
        return (
            f"cuts: {cuts}; {self.answered} requests answered; {self.records_lost} records lost in tails"
            f" with {self.acknowledged_lost} of these requests, {self.losses_reported} times reported;"
            f" missing {self.findings['missing']}, repeated {self.findings['repeated']};"
            f" {self.findings['trades']} trades in {self.findings['commands']} commands;"
            f" {self.findings['removed segments']} segments removed behind snapshots"
        )


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


def segments_in(tree: Tree) -> dict[str, bytes]:
    """The segments of the journal in a data directory, by their file names."""
    names = {name: name.removeprefix("journal/") for name in tree if name.startswith("journal/")}
    return {own: image.whole() for name, own in names.items() if is_segment(own) and (image := tree[name])}


def requests_of(records: list[Record]) -> set[Request]:
    """The orders' requests in them."""
    return {request_of(command) for record in records for command in requests_in(record.payload)}


class Round:
    """Cuts on one data directory, the last of which is followed by an orderly end.

    Args:
        place: An empty directory.
        seed: Of all choices.
        durability: `process` or `disk`.
        whole: The whole exchange runs, not only its core.
        rate: Requests a second.
        tally: What happened.
    """

    def __init__(
        self, place: Path, seed: int, durability: str, *, whole: bool, rate: int, tally: Tally
    ) -> None:
        self._place = place
        self._root = place / "x"
        self._root.mkdir()
        self._seed = seed
        self._chance = Random(seed)
        self._durability = durability
        self._rate = rate
        self._load_s = _LOAD_OF_WHOLE_S if whole else _LOAD_S
        self._tally = tally
        settings = (f"limits.segment_bytes={_SEGMENT_BYTES}", f"limits.journal_bytes={2 * _SEGMENT_BYTES}")
        self._core = Core(self._root, durability, whole=whole, settings=settings)
        self._before: Planned | None = None  # the requests of the life before, to be sent again
        self._truth: list[Record] = []  # all that was ever journaled and not lost
        self._floor = 0  # so many of these were durable
        self._answered: set[Request] = set()
        self._image: Tree = {}  # what the life began with
        self._gone: dict[str, bytes] = {}  # segments that a snapshot stands in for

    def run(self, cuts: int) -> None:
        """So many lives, and a last one that ends in order.

        Raises:
            Broken: A promise was not kept.
            CoreFailed: It does not come back.
        """
        for life in range(cuts):
            self._life(life)
        self._core.environment = {}
        self._core.start()
        end = self._core.stop()
        self._judge_recovery(self._read_directory())
        kept = requests_of(self._truth)
        gone = self._answered - kept
        _demand(not gone or self._durability == "process", f"acknowledged and lost: {sorted(gone)[:3]}")
        findings = judge(self._whole_journal(), self._answered & kept, end)
        _demand(findings.good, str(findings))
        self._tally.answered += len(self._answered)
        self._tally.acknowledged_lost += len(gone)
        self._tally.findings["removed segments"] += len(self._gone)
        for name in ("missing", "repeated", "trades", "commands"):
            self._tally.findings[name] += getattr(findings, name)

    def _life(self, life: int) -> None:
        model = DiskModel(self._root)
        with Witness(self._root, self._place / f"witness-{life}") as witness:
            self._core.environment = witness.environment
            answered, stage = self._live(life, witness)
            witness.kill_all()
            self._core.wait()
            model.follow(witness.read())
        unseen = differences(self._root, model.live())
        _demand(not unseen, f"the witness did not see all that was done to {unseen}")
        self._put_by(model)
        self._judge_life(model, answered)
        loss = self._chance.choice(list(Loss))
        self._image = model.after(loss, self._chance)
        write_tree(self._root, self._image)
        self._tally.cuts[f"{stage}, {loss.value}"] += 1

    def _live(self, life: int, witness: Witness) -> tuple[set[Request], str]:
        """Until the power is gone; what was answered, and when it was cut."""
        if self._chance.random() < 0.2:
            witness.cut_after(self._chance.randrange(40))
        try:
            self._core.start(witness.is_dark)
        except CoreFailed:
            if not witness.is_dark():
                raise
            return set(), "in a start"
        witness.spare()
        if witness.is_dark():
            return set(), "in a start"
        answered: set[Request] = set()
        batch = self._chance.choice([1, 3, 10])
        planned = planned_load(self._seed, life, self._rate, batch, self._load_s)
        with Market(self._core.endpoint, SOCKETS) as market, self._snapshot_soon() as asking:
            open_market(market)  # what a cut took of it, or nothing
            if self._before is not None:
                answered |= send(market, self._before)
            if asking is not None and self._chance.random() < 0.5:
                asking.wait()  # else the cut may come while it is taken
            witness.cut_after(self._chance.randrange(1 + int(self._rate * self._load_s / batch)))
            answered |= send(market, planned)
        planned.plan["at_ns"] //= 8
        self._before = planned
        return answered, "under load" if witness.is_dark() else "idle"

    @contextmanager
    def _snapshot_soon(self) -> Iterator[subprocess.Popen[bytes] | None]:
        """Has the replica of a whole exchange take a snapshot in a moment."""
        if not self._core.whole:
            yield None
            return
        words = [sys.executable, "-m", "exchange.cli", "snapshot", "--data", str(self._root)]
        asking = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield asking
        finally:
            asking.kill()
            asking.wait()

    def _judge_life(self, model: DiskModel, answered: set[Request]) -> None:
        """After a life: what it found when it began, and what it acknowledged."""
        if self._core.ready:
            self._judge_recovery(self._journal(segments_in(model.after(Loss.KEPT, self._chance))))
        durable = self._journal(segments_in(model.after(Loss.LOST, self._chance)))
        self._floor = _common(durable, self._truth)
        there = requests_of(self._truth)
        _demand(answered <= there, f"acknowledged and not written: {sorted(answered - there)[:3]}")
        if self._durability == "disk":
            safe = requests_of(self._truth[: self._floor])
            _demand(answered <= safe, f"acknowledged and not durable: {sorted(answered - safe)[:3]}")
        self._answered |= answered

    def _judge_recovery(self, written: list[Record]) -> None:
        """A life went on from what the cut before it had left."""
        kept = [record for record in written if record.last <= self._core.recovered]
        same = _common(kept, self._truth)
        _demand(same == len(kept), f"record {same} after the recovery is not what was written")
        _demand(same >= self._floor, f"{self._floor - same} durable records are lost")
        lost = self._truth[same:]
        self._tally.records_lost += len(lost)
        self._judge_report(kept, lost)
        self._truth = written

    def _judge_report(self, kept: list[Record], lost: list[Record]) -> None:
        """Whether the core said that it cut a tail off where there was one, and which."""
        report = self._core.lost
        there = _tail_was_left(self._image, kept)
        _demand((report != "nothing") == there, f"a tail was left: {there}; the core says: {report}")
        if not there:
            return
        self._tally.losses_reported += 1
        found = _LOST.search(report)
        assert found is not None, report
        following = kept[-1].last + 1 if kept else 1
        _demand(
            int(found[1] or found[3]) == following,
            f"{following} is the first to be lost; the core says: {report}",
        )
        if found[2]:
            last = lost[-1].last if lost else 0
            _demand(int(found[2]) <= last, f"{last} is the last that was written; the core says: {report}")

    def _put_by(self, model: DiskModel) -> None:
        """Keeps what was removed from the beginning of the journal: whoever judges wants all of it."""
        there = min(segments_in(model.live()), default="")
        for name, content in segments_in(dict(model.removed)).items():
            if name < there:
                self._gone[name] = content

    def _journal(self, segments: dict[str, bytes]) -> list[Record]:
        """The records of a journal, with those of its removed beginning."""
        before = {name: content for name, content in self._gone.items() if name < min(segments, default="")}
        return journal_of(before | segments)

    def _read_directory(self) -> list[Record]:
        paths = (self._root / "journal").iterdir()
        return self._journal({path.name: path.read_bytes() for path in paths if is_segment(path.name)})

    def _whole_journal(self) -> Path:
        """A data directory with the journal from its first record on."""
        whole = self._place / "whole"
        shutil.copytree(self._root / "journal", whole / "journal")
        for name, content in self._gone.items():
            (whole / "journal" / name).write_bytes(content)
        return whole


def _common(some: list[Record], others: list[Record]) -> int:
    """How many of the first ones are the same, in whole groups."""
    pairs = zip(some, others, strict=False)
    same = next(
        (n for n, (one, other) in enumerate(pairs) if one.raw != other.raw), min(len(some), len(others))
    )
    while same and some[same - 1].left:
        same -= 1
    return same


def _tail_was_left(tree: Tree, kept: list[Record]) -> bool:
    """Whether anything lies behind the last of these records."""
    segments = sorted(
        name for name in tree if name.startswith("journal/") and is_segment(name.removeprefix("journal/"))
    )
    if not segments:
        return False
    if not kept:
        return any(_nonzero_behind(tree, name, HEADER_BYTES) for name in segments) or len(segments) > 1
    following = f"journal/{kept[-1].last + 1:020d}.journal"
    last = f"journal/{kept[-1].segment}"
    behind = [name for name in segments if name > last]
    if behind == [following] and not _nonzero_behind(tree, last, kept[-1].end):
        return _damaged(tree, following) or _nonzero_behind(tree, following, HEADER_BYTES)
    return bool(behind) or _nonzero_behind(tree, last, kept[-1].end)


def _nonzero_behind(tree: Tree, name: str, offset: int) -> bool:
    image = tree[name]
    return image is not None and any(image.data[offset:])


def _damaged(tree: Tree, name: str) -> bool:
    """Whether a segment has no header that recovery could enter it by."""
    image = tree[name]
    return image is None or segment_of(name, image.whole()[:HEADER_BYTES]) is None


def run(cuts: int, seed: int, durability: str, rate: int, *, say: bool = True) -> Tally:
    """The campaign; it says how it goes after each round.

    Raises:
        Broken: A promise was not kept; the directory stays for a look.
        CoreFailed: A core did not come back.
    """
    tally = Tally()
    for number, first in enumerate(range(0, cuts, _CUTS_A_ROUND)):
        whole = number % _WHOLE_EVERY == _WHOLE_EVERY - 1
        place = Path(tempfile.mkdtemp(prefix="power-"))
        one = Round(place, seed + first, durability, whole=whole, rate=rate, tally=tally)
        try:
            one.run(min(_CUTS_A_ROUND, cuts - first))
        except Broken as error:
            raise Broken(f"{error} (see {place})") from error
        shutil.rmtree(place)
        if say:
            print(f"{sum(tally.cuts.values())}: {tally}", flush=True)
    return tally


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cuts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("process", "disk"), default="disk")
    parser.add_argument("--rate", type=int, default=10_000)
    options = parser.parse_args()
    start = time.monotonic()
    try:
        tally = run(options.cuts, options.seed, options.durability, options.rate)
    except (Broken, CoreFailed) as error:
        print(f"FAILED: {error}")
        return 1
    print(f"ok: {tally}; {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
