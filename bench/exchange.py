"""How long a running exchange takes to answer, how much it can answer, how fast it comes back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Spread, table


@dataclass(frozen=True)
class Case:
    """One line of a table.

    Args:
        name: what is different.
        words: of `exchange bench`, beside the length of a run.
    """

    name: str
    words: tuple[str, ...]


_ORDINARY = ("--alone", "--set", "core.cpu=1", "--generator-priority", "0")
_BESIDE = ("--set", "core.cpu=1", "--set", "core.realtime_priority=10")
_ALONE = ("--alone", *_BESIDE)
_ANYWHERE = ("--alone", "--set", "core.realtime_priority=10")  # two cores are not for one processor
LATENCY = (
    Case("one in flight", (*_ALONE, "--one-by-one", "--batch", "1")),
    Case("10,000/s in messages of 10", (*_ALONE, "--rate", "10000")),
    Case("50,000/s in messages of 10", (*_ALONE, "--rate", "50000")),
    Case("100,000/s in messages of 10", _ALONE),
    Case("the same, scraped, queried, a snapshot taken", _BESIDE),
    Case("the same alone, no real-time priority", _ORDINARY),
    Case("the same alone, that and any processor", ("--alone", "--generator-priority", "0")),
    Case("the same alone, TCP with CURVE", (*_ALONE, "--curve")),
    Case("the same alone, durability disk", (*_ALONE, "--set", "durability=disk")),
    Case("50,000/s on any processor", (*_ANYWHERE, "--rate", "50000")),
    Case("that, durability replica, a standby beside", (*_ANYWHERE, "--rate", "50000", "--standby")),
    Case("10,000/s one by one", (*_ALONE, "--rate", "10000", "--batch", "1")),
    Case("50,000/s one by one", (*_ALONE, "--rate", "50000", "--batch", "1")),
)
_CLOSED = (*_ORDINARY, "--in-flight", "25600")  # what waits costs, too: more of it is answered more slowly
MOST = (
    Case("messages of 1", (*_CLOSED, "--rate", "1000000", "--batch", "1")),
    Case("messages of 10", (*_CLOSED, "--rate", "1000000")),
    Case("messages of 100", (*_CLOSED, "--rate", "3000000", "--batch", "100")),
)


def measured(case: Case, seconds: float, warmup: float, runs: int) -> list[dict[str, Any]]:
    """The runs of one case, as `exchange bench --json` writes them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "measured.json"
        command = [sys.executable, "-m", "exchange.cli", "bench", *case.words, "--json", str(path)]
        command += ["--seconds", str(seconds), "--warmup", str(warmup), "--runs", str(runs)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 (our own program)
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["measured"]
        return found


def latencies(seconds: float, runs: int) -> str:
    """From when a request was due to its answer: percentiles, median of the runs, lowest and highest."""
    rows = []
    for case in LATENCY:
        done = measured(case, seconds, seconds / 5, runs)
        cells = [_spread([run["percentiles"][p] for run in done]) for p in ("50.0", "99.0", "99.9")]
        rows.append([case.name, *cells, str(sum(run["lost"] + run["duplicates"] for run in done))])
    return table(["case", "p50, us", "p99, us", "p99.9, us", "lost or twice"], rows)


def most(runs: int) -> str:
    """Requests answered a second where the next is sent as soon as one of those in flight is answered."""
    rows = []
    for case in MOST:
        done = measured(case, 2, 1, runs)
        rows.append([case.name, _spread([run["rate"] for run in done], 1)])
    return table(["case", "answered a second"], rows)


def recovery(program: Path, repeats: int) -> str:
    """From the journal back into a venue: `bench_venue`."""
    command = [str(program), "--rounds", str(repeats)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    rows = []
    for line in done.stdout.splitlines()[1:]:
        what, figures = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        middle, low, high, rate = (float(figure) for figure in re.findall(r"[\d.]+", figures))
        rows.append([what, Spread(low, middle, high).show(), f"{rate:.2f}"])
    return table(["stage", "ns a command", "million a second"], rows)


def _spread(values: list[float], unit: float = 1_000) -> str:
    return Spread.of([value / unit for value in values]).show()
