"""What a replica says of itself, read by others."""

from __future__ import annotations

import json
import time

from exchange.storage.directory import DataDirectory

_MAX_STATUS_AGE_NS = 3_000_000_000


def read_status(directory: DataDirectory) -> dict[str, int]:
    """What a replica said last; empty where there is none."""
    try:
        content = json.loads(directory.replica_status.read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: int(value) for name, value in content.items()}


def is_healthy(directory: DataDirectory, pid: int) -> bool:
    """Whether the replica with this process id said a moment ago that it is ready."""
    status = read_status(directory)
    fresh = bool(status) and time.monotonic_ns() - status["heartbeat_ns"] <= _MAX_STATUS_AGE_NS
    return fresh and status["pid"] == pid and bool(status["ready"])
