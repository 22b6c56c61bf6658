"""The id of a trace as document 003 has it: the header X-Trace-ID, from service to service and back.

Whoever serves through `TraceMiddleware` has the id of the request at hand; `ServiceClient` sends it on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from exchange.observability.correlation import new_correlation_id

TRACE_HEADER: Final = "X-Trace-ID"
_LOWER: Final = TRACE_HEADER.lower().encode("ascii")
_CHARACTERS_MAX: Final = 128
_current: ContextVar[str] = ContextVar("exchange_trace_id", default="")

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


def trace_id_of(said: str | None, new: str | None = None) -> str:
    """The id of a request: as its header says, where that can be one, else a new UUID.

    Args:
        said: By the header; None where it is not there.
        new: The digits of a new one, where there are some.
    """
    said = said.strip() if said else ""
    if 0 < len(said) <= _CHARACTERS_MAX and said.isascii() and said.isprintable():
        return said
    digits = new or new_correlation_id()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def current_trace_id() -> str:
    """Of the request that is served; empty outside of any."""
    return _current.get()


class TraceMiddleware:
    """Gives each HTTP request its trace id, and its answer the same one; for any ASGI application.

    The application has it as ``scope["state"]["trace_id"]``, in Starlette ``request.state.trace_id``.

    Args:
        app: What it stands before.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or whatever else a server says."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(_LOWER, b"").decode("latin-1")
        trace_id = trace_id_of(said)
        scope.setdefault("state", {})["trace_id"] = trace_id

        async def traced(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                others = [each for each in message.get("headers", ()) if each[0].lower() != _LOWER]
                message = {**message, "headers": [*others, (_LOWER, trace_id.encode("ascii"))]}
            await send(message)

        token = _current.set(trace_id)
        try:
            await self._app(scope, receive, traced)
        finally:
            _current.reset(token)
