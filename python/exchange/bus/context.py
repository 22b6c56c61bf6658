"""ZeroMQ contexts, for those who may not import zmq.

libzmq numbers the connections of a ROUTER from libc's `rand()`: unseeded, a peer can guess the next number,
choose it as its own address, and so abort the process.
"""

from __future__ import annotations

import ctypes
import os
import secrets
from functools import cache
from typing import TypeAlias

import zmq

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"


def new_context(realtime_priority: int = 0) -> Context:
    """A ZeroMQ context of one's own, with one thread.

    Args:
        realtime_priority: Of that thread, by SCHED_FIFO; 0: none. Where the system denies it libzmq aborts.
    """
    _seed()
    context = zmq.Context(1)
    if realtime_priority:
        context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_FIFO)
        context.set(zmq.THREAD_PRIORITY, realtime_priority)
    return context


@cache
def _seed() -> None:
    ctypes.CDLL(None).srand(secrets.randbits(32))
