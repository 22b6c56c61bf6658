"""Where a chain of the audit log lies on the disk: its files, its lock, and how they are written.

NAME/00000000000000000001.audit    records, a line each; the next file begins where it is full
NAME/heads                         signed heads, a line each
NAME/base                          a head: where the first file begins, once older ones were exported
NAME/lock                          held by who writes
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from exchange.errors import AuditUnavailable, SecurityError, SecurityFault
from exchange.security.audit.heads import Head, read_head

HEADS: Final = "heads"
BASE: Final = "base"
_SUFFIX: Final = ".audit"
_LOCK_POLL_S: Final = 0.01


def list_chains(directory: Path) -> list[Path]:
    """The chains of an audit log, by name; none where there is no such directory."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_dir())


def list_segments(chain: Path) -> list[Path]:
    """Files with the records of a chain, the oldest first."""
    return sorted(chain.glob(f"*{_SUFFIX}"))


def segment_path(chain: Path, first_seq: int) -> Path:
    """The file that begins with a record."""
    return chain / f"{first_seq:020d}{_SUFFIX}"


def read_base(chain: Path) -> Head | None:
    """Where a chain begins whose beginning was exported; None: with its first record.

    Raises:
        SecurityError: AUDIT_DAMAGED: the file is no head.
    """
    try:
        return read_head((chain / BASE).read_bytes().rstrip(b"\n"))
    except FileNotFoundError:
        return None


def read_heads(chain: Path) -> list[Head]:
    """All heads in order; a torn last line, and what is none, is left out."""
    try:
        lines = (chain / HEADS).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    heads = []
    for line in lines:
        try:
            heads.append(read_head(line))
        except SecurityError:
            continue
    return heads


def append_synced(descriptor: int, size: int, content: bytes) -> None:
    """Writes all of it and waits for the disk, or leaves the file as it was.

    Raises:
        OSError: It could not be written.
    """
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def whole_lines(content: bytes) -> tuple[bytes, bytes]:
    """The lines that were written to their end, and what is behind them."""
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def locked(path: Path, wait_s: float) -> int:
    """Takes the lock of a chain, and gives its descriptor.

    Raises:
        SecurityError: AUDIT_IN_USE: another process has it for longer than `wait_s`.
        AuditUnavailable: The file cannot be made.
    """
    deadline = time.monotonic() + wait_s
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise AuditUnavailable(f"{path} cannot be made: {error.strerror}") from None
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise SecurityError(
                    f"another process writes {path.parent}", SecurityFault.AUDIT_IN_USE
                ) from None
            time.sleep(_LOCK_POLL_S)
        else:
            return descriptor
