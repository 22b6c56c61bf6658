"""Names that a power cut leaves: a file that was synced is there only if its directory was synced, too."""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(path: Path, mode: int = 0o777) -> None:
    """Make a directory and those above it, durably; one that is there is left as it is.

    Raises:
        FileExistsError: Something else has the name.
        OSError: It cannot be made.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def sync_directory(path: Path) -> None:
    """Make names that were made, renamed or removed in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
