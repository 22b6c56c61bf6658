"""The store of keys: which there are, whose, until when; secrets in files of their own, or nowhere.

KEYS/                   private (0700), every file 0600
  store.json            what is known of each key, with its public half
  secret/KEY_ID.key     the secret of a signing key, in hexadecimal
  server.key            CURVE pair of the exchange; NAME.key: of a client; clients/NAME.toml lets it in
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from exchange.config.private import (
    private_directory,
    read_private_file,
    replace_private_file,
    write_private_file,
)
from exchange.errors import SecurityError, SecurityFault
from exchange.security.audit.heads import HeadSigner, PublicKeys, new_pair
from exchange.security.context import ContextKeys
from exchange.security.key_records import (
    KeyKind,
    KeyRecord,
    check_free,
    found,
    new_key_id,
    record_of,
)
from exchange.security.roles import check_roles

_VERSION: Final = 1
_SECRET_BYTES: Final = 32
_NS_A_MS: Final = 1_000_000


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
            known, records = table["version"] == _VERSION, [record_of(row) for row in table["keys"]]
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
        return found(self.records(), key_id)

    def add(self, record: KeyRecord) -> KeyRecord:
        """Take a key in whose secret is elsewhere: a CURVE pair.

        Raises:
            SecurityError: KEY_EXISTS: a live key of that kind has the name; UNKNOWN_ROLE.
        """
        check_roles(record.roles, record.tenant)
        with self._changing() as records:
            check_free(records, record, self.now_ms())
            records.append(record)
        return record

    def create_signing(self, kind: KeyKind, expires_ms: int | None = None) -> KeyRecord:
        """Make a key that signs contexts, or heads of the audit log.

        Raises:
            SecurityError: KEY_EXISTS: there is a live one: `rotate` replaces it.
        """
        with self._changing() as records:
            record = self._signing(kind, expires_ms)
            check_free(records, record, self.now_ms())
            records.append(record)
        return record

    def rotate_signing(self, key_id: str) -> KeyRecord:
        """Make a key that takes another's place; both count until the old one is revoked or expires.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED; KEY_EXISTS: it was replaced already.
        """
        old = self.find(key_id)
        return self.replace(key_id, self._signing(old.kind, None))

    def replace(self, key_id: str, new: KeyRecord) -> KeyRecord:
        """Take in a key in the place of another, which still counts.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED; KEY_EXISTS: it was replaced already.
        """
        with self._changing() as records:
            old = found(records, key_id)
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
            old = found(records, key_id)
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
