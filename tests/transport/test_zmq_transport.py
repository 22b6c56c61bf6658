"""The core's ROUTER socket as C++ reads and writes it, against real clients over ipc."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq
from zmq.auth import CURVE_ALLOW_ANY
from zmq.auth.thread import ThreadAuthenticator

from cmatch._core import FrameKind, Inbound, SendResult, ZmqTransport, seed_addresses
from cmatch.errors import TransportFailed
from tests.transport.conftest import BYTES, DEADLINE_NS, FRAMES, Connect, Door, OpenSocket

Client = zmq.Socket[bytes]


def until(condition: Callable[[], bool], what: str) -> None:
    """Asks again until it holds."""
    end = time.monotonic_ns() + DEADLINE_NS
    while not condition():
        assert time.monotonic_ns() < end, f"never: {what}"


def test_drain_frames_of_two_clients_come_in_order_with_one_number_each(door: Door, connect: Connect) -> None:
    """Each connection has a number; its first frame is marked, its frames keep their order and bytes."""
    alice, bob = connect(), connect()
    for turn in range(5):
        alice.send(b"a%d" % turn)
        bob.send(bytes([turn]) * (turn * 1000))
    frames = door.collect(10)
    numbers = {data[:1]: connection for connection, data, _, first in frames if first}
    assert len({connection for connection, _, _, _ in frames}) == 2
    of_alice = [frame for frame in frames if frame[0] == numbers[b"a"]]
    of_bob = [frame for frame in frames if frame[0] != numbers[b"a"]]
    assert [(data, first) for _, data, _, first in of_alice] == [(b"a%d" % i, i == 0) for i in range(5)]
    assert [(data, first) for _, data, _, first in of_bob] == [
        (bytes([i]) * (i * 1000), i == 0) for i in range(5)
    ]
    assert all(kind == FrameKind.whole for _, _, kind, _ in frames)


def test_drain_frames_of_64_kib_pass_and_longer_ones_are_reported_without_bytes(
    door: Door, connect: Connect
) -> None:
    """The largest frame is read, one byte more is an accident, and the next frame is read."""
    client = connect()
    client.send(b"x" * 65_536)
    client.send(b"x" * 65_537)
    client.send(b"")
    client.send(b"after")
    kinds = [(len(data), kind) for _, data, kind, _ in door.collect(4)]
    assert kinds == [
        (65_536, FrameKind.whole),
        (0, FrameKind.oversize),
        (0, FrameKind.whole),
        (5, FrameKind.whole),
    ]
    counts = door.transport.counts
    assert (counts["frames_in"], counts["bytes_in"], counts["frames_oversize"]) == (3, 65_541, 1)


def test_drain_messages_of_several_parts_are_one_accident_each(door: Door, connect: Connect) -> None:
    """A REQ client's empty delimiter and any multipart message are malformed, whole."""
    dealer, req = connect(), connect(zmq.REQ)
    dealer.send_multipart([b"one", b"two", b"three"])
    dealer.send(b"after")
    req.send(b"question")
    frames = door.collect(3)
    by_connection: dict[int, list[tuple[bytes, int]]] = {}
    for connection, data, kind, _ in frames:
        by_connection.setdefault(connection, []).append((data, kind))
    assert sorted(by_connection.values()) == [
        [(b"", FrameKind.malformed)],
        [(b"", FrameKind.malformed), (b"after", FrameKind.whole)],
    ]
    assert door.transport.counts["frames_malformed"] == 2


def test_drain_message_of_many_parts_is_skipped_a_piece_at_a_time(door: Door, connect: Connect) -> None:
    """A message of 20,000 parts cannot hold up one drain; what comes after it is read whole."""
    client = connect()
    client.send_multipart([b"part"] * 20_000)
    client.send(b"after")
    assert door.transport.wait(DEADLINE_NS)
    assert door.transport.drain(door.inbound, 16, BYTES) == 1
    assert door.inbound.frame(0)[2] == FrameKind.malformed
    drains = 0
    while door.transport.drain(door.inbound, 16, BYTES) == 0:
        drains += 1
    assert drains > 100
    assert door.inbound.frame(0)[1] == b"after"


def test_drain_peer_with_an_address_of_its_own_is_dropped_and_counted(door: Door, connect: Connect) -> None:
    """Nobody chooses the number under which it is known."""
    for address in (b"alice", b"\0abc", b"\0abcde", b"x" * 255):
        connect(address=address).send(b"mine")
    connect(address=b"multi").send_multipart([b"a", b"b"])
    client = connect()
    until(
        lambda: (
            door.transport.drain(door.inbound, FRAMES, BYTES) == 0
            and door.transport.counts["frames_foreign"] == 5
        ),
        "five frames of strangers",
    )
    client.send(b"ours")
    assert [data for _, data, _, _ in door.collect(1)] == [b"ours"]


def test_drain_peer_that_takes_a_live_number_gets_nothing_of_it(door: Door, connect: Connect) -> None:
    """An address that imitates the number of a live connection neither speaks nor hears for it."""
    client = connect()
    client.send(b"first")
    ((number, _, _, _),) = door.collect(1)
    thief = connect(address=b"\0" + number.to_bytes(4, "big"))
    thief.send(b"stolen")
    client.send(b"second")
    assert door.collect(1) == [(number, b"second", FrameKind.whole, False)]
    assert door.transport.send(number, b"for the first") == SendResult.sent
    assert client.recv() == b"for the first"
    assert thief.poll(0) == 0


def test_drain_limits_of_frames_and_bytes_leave_the_rest_for_the_next(door: Door, connect: Connect) -> None:
    """At most so many frames, and none after so many bytes."""
    client = connect()
    for _ in range(10):
        client.send(b"0123456789abcdef")
    seen: list[int] = []

    def drained(frames: int, octets: int) -> int:
        assert door.transport.wait(DEADLINE_NS)
        seen.append(door.transport.drain(door.inbound, frames, octets))
        return seen[-1]

    assert door.transport.drain(door.inbound, 0, BYTES) == 0
    while sum(seen) < 10:
        assert drained(3, 17) <= 2
    assert sum(seen) == 10
    assert door.transport.drain(door.inbound, FRAMES, BYTES) == 0
    assert len(door.inbound) == 0


def test_send_answer_reaches_the_one_who_asked(door: Door, connect: Connect) -> None:
    """Answers find their connections, largest and smallest ones too."""
    alice, bob = connect(), connect()
    alice.send(b"alice")
    bob.send(b"bob")
    numbers = {data: connection for connection, data, _, _ in door.collect(2)}
    for data in (b"", b"x", bytearray(b"y" * 65_536), memoryview(b"z")):
        assert door.transport.send(numbers[b"alice"], data) == SendResult.sent
    assert door.transport.send(numbers[b"bob"], b"for bob") == SendResult.sent
    assert [alice.recv() for _ in range(4)] == [b"", b"x", b"y" * 65_536, b"z"]
    assert bob.recv() == b"for bob"
    assert alice.poll(0) == bob.poll(0) == 0
    counts = door.transport.counts
    assert (counts["frames_out"], counts["bytes_out"]) == (5, 65_545)


@pytest.mark.parametrize("door", [8], indirect=True)
def test_send_peer_that_does_not_read_would_block_and_others_do_not_notice(
    door: Door, connect: Connect
) -> None:
    """A full queue refuses whole frames, loses none that it took, and goes on once it is read."""
    slow, quick = connect(waiting=1), connect()
    slow.send(b"slow")
    quick.send(b"quick")
    numbers = {data: connection for connection, data, _, _ in door.collect(2)}
    payload = b"x" * 60_000
    taken = 0
    while door.transport.send(numbers[b"slow"], taken.to_bytes(8, "big") + payload) == SendResult.sent:
        taken += 1
    assert door.transport.send(numbers[b"quick"], b"now") == SendResult.sent
    assert quick.recv() == b"now"
    got = [slow.recv()[:8] for _ in range(taken)]
    until(lambda: door.transport.send(numbers[b"slow"], b"again") == SendResult.sent, "room again")
    assert got == [number.to_bytes(8, "big") for number in range(taken)]
    assert slow.recv() == b"again"
    assert door.transport.counts["sends_blocked"] >= 1


def test_send_peer_that_left_or_never_was_is_gone(door: Door, connect: Connect) -> None:
    """Nothing is kept for nobody, and who comes back has another number and a first frame."""
    client = connect()
    client.send(b"here")
    ((number, _, _, _),) = door.collect(1)
    assert door.transport.send(number ^ 0x5555, b"x") == SendResult.gone
    client.close(linger=0)
    until(lambda: door.transport.send(number, b"x") == SendResult.gone, "the client is gone")
    again = connect()
    again.send(b"back")
    ((other, data, _, first),) = door.collect(1)
    assert (other != number, data, first) == (True, b"back", True)


def test_forget_next_frame_of_the_connection_is_a_first_one(door: Door, connect: Connect) -> None:
    """Who was forgotten is new, others are not."""
    alice, bob = connect(), connect()
    alice.send(b"a")
    bob.send(b"b")
    numbers = {data: connection for connection, data, _, _ in door.collect(2)}
    door.transport.forget(numbers[b"a"])
    alice.send(b"a")
    bob.send(b"b")
    assert {(data, first) for _, data, _, first in door.collect(2)} == {(b"a", True), (b"b", False)}


def test_user_id_curve_client_is_named_by_its_key(
    context: zmq.Context[Client], open_socket: OpenSocket, tmp_path: Path
) -> None:
    """The key that authentication let in is known from the first frame on, by frame and by connection."""
    server_public, server_secret = zmq.curve_keypair()
    keys = [zmq.curve_keypair() for _ in range(2)]
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    try:
        authenticator.configure_curve(domain="*", location=CURVE_ALLOW_ANY)
        socket = open_socket(zmq.ROUTER)
        socket.curve_server = True
        socket.curve_secretkey = server_secret
        socket.bind(f"ipc://{tmp_path}/curve")
        door = Door(socket, f"ipc://{tmp_path}/curve")
        for public, secret in keys:
            client = open_socket(zmq.DEALER)
            client.curve_publickey, client.curve_secretkey = public, secret
            client.curve_serverkey = server_public
            client.connect(door.endpoint)
            client.send(public)
            ((connection, data, _, first),) = door.collect(1)
            assert (data, first) == (public, True)
            assert door.inbound.user_id(0) == public.decode()
            assert door.transport.user_id(connection) == public.decode()
            client.send(b"again")
            ((connection, _, _, first),) = door.collect(1)
            assert first is False
            assert door.inbound.user_id(0) == ""
            assert door.transport.user_id(connection) == public.decode()
            door.transport.forget(connection)
            assert door.transport.user_id(connection) == ""
            client.send(b"once more")
            assert door.collect(1) == [(connection, b"once more", FrameKind.whole, True)]
            assert door.inbound.user_id(0) == public.decode()
    finally:
        authenticator.stop()


def test_user_id_without_authentication_is_empty(door: Door, connect: Connect) -> None:
    """Nobody is named where nobody was asked."""
    connect().send(b"x")
    ((connection, _, _, _),) = door.collect(1)
    assert door.inbound.user_id(0) == door.transport.user_id(connection) == ""


def test_wait_without_frames_says_so_and_a_frame_ends_it(door: Door, connect: Connect) -> None:
    """It looks, it waits, and it wakes up."""
    assert door.transport.wait(0) is False
    assert door.transport.wait(200_000) is False
    client = connect()
    sender = threading.Timer(0.02, client.send, (b"x",))
    sender.start()
    assert door.transport.wait(DEADLINE_NS) is True
    sender.join()
    assert door.transport.wait(0) is True
    assert [data for _, data, _, _ in door.collect(1)] == [b"x"]


def test_wait_signal_runs_its_handler_at_once(door: Door) -> None:
    """A long wait is no reason to ignore Ctrl-C."""

    def stop(*_: object) -> None:
        raise InterruptedError("asked to stop")

    def wait() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.02)  # a machine that has much to do may see it before the wait
        door.transport.wait(DEADLINE_NS)

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with pytest.raises(InterruptedError, match="asked to stop"):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_drain_context_that_ends_is_an_accident(tmp_path: Path) -> None:
    """Who pulls the socket from under the core is told so."""
    seed_addresses()
    context: zmq.Context[Client] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(f"ipc://{tmp_path}/core")
    transport, inbound = ZmqTransport(socket.underlying, owner=socket), Inbound(8, 1024)
    ending = threading.Thread(target=context.term)
    ending.start()

    def drain_until_the_end() -> None:
        while True:
            transport.wait(1_000_000)
            transport.drain(inbound, 8, 1024)

    with pytest.raises(TransportFailed, match="Context was terminated"):
        drain_until_the_end()
    with pytest.raises(TransportFailed, match="Context was terminated"):
        transport.send(1, b"x")
    socket.close(linger=0)
    ending.join()


def test_transport_other_socket_or_library_is_refused(open_socket: OpenSocket, door: Door) -> None:
    """The message says what is wrong with which."""
    with pytest.raises(TransportFailed, match="listens on a ROUTER socket"):
        ZmqTransport(open_socket(zmq.DEALER).underlying)
    with pytest.raises(TransportFailed, match=r"not loaded in this process: libnone\.so"):
        ZmqTransport(door.socket.underlying, library="libnone.so")
    with pytest.raises(TransportFailed, match=r"has no zmq_\w+"):
        ZmqTransport(door.socket.underlying, library="libc.so.6")
    with pytest.raises(TransportFailed, match="closed"):
        ZmqTransport(0)


def test_transport_library_is_that_of_pyzmq(door: Door) -> None:
    """It is found by itself, or taken by its path."""
    path = ZmqTransport.find_library()
    assert "libzmq" in Path(path).name
    assert door.transport.library == path
    assert ZmqTransport(door.socket.underlying, library=path).library == path


NEVER_WAITS = """
import os, sys, time
from cmatch._core import Inbound, ZmqTransport, seed_addresses
from exchange.bus.router import Router
from exchange.runtime.priority import as_allowed, realtime
seed_addresses()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
rank = as_allowed(5)
with Router(None, rank) as router:
    router.socket.bind(sys.argv[1])
    transport = ZmqTransport(router.socket.underlying, owner=router, yields=rank > 0)
    inbound = Inbound(8, 1024)
    print("there", flush=True)
    if rank:
        realtime(rank)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        transport.wait(0)
        if transport.drain(inbound, 8, 1024):
            sys.exit(0)
sys.exit(1)
"""


def test_loop_that_never_waits_takes_turns_with_the_thread_of_its_rank(tmp_path: Path) -> None:
    """On one processor, where the system allows a rank: what is sent to it comes in all the same."""
    endpoint = f"ipc://{tmp_path}/core"
    words = [sys.executable, "-c", NEVER_WAITS, endpoint]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process, zmq.Context() as context:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            with context.socket(zmq.DEALER) as client:
                client.setsockopt(zmq.LINGER, 0)
                client.connect(endpoint)
                client.send(b"x")
                assert process.wait(60) == 0
        finally:
            process.kill()


FIRST_NUMBER = """
import tempfile, zmq
from cmatch._core import Inbound, ZmqTransport, seed_addresses
if {seeded}:
    seed_addresses()
with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind("ipc://" + folder + "/core")
    try:
        transport, inbound = ZmqTransport(router.underlying), Inbound(8, 1024)
        dealer.connect("ipc://" + folder + "/core")
        dealer.send(b"x")
        transport.wait(10**10)
        transport.drain(inbound, 8, 1024)
        print(inbound.frame(0)[0])
    except Exception as error:
        print(error)
    router.close(0)
    dealer.close(0)
"""


def in_a_new_process(source: str) -> str:
    """What it prints."""
    return subprocess.check_output([sys.executable, "-c", source], text=True, timeout=120).strip()


def test_seed_addresses_number_of_the_next_connection_cannot_be_guessed() -> None:
    """The numbers of libzmq start with the same one everywhere, and whoever takes the next one aborts it."""
    numbers = {in_a_new_process(FIRST_NUMBER.format(seeded=True)) for _ in range(3)}
    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers)


def test_seed_addresses_left_out_is_refused() -> None:
    """Whoever forgets it learns it at once, not from an attacker."""
    assert "seed_addresses()" in in_a_new_process(FIRST_NUMBER.format(seeded=False))


def test_inbound_sizes_and_indices_out_of_bounds_are_refused() -> None:
    """Every argument has bounds."""
    inbound = Inbound(8, 1024)
    assert (inbound.max_frames, inbound.max_bytes, len(inbound)) == (8, 1024, 0)
    with pytest.raises(IndexError):
        inbound.frame(0)
    with pytest.raises(IndexError):
        inbound.user_id(0)
    with pytest.raises(ValueError, match="max_frames"):
        Inbound(0, 1024)
    with pytest.raises(TypeError):
        Inbound(8.0, 1024)  # type: ignore[arg-type]
