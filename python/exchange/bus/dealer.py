"""The client's end of an order socket: one DEALER, frames in and out, nothing waits.

A connection that broke is seen at once, from the socket's monitor. Opening again makes a new socket, so that
nothing which was queued for the old connection arrives on the new one before the session has logged on.
Of several endpoints each opening takes the next one, and where nobody listens the connection is broken; with
a single one the socket itself tries again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import zmq

from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair, connect_with
from exchange.bus.endpoints import check_reach
from exchange.bus.monitor import event_of, monitor
from exchange.bus.options import SocketOptions, configure, options_to
from exchange.errors import ConfigError

# As numbers: with a member of an enum each costs a new member.
_NOBLOCK, _POLLIN = int(zmq.NOBLOCK), int(zmq.POLLIN)
_FRAME_BYTES_MAX: Final = 1 << 20
_RECORD_BYTES_MAX: Final = 16 << 20
_WATCHED: Final = (
    zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
)

OPTIONS: Final = SocketOptions(
    message_bytes_max=_FRAME_BYTES_MAX, queue_messages_max=10_000, reconnect_interval_ms_max=250
)
JOURNAL_OPTIONS: Final = SocketOptions(
    message_bytes_max=_RECORD_BYTES_MAX, queue_messages_max=10_000, reconnect_interval_ms_max=100
)
"""Of who is sent records of the journal; answers may wait for it, so it does not stay away for long."""


def check_both(keys: KeyPair | None, server_key: str | None) -> None:
    """A client's keys and the exchange's public key come together, or not at all.

    Raises:
        ConfigError: One is missing.
    """
    if (keys is None) != (server_key is None):
        raise ConfigError("CURVE needs both: keys, this client's pair, and server_key, the core's public key")


class Dealer:
    """One connection to a core; `opened` counts them. Owns its sockets; used by one thread at a time.

    Args:
        endpoint: `ipc://...` or `tcp://host:port`, or several of them, to be taken in turn.
        keys: This client's key pair; None without CURVE.
        server_key: The public key of the core, 40 characters of Z85; needed with `keys`.
        options: Of the socket.
        realtime_priority: Of the thread that moves the bytes, by SCHED_FIFO; 0: none.

    Raises:
        ConfigError: Only one of the two keys is given, or no endpoint.
        SecurityError: `server_key` is no key, or others can reach the endpoint and there are no keys.
    """

    def __init__(
        self,
        endpoint: str | Sequence[str],
        keys: KeyPair | None = None,
        server_key: str | None = None,
        options: SocketOptions = OPTIONS,
        realtime_priority: int = 0,
    ) -> None:
        check_both(keys, server_key)
        self._endpoints = (endpoint,) if isinstance(endpoint, str) else tuple(endpoint)
        if not self._endpoints:
            raise ConfigError("a client needs an endpoint to connect to")
        for each in self._endpoints:
            check_reach(each, protected=keys is not None)
        self._watched = _WATCHED | (zmq.Event.CONNECT_RETRIED if len(self._endpoints) > 1 else 0)
        self._keys = keys
        self._server_key = server_key
        self._options = options
        self._context = new_context(realtime_priority)
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._filenos: tuple[int, ...] = ()
        self._broken = False
        self._refused = False
        self.opened = 0

    def open(self) -> None:
        """Connect, anew where it was connected before. The connection stands when the core is there.

        Raises:
            ConfigError: The endpoint is none.
        """
        self._drop()
        endpoint = self._endpoints[self.opened % len(self._endpoints)]
        self.opened += 1
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket = socket
        configure(socket, options_to(endpoint, self._options))
        if self._keys is not None and self._server_key is not None:
            connect_with(socket, self._keys, self._server_key)
        self._monitor = monitor(self._context, socket, self._watched)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            self._drop()
            raise ConfigError(f"{endpoint!r} is no endpoint to connect to: {error}") from None
        self._filenos = tuple(int(each.getsockopt(zmq.FD)) for each in (socket, self._monitor))

    def filenos(self) -> tuple[int, ...]:
        """Descriptors that become readable when `receive` may have something; call it until it has not."""
        return self._filenos

    def send(self, frame: bytes) -> bool:
        """Send one frame, or say that no connection stands yet or its queue is full."""
        if self._socket is None:
            return False
        try:
            self._socket.send(frame, _NOBLOCK)
        except zmq.Again:
            return False
        return True

    @property
    def readable(self) -> bool:
        """Whether a frame is there. Sending may use up what a descriptor has to tell: look here after it."""
        return self._socket is not None and _has_message(self._socket)

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """The frames that are there, at most so many. A message of several parts is dropped."""
        frames: list[bytes] = []
        socket = self._socket
        if socket is None:
            return frames
        while len(frames) < frames_max:
            try:
                frame = socket.recv(_NOBLOCK)
            except zmq.Again:
                break
            if socket.getsockopt(zmq.RCVMORE):
                socket.recv_multipart()
            else:
                frames.append(frame)
            # Mostly there is one frame: to be told by an exception that there is no other costs more than it.
            if len(frames) == 1 and not _has_message(socket):
                break
        if not frames:
            self._watch()
        return frames

    @property
    def broken(self) -> bool:
        """Whether the connection that stood since `open` has broken; as of the last `receive`."""
        return self._broken

    @property
    def refused(self) -> bool:
        """Whether the core does not take our keys; as of the last `receive`."""
        return self._refused

    def close(self) -> None:
        """Close for good; what was sent just before gets a moment to leave."""
        if self._socket is not None:
            self._socket.setsockopt(zmq.LINGER, 100)
        self._drop()
        self._context.destroy(linger=100)

    def _watch(self) -> None:
        # Looked at first, as it nearly never has anything, and to be told so by an exception costs more.
        while self._monitor is not None and _has_message(self._monitor):
            event = event_of(self._monitor.recv_multipart(zmq.NOBLOCK))
            self._refused = self._refused or event == zmq.Event.HANDSHAKE_FAILED_AUTH
            self._broken = self._broken or event != zmq.Event.HANDSHAKE_SUCCEEDED

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close()
        if self._monitor is not None and not self._monitor.closed:
            self._monitor.close()
        self._socket = self._monitor = None
        self._filenos = ()
        self._broken = self._refused = False


def _has_message(socket: zmq.Socket[bytes]) -> bool:
    events = socket.getsockopt(zmq.EVENTS)
    return isinstance(events, int) and bool(events & _POLLIN)
