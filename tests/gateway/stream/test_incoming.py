"""What comes in on a stream: parsed some at a time, counted, and ended where it is too much."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from exchange.client.rest.closing import Close
from exchange.config.settings import Gateway
from exchange.runtime.loop import run
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.server import Connections, http_server
from exchange.services.gateway.stream import wire as stream_wire
from exchange.services.gateway.stream.wire import StreamProtocol

_HANDSHAKE = (
    b"GET /stream/market HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def sent(opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame of a client, whose mask changes nothing."""
    data = bytearray(Frame(opcode, payload, fin).serialize(mask=False))
    data[1] |= 0x80
    head = len(data) - len(payload)
    return bytes(data[:head]) + bytes(4) + payload


class Line(asyncio.Transport):
    """In the place of a socket; its other side reads nothing unless it is let to."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.frames: list[bytes] = []
        self.waiting = 0
        self.is_open = True
        self.reads = True

    def write(self, data: Any) -> None:
        """Keeps it."""
        if data:
            self.frames.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """What nobody has read."""
        return self.waiting

    def close(self) -> None:
        """Closed."""
        self.is_open = False

    abort = close

    def is_closing(self) -> bool:
        """Whether it was."""
        return not self.is_open

    def pause_reading(self) -> None:
        """Nothing is read."""
        self.reads = False

    def resume_reading(self) -> None:
        """Something is."""
        self.reads = True


class Served:
    """A stream whose application hears what it is told to."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.may_hear = asyncio.Event()
        self.may_hear.set()

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            while True:
                await self.may_hear.wait()
                message = await receive()
                self.heard.append(message)
                if message["type"] == "websocket.disconnect":
                    return

        config = http_server(cast(GatewayApp, app), Connections(Gateway())).config
        config.load()
        self.line = Line()
        self.stream = StreamProtocol(config=config, server_state=ServerState(), app_state={})
        self.stream.connection_made(self.line)

    async def open(self) -> None:
        """Shakes hands."""
        self.stream.data_received(_HANDSHAKE)
        await self.turns(5)
        assert self.line.frames.pop().startswith(b"HTTP/1.1 101")

    @staticmethod
    async def turns(count: int) -> None:
        """Of the event loop."""
        for _ in range(count):
            await asyncio.sleep(0)

    @property
    def code(self) -> int | None:
        """With which it was closed."""
        closes = [each for each in self.line.frames if each[0] == 0x88]
        return int.from_bytes(closes[0][2:4], "big") if closes else None

    def closed_by(self, code: Close) -> bool:
        """Whether it was closed with this one."""
        return self.code == code

    @property
    def pongs(self) -> list[bytes]:
        """That were sent."""
        return [each[2:] for each in self.line.frames if each[0] == 0x8A]


def scene(play: Callable[[Served], Coroutine[Any, Any, None]]) -> None:
    """Plays it on an open stream, which ends behind it."""

    async def whole() -> None:
        served = Served()
        await served.open()
        try:
            await play(served)
        finally:
            served.stream.connection_lost(None)
            served.may_hear.set()
            await asyncio.gather(*served.stream.tasks)

    asyncio.run(whole())


def test_parts_that_say_nothing_end_the_stream() -> None:
    """An empty part that is not the last one is none; what comes behind it is not kept."""

    async def play(on: Served) -> None:
        on.stream.data_received(sent(Opcode.TEXT, b"{", fin=False))
        on.stream.data_received(sent(Opcode.CONT, fin=False) * 40_000)
        await on.turns(3)
        assert on.closed_by(Close.MALFORMED)
        assert not on.line.reads  # nor is anything more read
        on.stream.data_received(sent(Opcode.CONT, fin=False) * 40_000)
        assert not on.stream.frames
        assert not on.stream.conn.reader.buffer
        assert not on.stream._unparsed

    scene(play)


@pytest.mark.parametrize(("parts", "code"), [(16, None), (17, Close.MALFORMED)])
def test_message_of_many_parts_ends_the_stream(parts: int, code: Close | None) -> None:
    """Sixteen are a message."""

    async def play(on: Served) -> None:
        frames = [sent(Opcode.CONT, b"x", fin=False) for _ in range(parts)]
        frames[0], frames[-1] = sent(Opcode.TEXT, b"x", fin=False), sent(Opcode.CONT, b"x")
        on.stream.data_received(b"".join(frames))
        await on.turns(5)
        assert on.code == code
        texts = [each["text"] for each in on.heard if "text" in each]
        assert texts == ([] if code else ["x" * parts])

    scene(play)


def test_message_that_does_not_become_whole_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that others follow too late; a message that was whole in time leaves no timer."""
    monkeypatch.setattr(stream_wire, "_MESSAGE_S", 0.05)

    async def play(on: Served) -> None:
        on.stream.data_received(sent(Opcode.TEXT, b"{", fin=False) + sent(Opcode.CONT, b"}"))
        await asyncio.sleep(0.1)
        assert (on.code, on.heard[0]["text"]) == (None, "{}")
        on.stream.data_received(sent(Opcode.TEXT, b"{", fin=False))
        await asyncio.sleep(0.1)
        assert on.code == Close.MALFORMED

    scene(play)


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
def test_frames_that_nobody_hears_have_a_budget(opcode: Opcode) -> None:
    """Two hundred at once are taken; a flood is 4005, and what comes behind it is not read."""

    async def play(on: Served) -> None:
        on.stream.data_received(sent(opcode, b"x") * 200)
        await on.turns(3)
        assert on.code is None
        on.stream.data_received(sent(opcode, b"x") * 40_000)
        await on.turns(3)
        assert on.closed_by(Close.RATE_LIMITED)
        assert not on.line.reads
        assert not on.stream._unparsed

    scene(play)


def test_ping_is_answered_once_a_beat_with_the_last_one() -> None:
    """One at once, what came meanwhile by one a beat later; none while much waits for its reader."""

    async def play(on: Served) -> None:
        on.stream.data_received(sent(Opcode.PING, b"1"))
        assert on.pongs == [b"1"]
        for at in b"23456":
            on.stream.data_received(sent(Opcode.PING, bytes((at,))))
        assert on.pongs == [b"1"]
        await asyncio.sleep(0.15)
        assert on.pongs == [b"1", b"6"]
        await asyncio.sleep(0.15)
        on.line.waiting = 1 << 20
        on.stream.data_received(sent(Opcode.PING, b"7"))
        await asyncio.sleep(0.15)
        assert on.pongs == [b"1", b"6"]
        on.line.waiting = 0
        await asyncio.sleep(0.15)
        assert on.pongs == [b"1", b"6", b"7"]

    scene(play)


def test_requests_are_parsed_as_they_are_heard() -> None:
    """Of a read with thousands of them only some are at hand, and none is lost or out of its order."""
    wanted = [str(at) for at in range(5_000)]

    async def play(on: Served) -> None:
        on.may_hear.clear()
        on.stream.data_received(b"".join(sent(Opcode.TEXT, each.encode()) for each in wanted))
        await on.turns(50)
        assert on.stream.queue.qsize() < 400
        assert not on.line.reads
        on.may_hear.set()
        await on.turns(10_000)
        assert [each["text"] for each in on.heard] == wanted
        await on.turns(3)
        assert on.line.reads

    scene(play)


def test_text_that_is_no_utf8_is_1007_and_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Anybody could fill the log by it."""

    async def play(on: Served) -> None:
        on.stream.data_received(sent(Opcode.TEXT, b"\xff\xfe"))
        await on.turns(3)
        assert on.code == 1007

    with caplog.at_level(logging.WARNING):
        scene(play)
    assert not caplog.records


def test_close_of_theirs_is_answered_behind_what_they_sent() -> None:
    """A request, a ping and a close in one read: heard, and the close echoed."""

    async def play(on: Served) -> None:
        said = sent(Opcode.TEXT, b"{}") + sent(Opcode.PING, b"1") + sent(Opcode.CLOSE, b"\x03\xe8")
        on.stream.data_received(said)
        await on.turns(5)
        assert [each["type"] for each in on.heard] == ["websocket.receive", "websocket.disconnect"]
        assert (on.code, on.line.is_open) == (Close.NORMAL, False)

    scene(play)


def test_handshake_that_is_read_as_none_the_second_time_is_an_end() -> None:
    """A POST is an upgrade for httptools, and none for websockets: nobody waits for it for ever."""

    async def whole() -> None:
        on = Served()
        on.stream.data_received(_HANDSHAKE.replace(b"GET", b"POST"))
        assert not on.line.is_open
        on.stream.connection_lost(None)

    asyncio.run(whole())


def _rss() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1_024


@pytest.mark.parametrize("what", ["parts", "pings"])
def test_flood_of_one_socket_leaves_others_their_answers_and_the_memory(what: str) -> None:
    """A GET beside it is answered within a second, and what was sent is kept nowhere."""
    opcode, first = (Opcode.CONT, sent(Opcode.TEXT, fin=False)) if what == "parts" else (Opcode.PING, b"")
    flood = sent(opcode, fin=opcode is Opcode.PING) * 40_000

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    def flooding(port: int, end_s: float) -> int:
        total = 0
        while time.monotonic() < end_s:
            with socket.create_connection(("127.0.0.1", port), 10) as line, contextlib.suppress(OSError):
                line.sendall(_HANDSHAKE)
                line.recv(4_096)
                line.sendall(first)
                line.settimeout(0.2)  # who is heard no more begins anew
                while time.monotonic() < end_s:
                    total += line.send(flood)
        return total

    async def whole() -> None:
        serving = http_server(cast(GatewayApp, app), Connections(Gateway()))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            running = asyncio.create_task(serving.serve(sockets=[listener]))
            async with httpx.AsyncClient(timeout=30) as client:
                await client.get(f"http://127.0.0.1:{port}/")
                before, end_s, waits = _rss(), time.monotonic() + 3.0, list[float]()
                sender = asyncio.create_task(asyncio.to_thread(flooding, port, end_s))
                while not sender.done():
                    began = time.monotonic()
                    await client.get(f"http://127.0.0.1:{port}/")
                    waits.append(time.monotonic() - began)
                    await asyncio.sleep(0.02)
                total, grown = await sender, _rss() - before
            serving.should_exit = True
            await running
        assert total > 2_000_000
        assert max(waits) < 1.5
        assert grown < 16_000_000

    run(whole())
