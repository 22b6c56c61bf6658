"""A WebSocket as uvicorn serves it, with a way for whole frames past ASGI.

Frames of updates are the same for many readers, and go to a transport as they are: through ASGI each would be
a text, encoded and framed anew. What waits for a reader is seen here, as bytes of the transport.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from exchange.services.gateway.stream.closing import Close

WIRE: Final = "exchange.wire"
"""The extension of an ASGI scope that has it."""
_SEND_BUFFER_BYTES: Final = 262_144
_GOODBYE_S: Final = 2.0


class StreamProtocol(WebSocketsSansIOProtocol):
    """One connection, after its upgrade."""

    gone: Callable[[], None] | None = None
    """Gives its place among the connections back."""

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
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """With this way in the scope."""
        self.scope["extensions"][WIRE] = self  # type: ignore[assignment]  # an object, as it is ours alone
        await super().run_asgi()

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
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()

    def shutdown(self) -> None:
        """The server stops: its readers shall connect again."""
        if self._is_open:
            self.end(int(Close.GOING_AWAY), Close.GOING_AWAY.name)
        else:
            super().shutdown()

    @property
    def _is_open(self) -> bool:
        return (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
            and self.conn.state is OPEN
        )
