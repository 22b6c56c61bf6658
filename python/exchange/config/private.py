"""Files and directories that are ours alone: for sockets, whose only guard they are, and for keys."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exchange.config.durable import make_directory, sync_directory
from exchange.errors import SecurityError


def private_directory(path: Path) -> Path:
    """Make sure that a directory exists, is ours, and that nobody else can look into it.

    A missing one is made with mode 0700, durably; one that exists is checked and never changed.

    Raises:
        SecurityError: It is no directory (a symbolic link is none), belongs to another user, is open to group
            or others, or lies in a directory where others may replace it.
    """
    path = path.absolute()
    try:
        make_directory(path, 0o700)
    except FileExistsError:
        raise SecurityError(f"{path} has to be a directory, and is something else") from None
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise SecurityError(f"{path} has to be a directory, and is a symbolic link")
    if status.st_uid != os.geteuid():
        raise SecurityError(
            f"{path} belongs to user {status.st_uid}, not to user {os.geteuid()} who runs this"
        )
    if status.st_mode & 0o077:
        raise SecurityError(
            f"{path} is open to group or others (mode {stat.S_IMODE(status.st_mode):04o}, expected 0700)"
        )
    _check_parent(path.parent)
    return path


def close_to_others(path: Path) -> None:
    """Take from group and others what they may do with a file or a directory, where it is there and ours."""
    with suppress(OSError):  # who only reads what another user keeps changes nothing there
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & ~0o077)


def read_private_file(path: Path, *, secret: bool) -> bytes:
    """The content of a file that decides who may do what.

    Args:
        path: The file.
        secret: Whether reading it is already too much (mode 0600); otherwise only writing is.

    Raises:
        SecurityError: It is missing, no plain file, belongs to another user, or is open to others.
    """
    try:
        # Opened first and checked by descriptor: a path may mean another file a moment later.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SecurityError(f"{path} cannot be read: {error.strerror}") from None
    try:
        _check_file(path, os.fstat(descriptor), secret=secret)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600, durably; one that is there is never replaced.

    It appears whole, whoever looks and whenever the machine stops.

    Raises:
        SecurityError: It exists, or cannot be written; nothing is left of it.
    """
    try:
        with _draft(path, content) as draft:
            path.hardlink_to(draft)
        sync_directory(path.parent)
    except OSError as error:
        raise SecurityError(f"{path} cannot be made: {error.strerror}") from None


def replace_private_file(path: Path, content: bytes) -> None:
    """Replace a file of mode 0600, or make it, so that a crash leaves the old or the new one, whole.

    Raises:
        SecurityError: It cannot be written; the old one is as it was.
    """
    try:
        with _draft(path, content) as draft:
            draft.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise SecurityError(f"{path} cannot be written: {error.strerror}") from None


@contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """The content beside where it belongs, durable, private from its first byte on; gone with the block."""
    draft = path.with_name(f".{path.name}.{threading.get_native_id()}")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _check_file(path: Path, status: os.stat_result, *, secret: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecurityError(f"{path} is no plain file")
    if status.st_uid not in {os.geteuid(), 0}:
        raise SecurityError(
            f"{path} belongs to user {status.st_uid}, not to user {os.geteuid()} who runs this"
        )
    if status.st_mode & (0o077 if secret else 0o022):
        expected = "0600" if secret else "no writing by group or others"
        raise SecurityError(
            f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}, expected {expected})"
        )


def _check_parent(parent: Path) -> None:
    status = parent.stat()
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise SecurityError(
            f"{parent} may be written by others (mode {stat.S_IMODE(status.st_mode):04o}),"
            " who could replace what lies in it"
        )
    if status.st_uid not in {os.geteuid(), 0}:
        raise SecurityError(f"{parent} belongs to user {status.st_uid}, who could replace what lies in it")
