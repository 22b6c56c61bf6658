"""What the kernel tells of processes."""

from __future__ import annotations

from pathlib import Path


def parent_of(pid: int) -> int:
    """Who started a process.

    Raises:
        FileNotFoundError: It is gone.
    """
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
