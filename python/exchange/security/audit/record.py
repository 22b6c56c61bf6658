"""One record of the audit log, and the line that it is: canonical JSON with the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from exchange.errors import SecurityError, SecurityFault

FIRST_PREVIOUS: Final = "0" * 64
"""What the first record of a chain names as the hash before it."""
TEXT_CHARACTERS_MAX: Final = 256
_DETAILS_MAX: Final = 32


class Outcome(StrEnum):
    """What became of an action."""

    REQUESTED = "requested"  # it may begin now; the record that follows says how it ended
    DONE = "done"
    REFUSED = "refused"  # by a rule: nothing was changed
    FAILED = "failed"  # by an accident


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What is to be recorded. Texts are cut at 256 characters.

    Args:
        action: What, `area.verb`: `keys.revoke`, `administration.kill`.
        outcome: What became of it.
        ts_ns: When, Unix time; of the journal where it is derived from that.
        process: Of ours that it went through.
        tenant: Who: the tenant's number, 0 for the operator; empty where nobody is known.
        user: Who: the user, or the name of the session.
        key_id: By which key; empty without one.
        target: To what: an account, an instrument, a key.
        correlation_id: Of the request.
        details: Further words, at most 32; never a secret.
    """

    action: str
    outcome: Outcome
    ts_ns: int
    process: str
    tenant: str = ""
    user: str = ""
    key_id: str = ""
    target: str = ""
    correlation_id: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


_TEXTS: Final = ("action", "process", "tenant", "user", "key_id", "target", "correlation_id")
_FIELDS: Final = frozenset({*_TEXTS, "outcome", "ts_ns", "details", "chain", "seq", "prev", "hash"})


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry in its place.

    Args:
        chain: The chain it is in.
        seq: Its number there, from 1, gapless.
        previous: Hash of the record before.
        entry: What it says.
        hash: SHA-256 of all that, in hexadecimal.
    """

    chain: str
    seq: int
    previous: str
    entry: AuditEntry
    hash: str

    @classmethod
    def of(cls, chain: str, seq: int, previous: str, entry: AuditEntry) -> AuditRecord:
        """The record that an entry becomes."""
        return cls(chain, seq, previous, entry, digest(_table(chain, seq, previous, entry)))

    @property
    def line(self) -> bytes:
        """Canonical JSON, and the end of the line."""
        table = _table(self.chain, self.seq, self.previous, self.entry)
        return canonical(table | {"hash": self.hash}) + b"\n"

    @property
    def table(self) -> dict[str, Any]:
        """By the names of the line."""
        return _table(self.chain, self.seq, self.previous, self.entry) | {"hash": self.hash}


def read_record(line: bytes) -> AuditRecord:
    """The record that a line, without its end, is: in the one form that is written, with its true hash.

    Raises:
        SecurityError: AUDIT_DAMAGED: it is none.
    """
    try:
        table = json.loads(line)
        entry = AuditEntry(
            **{name: table[name] for name in _TEXTS},
            outcome=Outcome(table["outcome"]),
            ts_ns=table["ts_ns"],
            details=table["details"],
        )
        record = AuditRecord.of(table["chain"], table["seq"], table["prev"], entry)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SecurityError("the line is no record", SecurityFault.AUDIT_DAMAGED) from None
    if set(table) != _FIELDS or record.line != line + b"\n":
        raise SecurityError("the line is not what its hash says", SecurityFault.AUDIT_DAMAGED)
    return record


def canonical(table: Mapping[str, Any]) -> bytes:
    """JSON in the one form that is hashed and signed: keys sorted, no spaces, ASCII."""
    return json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def digest(table: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(table)).hexdigest()


def _table(chain: str, seq: int, previous: str, entry: AuditEntry) -> dict[str, Any]:
    details = dict(list(entry.details.items())[:_DETAILS_MAX])
    return {
        "chain": chain,
        "seq": seq,
        "prev": previous,
        "outcome": str(entry.outcome),
        "ts_ns": entry.ts_ns,
        "details": {name: _cut(value) for name, value in details.items()},
        **{name: _cut(getattr(entry, name)) for name in _TEXTS},
    }


def _cut(value: str | int) -> str | int:
    return value[:TEXT_CHARACTERS_MAX] if isinstance(value, str) else value
