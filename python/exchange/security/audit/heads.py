"""Signed heads: that a chain had so many records, and which. Ed25519, so that who checks cannot sign."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exchange.errors import SecurityError, SecurityFault
from exchange.security.audit.record import canonical

_FIELDS: Final = frozenset({"chain", "seq", "hash", "position", "epoch", "ts_ns", "key_id", "signature"})


class Position(NamedTuple):
    """A place in the journal.

    Args:
        sequence: Of a command; 0: before the first.
        epoch: Of who wrote it.
    """

    sequence: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain at a time.

    Args:
        chain: Which.
        seq: Number of its last record; 0: none.
        hash: Of that record.
        position: Up to which sequence of the journal it was derived; 0 where it is not.
        epoch: Of who wrote that in the journal.
        ts_ns: When it was signed, Unix time.
        key_id: By which key.
        signature: Of all that, Base64.
    """

    chain: str
    seq: int
    hash: str
    position: int
    epoch: int
    ts_ns: int
    key_id: str
    signature: str

    @property
    def line(self) -> bytes:
        """Canonical JSON, and the end of the line."""
        return canonical(self._signed() | {"signature": self.signature}) + b"\n"

    @property
    def signed(self) -> bytes:
        """What the signature is of."""
        return canonical(self._signed())

    def _signed(self) -> dict[str, Any]:
        return {
            "chain": self.chain,
            "seq": self.seq,
            "hash": self.hash,
            "position": self.position,
            "epoch": self.epoch,
            "ts_ns": self.ts_ns,
            "key_id": self.key_id,
        }


def read_head(line: bytes) -> Head:
    """The head that a line, without its end, is; whether its signature is true is another question.

    Raises:
        SecurityError: AUDIT_DAMAGED: it is none, or not as it is written here.
    """
    try:
        table = json.loads(line)
        head = Head(**table)
        whole = set(table) == _FIELDS and head.line == line + b"\n"
    except (ValueError, TypeError, RecursionError):
        whole, head = False, None
    if head is None or not whole:
        raise SecurityError("the line is no head", SecurityFault.AUDIT_DAMAGED)
    return head


@dataclass(frozen=True, slots=True)
class HeadSigner:
    """Signs heads.

    Args:
        key_id: Of the key, as the store calls it.
        secret: Its 32 bytes; never printed.
    """

    key_id: str
    secret: bytes = field(repr=False)

    def sign(self, chain: str, seq: int, record_hash: str, position: Position, ts_ns: int) -> Head:
        """The signed head."""
        head = Head(chain, seq, record_hash, position.sequence, position.epoch, ts_ns, self.key_id, "")
        key = Ed25519PrivateKey.from_private_bytes(self.secret)
        signature = base64.b64encode(key.sign(head.signed)).decode("ascii")
        return replace(head, signature=signature)


def new_pair() -> tuple[bytes, str]:
    """A new key: its 32 secret bytes, and its public half in Base64."""
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return secret, base64.b64encode(public).decode("ascii")


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The keys whose heads count.

    Args:
        keys: Public halves in Base64, by key id.
        revoked_ns: From when on what a key signed does not count, by key id.
    """

    keys: Mapping[str, str]
    revoked_ns: Mapping[str, int] = field(default_factory=dict)

    def fault_of(self, head: Head) -> str | None:
        """What is wrong with a head's signature; None: nothing."""
        public = self.keys.get(head.key_id)
        if public is None:
            return f"is signed by the unknown key {head.key_id[:64]}"
        revoked_ns = self.revoked_ns.get(head.key_id)
        if revoked_ns is not None and head.ts_ns >= revoked_ns:
            return f"is signed by {head.key_id} after that was revoked"
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
            key.verify(base64.b64decode(head.signature, validate=True), head.signed)
        except (InvalidSignature, ValueError, binascii.Error):
            return f"is not what {head.key_id} has signed"
        return None
