"""When the core's memory is brought in: not while the other processes of the exchange start."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from cmatch._core import SharedStats, Stat, Toucher
from exchange.storage.directory import DataDirectory

# The longest that a start is waited for, and that a core waits which nobody supervises.
_START_S: Final = 10.0


class Touching:
    """Has memory touched once the supervisor says that all have started, and tells how much is left.

    To have a gigabyte made takes a processor for a while: those that start have more use for it. Called now
    and then.

    Args:
        toucher: Which has not begun; stopped at the end.
        stats: Where it is told.
        directory: Where the supervisor says so.
        now_s: Monotonic.
    """

    def __init__(
        self,
        toucher: Toucher,
        stats: SharedStats,
        directory: DataDirectory,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._toucher = toucher
        self._stats = stats
        self._announcement = directory.announcement
        self._now_s = now_s
        self._latest_s = now_s() + _START_S
        self._begun = False
        self._tell()

    def begin(self) -> None:
        """Without waiting any longer."""
        if not self._begun:
            self._begun = True
            self._toucher.begin()

    def __call__(self) -> None:
        """Begins where it is time to."""
        if not self._begun and (self._announcement.exists() or self._now_s() >= self._latest_s):
            self.begin()
        self._tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._toucher.stop()

    def _tell(self) -> None:
        self._stats.set(Stat.memory_untouched_bytes, self._toucher.left)
