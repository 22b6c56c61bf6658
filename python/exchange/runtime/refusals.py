"""Keys that the core refused: it says in a file how many, the audit follower records that.

The core writes no audit log itself. A flood of refusals costs it one small file a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exchange.storage.directory import DataDirectory, replace_file

_INTERVAL_NS: Final = 1_000_000_000
_FILE: Final = "refused.json"


@dataclass(frozen=True, slots=True)
class Refused:
    """What one life of the core refused so far.

    Args:
        pid: Of the core.
        total: How many keys.
        last_key: The last one's public half; empty where none was shown.
    """

    pid: int
    total: int
    last_key: str


class RefusedFile:
    """Says what was refused, at most once a second. Never raises.

    Args:
        directory: The data directory.
        now_ns: A steady clock.
    """

    def __init__(self, directory: DataDirectory, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = directory.run / _FILE
        self._now_ns = now_ns
        self._next_ns = 0
        self._said = 0

    def say(self, total: int, last_key: str) -> None:
        """Writes the file where there is news and it is time to."""
        if total == self._said or self._now_ns() < self._next_ns:
            return
        self._said, self._next_ns = total, self._now_ns() + _INTERVAL_NS
        content = {"pid": os.getpid(), "total": total, "last_key": last_key}
        with contextlib.suppress(OSError):  # a full disk is the journal's to report
            replace_file(self._path, json.dumps(content).encode("ascii"))


def read_refused(directory: DataDirectory) -> Refused | None:
    """What the core said last; None where it refused nobody."""
    try:
        content = json.loads((directory.run / _FILE).read_bytes())
        return Refused(int(content["pid"]), int(content["total"]), str(content["last_key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
