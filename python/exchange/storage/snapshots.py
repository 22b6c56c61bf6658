"""Snapshots of the venue: written whole or not at all, believed only after they were read back.

A file `SEQUENCE.snapshot` (20 digits) holds a header line, then the venue's own canonical bytes. A snapshot
is verified when a venue restored from the file hashes to what the header says; its digest line comes after
that.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, TypeVar

from exchange.errors import StorageError
from exchange.storage.digests import CORE, Digest, read_digests
from exchange.storage.directory import DataDirectory, write_whole

_NAME = re.compile(r"(\d{20})\.snapshot")
_MAGIC = b"cmatch-venue-snapshot 1"
_HEADER_BYTES = 256
_POPULATE_READ = 22  # MADV_POPULATE_READ, of Linux 5.14 and later: `mmap` has no name for it yet


class Hashed(Protocol):
    """What a snapshot is taken of, and restored to."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    @property
    def event_digest(self) -> int:
        """Over every event ever made."""
        ...

    def state_hash(self) -> int:
        """A digest of the state."""
        ...


V = TypeVar("V", bound=Hashed)


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One snapshot on disk."""

    path: Path
    sequence: int

    @property
    def history(self) -> Path:
        """What was remembered of orders there; nothing where who wrote it remembers none."""
        return self.path.with_suffix(".history")

    def remove(self) -> None:
        """Both of them."""
        self.path.unlink(missing_ok=True)
        self.history.unlink(missing_ok=True)

    @classmethod
    def of(cls, directory: Path, sequence: int) -> Self:
        """The snapshot of that sequence, whether it is there or not."""
        return cls(directory / f"{sequence:020d}.snapshot", sequence)

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """The snapshot of that name; None where it is no name of one."""
        match = _NAME.fullmatch(path.name)
        return cls(path, int(match[1])) if match else None


def list_snapshots(directory: Path) -> list[SnapshotFile]:
    """All in a directory, the oldest first; none where there is no directory."""
    if not directory.is_dir():
        return []
    found = (SnapshotFile.at(path) for path in directory.iterdir())
    return sorted((each for each in found if each), key=lambda each: each.sequence)


def synced_sequence(directory: DataDirectory) -> int:
    """As far as the journal was certainly synced: a snapshot is behind a sync, so is the core's last digest.

    Raises:
        StorageError: The digests cannot be read.
    """
    ends = [each.sequence for each in read_digests(directory.digests) if each.writer == CORE]
    return max([0, *ends, *(each.sequence for each in list_snapshots(directory.snapshots))])


def write_snapshot(
    directory: Path, digest: Digest, content: bytes, history: bytes | None = None
) -> SnapshotFile:
    """Writes one: file, fsync, rename, fsync of the directory.

    Args:
        directory: where.
        digest: of the venue.
        content: of the venue.
        history: what is remembered of orders as of then; it is there before the snapshot is.

    Raises:
        StorageError: it cannot be written; nothing of it is left.
    """
    file = SnapshotFile.of(directory, digest.sequence)
    check = hashlib.blake2b(content, digest_size=16).hexdigest()
    header = b"%s %s %s\n" % (_MAGIC, check.encode("ascii"), str(digest).encode("ascii"))
    try:
        if history is not None:
            write_whole(file.history, history)
        write_whole(file.path, header.ljust(_HEADER_BYTES, b" ") + content)
    except StorageError:
        file.history.unlink(missing_ok=True)
        raise
    return file


def read_snapshot(file: SnapshotFile) -> tuple[Digest, memoryview]:
    """The digest that it was written with, and its content.

    Raises:
        StorageError: it cannot be read, or is not what was written.
    """
    digest, check, content = _read(file)
    _check(file, check, content)
    return digest, content


def _read(file: SnapshotFile) -> tuple[Digest, str, memoryview]:
    """What its header says of it, the check of its content, and that, which may be damaged."""
    try:
        raw = _all_of(file.path)
    except OSError as error:
        raise StorageError(f"{file.path} cannot be read: {error.strerror}") from error
    header, content = bytes(raw[:_HEADER_BYTES]), raw[_HEADER_BYTES:]
    words = header.decode("ascii", "replace").split()
    if len(words) != 7 or header[: len(_MAGIC)] != _MAGIC:
        raise StorageError(f"{file.path} is no snapshot of a venue")
    try:
        digest = Digest(int(words[3]), int(words[4], 16), int(words[5], 16), words[6])
    except ValueError:
        raise StorageError(f"{file.path} has a header that is none of ours") from None
    if digest.sequence != file.sequence:
        raise StorageError(f"{file.path} is the snapshot of sequence {digest.sequence}, under another name")
    return digest, words[2], content


def _all_of(path: Path) -> memoryview:
    """What a file holds, as it lies in the system's memory: a copy would take as long again as reading it.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return memoryview(b"")
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            mapped.madvise(_POPULATE_READ)  # what cannot be read is an error here, and no signal later
        except OSError as error:
            mapped.close()
            if error.errno != errno.EINVAL:
                raise
            return memoryview(opened.read())
        return memoryview(mapped)


def _check(file: SnapshotFile, check: str, content: memoryview) -> None:
    if hashlib.blake2b(content, digest_size=16).hexdigest() != check:
        raise StorageError(f"{file.path} is damaged: its content does not match its header")


def restore(file: SnapshotFile, make: Callable[[memoryview], V]) -> V:
    """A venue as it was, verified.

    Args:
        file: which.
        make: makes a venue of the content.

    Raises:
        StorageError: the file is damaged, or what comes of it is not what was written.
    """
    digest, check, content = _read(file)
    with ThreadPoolExecutor(1) as beside:  # damage is an error to `make`, too
        checked = beside.submit(_check, file, check, content)
        try:
            venue = make(content)
        except Exception as error:
            checked.result()
            raise StorageError(f"{file.path} cannot be restored: {error}") from error
        checked.result()
    found = Digest(venue.sequence, venue.event_digest, venue.state_hash(), digest.writer)
    if found != digest:
        raise StorageError(f"{file.path} restores to {found}, and was written as {digest}")
    return venue
