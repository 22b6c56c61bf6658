"""Whether the disk of the journal is nearly full: then no new order is taken, but what ends one."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exchange.runtime.log import log

_LOOK_NS: Final = 1_000_000_000


def used_percent(path: Path) -> float:
    """How full the file system is, as `df` counts: what only root may use counts as used."""
    status = os.statvfs(path)
    used = status.f_blocks - status.f_bfree
    return 100 * used / max(used + status.f_bavail, 1)


class DiskWatch:
    """Looks once a second; one of the loop's keepers.

    Args:
        path: Anything on the disk.
        limit: In percent; fuller than this is nearly full.
        tell: Hears each change: True where it is nearly full now.
        steady_ns: The time of the turn.
        used: What measures.
    """

    def __init__(
        self,
        path: Path,
        limit: int,
        tell: Callable[[bool], object],
        steady_ns: Callable[[], int],
        used: Callable[[Path], float] = used_percent,
    ) -> None:
        self._path = path
        self._limit = limit
        self._tell = tell
        self._steady_ns = steady_ns
        self._used = used
        self._next_look_ns = 0
        self._nearly_full = False

    def __call__(self) -> None:
        """Looks, where it is time to."""
        now_ns = self._steady_ns()
        if now_ns < self._next_look_ns:
            return
        self._next_look_ns = now_ns + _LOOK_NS
        used = self._used(self._path)
        if (used > self._limit) is self._nearly_full:
            return
        self._nearly_full = not self._nearly_full
        self._tell(self._nearly_full)
        log(
            "disk nearly full: no new orders" if self._nearly_full else "disk has room again",
            level=logging.WARNING if self._nearly_full else logging.INFO,
            used=f"{used:.1f}%",
            limit=f"{self._limit}%",
            path=self._path,
        )
