"""The writer of one chain of the audit log: it has a lock, and what it appended is on the disk.

A crash leaves a torn last line at most. Who opens the chain next cuts it off and records that; a line that
was written whole and does not check is damage, and nobody appends to that.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Self

from exchange.config.durable import sync_directory
from exchange.config.private import private_directory
from exchange.errors import AuditUnavailable, SecurityError, SecurityFault
from exchange.security.audit.files import (
    HEADS,
    append_synced,
    list_segments,
    locked,
    read_base,
    read_heads,
    segment_path,
    whole_lines,
)
from exchange.security.audit.heads import Head, HeadSigner, Position
from exchange.security.audit.record import (
    FIRST_PREVIOUS,
    AuditEntry,
    AuditRecord,
    Outcome,
    read_record,
)

SEGMENT_BYTES: Final = 4 << 20
HEAD_INTERVAL_NS: Final = 60_000_000_000


class AuditChain:
    """One chain, open for appending. One thread.

    Args:
        directory: Of the whole audit log; made where it is missing, private.
        name: Of the chain: lower-case letters, digits and `-`.
        signer: Signs heads.
        process: The process that writes, for the records that the chain makes of itself.
        segment_bytes: A file that is longer is followed by a new one.
        wait_s: How long the lock may be somebody else's.
        now_ns: Unix time.

    Raises:
        SecurityError: AUDIT_IN_USE: another process writes it; AUDIT_DAMAGED: its end is not what was written
            or signed; or the directory is not private.
        AuditUnavailable: It cannot be read or written.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        signer: HeadSigner,
        *,
        process: str,
        segment_bytes: int = SEGMENT_BYTES,
        wait_s: float = 0.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = name
        self._path = private_directory(private_directory(directory) / name)
        self._signer = signer
        self._process = process
        self._segment_bytes = segment_bytes
        self._now_ns = now_ns
        self._segment = -1
        self._size = 0
        self._seq, self._hash = 0, FIRST_PREVIOUS
        self._last: AuditRecord | None = None
        self._signed_seq = self._signed_ns = 0
        self._position = self._marked = Position()
        self._lock = locked(self._path / "lock", wait_s)
        try:
            self._recover()
        except BaseException:
            self._release()
            raise

    @property
    def seq(self) -> int:
        """Number of the last record; 0: none."""
        return self._seq

    @property
    def last(self) -> AuditRecord | None:
        """The last record of the last file; None where that has none."""
        return self._last

    @property
    def position(self) -> Position:
        """Up to where in the journal the last head says the chain was derived."""
        return self._position

    @property
    def marked(self) -> Position:
        """The `sequence` and `epoch` in the details of the last record of the last files that has them."""
        return self._marked

    def append(self, entries: Iterable[AuditEntry]) -> int:
        """Append records, all of them in one write and one sync; the number of the last.

        Raises:
            AuditUnavailable: They could not be written, and none of them is there.
        """
        if self._segment < 0:
            raise AuditUnavailable(f"the chain {self.name} is closed")
        if self._size >= self._segment_bytes:
            self._rotate()
        seq, previous, last, lines = self._seq, self._hash, self._last, []
        for entry in entries:
            last = AuditRecord.of(self.name, seq + 1, previous, entry)
            seq, previous = last.seq, last.hash
            lines.append(last.line)
        self._write(b"".join(lines))
        self._seq, self._hash, self._last = seq, previous, last
        return seq

    def keep(self, position: Position | None = None) -> None:
        """Sign the head where a minute has passed since the last one and something is new.

        Args:
            position: Up to where in the journal the chain was derived; None: as before.

        Raises:
            AuditUnavailable: It cannot be written.
        """
        if self._is_new(position) and self._now_ns() - self._signed_ns >= HEAD_INTERVAL_NS:
            self.sign(position)

    def sign(self, position: Position | None = None) -> Head:
        """Sign the head now; `position` as for `keep`.

        Raises:
            AuditUnavailable: It cannot be written.
        """
        position = self._position if position is None else position
        now_ns = self._now_ns()
        head = self._signer.sign(self.name, self._seq, self._hash, position, now_ns)
        try:
            descriptor = os.open(
                self._path / HEADS, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            try:
                size = os.fstat(descriptor).st_size
                append_synced(descriptor, size, head.line)
                if size == 0:
                    sync_directory(self._path)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AuditUnavailable(f"the head of {self.name} cannot be written: {error.strerror}") from None
        self._signed_seq, self._signed_ns, self._position = self._seq, now_ns, position
        return head

    def close(self, position: Position | None = None) -> None:
        """Sign the head where something is new, and give the lock back.

        Raises:
            AuditUnavailable: The head cannot be written.
        """
        if self._segment < 0:
            return
        try:
            if self._is_new(position):
                self.sign(position)
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self) -> None:
        base = read_base(self._path)
        if base is not None:
            self._seq, self._hash = base.seq, base.hash
        heads = self._recover_heads()
        segments = list_segments(self._path)
        torn = b""
        try:
            if segments:
                # A rotation that was cut short leaves a last file without a record: the one before ends it.
                for path in segments[-2:-1]:
                    self._read(path, whole_lines(path.read_bytes())[0])
                torn = self._open(segments[-1])
            else:
                self._create(self._seq + 1)
        except OSError as error:
            raise AuditUnavailable(f"{self._path} cannot be opened: {error.strerror}") from None
        head = max(heads, key=lambda each: each.seq, default=None)
        if head is not None and (head.seq > self._seq or (head.seq == self._seq and head.hash != self._hash)):
            raise SecurityError(
                f"the chain {self.name} ends with record {self._seq}, and its head of record {head.seq} was"
                " signed: `exchange audit --log` says what is wrong",
                SecurityFault.AUDIT_DAMAGED,
            )
        self._signed_seq = 0 if head is None else head.seq
        self._signed_ns = 0 if head is None else head.ts_ns
        self._position = Position(heads[-1].position, heads[-1].epoch) if heads else Position()
        if torn:
            self._record_cut(torn)

    def _open(self, path: Path) -> bytes:
        """Reads the last file, cuts a torn line off, and gives it."""
        content = path.read_bytes()
        whole, torn = whole_lines(content)
        self._read(path, whole)
        self._segment = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._size = len(whole)
        if torn:
            os.ftruncate(self._segment, self._size)
            os.fsync(self._segment)
        return torn

    def _read(self, path: Path, whole: bytes) -> None:
        for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
            record = self._checked(path, number, line)
            self._seq, self._hash, self._last = record.seq, record.hash, record
            said = record.entry.details
            if "sequence" in said and "epoch" in said:
                self._marked = Position(int(said["sequence"]), int(said["epoch"]))

    def _checked(self, path: Path, number: int, line: bytes) -> AuditRecord:
        where = f"{path}, line {number}"
        try:
            record = read_record(line)
        except SecurityError as error:
            raise SecurityError(f"{where}: {error.message}", SecurityFault.AUDIT_DAMAGED) from None
        follows = record.seq == self._seq + 1 and record.previous == self._hash
        # What is before the first file that is read here is the verifier's matter.
        begins = number == 1 and self._last is None and path.stem == f"{record.seq:020d}"
        if record.chain != self.name or not (follows or begins):
            raise SecurityError(
                f"{where}: record {record.seq} does not follow what is before it", SecurityFault.AUDIT_DAMAGED
            )
        return record

    def _recover_heads(self) -> list[Head]:
        path = self._path / HEADS
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return []
        whole, torn = whole_lines(content)
        if torn:  # nobody was told of a head that was not written whole
            os.truncate(path, len(whole))
        return read_heads(self._path)

    def _record_cut(self, torn: bytes) -> None:
        cut: dict[str, str | int] = {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
        self.append([self._own("audit.recovered", f"after record {self._seq}", cut)])

    def _is_new(self, position: Position | None) -> bool:
        return self._seq != self._signed_seq or position not in (None, self._position)

    def _own(self, action: str, target: str, details: dict[str, str | int]) -> AuditEntry:
        return AuditEntry(
            action=action,
            outcome=Outcome.DONE,
            ts_ns=self._now_ns(),
            process=self._process,
            target=target,
            details=details,
        )

    def _rotate(self) -> None:
        self.sign()
        old = self._segment
        try:
            self._create(self._seq + 1)
        except OSError as error:
            raise AuditUnavailable(f"{self._path} has no room: {error.strerror}") from None
        os.close(old)

    def _create(self, first_seq: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._segment = os.open(segment_path(self._path, first_seq), flags, 0o600)
        self._size = 0
        sync_directory(self._path)

    def _write(self, content: bytes) -> None:
        try:
            append_synced(self._segment, self._size, content)
        except OSError as error:
            raise AuditUnavailable(
                f"the audit log cannot be written ({self._path}): {error.strerror}"
            ) from None
        self._size += len(content)

    def _release(self) -> None:
        for descriptor in (self._segment, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._segment = self._lock = -1
