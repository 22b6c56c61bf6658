"""What the kernel tells of processes."""

from __future__ import annotations

from pathlib import Path


def parent_of(pid: int) -> int:
    """Who started a process.

    Raises:
        FileNotFoundError: It is gone.
    """
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_running(pid: int) -> bool:
    """Whether it is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants_of(pid: int) -> list[int]:
    """What a process has started, and what those have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in children for each in (int(child), *descendants_of(int(child)))]
