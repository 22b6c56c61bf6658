"""A WebSocket as uvicorn serves it, with a way for whole frames past ASGI.

Frames of updates are the same for many readers, and go to a transport as they are: through ASGI each would be
a text, encoded and framed anew. What waits for a reader is seen here, as bytes of the transport.

What comes in is parsed some at a time, so that others have their turn, and no further while a request waits
to be heard. Requests are paid from the budgets of those who ask; pings, pongs and parts of messages have one
here, as nobody hears of them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN

from exchange.client.rest.closing import Close

WIRE: Final = "exchange.wire"
"""The extension of an ASGI scope that has it."""
_SEND_BUFFER_BYTES: Final = 262_144
_GOODBYE_S: Final = 2.0
_TURN_BYTES: Final = 2_048
"""Parsed at once: 341 of the smallest frames."""
_PARTS_MAX: Final = 16
_MESSAGE_S: Final = 5.0
"""How long the parts of one message may take."""
_UNHEARD_PER_S: Final = 100
_UNHEARD_BURST: Final = 200
_PONG_S: Final = 0.1
_PONG_BYTES_MAX: Final = 65_536
"""With more than that waiting for its reader a pong waits, too."""
_PONG: Final = bytes((0x80 | Opcode.PONG,))


class StreamProtocol(WebSocketsSansIOProtocol):
    """One connection, after its upgrade."""

    gone: Callable[[], None] | None = None
    """Gives its place among the connections back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unparsed = bytearray()
        self._turn: asyncio.Handle | None = None
        self._is_deaf = False  # what it was sent was too much: the rest is not even read
        self._parts = 0
        self._whole_by: asyncio.TimerHandle | None = None
        self._unheard_due_s = 0.0  # when the budget of frames that nobody hears of is full again
        self._pong = b""
        self._pong_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The kernel holds no more for a reader than that: what waits is counted here."""
        super().connection_made(transport)
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        gone, self.gone = self.gone, None
        if gone is not None:
            gone()
        self._is_deaf = True
        self._unparsed.clear()
        for timer in (self._turn, self._whole_by, self._pong_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """They sent something: the handshake, which httptools has seen already, or frames."""
        if not self.handshake_initiated:
            super().data_received(data)
            if self.conn.handshake_exc is not None:  # no handshake for those who read it a second time
                self.transport.write(b"".join(self.conn.data_to_send()))
                self._leave()
            return
        if self._is_deaf:
            return
        self._unparsed += data
        if self._turn is None and self._is_heard:
            self._parse_some()
        else:
            self._pause()

    def handle_events(self) -> None:
        """What was parsed. Nothing of it counts where one frame is too much."""
        self._keep_pong()
        if all(self._may_send(each) for each in self.conn.events if isinstance(each, Frame)):
            super().handle_events()
        else:
            self.conn.events_received()

    def handle_ping(self) -> None:
        """Only the last of many pings has to be answered (RFC 6455, 5.5.3)."""
        if self._pong_timer is None:
            self._answer_ping()

    def handle_close(self, event: Frame) -> None:
        """They close it."""
        super().handle_close(event)
        self._leave()

    def handle_parser_exception(self) -> None:
        """What they sent is no frame."""
        self._keep_pong()
        if not self.transport.is_closing():
            super().handle_parser_exception()
            self._leave()

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        data, self.frames = b"".join(self.frames), []
        if self._whole_by is not None:
            self._whole_by.cancel()
            self._whole_by = None
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._refuse(CloseCode.INVALID_DATA, "no UTF-8")
        else:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    async def receive(self) -> Any:
        """What the application is told. What else they sent is parsed once it has heard all until here."""
        message = await self.queue.get()
        if self.queue.empty() and self._turn is None and not self._is_deaf:
            if self._unparsed:
                self._turn = self.loop.call_soon(self._parse_some)
            else:
                self._resume()
        return message

    async def run_asgi(self) -> None:
        """With this way in the scope."""
        self.scope["extensions"][WIRE] = self  # type: ignore[assignment]  # an object, as it is ours alone
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """What the application answers. A handshake that was refused is an end, and no line in the log."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    @property
    def buffered(self) -> int:
        """Bytes that wait for the other side to read."""
        return 0 if self.disconnected else self.transport.get_write_buffer_size()

    def write(self, frame: bytes) -> None:
        """One frame; nothing waits. One that is closed lets it go."""
        if self._is_open:
            self.transport.write(frame)

    def end(self, code: int, reason: str) -> None:
        """Close it. Who does not take that is cut off soon."""
        if self._is_open:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.stop_keepalive()
            self.close_timer = self.loop.call_later(_GOODBYE_S, self.transport.abort)
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            if self._unparsed and self._turn is None:  # what they answer is behind it
                self._turn = self.loop.call_soon(self._parse_some)
            elif not self._unparsed:
                self._resume()

    def shutdown(self) -> None:
        """The server stops: its readers shall connect again."""
        if self._is_open:
            self.end(int(Close.GOING_AWAY), Close.GOING_AWAY.name)
        else:
            super().shutdown()

    def _parse_some(self) -> None:
        self._turn = None
        if self._is_deaf or self.transport.is_closing():
            self._unparsed.clear()
            return
        some = bytes(self._unparsed[:_TURN_BYTES])
        del self._unparsed[:_TURN_BYTES]
        super().data_received(some)
        if self._unparsed or not self._is_heard:
            self._pause()
        else:
            self._resume()
        if self._unparsed and self._is_heard:
            self._turn = self.loop.call_soon(self._parse_some)

    @property
    def _is_heard(self) -> bool:
        """Whether the application has all messages; after the end it takes none."""
        return self.close_sent or self.queue.empty()

    def _pause(self) -> None:
        if not self.read_paused and not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self.read_paused and not self._is_deaf and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    def _may_send(self, frame: Frame) -> bool:
        """Whether a frame is taken; else the connection has ended."""
        begins = frame.opcode in (Opcode.TEXT, Opcode.BINARY)
        if frame.opcode is Opcode.CLOSE or (begins and frame.fin and not self.close_sent):
            return True
        now_s = self.loop.time()
        self._unheard_due_s = max(self._unheard_due_s, now_s) + 1 / _UNHEARD_PER_S
        if self._unheard_due_s - now_s > _UNHEARD_BURST / _UNHEARD_PER_S:
            self._refuse(Close.RATE_LIMITED, Close.RATE_LIMITED.name)
            return False
        if frame.fin or frame.opcode in (Opcode.PING, Opcode.PONG):
            return True
        self._parts = 1 if begins else self._parts + 1
        if begins:
            self._whole_by = self.loop.call_later(_MESSAGE_S, self._not_whole)
        if not frame.data or self._parts >= _PARTS_MAX:
            self._not_whole()
            return False
        return True

    def _not_whole(self) -> None:
        self._refuse(Close.MALFORMED, Close.MALFORMED.name)

    def _refuse(self, code: int, reason: str) -> None:
        """Close it, and read nothing more."""
        self.end(int(code), reason)
        self._is_deaf = True
        self._unparsed.clear()
        self.frames = []
        self._pause()

    def _leave(self) -> None:
        """Cut off who does not read what waits for them before the end."""
        if self.close_timer is None and not self.disconnected:
            self.close_timer = self.loop.call_later(_GOODBYE_S, self.transport.abort)
        self.transport.close()

    def _keep_pong(self) -> None:
        """Of the pongs that the parser made only the last one is kept."""
        for made in self.conn.data_to_send():
            if made.startswith(_PONG):
                self._pong = made
            else:
                self.conn.writes.append(made)

    def _answer_ping(self) -> None:
        """One pong a beat at most, and none while much waits."""
        self._pong_timer = None
        if not self._pong or not self._is_open:
            return
        if self.buffered <= _PONG_BYTES_MAX:
            self.write(self._pong)
            self._pong = b""
        self._pong_timer = self.loop.call_later(_PONG_S, self._answer_ping)

    @property
    def _is_open(self) -> bool:
        return (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
            and self.conn.state is OPEN
        )
