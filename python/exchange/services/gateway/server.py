"""The HTTP server: uvicorn over httptools, with bounds on what a connection may cost before it asks anything.

A connection that is open and says nothing, says its request too slowly, has too large a head or trailers, is
no HTTP, or asks for much before it has read an answer is ended; so is one too many, of all or of one address.
None of these reaches the application.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from exchange.config.settings import Gateway
from exchange.errors import GatewayFault
from exchange.observability.correlation import new_correlation_id
from exchange.services.gateway.answers import ANSWER, BODY, has_body, takes_answer
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.wire import StreamProtocol

_HEAD_BYTES_MAX: Final = 16_384
_PIPELINED_MAX: Final = 16
_UNREAD_BYTES_MAX: Final = 2**24
_LEAVE_S: Final = 10.0
_IDLE_S: Final = 75
_DRAIN_S: Final = 5
_BACKLOG: Final = 1_024
FRAME_BYTES_MAX: Final = 65_536
"""Of a WebSocket, as a program sends it."""


class Connections:
    """Who is connected.

    Args:
        settings: How many may be.
    """

    def __init__(self, settings: Gateway) -> None:
        self._most = settings.connections_max
        self._most_of_one = settings.connections_per_ip_max
        self.timeout_s = settings.request_timeout_ms / 1_000
        self._of: Counter[str] = Counter()
        self.count = 0
        self.turned_away = 0

    def enter(self, address: str) -> bool:
        """One more; whether there is room for it."""
        if self.count >= self._most or self._of[address] >= self._most_of_one:
            self.turned_away += 1
            return False
        self.count += 1
        self._of[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One less."""
        self.count -= 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]


class _Bounded(Config):
    """Settings of a server, with the bounds of its connections."""

    bounds: Connections


class BoundedProtocol(HttpToolsProtocol):
    """One connection. From its first byte, or from being made, a request has so long to be whole.

    One timer looks after it, which sets itself anew when it is early: one for each request, and one for each
    pause between two, cost more than all else that is done for a request here.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: Connections = args[0].bounds if args else kwargs["config"].bounds
        self._address: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0  # when the request has to be whole; 0: none is under way
        self._idle_s = 0.0  # when it is closed as nothing more was asked; 0: something is
        self._said_something = False
        self._loose_bytes = 0  # since the parser last had something whole: of a head, a chunk's, of trailers
        self._read_bytes = 0  # the same, with all of the read that is parsed now
        self._unread_bytes = 0  # of a body that was answered already
        self._is_leaving = False
        self._wrong = GatewayFault.MALFORMED_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._connections.enter(address):
            transport.abort()
            return
        self._address = address
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._due_s = 0.0
        if self._timer is not None:
            self._timer.cancel()
        if self._address is not None:
            self._connections.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """They sent something."""
        self._said_something = True
        if self._is_leaving:
            self._let_go(data)
            return
        if self._loose_bytes > _HEAD_BYTES_MAX:  # it does not end
            self._wrong = GatewayFault.HEAD_TOO_LARGE
            self.send_400_response("")
            return
        self._loose_bytes += len(data)
        self._read_bytes = self._loose_bytes
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._unread_bytes, self._idle_s = 0, 0.0
        if not self._due_s:
            self._begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        if self._read_bytes > _HEAD_BYTES_MAX:
            head = (len(self.url), *(len(name) + len(value) + 4 for name, value in self.headers))
            if sum(head) > _HEAD_BYTES_MAX:
                self._wrong = GatewayFault.HEAD_TOO_LARGE
                raise _NotTaken
        if len(self.pipeline) >= _PIPELINED_MAX:
            raise _NotTaken
        self._loose_bytes = 0
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # else it goes on as a stream
            take = takes_answer(self.cycle, self._leave)
            ours: dict[str, Any] = {ANSWER: take, BODY: has_body(self.cycle)}
            self.scope["extensions"] = ours

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._loose_bytes = 0
        if self.cycle.response_complete:
            self._let_go(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._due_s = 0.0
        self._loose_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered. As uvicorn has it, but for the timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._due_s:
            self._idle_s = self.loop.time() + _IDLE_S

    def send_400_response(self, msg: str) -> None:
        """What is no request is told so in the one form of errors, and ended."""
        if self.pipeline:  # whose answer it would be nobody could tell
            self.transport.abort()
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:  # what is wrong is its body
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer_of(self._wrong))
        self._leave()

    def _leave(self) -> None:
        """Ends it. A close would take the answer from who is sending yet, so what comes is let go a while."""
        self._is_leaving, self._due_s = True, 0.0
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(_LEAVE_S, self.transport.abort)
        self.flow.resume_reading()
        self.transport.write_eof()

    def _let_go(self, data: bytes) -> None:
        self._unread_bytes += len(data)
        if self._unread_bytes > _UNREAD_BYTES_MAX:
            self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """It goes on as a stream, in the same place among the connections."""
        if self._timer is not None:
            self._timer.cancel()
        super().handle_websocket_upgrade()
        stream, address = self.transport.get_protocol(), self._address
        if isinstance(stream, StreamProtocol) and address is not None:
            stream.gone = lambda: self._connections.leave(address)
            self._address = None

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and cycle.response_started and not cycle.response_complete

    def _begin(self) -> None:
        self._due_s = self.loop.time() + self._connections.timeout_s
        if self._timer is None:
            self._timer = self.loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        now_s = self.loop.time()
        due_s = self._due_s or self._idle_s or now_s + self._connections.timeout_s
        if now_s < due_s:
            # No later than a request that begins now has to be whole.
            self._timer = self.loop.call_at(min(due_s, now_s + self._connections.timeout_s), self._look)
            return
        if self._due_s and self._said_something and not self._is_answering():
            self.transport.write(_answer_of(GatewayFault.REQUEST_TOO_SLOW))
        self._timer, self._due_s, self._idle_s = None, 0.0, 0.0
        self.transport.close()


class _NotTaken(Exception):
    """Ends the parsing of what came."""


def _answer_of(fault: GatewayFault) -> bytes:
    """What is answered before there is a request."""
    refusal = Refusal(fault)
    body = msgspec.json.encode(refusal.problem(new_correlation_id()))
    said = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    return b"".join((STATUS_LINE[refusal.http_status], said, body))


class _Served(Server):
    """A server whose process has its own handling of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are."""
        yield


def http_server(app: GatewayApp, connections: Connections) -> Server:
    """A server of the application; `serve(sockets=...)` runs it until `should_exit` is set, then drains."""
    # Whoever sends what is no HTTP would write a line each time.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = _Bounded(
        app,
        http=BoundedProtocol,
        ws=StreamProtocol,
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    config.bounds = connections
    return _Served(config)
