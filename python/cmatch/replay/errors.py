"""What can go wrong while a file is read: always a place, a position and a reason, never a traceback."""

from __future__ import annotations


class FeedError(Exception):
    """A file that cannot be replayed.

    Args:
        path: the file.
        position: where in it, in words ("line 17", "byte 4,096"); empty where the whole file is meant.
        reason: what is wrong there, one sentence without a full stop.
    """

    def __init__(self, path: object, position: str, reason: str) -> None:
        self.path = str(path)
        self.position = position
        self.reason = reason
        super().__init__(f"{self.path}: {position}: {reason}" if position else f"{self.path}: {reason}")


def line(number: int) -> str:
    """The position of a line, counted from 1."""
    return f"line {number:,}"


def byte(offset: int) -> str:
    """The position of a byte, counted from 0, in the decompressed file."""
    return f"byte {offset:,}"
