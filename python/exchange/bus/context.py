"""ZeroMQ contexts, for those who may not import zmq."""

from __future__ import annotations

from typing import TypeAlias

import zmq

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"


def new_context() -> Context:
    """A ZeroMQ context of one's own, with one thread."""
    return zmq.Context(1)
