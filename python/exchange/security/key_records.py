"""What is known of a key: whose it is, what it is for, what it may do, and whether it counts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exchange.errors import SecurityError, SecurityFault


class KeyKind(StrEnum):
    """What a key is for."""

    CURVE = "curve"  # a connection over TCP: of the exchange itself, of a client, of one of our processes
    CONTEXT = "context"  # signs security contexts
    AUDIT = "audit"  # signs heads of the audit log


class KeyStatus(StrEnum):
    """Whether a key counts."""

    LIVE = "live"
    RETIRING = "retiring"  # replaced by a newer one, and still taken
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is known of a key.

    Args:
        key_id: Names it for ever.
        kind: What it is for.
        name: Whose: a client, a user, a process of ours.
        tenant: For whom it speaks; empty: not for one.
        roles: What it may do, see `exchange.security.roles`.
        accounts: The accounts that it may use; empty stands for all of its tenant's.
        public: Its public half; empty where it has none.
        created_ms: Since when, Unix time.
        expires_ms: Until when; None: for ever.
        replaced_by: The key that took its place; it still counts until it is revoked or expires.
        revoked_ms: Since when it does not count; None: it does.
        reason: Why it was revoked.
    """

    key_id: str
    kind: KeyKind
    name: str
    tenant: str = ""
    roles: tuple[str, ...] = ()
    accounts: tuple[int, ...] = ()
    public: str = field(default="", repr=False)
    created_ms: int
    expires_ms: int | None = None
    replaced_by: str = ""
    revoked_ms: int | None = None
    reason: str = ""

    def status(self, now_ms: int) -> KeyStatus:
        """Whether it counts at a time."""
        if self.revoked_ms is not None:
            return KeyStatus.REVOKED
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            return KeyStatus.EXPIRED
        return KeyStatus.RETIRING if self.replaced_by else KeyStatus.LIVE

    def counts(self, now_ms: int) -> bool:
        """Whether it is taken at a time."""
        return self.status(now_ms) in (KeyStatus.LIVE, KeyStatus.RETIRING)


def new_key_id(kind: KeyKind) -> str:
    """A name that no key has: `api-3f9a12cd5e6f`."""
    return f"{kind}-{secrets.token_hex(6)}"


def found(records: list[KeyRecord], key_id: str) -> KeyRecord:
    """The key with an id.

    Raises:
        SecurityError: UNKNOWN_KEY.
    """
    for record in records:
        if record.key_id == key_id:
            return record
    raise SecurityError(f"there is no key {key_id}", SecurityFault.UNKNOWN_KEY)


def check_free(records: list[KeyRecord], new: KeyRecord, now_ms: int) -> None:
    """See that no key of that kind and name counts.

    Raises:
        SecurityError: KEY_EXISTS.
    """
    for record in records:
        if (record.kind, record.name) == (new.kind, new.name) and record.counts(now_ms):
            raise SecurityError(
                f"{record.key_id} is {new.name}'s already: rotate it, or revoke it first",
                SecurityFault.KEY_EXISTS,
            )


def record_of(row: dict[str, Any]) -> KeyRecord:
    """The record that a row of the store's table is.

    Raises:
        ValueError, TypeError, KeyError: It is none.
    """
    values = dict(row)
    values["kind"] = KeyKind(str(row["kind"]))
    for name in ("roles", "accounts"):
        given = row[name]
        if not isinstance(given, list):
            raise TypeError
        values[name] = tuple(given)
    return KeyRecord(**values)
