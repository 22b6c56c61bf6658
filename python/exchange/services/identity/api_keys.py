"""API keys in their store: made, replaced, revoked, read."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import insert, select, update

from exchange.errors import ConfigError, GatewayFault, SecurityError, SecurityFault
from exchange.security.api_keys import ApiKey, checked_addresses, checked_scopes, new_api_key_id
from exchange.security.key_records import KeyStatus
from exchange.security.signing import ALGORITHMS, HMAC_SHA256, SECRET_BYTES, is_public_key, new_ed25519
from exchange.security.user_roles import delegable
from exchange.services.identity.refused import Refused
from exchange.services.identity.store import OPERATOR, Change, IdentityStore
from exchange.services.identity.tables import API_KEYS, USERS
from exchange.services.identity.users import locked_user
from exchange.storage.sql import Transaction

_NAME_MAX: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a key is to be.

    Args:
        name: Whose.
        tenant: For whom it speaks; above 0.
        scopes: What it may do.
        algorithm: How it signs.
        public: The public half of an Ed25519 key that its owner made; empty: a pair is made here.
        accounts: Those that it may use; empty: all of the tenant's.
        addresses: Networks that it may be used from; empty: any.
        expires_ms: Until when, Unix time; None: for ever.
        user_id: The user who makes it, and more than whom it never may; empty: an operator.
    """

    name: str
    tenant: int
    scopes: tuple[str, ...]
    algorithm: str = HMAC_SHA256
    public: str = ""
    accounts: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    expires_ms: int | None = None
    user_id: str = ""


class ApiKeys:
    """The keys of one store. Calls wait for it; threads may share this.

    Args:
        store: Of the service identity.
    """

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._sealer = store.sealer
        self.now_ms = store.now_ms

    @property
    def revision(self) -> int:
        """See `IdentityStore`."""
        return self._store.revision

    def all(self, user_id: str | None = None) -> list[ApiKey]:
        """All keys, or those of a user, the oldest first. A key may at most what its user may now.

        Raises:
            StoreUnavailable: The store cannot be had.
            SecurityError: A secret was sealed by another key than this store's.
        """
        wanted = _KEYS.order_by(API_KEYS.c.created_ms, API_KEYS.c.key_id)
        if user_id is not None:
            wanted = wanted.where(API_KEYS.c.user_id == user_id)
        with self._store.read() as tx:
            rows = tx.execute(wanted).all()
        return [self._key(row) for row in rows]

    def find(self, key_id: str) -> ApiKey:
        """One key.

        Raises:
            SecurityError: UNKNOWN_KEY.
        """
        with self._store.read() as tx:
            return self._found(tx, key_id)

    def create(self, wanted: Wanted, actor: str = OPERATOR) -> tuple[ApiKey, str]:
        """Makes a key; with the text that its owner signs with, in hexadecimal, which is shown this once.

        It is empty where the owner keeps the private half.

        Raises:
            ConfigError: What is wanted is no key.
            SecurityError: KEY_EXISTS: a live one of the tenant has the name.
            Refused: SESSION_OVER: its user was disabled meanwhile.
        """
        verifier, secret = _pair(wanted.algorithm, wanted.public)
        if (
            not 0 < len(wanted.name) <= _NAME_MAX
            or not wanted.name.isascii()
            or not wanted.name.isprintable()
        ):
            raise ConfigError(f"{wanted.name!r} is no name: expected 1 to {_NAME_MAX} printable characters")
        if not 0 < wanted.tenant < 2**32:
            raise ConfigError(f"tenant is {wanted.tenant}: expected 1 to {2**32 - 1}")
        key = ApiKey(
            key_id=new_api_key_id(),
            name=wanted.name,
            tenant=wanted.tenant,
            algorithm=wanted.algorithm,
            verifier=verifier,
            scopes=checked_scopes(wanted.scopes),
            accounts=tuple(sorted(set(wanted.accounts))),
            addresses=checked_addresses(wanted.addresses),
            created_ms=self.now_ms(),
            expires_ms=wanted.expires_ms,
            user_id=wanted.user_id,
        )
        with self._store.change() as change:
            rows = change.tx.execute(
                _KEYS.where(API_KEYS.c.tenant == key.tenant, API_KEYS.c.name == key.name)
            ).all()
            for other in map(self._key, rows):
                if other.status(self.now_ms()) in {"live", "retiring"}:
                    raise SecurityError(
                        f"{other.key_id} is {key.name}'s already: rotate it, or revoke it first",
                        SecurityFault.KEY_EXISTS,
                    )
            self._add(change, key, actor)
        return key, secret

    def rotate(self, key_id: str, public: str = "", actor: str = OPERATOR) -> tuple[ApiKey, str]:
        """Makes a key that takes another's place; both count until the old one is revoked or both expire.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED; KEY_EXPIRED; KEY_EXISTS: it was replaced already.
            Refused: SESSION_OVER: its user was disabled meanwhile.
        """
        with self._store.change() as change:
            old = self._found(change.tx, key_id)
            if old.revoked_ms is not None:
                raise SecurityError(f"{key_id} was revoked", SecurityFault.KEY_REVOKED)
            if old.status(change.now_ms) is KeyStatus.EXPIRED:
                raise SecurityError(f"{key_id} has expired: make another one", SecurityFault.KEY_EXPIRED)
            if old.replaced_by:
                raise SecurityError(
                    f"{key_id} was replaced by {old.replaced_by} already", SecurityFault.KEY_EXISTS
                )
            verifier, secret = _pair(old.algorithm, public)
            new = replace(
                old,
                key_id=new_api_key_id(),
                verifier=verifier,
                created_ms=self.now_ms(),
                used_ms=None,
            )
            self._add(change, new, actor, reason=f"in the place of {key_id}")
            change.tx.execute(
                update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(replaced_by=new.key_id)
            )
        return new, secret

    def revoke(self, key_id: str, reason: str, actor: str = OPERATOR) -> ApiKey:
        """Has a key count no more. Its secret is removed; what is known of it stays.

        Raises:
            SecurityError: UNKNOWN_KEY; KEY_REVOKED: it is already.
        """
        with self._store.change() as change:
            old = self._found(change.tx, key_id)
            if old.revoked_ms is not None:
                raise SecurityError(f"{key_id} was revoked already", SecurityFault.KEY_REVOKED)
            end_key(change, old, reason, actor)
        return replace(old, revoked_ms=change.now_ms, reason=reason, verifier=b"")

    def note_used(self, key_ids: Iterable[str], used_ms: int) -> None:
        """Writes down that keys were used."""
        wanted = list(key_ids)
        if wanted:
            with self._store.begin() as tx:
                tx.execute(update(API_KEYS).where(API_KEYS.c.key_id.in_(wanted)).values(used_ms=used_ms))

    def _found(self, tx: Transaction, key_id: str) -> ApiKey:
        row = tx.execute(_KEYS.where(API_KEYS.c.key_id == key_id)).one_or_none()
        if row is None:
            raise SecurityError(f"there is no key {key_id}", SecurityFault.UNKNOWN_KEY)
        return self._key(row)

    def _add(self, change: Change, key: ApiKey, actor: str, reason: str = "") -> None:
        if key.user_id:
            user = locked_user(change.tx, key.user_id)
            if user is None or user.disabled_ms is not None:  # that ended the keys that were there then
                raise Refused(GatewayFault.SESSION_OVER)
        is_secret = key.algorithm == HMAC_SHA256
        change.tx.execute(
            insert(API_KEYS).values(
                key_id=key.key_id,
                name=key.name,
                tenant=key.tenant,
                algorithm=key.algorithm,
                verifier=self._sealer.seal(key.verifier, key.key_id) if is_secret else key.verifier,
                scopes=" ".join(sorted(key.scopes)),
                accounts=" ".join(map(str, key.accounts)),
                addresses=" ".join(key.addresses),
                created_ms=key.created_ms,
                expires_ms=key.expires_ms,
                replaced_by="",
                reason="",
                user_id=key.user_id,
            )
        )
        change.tell(
            "ApiKeyCreated",
            key.key_id,
            key.tenant,
            of=key.name,
            user_id=key.user_id,
            scopes=key.scopes,
            reason=reason,
            actor=actor,
        )

    def _key(self, row: Any) -> ApiKey:
        verifier = bytes(row.verifier)
        if verifier and row.algorithm == HMAC_SHA256:
            verifier = self._sealer.open(verifier, row.key_id)
        scopes, accounts = _narrowed(row)
        return ApiKey(
            key_id=row.key_id,
            name=row.name,
            tenant=int(row.tenant),
            algorithm=row.algorithm,
            verifier=verifier,
            scopes=scopes,
            accounts=accounts,
            addresses=tuple(row.addresses.split()),
            created_ms=int(row.created_ms),
            expires_ms=row.expires_ms,
            replaced_by=row.replaced_by,
            revoked_ms=row.revoked_ms,
            reason=row.reason,
            used_ms=row.used_ms,
            user_id=row.user_id,
        )


def _pair(algorithm: str, public: str) -> tuple[bytes, str]:
    """What checks signatures, and what makes them."""
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"algorithm is {algorithm!r}: expected {' or '.join(ALGORITHMS)}")
    if algorithm == HMAC_SHA256:
        if public:
            raise ConfigError("a public key goes with ed25519: an HMAC key has a secret alone")
        secret = secrets.token_bytes(SECRET_BYTES)
        return secret, secret.hex()
    if public:
        if not is_public_key(public):
            raise ConfigError("the public key is none: expected the 32 bytes of Ed25519, in hexadecimal")
        return bytes.fromhex(public), ""
    private, made = new_ed25519()
    return bytes.fromhex(made), private


def end_key(change: Change, key: ApiKey, reason: str, actor: str) -> None:
    """Has a key count no more, in a change of which it may be a part."""
    values = {"revoked_ms": change.now_ms, "reason": reason, "verifier": b""}
    change.tx.execute(update(API_KEYS).where(API_KEYS.c.key_id == key.key_id).values(values))
    change.tell(
        "ApiKeyRevoked",
        key.key_id,
        key.tenant,
        of=key.name,
        user_id=key.user_id,
        reason=reason,
        actor=actor,
    )


def _narrowed(row: Any) -> tuple[frozenset[str], tuple[int, ...]]:
    """Scopes and accounts of a key: of those that it was given, those that its user has now."""
    scopes, accounts = frozenset(row.scopes.split()), tuple(map(int, row.accounts.split()))
    if not row.user_id:
        return scopes, accounts
    scopes &= delegable((row.user_roles or "").split())
    allowed = tuple(map(int, (row.user_accounts or "").split()))
    if not allowed:
        return scopes, accounts
    left = tuple(each for each in accounts or allowed if each in allowed)
    return (scopes, left) if left else (frozenset(), allowed)


_KEYS: Final = select(
    API_KEYS, USERS.c.roles.label("user_roles"), USERS.c.accounts.label("user_accounts")
).join_from(API_KEYS, USERS, API_KEYS.c.user_id == USERS.c.user_id, isouter=True)
