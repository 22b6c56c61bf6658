"""The way to a service for those who have no event loop: whoever asks sends, waits and reads by itself.

No other thread has to be woken for it, which is what most of a short call's time goes into.
"""

from __future__ import annotations

import os
import select
import threading
import time
from itertools import count
from typing import Final

import zmq

from exchange.bus.curve import KeyPair
from exchange.bus.monitor import event_of
from exchange.bus.options import SocketOptions
from exchange.bus.rpc.address import Address
from exchange.bus.rpc.calls import NS_A_MS, Call, Reply
from exchange.bus.rpc.wire import answer_of, check_payload, frame_of, reply_of
from exchange.errors import DeadlineExceeded, RpcStatus, ServiceUnavailableError, WireError
from exchange.schema.bus_frames import CancelFrame, ReplyFrame, encode_frame

# As plain numbers: the enumerations' own arithmetic takes longer than asking libzmq.
_POLLIN, _NOBLOCK = int(zmq.POLLIN), int(zmq.NOBLOCK)
_IDLE_MAX: Final = 8
"""Connections that are kept while nobody asks."""


class BlockingChannel:
    """Unary calls over connections that are made again whenever they break. Any thread may use it.

    Each call under way has a connection to itself, so that no thread reads what another waits for; those
    that are free are used again. As over `SocketChannel` a call is sent only while its connection stands, and
    fails at once when that breaks: whether the service acted on it is then unknown.

    Args:
        context: The ZeroMQ context.
        endpoint: Where the server listens, by `ipc` or TCP.
        keys: This client's keys, for a CURVE server.
        server_public: The server's public key, with `keys`.
        options: Of the sockets.

    Raises:
        SecurityError: An endpoint where others may listen, without keys.
        TransportError: An `inproc` endpoint.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        keys: KeyPair | None = None,
        server_public: str | None = None,
        options: SocketOptions | None = None,
    ) -> None:
        self._address = Address(context, endpoint, keys, server_public, options or SocketOptions())
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._free: list[_Connection] = []
        self._under_way = 0
        self._closed = False
        self._over = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # readable from `close` on
        self._ended = threading.Condition(self._lock)

    def ask(self, call: Call, deadline_ns: int, *, reach_ns: int | None = None) -> Reply:
        """The service's answer; blocks until it is there.

        Args:
            call: What is asked.
            deadline_ns: When this try is over; monotonic.
            reach_ns: When to give up where no connection stands; by default then, too.

        Raises:
            DeadlineExceeded: None came in time; the service was told to stop, and may have acted.
            ServiceUnavailableError: The call did not get there, or the connection broke before an answer.
            WireError: The call is beyond the bounds of a frame.
        """
        check_payload(call)
        connection = self._take()
        good = False
        try:
            reply = connection.ask(call, deadline_ns, deadline_ns if reach_ns is None else reach_ns)
            good = True
        except (DeadlineExceeded, WireError):
            good = True
            raise
        finally:
            self._give_back(connection, good)
        return reply

    def close(self) -> None:
        """Give up what is under way, wherever it waits, and let go of all resources."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._over, 1)
            self._ended.wait_for(lambda: not self._under_way)
            free, self._free = self._free, []
        for connection in free:
            connection.close()
        os.close(self._over)

    def _take(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise ServiceUnavailableError(f"the channel to {self.endpoint} is closed")
            self._under_way += 1
            if self._free:
                return self._free.pop()
        try:
            return _Connection(self._address, self._over)
        except BaseException:
            self._give_back(None, good=False)
            raise

    def _give_back(self, connection: _Connection | None, good: bool) -> None:
        if connection is not None and not good:
            connection.close()
            connection = None
        with self._lock:
            keep = connection is not None and len(self._free) < _IDLE_MAX
            if connection is not None and keep:
                self._free.append(connection)
                connection = None
            if connection is not None:
                connection.close()
            self._under_way -= 1
            if not self._under_way:
                self._ended.notify_all()


class _Connection:
    """One DEALER and what tells of its connection; one call at a time."""

    def __init__(self, address: Address, over: int) -> None:
        self._address = address
        self._over = over
        self._ids = count(1)
        self._rang = self._told = False
        self._open()

    def ask(self, call: Call, deadline_ns: int, reach_ns: int) -> Reply:
        """See `BlockingChannel.ask`."""
        if self._told or self._news.poll(0):
            self._watch()
        while not self._standing:
            if self._refused:  # libzmq does not try again over this socket
                self.close()
                self._open()
                return Reply(RpcStatus.UNAUTHENTICATED, b"", "the connection's key is not known")
            if not self._wait(reach_ns):
                raise ServiceUnavailableError(f"nobody answers at {self._address.endpoint}")
            if self._rang:  # by tries to connect: it would ring on and on until somebody looks
                self._rang = False
                _readable(self._socket)
            self._watch()
        call_id = next(self._ids)
        frame = encode_frame(frame_of(call, deadline_ns, call_id))
        # There is room: the queue is for a thousand, and each call waits for its answer.
        self._socket.send(frame + call.payload, _NOBLOCK)
        # To look here takes nothing from the call, which is under way. Woken by the socket's own descriptor
        # it is read at once: to look first would be in the answer's way.
        while True:
            if self._rang or _readable(self._socket):
                self._rang = False
                if (reply := self._read(call_id)) is not None:
                    return reply
            elif self._broke:
                self.close()
                self._open()
                broke = f"the connection to {self._address.endpoint} broke before an answer"
                return Reply(RpcStatus.UNAVAILABLE, b"", broke)
            elif not self._wait(deadline_ns):
                self._socket.send(encode_frame(CancelFrame(call_id)), _NOBLOCK)
                raise DeadlineExceeded(f"{call.method} was not answered in time")
            elif self._told:
                self._watch(reopen=False)

    def close(self) -> None:
        """Let go of it."""
        self._socket.disable_monitor()
        self._events.close()
        self._socket.close()

    def _open(self) -> None:
        self._socket, self._events = self._address.connect()
        self._fd, self._events_fd = (int(each.getsockopt(zmq.FD)) for each in (self._socket, self._events))
        self._standing = False
        self._refused = False
        self._broke = False
        self._rang = False  # the socket's descriptor did
        self._told = False  # that of the events did
        self._poller, self._news = select.poll(), select.poll()
        for descriptor in (self._fd, self._events_fd, self._over):
            self._poller.register(descriptor, select.POLLIN)
        self._news.register(self._events_fd, select.POLLIN)

    def _wait(self, deadline_ns: int) -> bool:
        """Wait until there is something to look at; False where there was not, in time.

        Raises:
            ServiceUnavailableError: The channel is being closed.
        """
        left_ns = deadline_ns - time.monotonic_ns()
        if left_ns <= 0:
            return False
        ready = self._poller.poll(left_ns / NS_A_MS)
        for descriptor, _ in ready:
            if descriptor == self._over:
                raise ServiceUnavailableError(f"the channel to {self._address.endpoint} was closed")
            if descriptor == self._fd:
                self._rang = True
            else:
                self._told = True
        return bool(ready)

    def _watch(self, *, reopen: bool = True) -> None:
        """Take in what is told of the connection; one that broke is made anew, with a socket of its own.

        libzmq would send what the old one left behind over the next.
        """
        self._told = False
        while _readable(self._events):
            event = event_of(self._events.recv_multipart(_NOBLOCK))
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._standing = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._refused = True
            elif self._standing:
                self._standing, self._broke = False, True
                break
        else:
            return
        if reopen:
            self.close()
            self._open()

    def _read(self, call_id: int) -> Reply | None:
        """The reply to a call, if the next message is it; that of a call that was given up is passed over."""
        socket = self._socket
        try:
            parts = [socket.recv(_NOBLOCK)]
            while socket.getsockopt(zmq.RCVMORE):
                parts.append(socket.recv(_NOBLOCK))
            frame, payload = answer_of(parts)
        except (WireError, zmq.Again):
            return None
        if isinstance(frame, ReplyFrame) and frame.call_id == call_id:
            return reply_of(frame, payload)
        return None


def _readable(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message is there. A descriptor tells only once that one came: look here before waiting."""
    return bool(int(socket.getsockopt(zmq.EVENTS)) & _POLLIN)
