"""Checks the security context of every call that comes in, and gives it to the handler."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from exchange.errors import AuthenticationError, SecurityFault
from exchange.security.context import SecurityContext, SecurityContextSerializer


class Headers(Protocol):
    """What is read of a call's metadata."""

    @property
    def tenant_id(self) -> str:
        """x-tenant-id."""
        ...

    @property
    def user_id(self) -> str:
        """x-user-id."""
        ...

    @property
    def security_context(self) -> str:
        """x-security-context."""
        ...


class CallWithHeaders(Protocol):
    """What is read of a call: `exchange.bus.rpc.Call` is one."""

    @property
    def metadata(self) -> Headers:
        """The headers."""
        ...


CallT = TypeVar("CallT", bound=CallWithHeaders)

_context: ContextVar[SecurityContext | None] = ContextVar("exchange_security_context", default=None)


def current_security_context() -> SecurityContext:
    """The context of the call that is being handled.

    Raises:
        AuthenticationError: None is: this is no handler behind `authenticate`.
    """
    if (context := _context.get()) is None:
        raise AuthenticationError("no call with a security context is being handled")
    return context


def authenticate(
    serializer: SecurityContextSerializer, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> Callable[[CallT, Callable[[CallT], Awaitable[bytes]]], Awaitable[bytes]]:
    """An interceptor that refuses calls whose security context is not true, or names another tenant or user.

    Args:
        serializer: Reads the header.
        now_ms: Unix time in milliseconds.
    """

    async def authenticated(call: CallT, proceed: Callable[[CallT], Awaitable[bytes]]) -> bytes:
        headers = call.metadata
        context = serializer.decode(headers.security_context, now_ms())
        if (context.tenant_id, context.user_id) != (headers.tenant_id, headers.user_id):
            raise AuthenticationError(
                "x-tenant-id and x-user-id are not those of the security context",
                SecurityFault.CONTEXT_FOREIGN,
            )
        token = _context.set(context)
        try:
            return await proceed(call)
        finally:
            _context.reset(token)

    return authenticated
