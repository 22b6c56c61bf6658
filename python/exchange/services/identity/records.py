"""What identity knows, as messages of IdentityService."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from exchange.domain.contracts import identity as m
from exchange.errors import GatewayFault
from exchange.security.api_keys import ApiKey
from exchange.security.principal import Principal
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session
from exchange.services.identity.users import User

_ACCOUNTS_MAX = 256
_RECORDS_MAX = 4_096


@lru_cache(maxsize=_RECORDS_MAX)  # nearly every request is signed by a key that signed others
def principal_record(principal: Principal, keys_as_of: int) -> m.PrincipalRecord:
    """Who asks; by a key, as of the change with which keys were read."""
    return m.PrincipalRecord(
        tenant=principal.tenant,
        subject=principal.subject,
        name=principal.name,
        method=str(principal.method),
        credential_id=principal.credential_id,
        roles=tuple(sorted(principal.roles)),
        scopes=tuple(sorted(principal.scopes)),
        accounts=words(principal.accounts),
        session_id=principal.session_id,
        expires_ms=principal.expires_ms or 0,
        user_id=principal.user_id,
        as_of=principal.as_of or keys_as_of,
    )


def session_record(session: Session) -> m.SessionRecord:
    """A session."""
    return m.SessionRecord(
        session_id=session.session_id,
        created_ms=session.created_ms,
        used_ms=session.used_ms,
        expires_ms=session.expires_ms,
        address=session.address,
        client=session.client,
    )


def user_record(user: User, scopes: Iterable[str]) -> m.UserRecord:
    """A user, with what a session of theirs may."""
    return m.UserRecord(
        user_id=user.user_id,
        name=user.name,
        tenant=user.tenant,
        roles=tuple(sorted(user.roles)),
        accounts=words(user.accounts),
        created_ms=user.created_ms,
        disabled=user.disabled_ms is not None,
        scopes=tuple(sorted(scopes)),
    )


def key_record(key: ApiKey, now_ms: int) -> m.ApiKeyRecord:
    """A key of a program."""
    return m.ApiKeyRecord(
        key_id=key.key_id,
        name=key.name,
        algorithm=key.algorithm,
        scopes=tuple(sorted(key.scopes)),
        accounts=words(key.accounts),
        addresses=key.addresses,
        created_ms=key.created_ms,
        expires_ms=key.expires_ms or 0,
        used_ms=key.used_ms or 0,
        replaced_by=key.replaced_by,
        status=str(key.status(now_ms)),
    )


def words(accounts: Iterable[int]) -> str:
    """Numbers as a message has them."""
    return " ".join(map(str, accounts))


def numbers(accounts: str) -> tuple[int, ...]:
    """The numbers of a message.

    Raises:
        Refused: INVALID_BODY: they are none, or too many.
    """
    found = accounts.split()
    if len(found) > _ACCOUNTS_MAX or not all(each.isascii() and each.isdigit() for each in found):
        raise Refused(GatewayFault.INVALID_BODY, f"accounts are up to {_ACCOUNTS_MAX} numbers")
    return tuple(sorted({int(each) for each in found}))
