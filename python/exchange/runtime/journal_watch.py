"""Hears from the kernel that something was written in a directory: inotify(7)."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from pathlib import Path
from typing import Any, Final

from exchange.runtime.log import log

_IN_MODIFY: Final = 0x2
_IN_CREATE: Final = 0x100
_READ_BYTES: Final = 4_096


class JournalWatch:
    """One directory. What is written there makes `fileno` readable until `clear`; of one thread.

    Writes that follow each other in one file are one event, so who does not look costs the writer little.

    Args:
        directory: It is there.

    Raises:
        OSError: The system has no more watches for this user, or none at all.
    """

    def __init__(self, directory: Path) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError(f"{sys.platform} has no inotify")
        libc: Any = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        watch = libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _IN_MODIFY | _IN_CREATE)
        if watch < 0:
            error = OSError(ctypes.get_errno(), "inotify_add_watch failed", str(directory))
            self.close()
            raise error

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def clear(self) -> bool:
        """Whether anything was written since the last call."""
        heard = False
        while True:
            try:
                os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return heard
            heard = True

    def close(self) -> None:
        """Hears no more."""
        os.close(self._descriptor)


def watch_of(directory: Path) -> JournalWatch | None:
    """One, or None where the system gives none: then who follows has to look by itself."""
    try:
        return JournalWatch(directory)
    except OSError as error:
        log("writes of the journal are not heard", level=logging.WARNING, directory=directory, reason=error)
        return None
