"""Sockets that are set up as the core's and its clients', and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from cmatch._core import Inbound, Transport, ZmqTransport, seed_addresses

DEADLINE_NS = 120_000_000_000  # of what has to happen; nobody waits for it
FRAMES, BYTES = 256, 1 << 20

Frame = tuple[int, bytes, int, bool]
Connect = Callable[..., "zmq.Socket[bytes]"]
OpenSocket = Callable[[int], "zmq.Socket[bytes]"]


class Door:
    """A transport over a ROUTER socket, and where to find it."""

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        self.socket = socket
        self.endpoint = endpoint
        self.transport = ZmqTransport(socket.underlying, owner=socket)
        self.inbound = Inbound(FRAMES, BYTES)

    def collect(self, count: int) -> list[Frame]:
        """Drains until that many frames came."""
        return collect(self.transport, self.inbound, count)


def collect(transport: Transport, inbound: Inbound, count: int) -> list[Frame]:
    """Drains until that many frames came."""
    frames: list[Frame] = []
    while len(frames) < count:
        assert transport.wait(DEADLINE_NS), f"only {len(frames)} of {count} frames came"
        for index in range(transport.drain(inbound, FRAMES, BYTES)):
            connection, data, kind, first = inbound.frame(index)
            frames.append((connection, data, int(kind), first))
    return frames


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context that ends with the test."""
    seed_addresses()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def open_socket(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Callable[[int], zmq.Socket[bytes]]]:
    """Makes sockets of a kind and closes them all at the end."""
    sockets: list[zmq.Socket[bytes]] = []

    def make(kind: int) -> zmq.Socket[bytes]:
        sockets.append(context.socket(kind))
        sockets[-1].setsockopt(zmq.RCVTIMEO, DEADLINE_NS // 1_000_000)
        return sockets[-1]

    yield make
    for socket in sockets:
        socket.close(linger=0)


@pytest.fixture
def door(request: pytest.FixtureRequest, open_socket: OpenSocket, tmp_path: Path) -> Door:
    """The core's side, on a socket file of its own; its parameter: how many answers wait for a client."""
    socket = open_socket(zmq.ROUTER)
    endpoint = f"ipc://{tmp_path}/core"
    socket.setsockopt(zmq.SNDHWM, getattr(request, "param", 0))
    socket.bind(endpoint)
    return Door(socket, endpoint)


@pytest.fixture
def connect(open_socket: OpenSocket, door: Door) -> Connect:
    """Makes a client: its kind, its own address if any, and how many answers it lets wait."""

    def make(kind: int = zmq.DEALER, *, address: bytes = b"", waiting: int = 1000) -> zmq.Socket[bytes]:
        client = open_socket(kind)
        client.setsockopt(zmq.RCVHWM, waiting)
        if address:
            client.setsockopt(zmq.ROUTING_ID, address)
        client.connect(door.endpoint)
        return client

    return make
