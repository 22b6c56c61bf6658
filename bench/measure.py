"""What every table needs: one core, turns, medians with their spread, Markdown, the machine."""

from __future__ import annotations

import argparse
import gc
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Spread(NamedTuple):
    """A figure measured several times."""

    low: float
    middle: float  # median
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(min(values), median(values), max(values))

    def show(self, digits: int = 0) -> str:
        """As ``median (low-high)``."""
        return f"{self.middle:,.{digits}f} ({self.low:,.{digits}f}-{self.high:,.{digits}f})"


@contextmanager
def quiet_core() -> Iterator[None]:
    """Holds the process to one core, the last it may use, and the garbage collector off."""
    cores, collecting = os.sched_getaffinity(0), gc.isenabled()
    os.sched_setaffinity(0, {max(cores)})
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        if collecting:
            gc.enable()


def take_turns(repeats: int, ways: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Runs each way once a round, so that a noisy moment meets them all.

    Args:
        repeats: Rounds.
        ways: Name to a function that runs once and returns its ns an operation.

    Returns:
        Name to the figures in order of the rounds.
    """
    figures: dict[str, list[float]] = {name: [] for name in ways}
    with quiet_core():
        for _ in range(repeats):
            for name, act in ways.items():
                figures[name].append(act())
                gc.collect()
    return figures


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """How many times as fast, round by round."""
    return Spread.of([a / b for a, b in zip(slow, fast, strict=True)])


@contextmanager
def bytecode_kept() -> Iterator[None]:
    """What is started from here finds its bytecode from the second time on, as an installed wheel's does."""
    kept = {name: os.environ.get(name) for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    with tempfile.TemporaryDirectory(prefix="bytecode-") as made:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = made
        try:
            yield
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def options_of(data: Path, changes: Sequence[str]) -> argparse.Namespace:
    """The options of a command on that data directory, with these settings as KEY=VALUE."""
    return argparse.Namespace(data=data, config=None, set=list(changes))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, all others to the right."""
    ruler = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, ruler, *rows))


def machine() -> str:
    """The machine, what compiled and ran the figures, the commit and how busy it was, in a line."""
    cores = os.cpu_count() or 1
    busy = os.getloadavg()[0]
    return (
        f"{_processor()}, {cores} cores (load {busy:.1f}); {platform.system()}; "
        f"Python {platform.python_version()}; {_line('c++', '--version')}; commit {_commit()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def _commit() -> str:
    git = ("git", "--no-optional-locks", "-C", str(ROOT))
    head = _line(*git, "rev-parse", "--short", "HEAD") or "unknown"
    return f"{head} with changes" if _line(*git, "status", "--porcelain") else head


def _line(program: str, *arguments: str) -> str:
    """The first line that a program prints, or an empty one; "no ..." where it is not installed."""
    path = shutil.which(program)
    if path is None:
        return f"no {program}"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return next(iter(done.stdout.splitlines()), "")
