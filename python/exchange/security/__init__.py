"""Who asks, and what they may: keys, security contexts, roles, and the record of what was done."""

from typing import TYPE_CHECKING

from exchange.lazy import lazily

if TYPE_CHECKING:
    from exchange.security.context import ContextKeys, SecurityContext, SecurityContextSerializer
    from exchange.security.interceptor import authenticate, authorized, current_security_context
    from exchange.security.key_records import KeyKind, KeyRecord, KeyStatus
    from exchange.security.keys import KeyStore
    from exchange.security.roles import ROLES, RULES, SERVICE_ACCOUNTS, Permission
    from exchange.security.stored_contexts import StoredContexts

__all__ = [
    "ROLES",
    "RULES",
    "SERVICE_ACCOUNTS",
    "ContextKeys",
    "KeyKind",
    "KeyRecord",
    "KeyStatus",
    "KeyStore",
    "Permission",
    "SecurityContext",
    "SecurityContextSerializer",
    "StoredContexts",
    "authenticate",
    "authorized",
    "current_security_context",
]

# The core asks for roles alone, and signs nothing.
__getattr__ = lazily(
    __name__,
    {
        "KeyStore": "keys",
        "StoredContexts": "stored_contexts",
        **dict.fromkeys(("ContextKeys", "SecurityContext", "SecurityContextSerializer"), "context"),
        **dict.fromkeys(("authenticate", "authorized", "current_security_context"), "interceptor"),
        **dict.fromkeys(("KeyKind", "KeyRecord", "KeyStatus"), "key_records"),
        **dict.fromkeys(("ROLES", "RULES", "SERVICE_ACCOUNTS", "Permission"), "roles"),
    },
)
