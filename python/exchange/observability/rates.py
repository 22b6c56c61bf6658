"""What the core did between two readings of its statistics: counts a second, and percentiles."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.observability.stats import (
    HistogramSnapshot,
    StatRow,
    StatsReader,
    StatsSnapshot,
    StatsUnavailable,
)

RATED: Final = (
    "commands",
    "orders",
    "cancels",
    "trades",
    "reports",
    "queries",
    "in_bytes",
    "journal_bytes",
)
QUANTILES: Final = (
    (500_000, "p50"),
    (900_000, "p90"),
    (990_000, "p99"),
    (999_000, "p99.9"),
    (1_000_000, "max"),
)
_NS_A_S: Final = 1_000_000_000
_EVERY_NS: Final = 900_000_000  # between readings that are kept
_FIRST_S: Final = 0.5  # between the first two readings


def rates(before: StatsSnapshot, after: StatsSnapshot) -> dict[str, float]:
    """Counts a second between two readings."""
    seconds = max(after.read_ns - before.read_ns, 1) / _NS_A_S
    return {name: (after.values[name] - before.values[name]) / seconds for name in RATED}


def quantiles(histogram: HistogramSnapshot) -> dict[str, int]:
    """The percentiles that are shown, by their names."""
    return {name: histogram.percentile(parts) for parts, name in QUANTILES}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the core did between two readings.

    Args:
        rows: The table of its statistics.
        before: The earlier reading.
        after: The later one.
    """

    rows: tuple[StatRow, ...]
    before: StatsSnapshot
    after: StatsSnapshot

    @property
    def seconds(self) -> float:
        """How long that was."""
        return (self.after.read_ns - self.before.read_ns) / _NS_A_S

    @property
    def rates(self) -> dict[str, float]:
        """Counts a second."""
        return rates(self.before, self.after)

    @property
    def timings(self) -> dict[str, HistogramSnapshot]:
        """What was timed in between, by name."""
        return {name: of.since(self.before.histograms[name]) for name, of in self.after.histograms.items()}


class LastSeconds:
    """Reads statistics when it is asked, and compares with a reading of some seconds before. Any thread.

    Args:
        path: Of the statistics; see `stats_path`.
        seconds: So far back it looks, where it was asked then, too; else to the oldest reading behind that.
        pause: Waits so many seconds between the first two readings.
    """

    def __init__(self, path: Path, seconds: float, pause: Callable[[float], object] = time.sleep) -> None:
        self._path = path
        self._back_ns = int(seconds * _NS_A_S)
        self._pause = pause
        self._reader: StatsReader | None = None
        self._kept: deque[StatsSnapshot] = deque()
        self._turn = threading.Lock()

    def read(self) -> Stretch:
        """What the core did last.

        Raises:
            StatsUnavailable: No core writes statistics there.
        """
        with self._turn:
            try:
                now = self._take()
                if not self._kept:
                    self._kept.append(now)
                    self._pause(_FIRST_S)
                    now = self._take()
            except StatsUnavailable:
                self._drop()
                raise
            while len(self._kept) > 1 and self._kept[1].read_ns <= now.read_ns - self._back_ns:
                self._kept.popleft()
            stretch = Stretch(self._open().rows, self._kept[0], now)
            if now.read_ns - self._kept[-1].read_ns >= _EVERY_NS:
                self._kept.append(now)
            return stretch

    def close(self) -> None:
        """Lets the memory go."""
        with self._turn:
            self._drop()

    def _take(self) -> StatsSnapshot:
        now = self._open().read()
        last = self._kept[-1] if self._kept else None
        if last is not None and (
            last.values["started_at_ns"] != now.values["started_at_ns"]
            or now.read_ns - last.read_ns > 3 * self._back_ns
        ):
            self._kept.clear()  # of another life of the core, or too long ago
        return now

    def _open(self) -> StatsReader:
        if self._reader is None:
            self._reader = StatsReader(self._path)
        return self._reader

    def _drop(self) -> None:
        self._kept.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
