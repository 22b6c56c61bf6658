"""A process that ends with the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

from exchange.runtime.exits import ExitCode

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Asks the kernel to stop this process (SIGTERM) when its parent is gone, however that went.

    To be called by a child as it starts; ends it at once where the parent is gone already.

    Args:
        parent: process id of who started us, as it told us itself.
    """
    if sys.platform.startswith("linux"):
        libc: Any = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise SystemExit(ExitCode.STOPPED)
