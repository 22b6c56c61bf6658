"""Has the disk take a segment piece by piece while it grows: the sync which finishes it then has little left.

That one is the writer's: it stands in the way of an append, and says what is durable. Nothing is said here.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final

AHEAD_BYTES: Final = 4 << 20
"""What a segment grows by between two syncs: a few milliseconds of a disk."""
_LOGGER: Final = logging.getLogger("exchange")


class SyncAhead:
    """A thread that syncs, from the first piece on. Told by one thread, the writer's.

    Each sync has a descriptor of its own: Linux tells every open file of pages that could not be written, so
    that the writer's sync fails for them, too, whatever was heard here.

    Args:
        piece_bytes: What a file grows by between two of them.
    """

    def __init__(self, piece_bytes: int = AHEAD_BYTES) -> None:
        self._piece_bytes = piece_bytes
        self._reached = 0
        self._wanted: SimpleQueue[Path | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def grown(self, path: Path, position: int) -> None:
        """A file was written up to there; does not wait."""
        if position < self._reached:  # the next file
            self._reached = 0
        if position - self._reached < self._piece_bytes:
            return
        self._reached = position
        self._wanted.put(path)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sync-ahead", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends; a sync that is under way is waited for."""
        if self._thread is not None:
            self._wanted.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (path := self._wanted.get()) is not None:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)
            except FileNotFoundError:  # finished, and removed since
                continue
            except OSError as error:
                fields = {"path": path.name, "reason": error.strerror}
                _LOGGER.error("sync ahead of a segment failed", extra={"fields": fields})  # noqa: TRY400
