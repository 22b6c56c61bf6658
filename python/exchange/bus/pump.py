"""One ZeroMQ socket in an asyncio loop: complete messages come in by callback, sending never blocks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import zmq

# A turn ends after so many messages, that other tasks get theirs.
_MESSAGES_A_TURN: Final = 64
# As plain numbers: the enumerations' own arithmetic takes longer than asking libzmq.
_POLLIN, _POLLOUT = int(zmq.POLLIN), int(zmq.POLLOUT)
_NOBLOCK, _MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)


class Pump:
    """Reads and writes one socket on the loop of the thread that made it; owns and closes the socket.

    `on_message` gets the parts of each message. A message of more than `parts_max` parts is read to its end,
    part by part, and dropped: `dropped` counts them. `on_message` must not raise.
    `last` is the last part as libzmq gave it, which knows who sent it; only while a message is handed over,
    and only where that was asked for, as it takes twice as long.

    libzmq's file descriptor says only that something changed, once; so after every use of the socket its
    events are looked at again, within a turn once, at its end.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        on_message: Callable[[list[bytes]], None],
        parts_max: int,
        *,
        keep_last: bool = False,
    ) -> None:
        self.dropped = 0
        self.last: zmq.Frame | None = None
        self._keep_last = keep_last
        self._socket = socket
        self._on_message = on_message
        self._parts_max = parts_max
        self._loop = asyncio.get_running_loop()
        self._fd = int(socket.getsockopt(zmq.FD))
        # Bound once: each look-up of a method goes through pyzmq's own for options.
        self._recv, self._send, self._get = socket.recv, socket.send, socket.getsockopt
        self._addressed = socket.type == zmq.ROUTER
        self._closed = False
        self._taking = False
        self._scheduled = False
        self._writable: deque[asyncio.Future[None]] = deque()
        self._loop.add_reader(self._fd, self._turn)
        self._again()

    @property
    def closed(self) -> bool:
        """Whether the socket was closed."""
        return self._closed

    def try_send(self, parts: Sequence[bytes]) -> bool:
        """Send now, or say that the peer's queue is full or no peer is connected.

        Raises:
            zmq.ZMQError: A ROUTER knows no such peer (EHOSTUNREACH), or the socket is closed.
        """
        send = self._send
        try:
            for part in parts[:-1]:
                send(part, _MORE)
            send(parts[-1], _NOBLOCK)
        except zmq.Again:
            return False
        finally:
            if not self._taking:
                self._look()
        return True

    async def writable(self) -> None:
        """Wait until a message may be sent again, or it is closed; bring a deadline of your own."""
        waiter = self._loop.create_future()
        self._writable.append(waiter)
        self._look()
        try:
            await waiter
        finally:
            if waiter in self._writable:
                self._writable.remove(waiter)

    def drain(self) -> None:
        """Take in at once all that has arrived."""
        while self._take():
            pass

    def close(self, linger_ms: int | None = None) -> None:
        """Close the socket; whoever waits to send finds it closed.

        Args:
            linger_ms: How long what is still to be sent may take; None: as the socket is set.
        """
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._socket.close(linger_ms)
        self._wake()

    def _wake(self) -> None:
        while self._writable:
            waiter = self._writable.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _look(self) -> None:
        """Take a turn soon if there is something to do of which the descriptor will not tell again."""
        if not self._scheduled and not self._closed:
            events = self._events()
            if events & _POLLIN or (self._writable and events & _POLLOUT):
                self._again()

    def _events(self) -> int:
        return int(self._get(zmq.EVENTS))

    def _again(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._take():
            self._again()
        if self._writable and not self._closed:
            events = self._events()
            if events & _POLLOUT:
                self._wake()
            if events & _POLLIN:
                self._again()

    def _take(self) -> bool:
        """Hand over a turn's messages; whether there may be more."""
        self._taking = True
        try:
            for taken in range(_MESSAGES_A_TURN):
                parts = self._receive()
                if parts is not None:
                    self._on_message(parts)
                # A single message is what mostly comes: to look costs less than to try and find none.
                if self._closed or (not taken and not self._events() & _POLLIN):
                    return False
        except zmq.Again:
            return False
        except zmq.ContextTerminated:
            self.close()
            return False
        finally:
            self._taking = False
        return True

    def _receive(self) -> list[bytes] | None:
        """The next message; None for one that had too many parts."""
        parts: list[bytes] = [self._recv(_NOBLOCK)] if self._addressed else []
        count, more = len(parts), True  # an address is never the last part
        while more:
            if self._keep_last:
                self.last = self._recv(_NOBLOCK, copy=False)
                part, more = self.last.bytes, self.last.more
            else:
                part = self._recv(_NOBLOCK)
                more = bool(self._get(zmq.RCVMORE))
            count += 1
            if count <= self._parts_max:
                parts.append(part)
        if count <= self._parts_max:
            return parts
        self.dropped += 1
        return None
