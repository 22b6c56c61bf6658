"""The store of keys: which there are, whose, until when; secrets in files of their own, or nowhere.

KEYS/                   private (0700), every file 0600
  store.json            what is known of each key, with its public half, or the hash of its secret
  secret/KEY_ID.key     the secret of a signing key, in hexadecimal
  server.key            CURVE pair of the exchange; NAME.key: of a client; clients/NAME.toml lets it in
  used/KEY_ID           whose time is when the key was used last, to the minute

The secret of an API key is printed once and kept nowhere: the store has its scrypt hash. It is 256 random
bits, so no hash need be slow; scrypt is in the standard library, and slow enough for a store that leaks.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from exchange.config.private import (
    private_directory,
    read_private_file,
    replace_private_file,
    write_private_file,
)
from exchange.errors import AuthenticationError, SecurityError, SecurityFault
from exchange.security.audit.heads import HeadSigner, PublicKeys, new_pair
from exchange.security.context import ContextKeys, SecurityContextSerializer
from exchange.security.roles import check_roles

_VERSION: Final = 1
_SECRET_BYTES: Final = 32
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 << 20}
_SALT_BYTES: Final = 16
_LOOK_NS: Final = 1_000_000_000
_USED_NS: Final = 60_000_000_000
_NS_A_MS: Final = 1_000_000


class KeyKind(StrEnum):
    """What a key is for."""

    CURVE = "curve"  # a connection over TCP: of the exchange itself, of a client, of one of our processes
    CONTEXT = "context"  # signs security contexts
    AUDIT = "audit"  # signs heads of the audit log
    API = "api"  # a user or a service account, by a secret


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
        public: Its public half, or `scrypt$SALT$HASH` of its secret; empty where it has neither.
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


class KeyStore:
    """The keys of one directory. Several processes may read; who writes has a lock meanwhile.

    Args:
        directory: Of the keys; made where it is missing, private.
        now_ms: Unix time.

    Raises:
        SecurityError: The directory is not private.
    """

    def __init__(
        self, directory: Path, now_ms: Callable[[], int] = lambda: time.time_ns() // _NS_A_MS
    ) -> None:
        self.directory = private_directory(directory)
        self.now_ms = now_ms

    def records(self) -> list[KeyRecord]:
        """All keys, the oldest first.

        Raises:
            SecurityError: BAD_KEY_STORE: the file is none of ours; or it is open to others.
        """
        path = self.directory / "store.json"
        if not path.exists():
            return []
        content = read_private_file(path, secret=True)
        try:
            table = json.loads(content)
            known, records = table["version"] == _VERSION, [_record(row) for row in table["keys"]]
        except (ValueError, TypeError, KeyError):
            known, records = False, []
        if not known:
            raise SecurityError(
                f"{path} is no store of keys of version {_VERSION}", SecurityFault.BAD_KEY_STORE
            )
        return records

    def find(self, key_id: str) -> KeyRecord:
        """One key.

        Raises:
            SecurityError: UNKNOWN_KEY.
        """
        return _found(self.records(), key_id)

    def used_ms(self, key_id: str) -> int | None:
        """When a key was used last, Unix time, to the minute; None: never."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "used" / key_id).stat().st_mtime_ns // _NS_A_MS
        return None

    def add(self, record: KeyRecord) -> KeyRecord:
        """Take a key in whose secret is elsewhere: a CURVE pair.

        Raises:
            SecurityError: KEY_EXISTS: a live key of that kind has the name; UNKNOWN_ROLE.
        """
        check_roles(record.roles, record.tenant)
        with self._changing() as records:
            _check_free(records, record, self.now_ms())
            records.append(record)
        return record

    def create_signing(self, kind: KeyKind, expires_ms: int | None = None) -> KeyRecord:
        """Make a key that signs contexts, or heads of the audit log.

        Raises:
            SecurityError: KEY_EXISTS: there is a live one: `rotate` replaces it.
        """
        with self._changing() as records:
            record = self._signing(kind, expires_ms)
            _check_free(records, record, self.now_ms())
            records.append(record)
        return record

    def create_api(
        self,
        name: str,
        *,
        tenant: str,
        roles: tuple[str, ...],
        accounts: tuple[int, ...] = (),
        expires_ms: int | None = None,
    ) -> tuple[KeyRecord, str]:
        """Make an API key: what is known of it, and the text that its owner sends. That is kept nowhere.

        Raises:
            SecurityError: KEY_EXISTS: a live one has the name; UNKNOWN_ROLE.
        """
        check_roles(roles, tenant)
        key_id = new_key_id(KeyKind.API)
        secret = secrets.token_bytes(_SECRET_BYTES)
        record = KeyRecord(
            key_id=key_id,
            kind=KeyKind.API,
            name=name,
            tenant=tenant,
            roles=tuple(sorted(roles)),
            accounts=accounts,
            public=_hash(secret, secrets.token_bytes(_SALT_BYTES)),
            created_ms=self.now_ms(),
            expires_ms=expires_ms,
        )
        with self._changing() as records:
            _check_free(records, record, self.now_ms())
            records.append(record)
        return record, f"{key_id}.{base64.urlsafe_b64encode(secret).decode('ascii')}"

    def rotate_signing(self, key_id: str) -> KeyRecord:
        """Make a key that takes another's place; both count until the old one is revoked or expires.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED; KEY_EXISTS: it was replaced already.
        """
        old = self.find(key_id)
        return self.replace(key_id, self._signing(old.kind, None))

    def rotate_api(self, key_id: str) -> tuple[KeyRecord, str]:
        """Likewise for an API key, with its name, tenant, roles and accounts."""
        old = self.find(key_id)
        secret = secrets.token_bytes(_SECRET_BYTES)
        new = replace(
            old,
            key_id=new_key_id(KeyKind.API),
            public=_hash(secret, secrets.token_bytes(_SALT_BYTES)),
            created_ms=self.now_ms(),
            expires_ms=None,
        )
        self.replace(key_id, new)
        return new, f"{new.key_id}.{base64.urlsafe_b64encode(secret).decode('ascii')}"

    def replace(self, key_id: str, new: KeyRecord) -> KeyRecord:
        """Take in a key in the place of another, which still counts.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED; KEY_EXISTS: it was replaced already.
        """
        with self._changing() as records:
            old = _found(records, key_id)
            if old.revoked_ms is not None:
                raise SecurityError(f"{key_id} was revoked", SecurityFault.KEY_REVOKED)
            if old.replaced_by:
                raise SecurityError(
                    f"{key_id} was replaced by {old.replaced_by} already", SecurityFault.KEY_EXISTS
                )
            records[records.index(old)] = replace(old, replaced_by=new.key_id)
            records.append(new)
        return new

    def revoke(self, key_id: str, reason: str) -> KeyRecord:
        """Have a key count no more. Its secret is removed; what is known of it stays.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED: it is already.
        """
        with self._changing() as records:
            old = _found(records, key_id)
            if old.revoked_ms is not None:
                raise SecurityError(f"{key_id} was revoked already", SecurityFault.KEY_REVOKED)
            new = replace(old, revoked_ms=self.now_ms(), reason=reason)
            records[records.index(old)] = new
        self._secret_path(key_id).unlink(missing_ok=True)
        return new

    def context_keys(self) -> ContextKeys:
        """The keys that sign contexts: the newest writes, all that count are read.

        Raises:
            SecurityError: UNKNOWN_KEY: there is none.
        """
        records = self._counting(KeyKind.CONTEXT)
        if not records:
            raise SecurityError("there is no key that signs security contexts", SecurityFault.UNKNOWN_KEY)
        return ContextKeys(records[-1].key_id, {each.key_id: self._secret(each.key_id) for each in records})

    def head_signer(self) -> HeadSigner:
        """What signs heads of the audit log; made where there is none."""
        records = self._counting(KeyKind.AUDIT)
        if not records:
            with contextlib.suppress(SecurityError):  # another process was quicker
                self.create_signing(KeyKind.AUDIT)
            records = self._counting(KeyKind.AUDIT)
        newest = records[-1].key_id
        return HeadSigner(newest, self._secret(newest))

    def audit_keys(self) -> PublicKeys:
        """The public halves of all keys that ever signed heads."""
        records = [each for each in self.records() if each.kind is KeyKind.AUDIT]
        return PublicKeys(
            {each.key_id: each.public for each in records},
            {each.key_id: each.revoked_ms * _NS_A_MS for each in records if each.revoked_ms is not None},
        )

    def verify_api(self, text: str) -> KeyRecord:
        """The API key whose text this is.

        Raises:
            AuthenticationError: WRONG_SECRET: it is that of none; KEY_REVOKED or KEY_EXPIRED: it was one's.
        """
        key_id, _, encoded = text.partition(".")
        record = next((each for each in self.records() if each.key_id == key_id), None)
        try:
            secret = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except ValueError:
            secret = b""
        # The same work for an id that is unknown: its time tells nothing.
        public = record.public if record and record.kind is KeyKind.API else f"scrypt${'0' * 32}$"
        _, salt, known = public.split("$")
        if not hmac.compare_digest(_hash(secret, bytes.fromhex(salt)).split("$")[2], known) or record is None:
            raise AuthenticationError("the API key is not known", SecurityFault.WRONG_SECRET)
        status = record.status(self.now_ms())
        if status is KeyStatus.REVOKED:
            raise AuthenticationError(f"the API key {key_id} was revoked", SecurityFault.KEY_REVOKED)
        if status is KeyStatus.EXPIRED:
            raise AuthenticationError(f"the API key {key_id} has expired", SecurityFault.KEY_EXPIRED)
        self.note_used(key_id)
        return record

    def note_used(self, key_id: str) -> None:
        """Remember when a key was used, once a minute."""
        now_ns = self.now_ms() * _NS_A_MS
        used = self.used_ms(key_id)
        if used is not None and now_ns - used * _NS_A_MS < _USED_NS:
            return
        path = private_directory(self.directory / "used") / key_id
        path.touch(mode=0o600)
        os.utime(path, ns=(now_ns, now_ns))

    def _counting(self, kind: KeyKind) -> list[KeyRecord]:
        now_ms = self.now_ms()
        return [each for each in self.records() if each.kind is kind and each.counts(now_ms)]

    def _signing(self, kind: KeyKind, expires_ms: int | None) -> KeyRecord:
        key_id = new_key_id(kind)
        secret, public = new_pair() if kind is KeyKind.AUDIT else (secrets.token_bytes(_SECRET_BYTES), "")
        private_directory(self.directory / "secret")
        write_private_file(self._secret_path(key_id), secret.hex().encode("ascii") + b"\n")
        return KeyRecord(
            key_id=key_id,
            kind=kind,
            name=str(kind),
            public=public,
            created_ms=self.now_ms(),
            expires_ms=expires_ms,
        )

    def _secret_path(self, key_id: str) -> Path:
        return self.directory / "secret" / f"{key_id}.key"

    def _secret(self, key_id: str) -> bytes:
        path = self._secret_path(key_id)
        try:
            secret = bytes.fromhex(read_private_file(path, secret=True).decode("ascii"))
        except ValueError:
            secret = b""
        if len(secret) != _SECRET_BYTES:
            raise SecurityError(f"{path} holds no secret", SecurityFault.BAD_KEY_STORE)
        return secret

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[KeyRecord]]:
        """The keys, to be changed; they are written when the block ends well."""
        descriptor = os.open(
            self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            records = self.records()
            yield records
            table = {"version": _VERSION, "keys": [asdict(each) for each in records]}
            replace_private_file(self.directory / "store.json", json.dumps(table, indent=1).encode("ascii"))
        finally:
            os.close(descriptor)


class StoredContexts:
    """Reads and writes security contexts by the keys of a store, as they are now: looked at once a second.

    Args:
        store: The keys.
        now_ns: A steady clock.
    """

    def __init__(self, store: KeyStore, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._store = store
        self._now_ns = now_ns
        self._next_ns = 0
        self._serializer: SecurityContextSerializer | None = None

    def serializer(self) -> SecurityContextSerializer:
        """By the keys that count.

        Raises:
            AuthenticationError: CONTEXT_KEY: there is none.
        """
        now_ns = self._now_ns()
        if self._serializer is None or now_ns >= self._next_ns:
            self._next_ns = now_ns + _LOOK_NS
            try:
                self._serializer = SecurityContextSerializer(self._store.context_keys())
            except SecurityError as error:
                self._serializer = None
                raise AuthenticationError(error.message, SecurityFault.CONTEXT_KEY) from None
        return self._serializer


def new_key_id(kind: KeyKind) -> str:
    """A name that no key has: `api-3f9a12cd5e6f`."""
    return f"{kind}-{secrets.token_hex(6)}"


def _found(records: list[KeyRecord], key_id: str) -> KeyRecord:
    for record in records:
        if record.key_id == key_id:
            return record
    raise SecurityError(f"there is no key {key_id}", SecurityFault.UNKNOWN_KEY)


def _check_free(records: list[KeyRecord], new: KeyRecord, now_ms: int) -> None:
    for record in records:
        if (record.kind, record.name) == (new.kind, new.name) and record.counts(now_ms):
            raise SecurityError(
                f"{record.key_id} is {new.name}'s already: rotate it, or revoke it first",
                SecurityFault.KEY_EXISTS,
            )


def _record(row: dict[str, Any]) -> KeyRecord:
    values = dict(row)
    values["kind"] = KeyKind(str(row["kind"]))
    for name in ("roles", "accounts"):
        given = row[name]
        if not isinstance(given, list):
            raise TypeError
        values[name] = tuple(given)
    return KeyRecord(**values)


def _hash(secret: bytes, salt: bytes) -> str:
    return f"scrypt${salt.hex()}${hashlib.scrypt(secret, salt=salt, **_SCRYPT).hex()}"
