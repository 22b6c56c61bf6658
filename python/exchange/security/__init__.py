"""Who asks, and what they may: the security context that travels with every call."""

from exchange.security.context import ContextKeys, SecurityContext, SecurityContextSerializer
from exchange.security.interceptor import authenticate, current_security_context

__all__ = [
    "ContextKeys",
    "SecurityContext",
    "SecurityContextSerializer",
    "authenticate",
    "current_security_context",
]
