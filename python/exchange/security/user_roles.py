"""What users may do at the gateway: the one table of their roles, and what each way to come in allows of it.

Not to be taken for `exchange.security.roles`, which says what connections and processes may call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from exchange.errors import ConfigError
from exchange.security.api_keys import SCOPES

USER_ROLES: Final[Mapping[str, frozenset[str]]] = {
    "viewer": frozenset({"read"}),
    "trader": frozenset({"read", "trade", "transfer"}),
    "operator": frozenset({"read", "operate"}),
    "admin": frozenset({"read", "trade", "transfer", "operate", "admin"}),
}
"""Scopes by role; of a user with several, all of them."""
OF_EVERY_SESSION: Final = frozenset({"session", "keys"})
"""What a session may whatever its user's roles are: end itself, change the password, make keys."""


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """All that users of some roles may do; a role that is not in the table allows nothing."""
    return frozenset[str]().union(*(USER_ROLES.get(role, frozenset()) for role in roles))


def session_scopes(roles: Iterable[str]) -> frozenset[str]:
    """What a session of such a user may do."""
    return scopes_of(roles) | OF_EVERY_SESSION


def delegable(roles: Iterable[str]) -> frozenset[str]:
    """What such a user may hand on to a key or a token: a key makes no keys, and administers nothing."""
    return scopes_of(roles) & frozenset(SCOPES)


def checked_roles(roles: Iterable[str]) -> frozenset[str]:
    """Roles as a user has them.

    Raises:
        ConfigError: There are none, or one is unknown.
    """
    found = frozenset(roles)
    if not found or not found <= set(USER_ROLES):
        raise ConfigError(
            f"roles are {', '.join(sorted(found)) or 'none'}: expected some of {', '.join(USER_ROLES)}"
        )
    return found
