"""What libzmq tells of a socket's connections: a second socket on which the events arrive."""

from __future__ import annotations

import sys
from itertools import count

import zmq

_names = count(1)


def monitor(
    context: zmq.Context[zmq.Socket[bytes]], socket: zmq.Socket[bytes], events: int
) -> zmq.Socket[bytes]:
    """A socket that receives these events of another; before `socket` closes, call its `disable_monitor`.

    pyzmq's own would be named after a descriptor, which the next socket may get while this one is closing.
    """
    address = f"inproc://exchange.bus.monitor.{next(_names)}"
    socket.monitor(address, events)
    watching: zmq.Socket[bytes] = context.socket(zmq.PAIR)
    watching.setsockopt(zmq.LINGER, 0)
    watching.connect(address)
    return watching


def event_of(parts: list[bytes]) -> int:
    """The event that a message of a monitor tells of."""
    return int.from_bytes(parts[0][:2], sys.byteorder)
