"""Who asks, and what they may: keys, security contexts, roles, and the record of what was done."""

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
