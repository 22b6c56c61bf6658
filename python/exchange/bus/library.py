"""The libzmq in this process: which, where, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import zmq


@dataclass(frozen=True, slots=True)
class Library:
    """The libzmq that pyzmq brought along."""

    version: str
    path: str | None  # of the shared object, as it is mapped; None where it is linked into something else
    curve: bool  # whether it can encrypt


def libzmq() -> Library:
    """Looks at the libzmq that is loaded."""
    paths = {
        fields[5]
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
        if len(fields := line.split(maxsplit=5)) == 6 and Path(fields[5]).name.startswith("libzmq")
    }
    return Library(zmq.zmq_version(), min(paths, default=None), bool(zmq.has("curve")))
