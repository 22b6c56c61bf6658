"""The result of the last audit of a data directory: kept whole or not at all, and one audit at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from exchange.errors import StorageError
from exchange.storage.directory import DataDirectory, write_whole

_LOOK_S: Final = 1.0  # who looks whether one runs has the lock for a moment, too


@dataclass(frozen=True, slots=True)
class KeptAudit:
    """An audit, as it is kept.

    Args:
        began_ns: When it began, Unix time.
        seconds: What it took, everything included.
        who: Had it made.
        error: Why it has no result; empty: it has one.
        body: What `exchange.runtime.audit.Audit.body` says: each check with what it compared and found.
    """

    began_ns: int
    seconds: float
    who: str
    error: str
    body: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether everything was looked at and nothing is wrong."""
        return not self.error and bool(self.body.get("good"))

    @classmethod
    def read(cls, directory: DataDirectory) -> Self | None:
        """The last one; None where there was none yet.

        Raises:
            StorageError: What is there cannot be read.
        """
        path = directory.last_audit
        try:
            return cls(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(f"{path} is no audit: {error}") from None

    def keep(self, directory: DataDirectory) -> None:
        """Puts it in the place of the last one.

        Raises:
            StorageError: It cannot be written; the last one is as it was.
        """
        write_whole(directory.last_audit, json.dumps(asdict(self), indent=1).encode("ascii"))


@contextmanager
def auditing(root: Path) -> Iterator[None]:
    """That no other audit of a data directory begins while the block runs, in whatever process.

    Raises:
        StorageError: There is no such directory, or an audit of it runs.
    """
    with _opened(root) as descriptor:
        until = time.monotonic() + _LOOK_S
        while not _locked(descriptor):
            if time.monotonic() > until:
                raise StorageError(f"an audit of {root} runs already: wait for it")
            time.sleep(_LOOK_S / 50)
        yield


def is_running(root: Path) -> bool:
    """Whether an audit of a data directory runs.

    Raises:
        StorageError: There is no such directory.
    """
    with _opened(root) as descriptor:
        return not _locked(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    # The directory itself is locked: a file would be one more thing to write where only reading is allowed.
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(f"{root} cannot be read: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
