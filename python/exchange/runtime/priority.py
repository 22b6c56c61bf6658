"""How a process ranks among the others of the exchange, where the kernel lets it say so."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def rank(niceness: int) -> None:
    """Takes a niceness, -20 (first) to 19 (last), as far as the system allows.

    Each process of ours leads a session. Where the kernel schedules by session (autogroup), niceness within
    one says nothing of the others, so that the session is ranked, too.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")
