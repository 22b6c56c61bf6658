"""How much of the processors each process of an exchange took over a while, by the kernel's own account."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from exchange.observability.process_metrics import usage_of
from exchange.runtime.processes import rows_of
from exchange.storage.directory import DataDirectory


class Processors:
    """Looks at processes once after some seconds, and once more at the end. A thread that sleeps.

    Args:
        data: The data directory of the exchange.
        others: Further processes, by name: ids.
        after_s: When the first look is.
        seconds: How long after it the second one is.
    """

    def __init__(self, data: Path, others: Mapping[str, int], after_s: float, seconds: float) -> None:
        known = {row.name: row.pid for row in rows_of(DataDirectory(data)) if row.pid is not None}
        self._pids = {**known, "load": os.getpid(), **others}
        self._pause = (after_s, seconds)
        self.seconds: dict[str, float] = {}
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def shares(self) -> dict[str, float]:
        """Of one processor, by process, the largest first; those that took a hundredth of one or more."""
        ordered = sorted(self.seconds.items(), key=lambda item: -item[1])
        return {name: spent / self._pause[1] for name, spent in ordered if spent >= self._pause[1] / 100}

    def _look(self) -> None:
        after_s, seconds = self._pause
        time.sleep(after_s)
        before = self._spent()
        time.sleep(seconds)
        self.seconds = {name: spent - before.get(name, spent) for name, spent in self._spent().items()}

    def _spent(self) -> dict[str, float]:
        usages = {name: usage_of(pid) for name, pid in self._pids.items()}
        return {name: usage.cpu_s for name, usage in usages.items() if usage is not None}
