"""Consumer groups of a topic: a file each, with two slots that are written in turn, so that one is whole.

Slot, 64 bytes: CRC-32 of what follows (4), zeros (4), how often it was written (8), the cursor (8), zeros.
The second slot is written first: as long as there is nothing in the first one, the group is not yet made.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from zlib import crc32

from exchange.bus.log.embedded.disk import lock_file, make_log_directory
from exchange.config.durable import sync_directory
from exchange.errors import LogCorrupt, LogFault, LogRefused, LogUnavailable

_SLOT: Final = struct.Struct("<IIQQ40x")
_SLOTS: Final = 2
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class EmbeddedGroup:
    """Owns a group's place at a topic. Not thread-safe.

    Args:
        directory: Of the topic.
        name: Of the group.
        begin: Where a new group begins.

    Raises:
        LogRefused: GROUP_IN_USE, BAD_NAME.
        LogCorrupt: Neither slot is whole.
        LogUnavailable: Its file cannot be had.
    """

    def __init__(self, directory: Path, name: str, begin: int) -> None:
        path = group_path(directory, name)
        make_log_directory(path.parent)
        descriptor = lock_file(path)
        if descriptor is None:
            raise LogRefused(LogFault.GROUP_IN_USE, f"another consumes {directory.name} for the group {name}")
        self._directory = directory
        self._name = name
        self._file = descriptor
        try:
            content = os.pread(descriptor, _SLOT.size * _SLOTS, 0)
            self._written, self._cursor = _newest(content, path) or (0, begin)
            if not self._written:
                self.commit(begin)
                sync_directory(path.parent)
        except OSError as error:
            self.close()
            raise LogUnavailable(f"{path} cannot be had: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """Of the group."""
        return self._name

    @property
    def topic(self) -> str:
        """What it consumes."""
        return self._directory.name

    @property
    def cursor(self) -> int:
        """The offset that it reads next."""
        return self._cursor

    def commit(self, offset: int) -> None:
        """Everything before `offset` is done; see the interface."""
        written = self._written + 1
        rest = struct.pack("<IQQ40x", 0, written, offset)
        try:
            os.pwrite(self._file, struct.pack("<I", crc32(rest)) + rest, written % _SLOTS * _SLOT.size)
            os.fdatasync(self._file)
        except OSError as error:
            raise LogUnavailable(
                f"the cursor of {self._name} at {self.topic} cannot be written: {error.strerror}"
            ) from error
        self._written, self._cursor = written, offset

    def close(self) -> None:
        """Lets another consume for the group."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def group_path(directory: Path, name: str) -> Path:
    """The file of a group.

    Raises:
        LogRefused: BAD_NAME.
    """
    if not _NAME.fullmatch(name):
        raise LogRefused(LogFault.BAD_NAME, f"{name!r} is no name of a group: expected a lower-case word")
    return directory / "groups" / name


def read_cursors(directory: Path) -> dict[str, int]:
    """The cursors of a topic's groups, by name.

    Raises:
        LogCorrupt: Neither slot of one is whole.
    """
    found = {}
    for path in sorted((directory / "groups").glob("*")):
        newest = _newest(path.read_bytes(), path)
        if newest is not None:
            found[path.name] = newest[1]
    return found


def _newest(content: bytes, path: Path) -> tuple[int, int] | None:
    """How often the cursor was written, and what it is; None: it is being made, or its maker died."""
    slots = []
    for at in range(0, len(content) - _SLOT.size + 1, _SLOT.size):
        checked, _, written, cursor = _SLOT.unpack_from(content, at)
        if written and crc32(content[at + 4 : at + _SLOT.size]) == checked:
            slots.append((written, cursor))
    if slots:
        return max(slots)
    if any(content[: _SLOT.size]):
        raise LogCorrupt(f"{path} has no cursor that is whole")
    return None
