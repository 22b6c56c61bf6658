"""Writing that is whole or not there, for the files of an event log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.config.durable import make_directory, sync_directory
from exchange.errors import LogUnavailable

_PARTS_MAX: Final = os.sysconf("SC_IOV_MAX")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def write_parts(descriptor: int, parts: Sequence[bytes], position: int) -> None:
    """Writes parts one behind the other at a place at the end of a file: all of them, or none.

    Raises:
        OSError: They cannot be written, and the file ends where it did; or its end cannot be restored: then
            the error has that of the restoring as its cause.
    """
    size = sum(map(len, parts))
    if len(parts) > _PARTS_MAX:
        parts = [b"".join(parts)]
    try:
        written = os.pwritev(descriptor, parts, position)
        while written < size:  # a full disk says so with the next write
            rest = b"".join(parts)[written:]
            written += os.pwrite(descriptor, rest, position + written)
    except OSError as error:
        try:
            os.ftruncate(descriptor, position)
        except OSError as worse:
            raise error from worse
        raise


def make_file(path: Path, content: bytes) -> None:
    """Makes a file that has all of its content from the moment on at which it has its name; durable.

    Raises:
        LogUnavailable: It cannot be made; nothing of it is left.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise LogUnavailable(f"{path} cannot be made: {error.strerror}") from error


def make_log_directory(path: Path) -> None:
    """Makes a directory of the log, durably and private (0700); one that is there is left as it is.

    Raises:
        LogUnavailable: It cannot be made.
    """
    try:
        make_directory(path, 0o700)
    except OSError as error:
        raise LogUnavailable(f"{path} cannot be made: {error.strerror}") from error


def lock_file(path: Path) -> int | None:
    """The descriptor of a file that nobody else has locked, made where it is missing; None: somebody has.

    It is locked until it is closed, or the process ends.

    Raises:
        LogUnavailable: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogUnavailable(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def boot_id() -> str:
    """Of this run of the machine: what was written in the same one was not lost by a power cut."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
