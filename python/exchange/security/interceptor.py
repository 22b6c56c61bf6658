"""Checks who calls and what the caller may, before any handler is asked: without a rule, nobody may."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from exchange.errors import AuthenticationError, SecurityError, SecurityFault
from exchange.security.context import SecurityContext, SecurityContextSerializer
from exchange.security.roles import authorize, permissions_of


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


class WithRoles(Protocol):
    """What is read of who a connection is: `exchange.bus.curve.Principal` is one."""

    @property
    def roles(self) -> frozenset[str]:
        """What it may do."""
        ...


class CallOfSomebody(CallWithHeaders, Protocol):
    """What is read of a call on a server."""

    @property
    def method(self) -> str:
        """`service.method`."""
        ...

    @property
    def principal(self) -> WithRoles | None:
        """Who the connection is."""
        ...


CallT = TypeVar("CallT", bound=CallWithHeaders)
OwnedCallT = TypeVar("OwnedCallT", bound=CallOfSomebody)

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
        token = _context.set(_context_of(call, serializer, now_ms()))
        try:
            return await proceed(call)
        finally:
            _context.reset(token)

    return authenticated


def authorized(
    serializer: Callable[[], SecurityContextSerializer],
    *,
    without_context: str,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    on_refused: Callable[[CallOfSomebody, SecurityError], object] = lambda _call, _error: None,
) -> Callable[[OwnedCallT, Callable[[OwnedCallT], Awaitable[bytes]]], Awaitable[bytes]]:
    """An interceptor that lets a call through where the table of roles permits its caller what it needs.

    Who speaks for a user, with a security context, may what the connection's roles, the user's roles and the
    credential's scopes all allow; who speaks for itself, what the connection's roles allow.

    Args:
        serializer: Gives what reads the header; raises where there is no key for it.
        without_context: The header of a caller that speaks for itself.
        now_ms: Unix time in milliseconds.
        on_refused: Told of each call that is not let through.
    """

    async def checked(call: OwnedCallT, proceed: Callable[[OwnedCallT], Awaitable[bytes]]) -> bytes:
        context: SecurityContext | None = None
        try:
            permissions = permissions_of(call.principal.roles if call.principal else ())
            if call.metadata.security_context != without_context:
                context = _context_of(call, serializer(), now_ms())
                permissions &= permissions_of(context.roles) & permissions_of(context.scopes)
            authorize(call.method, permissions)
        except SecurityError as error:
            on_refused(call, error)
            raise
        token = _context.set(context)
        try:
            return await proceed(call)
        finally:
            _context.reset(token)

    return checked


def _context_of(call: CallWithHeaders, serializer: SecurityContextSerializer, now_ms: int) -> SecurityContext:
    headers = call.metadata
    context = serializer.decode(headers.security_context, now_ms)
    if (context.tenant_id, context.user_id) != (headers.tenant_id, headers.user_id):
        raise AuthenticationError(
            "x-tenant-id and x-user-id are not those of the security context",
            SecurityFault.CONTEXT_FOREIGN,
        )
    return context
