"""The hashes as they were live, beside the journal: what a replay is held against.

A line is `sequence event_digest state_hash writer`: after the command with that sequence the writer (the
replica; the core at its end, when it has synced the journal) had made events with that digest, and its state
hashed to that.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.config.durable import sync_directory
from exchange.errors import StorageError

CORE: Final = "core"
"""The writer at an orderly end."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A point of a journal at which the hashes are known."""

    sequence: int
    event_digest: int
    state_hash: int
    writer: str = "replica"

    def __str__(self) -> str:
        return f"{self.sequence} {self.event_digest:016x} {self.state_hash:016x} {self.writer}"


def append_digest(path: Path, digest: Digest) -> None:
    """Adds a line, durable with the file's name when this returns; a part of one at the end is cut off.

    Raises:
        StorageError: it cannot be written; nothing of it is left.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # core and replica both write at the end
            _append_whole(descriptor, f"{digest}\n".encode("ascii"))
        finally:
            os.close(descriptor)
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _append_whole(descriptor: int, line: bytes) -> None:
    """Behind the last whole line: what is torn would be taken for one as soon as another is behind it."""
    size = os.fstat(descriptor).st_size
    whole = os.pread(descriptor, size, 0).rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(descriptor, whole)
    try:
        _write_through(descriptor, line)
    except OSError:
        os.ftruncate(descriptor, whole)
        raise


def _write_through(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fdatasync(descriptor)


def read_digests(path: Path) -> list[Digest]:
    """The lines in order of sequence; none where there is no file. A torn last line is left out.

    Raises:
        StorageError: a whole line is none of ours.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    whole, _, _ = text.rpartition("\n")
    return sorted(_parse(path, number, line) for number, line in enumerate(whole.splitlines(), 1) if line)


def _parse(path: Path, number: int, line: str) -> Digest:
    try:
        sequence, events, state, writer = line.split()
        return Digest(int(sequence), int(events, 16), int(state, 16), writer)
    except ValueError:
        raise StorageError(f"{path}: line {number} is no digest: {line[:80]!r}") from None


@dataclass(frozen=True, slots=True)
class Parting:
    """Where what was live and what a replay gives part."""

    live: Digest
    replayed: Digest

    def __str__(self) -> str:
        what = "events" if self.live.event_digest != self.replayed.event_digest else "state"
        live, replayed = (
            (self.live.event_digest, self.replayed.event_digest)
            if what == "events"
            else (self.live.state_hash, self.replayed.state_hash)
        )
        return (
            f"{what} part at or before sequence {self.live.sequence}:"
            f" {live:016x} live ({self.live.writer}), {replayed:016x} replayed"
        )


def first_parting(live: Iterable[Digest], replayed: Sequence[Digest]) -> Parting | None:
    """The first point at which both are known and differ."""
    known = {digest.sequence: digest for digest in replayed}
    for digest in sorted(live):
        other = known.get(digest.sequence)
        if other and (other.event_digest, other.state_hash) != (digest.event_digest, digest.state_hash):
            return Parting(digest, other)
    return None
