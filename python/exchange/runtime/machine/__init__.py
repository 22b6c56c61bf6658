"""What a machine offers to a latency-critical process and what it lacks: the checks of `exchange doctor`.

Each check is a function of a `Machine` (where `/proc` and `/sys` lie) or of the data directory, and returns
findings; `examine` runs all of them in the order of the table that is printed.
"""

from pathlib import Path

from exchange.runtime.machine import memory, processor, rights, software, storage, wakeups
from exchange.runtime.machine.finding import Finding, Level, Machine

__all__ = ["Finding", "Level", "Machine", "examine"]


def examine(data: Path, machine: Machine | None = None) -> list[Finding]:
    """Runs every check.

    Args:
        data: the data directory (or where it will be): its file system is what is measured.
        machine: where the system's own files lie; this machine where None.
    """
    here = machine or Machine()
    return [
        *processor.check(here),
        *wakeups.check(here),
        *memory.check(here),
        *rights.check(here),
        *storage.check(data, here),
        *software.check(),
    ]
