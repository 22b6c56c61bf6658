"""The places in a data directory, each named once.

journal/             segments of the journal: the core writes, all others read
snapshots/           NNN.snapshot, NNN.history of the replica; live.digest: the hashes on the way
log/                 the event log: a directory a topic
followers.json       who follows the journal from elsewhere, and how far each has it
leads, in-sync       of a standby: that it leads now; that it has all that was acknowledged
last-audit.json      what the last `exchange audit` found
audit/               the audit log: a directory a chain; private (0700)
keys/                the store of keys, unless `security.keys_directory` says where; private (0700)
stores/              SERVICE.sqlite: what a service remembers in SQL
run/                 private (0700): sockets, shared statistics, who runs here; nothing in it is kept
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exchange.config.durable import sync_directory
from exchange.errors import StorageError

_LOOK_S = 0.1  # who looks whether it is held has it for a moment, too
_DRAFT = re.compile(r"\..+\.(\d+)")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Where an exchange keeps what it keeps."""

    root: Path

    @property
    def journal(self) -> Path:
        """Segments of the journal."""
        return self.root / "journal"

    @property
    def log(self) -> Path:
        """The event log."""
        return self.root / "log"

    @property
    def snapshots(self) -> Path:
        """Snapshots and digests."""
        return self.root / "snapshots"

    @property
    def digests(self) -> Path:
        """Sequence, event digest and state hash, as they were live: a line each."""
        return self.snapshots / "live.digest"

    @property
    def followers(self) -> Path:
        """Who follows the journal from elsewhere, as JSON."""
        return self.root / "followers.json"

    @property
    def leads(self) -> Path:
        """That a standby took the lead: it leads again when it starts again."""
        return self.root / "leads"

    @property
    def in_sync(self) -> Path:
        """That a standby has all that was acknowledged."""
        return self.root / "in-sync"

    @property
    def stores(self) -> Path:
        """SQLite files of services."""
        return self.root / "stores"

    @property
    def last_audit(self) -> Path:
        """What the last audit found, as JSON."""
        return self.root / "last-audit.json"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.root / "audit"

    @property
    def keys(self) -> Path:
        """The store of keys, where no setting says otherwise."""
        return self.root / "keys"

    @property
    def run(self) -> Path:
        """Sockets and what else dies with the processes."""
        return self.root / "run"

    @property
    def announcement(self) -> Path:
        """Endpoints and process ids, as JSON."""
        return self.run / "exchange.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor."""
        return self.run / "supervisor.lock"


class DirectoryInUse(StorageError):
    """Another exchange runs on the data directory."""


class DirectoryLock:
    """That one supervisor, and no other, runs on a data directory: until released, or the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Takes the lock.

        Raises:
            DirectoryInUse: another process has it.
            StorageError: the file cannot be made.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"{path} cannot be made: {error.strerror}") from None
        until = time.monotonic() + _LOOK_S
        while not (taken := _locked(descriptor, fcntl.LOCK_EX)) and time.monotonic() < until:
            time.sleep(_LOOK_S / 10)
        if not taken:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DirectoryInUse(
                f"an exchange runs on {path.parent.parent} already (process {owner or 'unknown'}):"
                " stop it, or choose another directory"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    @staticmethod
    def is_held(path: Path) -> bool:
        """Whether a supervisor has it; none where there is no such file, or it cannot be read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locked(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Gives it back; the file stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file so that a crash at any moment leaves the old or the new one, whole.

    Raises:
        StorageError: it cannot be written; the old file is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def remove_drafts(directory: Path) -> list[Path]:
    """Removes what writers that were killed left of files that `write_whole` did not finish; what it was."""
    drafts = (
        path
        for path in directory.glob(".*")
        if (match := _DRAFT.fullmatch(path.name)) and _gone(int(match[1]))
    )
    removed = list(drafts)
    for each in removed:
        each.unlink(missing_ok=True)
    return removed


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # of another user
        return False
    return pid == os.getpid()


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file that need not survive the machine: readers see the old or the new one, whole.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
