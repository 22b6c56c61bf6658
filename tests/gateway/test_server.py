"""The timer of a connection, on a clock of the test's: what is slow or silent ends, and nothing else does."""

from __future__ import annotations

import asyncio
import gc
import heapq
from collections.abc import Callable
from typing import Any, cast

import pytest
from uvicorn.server import ServerState

from exchange.config.settings import Gateway
from exchange.services.gateway.answers import ANSWER, BODY
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.server import BoundedProtocol, Connections, http_server

_ASKED = b"GET /v1/time HTTP/1.1\r\nhost: x\r\n\r\n"
_UPGRADE = (
    b"GET /stream/market HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Clock:
    """An event loop whose time the test lets pass; its tasks are the real one's."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._real = asyncio.get_running_loop()
        self.create_task = self._real.create_task

    def time(self) -> float:
        """Now."""
        return self._now

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        """Call back then."""
        handle = asyncio.TimerHandle(when, callback, args, self._real)
        heapq.heappush(self._timers, (when, len(self._timers), handle))
        return handle

    @property
    def timers(self) -> int:
        """How many are set."""
        return sum(not handle.cancelled() for _, _, handle in self._timers)

    def advance(self, seconds: float) -> None:
        """So much time passes."""
        until = self._now + seconds
        while self._timers and self._timers[0][0] <= until:
            self._now, _, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                handle._run()
        self._now = until


class Wire(asyncio.Transport):
    """In the place of a socket."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.is_open = True
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        """Keeps it."""
        self.written += bytes(data)

    def close(self) -> None:
        """Closed."""
        self.is_open = False

    abort = close

    def is_closing(self) -> bool:
        """Whether it was."""
        return not self.is_open

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another one has it."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who has it."""
        return cast(asyncio.BaseProtocol, self.protocol)

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is."""


class Open:
    """A connection to a server of one slow answer, with its clock.

    Args:
        past_asgi: It answers as the gateway does, past the messages of ASGI.
    """

    def __init__(self, *, past_asgi: bool = False) -> None:
        self.clock, self.wire = Clock(), Wire()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

        async def app(scope: Any, _receive: Any, send: Any) -> None:
            await self.may_answer.wait()
            headers = [(b"content-length", b"2")]
            if past_asgi:
                assert scope["extensions"][BODY]() == b""
                await scope["extensions"][ANSWER](200, headers, b"ok")
                return
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})

        config = http_server(cast(GatewayApp, app), Connections(Gateway(request_timeout_ms=10_000))).config
        config.load()
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.protocol = BoundedProtocol(config=config, server_state=ServerState(), app_state={}, _loop=loop)
        self.wire.protocol = self.protocol
        self.protocol.connection_made(self.wire)

    async def ask(self, content: bytes = _ASKED) -> bytes:
        """What is written when this came and all that can be done is done."""
        self.wire.written = b""
        self.wire.protocol.data_received(content)
        for _ in range(5):
            await asyncio.sleep(0)
        return self.wire.written


def test_connection_that_asks_nothing_more_is_closed_after_its_pause() -> None:
    """75 s after the last answer, and not before; each answer begins the pause anew."""

    async def scene() -> None:
        on = Open()
        assert (await on.ask()).startswith(b"HTTP/1.1 200")
        on.clock.advance(60)
        assert (await on.ask()).startswith(b"HTTP/1.1 200")
        on.clock.advance(74.9)
        was_open = on.wire.is_open
        on.clock.advance(0.2)
        assert (was_open, on.wire.is_open, on.clock.timers) == (True, False, 0)
        assert b"408" not in on.wire.written

    asyncio.run(scene())


@pytest.mark.parametrize("pause_s", [0.0, 7.0, 33.3, 74.0])
def test_request_that_is_not_whole_in_time_is_ended_whenever_it_begins(pause_s: float) -> None:
    """10 s after its first byte, however long nothing was asked before."""

    async def scene() -> None:
        on = Open()
        assert (await on.ask()).startswith(b"HTTP/1.1 200")
        on.clock.advance(pause_s)
        assert await on.ask(_ASKED[:20]) == b""
        on.clock.advance(9.9)
        was_open = on.wire.is_open
        on.clock.advance(0.2)
        assert (was_open, on.wire.is_open) == (True, False)
        assert on.wire.written.startswith(b"HTTP/1.1 408")

    asyncio.run(scene())


def test_request_that_is_answered_late_is_answered() -> None:
    """Whoever waits for the exchange is not slow, and neither is one that asks the next one meanwhile."""

    async def scene() -> None:
        on = Open()
        on.may_answer.clear()
        assert await on.ask(_ASKED + _ASKED) == b""
        on.clock.advance(600)
        assert on.wire.is_open
        on.may_answer.set()
        assert (await on.ask(b"")).count(b"HTTP/1.1 200") == 2

    asyncio.run(scene())


def test_connection_has_one_timer_however_much_it_asks() -> None:
    """Requests do not leave timers behind."""

    async def scene() -> None:
        on = Open()
        for _ in range(200):
            assert (await on.ask()).startswith(b"HTTP/1.1 200")
            assert on.clock.timers == 1

    asyncio.run(scene())


def test_connection_that_becomes_a_stream_has_no_timer() -> None:
    """From then on the stream looks after itself."""

    async def scene() -> None:
        on = Open()
        on.may_answer.clear()
        await on.ask(_UPGRADE)
        assert on.wire.protocol is not on.protocol
        assert on.clock.timers == 0

    asyncio.run(scene())


def test_request_that_is_answered_leaves_nothing_to_collect() -> None:
    """What a request had goes with it: rings of objects would have the gateway stand still to be found."""
    asked = 100

    async def scene() -> int:
        on = Open(past_asgi=True)
        assert (await on.ask()).startswith(b"HTTP/1.1 200")
        gc.collect()
        for _ in range(asked):
            assert (await on.ask()).endswith(b"\r\n\r\nok")
        return gc.collect()

    gc.disable()
    try:
        left = asyncio.run(scene())
    finally:
        gc.enable()
    assert left < asked
