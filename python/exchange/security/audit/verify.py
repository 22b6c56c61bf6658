"""Checks an audit log: every hash, every number, every signature; says what is wrong and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from exchange.errors import SecurityError
from exchange.security.audit.files import HEADS, list_chains, list_segments, read_base
from exchange.security.audit.heads import Head, PublicKeys, read_head
from exchange.security.audit.record import FIRST_PREVIOUS, AuditRecord, read_record


class Wrong(StrEnum):
    """What may be wrong with a chain."""

    CHANGED = "changed"  # a record, or the one before it, is not what was written
    REMOVED = "removed"  # records are missing before one that is there
    REORDERED = "reordered"  # a record is not where its number belongs
    CUT = "cut"  # records are missing at the end that a signed head has seen
    UNKNOWN_KEY = "unknown key"  # a head's signature does not count, or is none of ours
    BAD_HEAD = "bad head"  # a head cannot be read
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Args:
        what: Which kind.
        where: File, and line where there is one.
        seq: Of the record it is about; 0: of none.
        text: A sentence.
    """

    what: Wrong
    where: str
    seq: int
    text: str


@dataclass(slots=True)
class ChainReport:
    """What was found of one chain.

    Args:
        name: Of it.
        first, last: Numbers of its records here; 0: none.
        records: How many are here.
        heads: How many signed heads count.
        signed: Number of the last record that a head has signed.
        signed_ns: When that was, Unix time; 0: never.
        torn: Bytes behind the last whole line: of a write that a crash cut short, or that goes on now.
        findings: What is wrong.
    """

    name: str
    first: int = 0
    last: int = 0
    records: int = 0
    heads: int = 0
    signed: int = 0
    signed_ns: int = 0
    torn: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def unsigned(self) -> int:
        """Records behind the last head: nobody could tell if they were cut off."""
        return self.last - max(self.signed, self.first - 1) if self.records else 0


def verify_log(directory: Path, keys: PublicKeys, anchors: Sequence[Head] = ()) -> list[ChainReport]:
    """Checks every chain below a directory.

    Args:
        directory: Of the audit log.
        keys: Whose signatures count.
        anchors: Heads that were kept elsewhere; the log has to have them, also where its own heads are gone.
    """
    reports = [
        verify_chain(path, keys, [head for head in anchors if head.chain == path.name])
        for path in list_chains(directory)
    ]
    known = {report.name for report in reports}
    for head in anchors:
        if head.chain not in known:
            known.add(head.chain)
            gone = ChainReport(head.chain)
            text = f"the whole chain is gone; its record {head.seq} was signed"
            gone.findings.append(Finding(Wrong.CUT, str(directory / head.chain), head.seq, text))
            reports.append(gone)
    return reports


def verify_chain(path: Path, keys: PublicKeys, anchors: Sequence[Head] = ()) -> ChainReport:
    """Checks one chain."""
    return _Verifier(path, keys).run(anchors)


def records_of(path: Path) -> Iterator[AuditRecord]:
    """The records of a chain that can be read, in the order in which they lie there."""
    for segment in list_segments(path):
        for line in segment.read_bytes().split(b"\n")[:-1]:
            try:
                yield read_record(line)
            except SecurityError:
                continue


class _Verifier:
    """One pass over a chain: all its records, then its heads."""

    def __init__(self, path: Path, keys: PublicKeys) -> None:
        self._path = path
        self._keys = keys
        self._report = ChainReport(path.name)
        self._hashes: dict[int, str] = {}
        self._missing: dict[int, str] = {}
        self._expected = 1
        self._previous = FIRST_PREVIOUS

    def run(self, anchors: Sequence[Head]) -> ChainReport:
        """The report."""
        try:
            # Before the records: of a chain that is written meanwhile, those that were signed are there.
            signed = self._head_lines()
            self._begin()
            # What an export has copied, and was stopped before it could remove, counts no more.
            segments = [each for each in list_segments(self._path) if each.stem >= f"{self._expected:020d}"]
            for segment in segments:
                self._segment(segment, is_last=segment == segments[-1])
            self._say_missing()
            heads = self._heads(signed)
        except OSError as error:
            self._find(Wrong.UNREADABLE, str(self._path), 0, f"it cannot be read: {error.strerror}")
            return self._report
        for where, head in [*heads, *(("kept elsewhere", head) for head in anchors)]:
            self._head(where, head)
        return self._report

    def _begin(self) -> None:
        where = str(self._path / "base")
        try:
            base = read_base(self._path)
        except SecurityError as error:
            self._find(Wrong.BAD_HEAD, where, 0, error.message)
            return
        if base is None:
            return
        if base.chain != self._path.name or (fault := self._keys.fault_of(base)) is not None:
            text = f"where the chain begins {fault}" if base.chain == self._path.name else "it is of another"
            self._find(Wrong.UNKNOWN_KEY, where, base.seq, text)
            return
        self._expected, self._previous = base.seq + 1, base.hash
        self._hashes[base.seq] = base.hash

    def _segment(self, path: Path, *, is_last: bool) -> None:
        *lines, torn = path.read_bytes().split(b"\n")
        if path.stem != f"{self._expected:020d}" and lines:
            self._find(
                Wrong.REMOVED, str(path), 0, f"the file that begins with record {self._expected} is expected"
            )
        for number, line in enumerate(lines, start=1):
            self._line(f"{path}:{number}", line)
        if torn and is_last:
            self._report.torn = len(torn)
        elif torn:
            self._find(Wrong.CHANGED, str(path), self._expected, "its last line has no end")

    def _line(self, where: str, line: bytes) -> None:
        try:
            record = read_record(line)
        except SecurityError as error:
            self._find(Wrong.CHANGED, where, self._expected, error.message)
            self._missing.pop(self._expected, None)
            self._expected, self._previous = self._expected + 1, ""
            return
        seq, report = record.seq, self._report
        if record.chain != self._path.name:
            self._find(Wrong.CHANGED, where, seq, f"it is of the chain {record.chain[:64]}")
        if seq < self._expected:
            self._find(Wrong.REORDERED, where, seq, f"record {seq} stands behind record {self._expected - 1}")
            self._missing.pop(seq, None)
            return
        for lost in range(self._expected, min(seq, self._expected + 1_000)):
            self._missing[lost] = where
        if seq == self._expected and self._previous and record.previous != self._previous:
            self._find(
                Wrong.CHANGED, where, seq, f"it follows another record {seq - 1} than the one before it"
            )
        report.first = report.first or seq
        report.last, report.records = seq, report.records + 1
        self._hashes[seq] = record.hash
        self._expected, self._previous = seq + 1, record.hash

    def _say_missing(self) -> None:
        if self._missing:
            first, last = min(self._missing), max(self._missing)
            text = f"record {first} is missing" if first == last else f"records {first} to {last} are missing"
            self._find(Wrong.REMOVED, self._missing[first], first, text)

    def _head_lines(self) -> list[bytes]:
        path = self._path / HEADS
        return path.read_bytes().split(b"\n")[:-1] if path.exists() else []

    def _heads(self, lines: list[bytes]) -> list[tuple[str, Head]]:
        found = []
        for number, line in enumerate(lines, start=1):
            where = f"{self._path / HEADS}:{number}"
            try:
                found.append((where, read_head(line)))
            except SecurityError as error:
                self._find(Wrong.BAD_HEAD, where, 0, error.message)
        return found

    def _head(self, where: str, head: Head) -> None:
        report = self._report
        fault = self._keys.fault_of(head)
        if fault is not None or head.chain != self._path.name:
            text = f"the head of record {head.seq} {fault or 'is of another chain'}"
            self._find(Wrong.UNKNOWN_KEY, where, head.seq, text)
            return
        report.heads += 1
        if head.seq >= self._expected:
            text = f"record {head.seq} was signed, and the chain ends with record {self._expected - 1}"
            self._find(Wrong.CUT, where, head.seq, text)
        elif head.seq in self._hashes and self._hashes[head.seq] != head.hash:
            self._find(Wrong.CHANGED, where, head.seq, f"record {head.seq} is not the one that was signed")
        if head.seq >= report.signed:
            report.signed, report.signed_ns = head.seq, head.ts_ns

    def _find(self, what: Wrong, where: str, seq: int, text: str) -> None:
        self._report.findings.append(Finding(what, where, seq, text))
