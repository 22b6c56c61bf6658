"""Pages as an ASGI application, for whoever serves them by another server than `PageServer`."""

from __future__ import annotations

import asyncio
from typing import Any

from exchange.observability.server import Pages, Request, not_allowed
from exchange.observability.trace_ids import Message, Receive, Send, TraceMiddleware


class PagesApp:
    """Answers GET and HEAD as `PageServer` does: each request in a thread, each answer with its trace.

    Args:
        pages: What it answers.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._traced = TraceMiddleware(self._answer)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request. A WebSocket is refused."""
        if scope["type"] == "http":
            await self._traced(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    async def _answer(self, scope: Message, _: Receive, send: Send) -> None:
        answer = not_allowed()
        if scope["method"] in {"GET", "HEAD"}:
            answer = await asyncio.to_thread(self._pages, _request(scope))
        body = answer.text.encode()
        headers = (
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *answer.headers,
        )
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _request(scope: Message) -> Request:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    raw: Any = scope.get("raw_path") or scope["path"].encode()  # as it was sent: who answers decodes it
    accept = headers.get(b"accept", b"").decode("latin-1")
    return Request(raw.decode("latin-1"), accept, scope["query_string"].decode("latin-1"))
