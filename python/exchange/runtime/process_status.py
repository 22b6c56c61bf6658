"""What a process beside the core says of itself: that it works, and how far it is. Read by its supervisor."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exchange.storage.directory import DataDirectory, replace_file

_MAX_STATUS_AGE_NS: Final = 3_000_000_000


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


def write_status(directory: DataDirectory, name: str, status: Mapping[str, int]) -> None:
    """Says it; a full disk is the core's to report."""
    with contextlib.suppress(OSError):
        replace_file(status_path(directory, name), json.dumps(status).encode("ascii"))
