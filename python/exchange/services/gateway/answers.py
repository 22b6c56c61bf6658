"""An answer as one write: its head and its body, past the two messages of ASGI.

Each message of ASGI is a coroutine, a pass over every header by two expressions, and a write to the socket of
its own. The application has its answers whole, so under this server they go out as they are; under another
one, and in tests without a server, they go as ASGI has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

ANSWER: Final = "exchange.answer"
"""The extension of an ASGI scope that takes an answer: `await take(status, headers, body)`."""

Headers = Sequence[tuple[bytes, bytes]]
Takes = Callable[[int, Headers, bytes], Awaitable[None]]
_CLOSE: Final = (b"connection", b"close")


def takes_answer(cycle: RequestResponseCycle, leave: Callable[[], None]) -> Takes:
    """What takes the answer of one request; `content-length` is among its headers.

    Args:
        cycle: The request, as uvicorn has it.
        leave: Ends a connection whose other side still sends.
    """

    async def take(status: int, headers: Headers, body: bytes) -> None:
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if not cycle.keep_alive and _CLOSE not in headers:
            headers = (*headers, _CLOSE)
        head = b"".join((STATUS_LINE[status], *(b"%b: %b\r\n" % each for each in headers), b"\r\n"))
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
