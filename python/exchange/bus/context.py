"""ZeroMQ contexts, for those who may not import zmq.

libzmq numbers the connections of a ROUTER from libc's `rand()`: unseeded, a peer can guess the next number,
choose it as its own address, and so abort the process.
"""

from __future__ import annotations

import ctypes
import secrets
from functools import cache
from typing import TypeAlias

import zmq

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"


def new_context() -> Context:
    """A ZeroMQ context of one's own, with one thread."""
    _seed()
    return zmq.Context(1)


@cache
def _seed() -> None:
    ctypes.CDLL(None).srand(secrets.randbits(32))
