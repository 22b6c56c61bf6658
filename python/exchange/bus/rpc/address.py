"""Where a server listens and how one gets in: what a connection to it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import zmq

from exchange.bus.curve import KeyPair, connect_with
from exchange.bus.endpoints import check_reach
from exchange.bus.monitor import monitor
from exchange.bus.options import SocketOptions, configure
from exchange.errors import SecurityError, TransportError

_WATCHED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED


@dataclass(frozen=True, slots=True)
class Address:
    """A server, as its clients reach it.

    Args:
        context: The ZeroMQ context.
        endpoint: Where it listens, by `ipc` or TCP; within a process there is `LocalChannel`.
        keys: This client's keys, for a CURVE server.
        server_public: The server's public key, with `keys`.
        options: Of the sockets.

    Raises:
        SecurityError: An endpoint where others may listen, without keys.
        TransportError: An `inproc` endpoint.
    """

    context: zmq.Context[zmq.Socket[bytes]]
    endpoint: str
    keys: KeyPair | None = None
    server_public: str | None = None
    options: SocketOptions = field(default_factory=SocketOptions)

    def __post_init__(self) -> None:
        if (self.keys is None) != (self.server_public is None):
            raise SecurityError("a client's keys and its server's public key come together or not at all")
        check_reach(self.endpoint, protected=self.keys is not None)
        if self.endpoint.startswith("inproc://"):
            raise TransportError(f"{self.endpoint} tells of no connection: expected ipc:// or tcp://")

    def connect(self) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        """A new DEALER, which connects as soon as there is a server, and what tells of its connection."""
        socket: zmq.Socket[bytes] = self.context.socket(zmq.DEALER)
        configure(socket, replace(self.options, immediate=False))
        if self.keys is not None and self.server_public is not None:
            connect_with(socket, self.keys, self.server_public)
        events = monitor(self.context, socket, _WATCHED)
        socket.connect(self.endpoint)
        return socket, events
