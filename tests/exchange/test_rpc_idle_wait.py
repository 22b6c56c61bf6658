"""Whoever waits for a server that is not there sleeps meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import zmq

from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import BlockingChannel, BlockingClient
from exchange.errors import ServiceUnavailableError
from tests.exchange.rpc_world import METADATA, policy_of


def test_call_to_nobody_waits_without_a_processor(tmp_path: Path) -> None:
    """Nothing takes what rings the socket's own descriptor while no connection stands."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        channel = BlockingChannel(context, ipc_endpoint(tmp_path / "run", "nobody"))
        with BlockingClient(channel, policy_of(timeout_s=1.0, try_timeout_s=1.0)) as client:
            began, used = time.monotonic(), time.thread_time()
            with pytest.raises(ServiceUnavailableError):
                client.call("a.b", metadata=METADATA)
            assert time.monotonic() - began > 0.5
            assert time.thread_time() - used < 0.25
    finally:
        context.destroy(linger=0)
