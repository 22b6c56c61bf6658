"""Who a request comes from: one immutable answer, whatever proved it.

A principal is what the gateway's authentication gives, by an API key, a session or a JWT. What it may do is
the intersection of what its user's roles and its credential's scopes allow, so scopes are the whole answer.

It is the `SecurityContext` (`exchange.security.context`) of a request over HTTP: tenant, user, roles, scopes,
method, expiry. That one is signed, for it travels from process to process; this one never leaves the gateway,
which asks core and services over sessions of the tenant alone, and identity by the session's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How somebody proved who they are."""

    API_KEY = "api_key"
    SESSION = "session"
    JWT = "jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks.

    Args:
        tenant: For whom they speak; every lookup is bound by it.
        subject: The user's id, or the key's: budgets and request ids are by it.
        name: Of the user or program, for people.
        method: How they proved it.
        credential_id: Of the key, the session or the token that proved it.
        roles: What the user is; empty for a program's key, which has scopes alone.
        scopes: What this credential may do, of `exchange.security.api_keys.SCOPES` and those of sessions.
        accounts: The accounts that it may use; empty: all of the tenant's.
        session_id: Of the session; a JWT has that of the session that it was issued to, or none.
        expires_ms: From when on it counts for nothing, Unix time; None: until it is revoked.
        user_id: The user by whose rights it is bound; empty: an operator's key, or another issuer's user.
        as_of: The last change of identity that it takes into account, as a sequence of `identity.changes`.
    """

    tenant: int
    subject: str
    name: str
    method: Method
    credential_id: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    accounts: tuple[int, ...] = ()
    session_id: str = ""
    expires_ms: int | None = None
    user_id: str = ""
    as_of: int = 0

    def counts(self, now_ms: int) -> bool:
        """Whether its time is not over."""
        return self.expires_ms is None or now_ms < self.expires_ms

    def may_use(self, account: int) -> bool:
        """Whether it may use an account of its tenant."""
        return not self.accounts or account in self.accounts
