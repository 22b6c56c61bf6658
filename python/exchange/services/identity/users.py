"""Users in their store: made, looked up, given roles and passwords, disabled."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import insert, select, update

from exchange.errors import ConfigError, GatewayFault
from exchange.security.user_roles import checked_roles
from exchange.services.identity.refused import Refused
from exchange.services.identity.store import OPERATOR, Change, IdentityStore
from exchange.services.identity.tables import API_KEYS, SESSIONS, USERS
from exchange.storage.sql import Transaction

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,39}", re.ASCII)
_TENANTS: Final = 2**32
USERS_PAGE_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user.

    Args:
        user_id: Names it for ever.
        name: By which one signs in; lower case, of the whole exchange.
        tenant: For whom they speak.
        password: The hash.
        roles: Of `exchange.security.user_roles`.
        accounts: Those that they may use; empty: all of the tenant's.
        created_ms: Since when, Unix time.
        disabled_ms: Since when they may do nothing more; None: they may.
        reason: Why they were disabled.
    """

    user_id: str
    name: str
    tenant: int
    password: str = field(repr=False)
    roles: frozenset[str]
    accounts: tuple[int, ...]
    created_ms: int
    disabled_ms: int | None = None
    reason: str = ""


class Users:
    """The users of one store. Calls wait for it; threads may share this.

    Args:
        store: Of the service identity.
    """

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def find(self, name: str) -> User | None:
        """The user of a name, in any case."""
        with self._store.read() as tx:
            row = tx.execute(select(USERS).where(USERS.c.name == name.lower())).one_or_none()
        return None if row is None else user_of(row)

    def named(self, name: str) -> User:
        """Likewise.

        Raises:
            Refused: UNKNOWN_CREDENTIAL.
        """
        found = self.find(name)
        if found is None:
            raise Refused(GatewayFault.UNKNOWN_CREDENTIAL, f"there is no user {name}")
        return found

    def all(self, tenant: int | None = None, after: str = "", most: int = USERS_PAGE_MAX) -> list[User]:
        """Users by name, of all tenants or of one, from behind a name on."""
        wanted = select(USERS).where(USERS.c.name > after).order_by(USERS.c.name).limit(most)
        if tenant is not None:
            wanted = wanted.where(USERS.c.tenant == tenant)
        with self._store.read() as tx:
            return [user_of(row) for row in tx.execute(wanted)]

    def create(
        self,
        name: str,
        tenant: int,
        password: str,
        roles: Iterable[str],
        accounts: Iterable[int] = (),
        actor: str = OPERATOR,
    ) -> User:
        """Makes a user.

        Args:
            name: See `User`; capitals are made small.
            tenant: Above 0.
            password: Its hash, see `passwords.hashed`.
            roles: See `User`.
            accounts: See `User`.
            actor: Who makes it.

        Raises:
            ConfigError: What is wanted is no user.
            Refused: NAME_TAKEN.
        """
        user = User(
            user_id=f"us-{secrets.token_hex(8)}",
            name=checked_name(name),
            tenant=tenant,
            password=password,
            roles=checked_roles(roles),
            accounts=tuple(sorted(set(accounts))),
            created_ms=self._store.now_ms(),
        )
        if not 0 < tenant < _TENANTS:
            raise ConfigError(f"tenant is {tenant}: expected 1 to {_TENANTS - 1}")
        with self._store.change() as change:
            there = select(USERS.c.user_id).where(USERS.c.name == user.name)
            if change.tx.execute(there).one_or_none() is not None:
                raise Refused(GatewayFault.NAME_TAKEN, f"there is a user {user.name} already")
            change.tx.execute(
                insert(USERS).values(
                    user_id=user.user_id,
                    name=user.name,
                    tenant=user.tenant,
                    password=user.password,
                    roles=" ".join(sorted(user.roles)),
                    accounts=" ".join(map(str, user.accounts)),
                    created_ms=user.created_ms,
                    reason="",
                )
            )
            _tell(change, "UserCreated", user, actor, roles=user.roles)
        return user

    def set_roles(
        self, name: str, roles: Iterable[str], accounts: Iterable[int] | None = None, actor: str = OPERATOR
    ) -> User:
        """Gives a user other roles, and other accounts where they are said.

        Raises:
            ConfigError: They are none.
            Refused: UNKNOWN_CREDENTIAL.
        """
        found = checked_roles(roles)
        values = {"roles": " ".join(sorted(found))}
        if accounts is not None:
            values["accounts"] = " ".join(map(str, sorted(set(accounts))))
        with self._store.change() as change:
            user = _named(change.tx, name)
            change.tx.execute(update(USERS).where(USERS.c.user_id == user.user_id).values(**values))
            _tell(change, "UserRolesSet", user, actor, roles=found)
        return self.named(name)

    def set_password(
        self, user_id: str, password: str, actor: str = OPERATOR, proved: str | None = None
    ) -> None:
        """Gives a user another password's hash; all sessions of the user end with the old one.

        Args:
            user_id: Whose.
            password: The hash.
            actor: Who does it.
            proved: The hash of the password by which they proved who they are; None: nobody had to.

        Raises:
            Refused: UNKNOWN_CREDENTIAL. WRONG_PASSWORD: it is no more the one that was proved.
        """
        with self._store.change() as change:
            user = locked_user(change.tx, user_id)
            if user is None:
                raise Refused(GatewayFault.UNKNOWN_CREDENTIAL, f"there is no user {user_id}")
            if proved is not None and user.password != proved:
                raise Refused(GatewayFault.WRONG_PASSWORD)
            change.tx.execute(update(USERS).where(USERS.c.user_id == user_id).values(password=password))
            end_sessions(change, user, "the password was changed", actor)
            _tell(change, "PasswordChanged", user, actor)

    def keep_hash(self, user: User, password: str) -> None:
        """Puts a hash of the same password, with the parameters of today, in the place of an older one."""
        mine = (USERS.c.user_id == user.user_id, USERS.c.password == user.password)
        with self._store.begin() as tx:
            tx.execute(update(USERS).where(*mine).values(password=password))

    def disable(self, name: str, reason: str, actor: str = OPERATOR) -> User:
        """Has a user do nothing more: sessions and keys are revoked.

        Raises:
            Refused: UNKNOWN_CREDENTIAL.
        """
        with self._store.change() as change:
            user = _named(change.tx, name)
            mine = USERS.c.user_id == user.user_id
            change.tx.execute(update(USERS).where(mine).values(disabled_ms=change.now_ms, reason=reason))
            end_sessions(change, user, "the user was disabled", actor)
            _end_keys(change, user, actor)
            _tell(change, "UserDisabled", user, actor, reason=reason)
        return self.named(name)


def locked_user(tx: Transaction, user_id: str) -> User | None:
    """A user, whom nobody changes until the transaction ends, as it gives them something."""
    row = tx.execute(select(USERS).where(USERS.c.user_id == user_id).with_for_update()).one_or_none()
    return None if row is None else user_of(row)


def end_sessions(
    change: Change, user: User, reason: str, actor: str, which: Iterable[str] | None = None
) -> int:
    """Ends sessions of a user, all or some, as a part of a change; how many."""
    live = [SESSIONS.c.user_id == user.user_id, SESSIONS.c.ended_ms.is_(None)]
    if which is not None:
        live.append(SESSIONS.c.session_id.in_(which))
    ended = change.tx.execute(select(SESSIONS.c.session_id).where(*live)).scalars().all()
    for session_id in ended:
        change.tell(
            "SessionRevoked",
            session_id,
            user.tenant,
            of=user.name,
            user_id=user.user_id,
            reason=reason,
            actor=actor,
        )
    change.tx.execute(update(SESSIONS).where(*live).values(ended_ms=change.now_ms, reason=reason))
    return len(ended)


def checked_name(name: str) -> str:
    """A name as a user has it.

    Raises:
        ConfigError: It is none.
    """
    small = name.lower()
    if not _NAME.fullmatch(small):
        raise ConfigError(
            f"{name!r} is no name: expected 1 to 40 letters, digits or ._@+-, the first no sign"
        )
    return small


def user_of(row: Any) -> User:
    """The user of a row."""
    return User(
        user_id=row.user_id,
        name=row.name,
        tenant=int(row.tenant),
        password=row.password,
        roles=frozenset(row.roles.split()),
        accounts=tuple(map(int, row.accounts.split())),
        created_ms=int(row.created_ms),
        disabled_ms=row.disabled_ms,
        reason=row.reason,
    )


def _end_keys(change: Change, user: User, actor: str) -> None:
    live = (API_KEYS.c.user_id == user.user_id, API_KEYS.c.revoked_ms.is_(None))
    rows = change.tx.execute(select(API_KEYS.c.key_id, API_KEYS.c.name).where(*live)).all()
    reason = "its user was disabled"
    for row in rows:
        change.tell(
            "ApiKeyRevoked",
            row.key_id,
            user.tenant,
            of=row.name,
            user_id=user.user_id,
            reason=reason,
            actor=actor,
        )
    values = {"revoked_ms": change.now_ms, "reason": reason, "verifier": b""}
    change.tx.execute(update(API_KEYS).where(*live).values(values))


def _named(tx: Transaction, name: str) -> User:
    row = tx.execute(select(USERS).where(USERS.c.name == name.lower())).one_or_none()
    if row is None:
        raise Refused(GatewayFault.UNKNOWN_CREDENTIAL, f"there is no user {name}")
    return user_of(row)


def _tell(
    change: Change, event: str, user: User, actor: str, roles: Iterable[str] = (), reason: str = ""
) -> None:
    change.tell(
        event,
        user.user_id,
        user.tenant,
        of=user.name,
        user_id=user.user_id,
        roles=roles,
        reason=reason,
        actor=actor,
    )
