"""A small progress bar on a terminal, and silence elsewhere."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TextIO

_WIDTH = 28
_PAUSE = 0.05  # s between two drawings


class Bar:
    """Draws one line on a terminal and takes it away again."""

    def __init__(self, stream: TextIO | None = None, *, wanted: bool = True) -> None:
        self._stream = stream or sys.stderr
        self._on = wanted and self._stream.isatty()
        self._last = 0.0
        self._drawn = False

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Shows that so much of so much is done."""
        now = monotonic()
        if not self._on or (done < of and now - self._last < _PAUSE):
            return
        self._last = now
        filled = _WIDTH * done // of if of else _WIDTH
        percent = 100 * done // of if of else 100
        self._stream.write(f"\r{stage:<28} [{'#' * filled:<{_WIDTH}}] {percent:3d} %\x1b[K")
        self._stream.flush()
        self._drawn = True

    def clear(self) -> None:
        """Takes the line away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False
