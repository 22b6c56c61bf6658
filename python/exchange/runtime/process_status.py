"""What a process beside the core says of itself: that it works, and how far it is. Read by its supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Final

from exchange.storage.directory import DataDirectory, replace_file

_MS: Final = 1_000_000
_STATUS_NS: Final = 250 * _MS
_MAX_STATUS_AGE_NS: Final = 3_000 * _MS


def status_path(directory: DataDirectory, name: str) -> Path:
    """Where it says how far it is, as JSON."""
    return directory.run / f"{name}.json"


def is_healthy(directory: DataDirectory, name: str, pid: int) -> bool:
    """Whether the process with this id said a moment ago that it works."""
    status = status_of(directory, name)
    fresh = bool(status) and time.monotonic_ns() - status["heartbeat_ns"] <= _MAX_STATUS_AGE_NS
    return fresh and status["pid"] == pid


def status_of(directory: DataDirectory, name: str) -> dict[str, int]:
    """What it said last; empty where there is none."""
    try:
        content = json.loads(status_path(directory, name).read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: int(value) for key, value in content.items()}


class StatusFile:
    """Says four times a second that a process works, and how far it is.

    Args:
        directory: The data directory.
        name: Of the process.
    """

    def __init__(self, directory: DataDirectory, name: str) -> None:
        self._path = status_path(directory, name)
        self._next_ns = 0

    def say(self, now_ns: int, **fields: int) -> None:
        """Writes the fields, where it is time to."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _STATUS_NS
        content = {"pid": os.getpid(), "heartbeat_ns": now_ns, **fields}
        with contextlib.suppress(OSError):  # a full disk is the core's to report
            replace_file(self._path, json.dumps(content).encode("ascii"))
