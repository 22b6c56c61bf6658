"""How a process ranks among the others of the exchange, where the kernel lets it say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from exchange.runtime.log import log

PRIORITY_MAX: Final = 99
"""By SCHED_FIFO."""
LOAD_PRIORITY: Final = 5
"""By SCHED_FIFO, of who stands for clients on other machines: they wait for nobody here."""


def rank(niceness: int, *, patient: bool = False) -> None:
    """Takes a niceness, -20 (first) to 19 (last), as far as the system allows.

    Each process of ours leads a session. Where the kernel schedules by session (autogroup), niceness within
    one says nothing of the others, so that the session is ranked, too.

    Args:
        niceness: That one.
        patient: It takes the processor from nobody when it wakes (SCHED_BATCH): nobody waits for it.
    """
    if patient:
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def stay_on(processors: set[int]) -> None:
    """Keeps all threads of this process, and what it starts from now on, on these processors.

    Raises:
        OSError: One of them is not there.
    """
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), processors)


def keep_off(processor: int | None) -> None:
    """Leaves one processor to somebody else, where there are others; None: none."""
    rest = os.sched_getaffinity(0) - {processor}
    if rest:
        stay_on(rest)


def realtime(priority: int) -> bool:
    """Takes a SCHED_FIFO priority for this thread, 1 to 99; whether the system allows it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return False
    return True


def go_realtime(priority: int, setting: str) -> None:
    """Has the threads that this process has by now at a SCHED_FIFO priority; the log says where it is denied.

    Threads and processes that they start from then on are as any other: what is done beside keeps nobody off.

    Args:
        priority: 1 to 99; 0: nothing changes.
        setting: What it is called.
    """
    if not priority:
        return
    if not as_allowed(priority):
        log("not allowed here: see `exchange doctor`", setting=setting)
        return
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setscheduler(
                int(thread.name), os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority)
            )


@contextmanager
def in_realtime(priority: int) -> Iterator[bool]:
    """Has this thread at that SCHED_FIFO priority until the block ends, where the system allows; whether."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    taken = priority > 0 and realtime(priority)
    try:
        yield taken
    finally:
        if taken:
            os.sched_setscheduler(0, policy, parameters)


def as_allowed(priority: int) -> int:
    """That SCHED_FIFO priority, or 0, none, where the system denies it; this thread stays as it is."""
    with in_realtime(priority) as taken:
        return priority if taken else 0
