"""A request's body and its answer as they are, past the messages of ASGI.

Each message of ASGI is a coroutine, and one of an answer a pass over every header by two expressions, and a
write to the socket of its own. A body has nearly always come with its head, and the application has its
answers whole, so under this server they are handed over as they are; under another one, and in tests without
a server, they go as ASGI has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

ANSWER: Final = "exchange.answer"
"""The extension of an ASGI scope that takes an answer: `await take(status, headers, body)`."""

BODY: Final = "exchange.body"
"""The one that has the body, where all of it has come: `whole()` is that, or None."""

Headers = Sequence[tuple[bytes, bytes]]
Takes = Callable[[int, Headers, bytes], Awaitable[None]]
Whole = Callable[[], bytes | None]
_CLOSE: Final = (b"connection", b"close")


def has_body(cycle: RequestResponseCycle) -> Whole:
    """What has the body of one request.

    Args:
        cycle: The request, as uvicorn has it.
    """

    def whole() -> bytes | None:
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        return bytes(cycle.body)

    return whole


def takes_answer(cycle: RequestResponseCycle, leave: Callable[[], None]) -> Takes:
    """What takes the answer of one request; `content-length` is among its headers.

    Args:
        cycle: The request, as uvicorn has it.
        leave: Ends a connection whose other side still sends.
    """

    async def take(status: int, headers: Headers, body: bytes) -> None:
        # The scope has this, which has the request, which has the scope: what is no ring needs no collection.
        del cycle.scope["extensions"]
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected or cycle.transport.is_closing():
            cycle.disconnected = True  # uvicorn says so of the last request alone, not of those before it
            return
        if not cycle.keep_alive and _CLOSE not in headers:
            headers = (*headers, _CLOSE)
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2:
            raise ValueError("a header of the answer has a line of its own")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.keep_alive = cycle.keep_alive and _CLOSE not in headers
        cycle.transport.write(head if cycle.scope["method"] == "HEAD" else head + body)
        cycle.message_event.set()
        if not cycle.keep_alive:
            (leave if cycle.more_body else cycle.transport.close)()
        cycle.on_response()

    return take
