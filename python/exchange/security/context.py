"""The security context: who asks, for which tenant, with which rights; and its form in `x-security-context`.

That form is the Base64 of a JSON object, with a MAC of all its other fields in it (HMAC-SHA256 by a key of
the exchange's own): a service believes what it says without asking anybody, and nobody else can write one.
There is one way to write a context and only that is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from exchange.errors import AuthenticationError, SecurityError, SecurityFault

VERSION: Final = 1
ENCODED_BYTES_MAX: Final = 16 * 1024
_KEY_BYTES_MIN: Final = 32
_NAME_CHARACTERS_MAX: Final = 64
_NAMES_MAX: Final = 64
_TIME_MS_MAX: Final = 2**53 - 1  # what every JSON reader takes exactly

# The fields of the JSON object, in its order: name, type.
_FIELDS: Final[Mapping[str, type]] = {
    "version": int,
    "keyId": str,
    "tenantId": str,
    "userId": str,
    "roles": list,
    "scopes": list,
    "authMethod": str,
    "issuedAtMs": int,
    "expiresAtMs": int,
    "mac": str,
}


@dataclass(frozen=True, slots=True)
class SecurityContext:
    """Who asks and with which rights. Names are 1 to 64 printable ASCII characters.

    Args:
        tenant_id: On whose behalf.
        user_id: Who.
        roles: What the user is: `trader`, `admin`, ….
        scopes: What the credential allows: `read`, `trade`, `withdraw`, `admin`.
        auth_method: How the user proved it: `api_key`, `jwt`, `curve`, ….
        issued_at_ms: When, Unix time in milliseconds.
        expires_at_ms: From when on it counts for nothing.

    Raises:
        SecurityError: A field is not of this kind, or it expires before it was issued.
    """

    tenant_id: str
    user_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
    auth_method: str
    issued_at_ms: int
    expires_at_ms: int

    def __post_init__(self) -> None:
        for name in (self.tenant_id, self.user_id, self.auth_method, *self.roles, *self.scopes):
            if not (0 < len(name) <= _NAME_CHARACTERS_MAX and name.isascii() and name.isprintable()):
                raise SecurityError("a name in a security context is 1 to 64 printable ASCII characters")
        if len(self.roles) > _NAMES_MAX or len(self.scopes) > _NAMES_MAX:
            raise SecurityError(f"a security context has at most {_NAMES_MAX} roles and as many scopes")
        if not 0 <= self.issued_at_ms < self.expires_at_ms <= _TIME_MS_MAX:
            raise SecurityError("a security context is issued before it expires")


@dataclass(frozen=True, slots=True)
class ContextKeys:
    """The keys that make contexts believable: one to write with, and those that are still read.

    A key is replaced by making the new one `active` while the old one stays among `keys` until what it signed
    has expired.

    Args:
        active: The name of the key to write with.
        keys: By name, at least 32 bytes each; never printed.

    Raises:
        SecurityError: No key is called `active`, or one is too short.
    """

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.active not in self.keys:
            raise SecurityError(f"there is no key called {self.active!r} to write security contexts with")
        for name, key in self.keys.items():
            if not (0 < len(name) <= _NAME_CHARACTERS_MAX and name.isascii() and name.isprintable()):
                raise SecurityError("the name of a key is 1 to 64 printable ASCII characters")
            if len(key) < _KEY_BYTES_MIN:
                raise SecurityError(
                    f"the key {name} has {len(key)} bytes: expected at least {_KEY_BYTES_MIN}"
                )

    @classmethod
    def generate(cls) -> Self:
        """One new key: for an exchange whose processes all come from one place."""
        name = secrets.token_hex(4)
        return cls(name, {name: secrets.token_bytes(_KEY_BYTES_MIN)})


class SecurityContextSerializer:
    """Security contexts as the text of `x-security-context`, and back.

    Args:
        keys: The exchange's own.
    """

    def __init__(self, keys: ContextKeys) -> None:
        self._keys = keys

    def encode(self, context: SecurityContext) -> str:
        """The header's text.

        Raises:
            SecurityError: It would be longer than 16 KiB.
        """
        text = base64.b64encode(self._json(context, self._keys.active)).decode("ascii")
        if len(text) > ENCODED_BYTES_MAX:
            raise SecurityError(f"the security context is longer than {ENCODED_BYTES_MAX} bytes")
        return text

    def decode(self, text: str, now_ms: int) -> SecurityContext:
        """The context that a header's text says, if it is true and still holds.

        Args:
            text: The header.
            now_ms: The time, Unix milliseconds.

        Raises:
            AuthenticationError: It is malformed, of another version, not signed by a key of ours, or expired.
        """
        encoded = _base64(text)
        table = _object(encoded)
        if table["version"] != VERSION:
            raise AuthenticationError(
                f"the security context is of version {table['version']}, not {VERSION}",
                SecurityFault.CONTEXT_VERSION,
            )
        key_id = table["keyId"]
        if key_id not in self._keys.keys:
            raise AuthenticationError(
                "the security context is signed by a key that is not known here", SecurityFault.CONTEXT_KEY
            )
        context = _context(table)
        # One comparison settles MAC, order, spelling and repetitions: there is one way to write a context.
        if not hmac.compare_digest(self._json(context, key_id), encoded):
            raise AuthenticationError(
                "the security context is not what was signed", SecurityFault.CONTEXT_FORGED
            )
        if now_ms >= context.expires_at_ms:
            raise AuthenticationError("the security context has expired", SecurityFault.CONTEXT_EXPIRED)
        return context

    def _json(self, context: SecurityContext, key_id: str) -> bytes:
        table: dict[str, object] = {
            "version": VERSION,
            "keyId": key_id,
            "tenantId": context.tenant_id,
            "userId": context.user_id,
            "roles": sorted(context.roles),
            "scopes": sorted(context.scopes),
            "authMethod": context.auth_method,
            "issuedAtMs": context.issued_at_ms,
            "expiresAtMs": context.expires_at_ms,
        }
        table["mac"] = hmac.new(self._keys.keys[key_id], _compact(table), hashlib.sha256).hexdigest()
        return _compact(table)


def _compact(table: Mapping[str, object]) -> bytes:
    return json.dumps(table, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _base64(text: str) -> bytes:
    if len(text) > ENCODED_BYTES_MAX:
        raise _malformed(f"the security context is longer than {ENCODED_BYTES_MAX} bytes")
    try:
        encoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("the security context is not Base64") from None
    if base64.b64encode(encoded).decode("ascii") != text:
        raise _malformed("the security context is not Base64 as it is written here")
    return encoded


def _object(encoded: bytes) -> dict[str, Any]:
    """The JSON object, with exactly the fields that a context has, each of its type."""
    try:
        table = json.loads(encoded)
    except (ValueError, RecursionError):
        raise _malformed("the security context is not JSON") from None
    if not isinstance(table, dict):
        raise _malformed("the security context is no JSON object")
    if unknown := sorted(set(table) - set(_FIELDS)):
        raise _malformed(f"the security context has an unknown field {unknown[0][:32]!r}")
    for name, kind in _FIELDS.items():
        if name not in table:
            raise _malformed(f"the security context has no {name}")
        if type(table[name]) is not kind:
            raise _malformed(f"the security context has {name} of the wrong type")
    for name in ("roles", "scopes"):
        if not all(type(item) is str for item in table[name]):
            raise _malformed(f"the security context has {name} that are not all text")
    return table


def _context(table: Mapping[str, Any]) -> SecurityContext:
    try:
        return SecurityContext(
            table["tenantId"],
            table["userId"],
            frozenset(table["roles"]),
            frozenset(table["scopes"]),
            table["authMethod"],
            table["issuedAtMs"],
            table["expiresAtMs"],
        )
    except SecurityError as error:
        raise _malformed(error.message) from None


def _malformed(message: str) -> AuthenticationError:
    return AuthenticationError(message, SecurityFault.CONTEXT_MALFORMED)
