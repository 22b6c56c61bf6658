"""The transport of the embedded exchange, as Python sees it; its rules are tested in test_frames.cpp."""

from __future__ import annotations

import pytest

from cmatch._core import FrameKind, Inbound, MemoryTransport, SendResult
from tests.transport.conftest import collect


def test_memory_transport_frames_go_both_ways() -> None:
    """What a client pushes is drained with its accidents, what is sent is taken."""
    transport = MemoryTransport(4)
    alice, bob = transport.open("alice"), transport.open()
    assert transport.wait(0) is False
    assert transport.push(alice, b"order")
    assert transport.push(bob, b"two", parts=2)
    assert transport.push(bob, bytes(65_537))
    inbound = Inbound(16, 1024)
    assert transport.waiting == 3
    assert collect(transport, inbound, 3) == [
        (alice, b"order", FrameKind.whole, True),
        (bob, b"", FrameKind.malformed, True),
        (bob, b"", FrameKind.oversize, False),
    ]
    assert [inbound.user_id(index) for index in range(3)] == ["alice", "", ""]
    assert (transport.user_id(alice), transport.user_id(bob)) == ("alice", "")
    assert transport.send(alice, b"answer") == SendResult.sent
    assert (transport.take(alice), transport.take(alice), transport.take(bob)) == (b"answer", None, None)


def test_memory_transport_limits_and_absent_peers_are_told() -> None:
    """Full queues and closed connections have the answers that sockets have."""
    transport = MemoryTransport(1)
    alice = transport.open()
    assert (transport.push(alice, b"1"), transport.push(alice, b"2")) == (True, False)
    assert transport.send(alice, b"1") == SendResult.sent
    assert transport.send(alice, b"2") == SendResult.would_block
    assert transport.close(alice)
    assert transport.send(alice, b"3") == SendResult.gone
    with pytest.raises(ValueError, match="not open"):
        transport.push(alice, b"4")
    with pytest.raises(ValueError, match="capacity"):
        MemoryTransport(0)
    assert transport.counts["sends_blocked"] == transport.counts["sends_gone"] == 1
