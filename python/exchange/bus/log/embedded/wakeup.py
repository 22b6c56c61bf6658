"""Wakes readers of a topic, in whatever process: one ZeroMQ message says that there is more.

Nothing depends on it but latency: messages may be lost, and a reader looks again every so often by itself.
A reader that does not read them costs the writer nothing: they are dropped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import zmq

from exchange.bus.context import Context
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.options import SocketOptions, configure
from exchange.errors import LogUnavailable

_LOOK_AGAIN_MS: Final = 100
_WAITING_MAX: Final = 2
_OPTIONS: Final = SocketOptions(
    message_bytes_max=64, queue_messages_max=_WAITING_MAX, reconnect_interval_ms_max=100
)


def wake_endpoint(run: Path, topic: str) -> str:
    """Where a topic's writer tells its readers, by a name that stays short: a socket's path is bounded."""
    name = hashlib.blake2b(topic.encode(), digest_size=6).hexdigest()
    return ipc_endpoint(run, f"log.{name}")


class WakeSender:
    """A writer's end. One thread at a time.

    Args:
        context: Of ZeroMQ.
        endpoint: Of the topic.
    """

    def __init__(self, context: Context, endpoint: str) -> None:
        self._context = context
        self._endpoint = endpoint
        self._socket: zmq.Socket[bytes] | None = None

    def open(self) -> None:
        """Begins.

        Raises:
            LogUnavailable: The endpoint cannot be had.
        """
        socket: zmq.Socket[bytes] = self._context.socket(zmq.PUB)
        configure(socket, _OPTIONS)
        try:
            socket.bind(self._endpoint)
        except zmq.ZMQError as error:
            socket.close(0)
            raise LogUnavailable(f"{self._endpoint} cannot be had: {error}") from error
        self._socket = socket

    def send(self) -> None:
        """Tells whoever waits."""
        if self._socket is not None:
            self._socket.send(b"", zmq.NOBLOCK)

    def close(self) -> None:
        """Ends."""
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None


class WakeReceiver:
    """A reader's end; connects when it is first waited for. One thread at a time.

    Args:
        context: Of ZeroMQ.
        endpoint: Of the topic.
    """

    def __init__(self, context: Context, endpoint: str) -> None:
        self._context = context
        self._endpoint = endpoint
        self._socket: zmq.Socket[bytes] | None = None

    def connected(self) -> zmq.Socket[bytes]:
        """Its socket, on which a message says that there is more."""
        if self._socket is None:
            socket: zmq.Socket[bytes] = self._context.socket(zmq.SUB)
            configure(socket, _OPTIONS)
            # One message is as good as many. And where they pile up to the bound of a queue and the writer
            # goes, libzmq aborts the process (stream_engine_base.cpp: !_io_error).
            socket.setsockopt(zmq.CONFLATE, 1)
            socket.setsockopt(zmq.SUBSCRIBE, b"")
            socket.connect(self._endpoint)
            self._socket = socket
        return self._socket

    def close(self) -> None:
        """Ends."""
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None


def wait_any(waiting: Sequence[tuple[WakeReceiver, Callable[[], bool]]], timeout_s: float) -> bool:
    """Waits until there is more for one of them, as long as that at most; whether there is.

    Args:
        waiting: Each with what says whether there is more for it.
        timeout_s: Seconds.
    """
    until = time.monotonic() + timeout_s
    sockets = [receiver.connected() for receiver, _ in waiting]
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    while True:
        for socket in sockets:
            _drain(socket)  # before looking: what comes after it is about what this look does not see
        if any(has_more() for _, has_more in waiting):
            return True
        left_ms = (until - time.monotonic()) * 1_000
        if left_ms <= 0:
            return False
        poller.poll(min(max(int(left_ms), 1), _LOOK_AGAIN_MS))


def _drain(socket: zmq.Socket[bytes]) -> None:
    try:
        while True:
            socket.recv(zmq.NOBLOCK)
    except zmq.Again:
        return
