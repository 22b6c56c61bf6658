"""Calls over real sockets: reconnecting, servers that stop or are killed, peers that send anything at all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq
import zmq.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.bus.curve import Authenticator, KeyPair, Keyring
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.options import SocketOptions, configure, options_to
from exchange.bus.rpc import (
    Call,
    Dispatcher,
    DispatchLimits,
    RpcClient,
    RpcServer,
    SocketChannel,
    calling,
)
from exchange.errors import (
    DeadlineExceeded,
    RpcStatus,
    SecurityError,
    ServiceUnavailableError,
    TransportError,
)
from exchange.schema.bus_frames import (
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    CallFrame,
    CancelFrame,
    Frame,
    ReplyFrame,
    decode_frame,
    encode_frame,
    read_message,
)
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, context, policy_of, run

CALL = CallFrame(
    1,
    "a.b",
    20_000_000,
    METADATA.correlation_id,
    METADATA.tenant_id,
    METADATA.user_id,
    METADATA.security_context,
)
SERVER = """
import asyncio, os, sys
from pathlib import Path
import zmq
from exchange.bus.rpc import Dispatcher, RpcServer

async def serve():
    async def name(call):
        return str(os.getpid()).encode()
    async def hang(call):
        print("hanging", flush=True)
        await asyncio.Event().wait()
    async with RpcServer(zmq.Context(), sys.argv[1], Dispatcher({"a.pid": name, "a.hang": hang})):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


async def echo(call: Call) -> bytes:
    """The request again."""
    return call.payload


def parted(message: list[bytes]) -> tuple[Frame, bytes]:
    """The frame and the payload of what came over a bare socket."""
    (part,) = message
    return read_message(part)


def client_of(channel: SocketChannel) -> RpcClient:
    """A client whose breaker does not get in the way, nor its bulkhead."""
    return RpcClient(channel, policy_of(failure_threshold=1_000, concurrency=10_000))


@asynccontextmanager
async def raw_peer(
    sockets: zmq.Context[zmq.Socket[bytes]], endpoint: str
) -> AsyncIterator[zmq.asyncio.Socket]:
    """A DEALER that keeps to no protocol."""
    with zmq.asyncio.Socket(shadow_context(sockets), zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(endpoint)
        yield socket


def shadow_context(sockets: zmq.Context[zmq.Socket[bytes]]) -> zmq.asyncio.Context:
    """The same context for pyzmq's own asyncio sockets."""
    return zmq.asyncio.Context.shadow(sockets.underlying)


def start_server(endpoint: str) -> subprocess.Popen[str]:
    """A server in a process of its own, ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, endpoint], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """Kill it."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def test_client_before_its_server_waits_for_it(tmp_path: Path) -> None:
    """The call is sent when a connection stands."""

    async def play() -> bytes:
        async with context() as sockets:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            async with client_of(SocketChannel(sockets, endpoint)) as client:
                task = asyncio.create_task(client.call("a.b", b"early", metadata=METADATA))
                await asyncio.sleep(0)
                async with RpcServer(sockets, endpoint, Dispatcher({"a.b": echo})):
                    return await task

    assert run(play()) == b"early"


def test_call_without_a_server_is_unavailable_and_never_sent_later(tmp_path: Path) -> None:
    """Nothing stays queued for a server that comes after the caller gave up."""
    seen: list[bytes] = []

    async def note(call: Call) -> bytes:
        seen.append(call.payload)
        return b""

    async def play() -> str:
        async with context() as sockets:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            async with client_of(SocketChannel(sockets, endpoint)) as client:
                with pytest.raises(ServiceUnavailableError) as refused:
                    await client.call("a.b", b"stale", metadata=METADATA, timeout_ms=50)
                async with RpcServer(sockets, endpoint, Dispatcher({"a.b": note})):
                    await client.call("a.b", b"fresh", metadata=METADATA)
                return str(refused.value)

    assert run(play()) == f"nobody answers at ipc://{tmp_path}/run/a"
    assert seen == [b"fresh"]


def test_client_of_a_killed_server_fails_at_once_and_finds_the_next_one(tmp_path: Path) -> None:
    """What was under way is unavailable long before its deadline; the same client finds the new process."""
    endpoint = ipc_endpoint(tmp_path / "run", "a")

    async def play() -> tuple[list[int], str]:
        pids, told = [], ""
        async with context() as sockets, client_of(SocketChannel(sockets, endpoint)) as client:
            for _ in range(3):
                process = await asyncio.to_thread(start_server, endpoint)
                try:
                    pids.append(int(await client.call("a.pid", metadata=METADATA)) - process.pid)
                    task = asyncio.create_task(client.call("a.hang", metadata=METADATA, timeout_ms=3_600_000))
                    assert process.stdout is not None
                    assert await asyncio.to_thread(process.stdout.readline) == "hanging\n"
                finally:
                    stop(process)
                with pytest.raises(ServiceUnavailableError) as broke:
                    await task
                told = str(broke.value)
        return pids, told

    assert run(play()) == ([0, 0, 0], f"the connection to {endpoint} broke before an answer")


def test_server_that_closes_lets_calls_end_and_then_cancels_the_rest(tmp_path: Path) -> None:
    """Within the grace answers still come; new calls and those that outlast it are unavailable."""

    async def play() -> list[str]:
        go_on = asyncio.Event()
        started = asyncio.Semaphore(0)
        cancelled: list[str] = []

        async def handle(call: Call) -> bytes:
            started.release()
            try:
                await (go_on if call.payload == b"short" else asyncio.Event()).wait()
            except asyncio.CancelledError:
                cancelled.append(call.payload.decode())
                raise
            return b"ended"

        async with context() as sockets:
            server = RpcServer(
                sockets, ipc_endpoint(tmp_path / "run", "a"), Dispatcher({"a.b": handle, "a.c": echo})
            )
            async with client_of(SocketChannel(sockets, server.endpoint)) as client:
                with calling(METADATA):
                    tasks = [asyncio.create_task(client.call("a.b", what)) for what in (b"short", b"long")]
                    for _ in tasks:
                        await started.acquire()
                    closing = asyncio.create_task(server.close(grace_ms=2_000))
                    await asyncio.sleep(0)
                    with pytest.raises(ServiceUnavailableError) as late:
                        await client.call("a.c", b"late")
                    go_on.set()
                    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                    await closing
        return [*map(str, outcomes), str(late.value), *cancelled, str(server.running)]

    assert run(play()) == ["b'ended'", "the service is closing", "the service is closing", "long", "0"]


def test_answers_that_a_server_gave_before_it_stopped_all_arrive(tmp_path: Path) -> None:
    """200 calls, each ended by the close of its server: none is lost with the connection that breaks then."""

    async def play() -> set[str]:
        async def hang(call: Call) -> bytes:
            started.release()
            await asyncio.Event().wait()
            return b""

        started = asyncio.Semaphore(0)
        seen: set[str] = set()
        async with context() as sockets:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            for _ in range(20):
                server = RpcServer(sockets, endpoint, Dispatcher({"a.b": hang}))
                async with client_of(SocketChannel(sockets, endpoint)) as client:
                    tasks = [asyncio.create_task(client.call("a.b", metadata=METADATA)) for _ in range(10)]
                    for _ in tasks:
                        await started.acquire()
                    await server.close()
                    seen |= {str(outcome) for outcome in await asyncio.gather(*tasks, return_exceptions=True)}
        return seen

    assert run(play()) == {"the service is closing"}


def test_port_of_a_server_that_closed_is_free_at_once() -> None:
    """50 servers, one after the other, on one TCP port."""

    async def play() -> set[str]:
        keys, endpoint = KeyPair.generate(), "tcp://127.0.0.1:*"
        seen = set()
        async with context() as sockets:
            with Authenticator(sockets, Keyring({})) as gate:
                for _ in range(50):
                    server = RpcServer(sockets, endpoint, Dispatcher({}), authenticator=gate, keys=keys)
                    endpoint = server.endpoint
                    seen.add(endpoint)
                    await server.close()
        return seen

    assert len(run(play())) == 1


def test_answer_that_came_before_the_connection_broke_is_taken(tmp_path: Path) -> None:
    """It lies in the socket, not yet read, when the break is told of."""

    async def play() -> bytes:
        async with context() as sockets:
            with zmq.asyncio.Socket(shadow_context(sockets), zmq.ROUTER) as server:
                server.linger = 0
                endpoint = ipc_endpoint(tmp_path / "run", "a")
                server.bind(endpoint)
                channel = SocketChannel(sockets, endpoint)
                async with client_of(channel) as client:
                    task = asyncio.create_task(client.call("a.b", metadata=METADATA))
                    peer, request = await server.recv_multipart()
                    reply = encode_frame(ReplyFrame(parted([request])[0].call_id, RpcStatus.OK))
                    sending = server.send_multipart([peer, reply, b"in time"])
                    assert channel._socket.poll(PATIENCE_MS) == zmq.POLLIN  # the loop stands still meanwhile
                    broke = int(zmq.EVENT_DISCONNECTED).to_bytes(2, sys.byteorder) + bytes(4)
                    channel._on_event([broke, endpoint.encode()])
                    await sending
                    return await task

    assert run(play()) == b"in time"


def test_deadline_of_a_caller_is_cut_to_what_the_server_gives(tmp_path: Path) -> None:
    """An hour is asked for, 100 ms are given."""

    async def hang(call: Call) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def play() -> str:
        async with context() as sockets:
            dispatcher = Dispatcher({"a.b": hang}, limits=DispatchLimits(timeout_ms_max=100))
            async with (
                RpcServer(sockets, ipc_endpoint(tmp_path / "run", "a"), dispatcher) as server,
                client_of(SocketChannel(sockets, server.endpoint)) as client,
            ):
                with pytest.raises(DeadlineExceeded) as late:
                    await client.call("a.b", metadata=METADATA, timeout_ms=3_600_000)
                return str(late.value)

    assert run(play()) == "a.b took longer than the call had"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([b""], "the message has 0 bytes, which is no frame"),
        ([b"\xff" * 24], "the frame is not one segment within its message"),
        (
            [encode_frame(CALL) + bytes(PAYLOAD_BYTES_MAX + 1)],
            "a message is a frame of at most 64 KiB and a payload of at most 4 MiB",
        ),
        ([b"", b""], "the frame has 0 bytes, which is no whole message"),
        ([b"1234567", b""], "the frame has 7 bytes, which is no whole message"),
        ([b"\xff" * 16, b""], "the frame is not one segment of its own length"),
        ([b"\0" * 16, b""], "the frame is not one segment of its own length"),
        ([b"\0\0\0\0\1\0\0\0" + b"\xff" * 8, b""], "the frame is no valid Cap'n Proto message"),
        ([b"\0\0\0\0\1\0\0\0" + b"\0" * 8, b""], "frames of kind 0 are not known here"),
        (
            [bytes(FRAME_BYTES_MAX + 8), b""],
            "a message is a frame of at most 64 KiB and a payload of at most 4 MiB",
        ),
        (
            [encode_frame(CALL), bytes(PAYLOAD_BYTES_MAX + 1)],
            "a message is a frame of at most 64 KiB and a payload of at most 4 MiB",
        ),
        ([encode_frame(ReplyFrame(1, RpcStatus.OK)), b""], "servers take no replies"),
    ],
)
def test_server_answers_bad_frames_and_goes_on(tmp_path: Path, parts: list[bytes], message: str) -> None:
    """INVALID_ARGUMENT for no call in particular, counted; the next call on the same connection is served."""

    async def play() -> tuple[object, object, int]:
        async with (
            context() as sockets,
            RpcServer(sockets, ipc_endpoint(tmp_path / "run", "a"), Dispatcher({"a.b": echo})) as server,
            raw_peer(sockets, server.endpoint) as peer,
        ):
            await peer.send_multipart(parts)
            refusal, _ = parted(await peer.recv_multipart())
            await peer.send_multipart([encode_frame(CALL), b"payload"])
            frame, payload = parted(await peer.recv_multipart())
            return refusal, (frame, payload), server.bad_frames

    assert run(play()) == (
        ReplyFrame(0, RpcStatus.INVALID_ARGUMENT, message),
        (ReplyFrame(1, RpcStatus.OK), b"payload"),
        1,
    )


def test_server_drops_messages_of_many_parts_and_goes_on(tmp_path: Path) -> None:
    """Nothing of them is kept; the next call is served."""

    async def play() -> tuple[object, bytes]:
        async with (
            context() as sockets,
            RpcServer(sockets, ipc_endpoint(tmp_path / "run", "a"), Dispatcher({"a.b": echo})) as server,
            raw_peer(sockets, server.endpoint) as peer,
        ):
            await peer.send_multipart([encode_frame(CALL), b"", *[b"x"] * 500])
            await peer.send_multipart([encode_frame(CALL), b"payload"])
            frame, payload = parted(await peer.recv_multipart())
            return frame, payload

    assert run(play()) == (ReplyFrame(1, RpcStatus.OK), b"payload")


@pytest.mark.req("E023")
@pytest.mark.parametrize(
    ("field", "status", "message"),
    [
        ("correlation_id", RpcStatus.INVALID_ARGUMENT, "x-correlation-id is missing"),
        ("tenant_id", RpcStatus.UNAUTHENTICATED, "x-tenant-id is missing"),
        ("user_id", RpcStatus.UNAUTHENTICATED, "x-user-id is missing"),
        ("security_context", RpcStatus.UNAUTHENTICATED, "x-security-context is missing"),
    ],
)
def test_server_refuses_a_call_that_lacks_a_header(
    tmp_path: Path, field: str, status: RpcStatus, message: str
) -> None:
    """Whatever its client is; the handler is not reached."""
    seen: list[Call] = []

    async def note(call: Call) -> bytes:
        seen.append(call)
        return b""

    async def play() -> object:
        async with (
            context() as sockets,
            RpcServer(sockets, ipc_endpoint(tmp_path / "run", "a"), Dispatcher({"a.b": note})) as server,
            raw_peer(sockets, server.endpoint) as peer,
        ):
            values = {name: getattr(CALL, name) for name in CALL.__slots__} | {field: ""}
            await peer.send_multipart([encode_frame(CallFrame(**values)), b""])
            frame, _ = parted(await peer.recv_multipart())
            return frame

    assert run(play()) == ReplyFrame(1, status, message)
    assert seen == []


def test_call_id_that_is_under_way_is_refused_and_a_cancelled_call_is_answered(tmp_path: Path) -> None:
    """The first call is untouched by its double and by strangers, and ends when it is cancelled."""

    async def play() -> list[object]:
        started = asyncio.Event()

        async def hang(call: Call) -> bytes:
            started.set()
            await asyncio.Event().wait()
            return b""

        handlers = {"a.b": hang, "a.c": echo}
        async with (
            context() as sockets,
            RpcServer(sockets, ipc_endpoint(tmp_path / "run", "a"), Dispatcher(handlers)) as server,
            raw_peer(sockets, server.endpoint) as peer,
            raw_peer(sockets, server.endpoint) as stranger,
        ):
            await peer.send_multipart([encode_frame(CALL), b""])
            await started.wait()
            await peer.send_multipart([encode_frame(CALL), b""])
            seen: list[object] = [decode_frame((await peer.recv_multipart())[0])]
            values = {name: getattr(CALL, name) for name in CALL.__slots__} | {"method": "a.c"}
            await stranger.send_multipart([encode_frame(CancelFrame(1)), b""])
            await stranger.send_multipart([encode_frame(CallFrame(**values)), b""])
            seen += [decode_frame((await stranger.recv_multipart())[0]), server.running]
            await peer.send_multipart([encode_frame(CancelFrame(1)), b""])
            seen.append(decode_frame((await peer.recv_multipart())[0]))
            return [*seen, server.running]

    assert run(play()) == [
        ReplyFrame(1, RpcStatus.ALREADY_EXISTS, "this call is under way already"),
        ReplyFrame(1, RpcStatus.OK),
        1,
        ReplyFrame(1, RpcStatus.CANCELLED, "the call was cancelled"),
        0,
    ]


def test_client_passes_over_replies_that_are_none_and_takes_its_own(tmp_path: Path) -> None:
    """Junk, a call, another's reply; then the right one."""

    async def play() -> tuple[bytes, int]:
        async with context() as sockets:
            with zmq.asyncio.Socket(shadow_context(sockets), zmq.ROUTER) as server:
                server.linger = 0
                endpoint = ipc_endpoint(tmp_path / "run", "a")
                server.bind(endpoint)
                channel = SocketChannel(sockets, endpoint)
                async with client_of(channel) as client:
                    task = asyncio.create_task(client.call("a.b", b"x", metadata=METADATA))
                    peer, request = await server.recv_multipart()
                    call = parted([request])[0]
                    for parts in (
                        [b"junk", b""],
                        [encode_frame(CALL), b""],
                        [encode_frame(ReplyFrame(call.call_id, RpcStatus.OK)), b"x", b"y"],
                        [encode_frame(ReplyFrame(call.call_id + 1, RpcStatus.OK)), b"another's"],
                        [encode_frame(ReplyFrame(call.call_id, RpcStatus.OK)), b"own"],
                    ):
                        await server.send_multipart([peer, *parts])
                    return await task, channel.bad_frames

    assert run(play()) == (b"own", 2)


@settings(max_examples=300)
@given(frame=st.binary(max_size=300), flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255))))
def test_server_survives_any_frame(frame: bytes, flips: list[tuple[int, int]]) -> None:
    """Random bytes, and a good call with random bytes changed: one answer or none, and it goes on."""
    spoiled = bytearray(encode_frame(CALL))
    for at, mask in flips:
        spoiled[at % len(spoiled)] ^= mask

    async def play() -> bytes:
        async with context() as sockets:
            endpoint = "inproc://server"
            async with (
                RpcServer(sockets, endpoint, Dispatcher({"a.b": echo})),
                raw_peer(sockets, endpoint) as peer,
            ):
                last = CallFrame(2**63 + 5, *(getattr(CALL, name) for name in CALL.__slots__[1:]))
                for part in (frame, bytes(spoiled), encode_frame(last)):
                    await peer.send_multipart([part, b"payload"])
                while True:
                    answer, payload = parted(await peer.recv_multipart())
                    reply = answer
                    if reply.call_id == last.call_id:
                        return payload

    assert run(play()) == b"payload"


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("tcp://127.0.0.1:*", "can be reached by other users: expected keys, or an ipc endpoint"),
        ("ws://127.0.0.1:*", "can be reached by other users: expected keys, or an ipc endpoint"),
        ("ipc://@exchange", "lies in no private directory: expected ipc:// and an absolute path"),
        ("ipc://*", "lies in no private directory: expected ipc:// and an absolute path"),
        ("ipc://run/a", "lies in no private directory: expected ipc:// and an absolute path"),
    ],
)
def test_endpoint_that_others_can_reach_is_refused_without_keys(endpoint: str, why: str) -> None:
    """To servers and clients alike, and no socket is left."""

    async def play() -> list[str]:
        seen = []
        async with context() as sockets:
            for make in (
                lambda: RpcServer(sockets, endpoint, Dispatcher({})),
                lambda: SocketChannel(sockets, endpoint),
            ):
                with pytest.raises(SecurityError) as refused:
                    make()
                seen.append(str(refused.value))
        return seen

    assert run(play()) == [f"{endpoint} {why}"] * 2


def test_endpoint_that_is_taken_is_refused() -> None:
    """With TransportError, and the socket is closed."""

    async def play() -> str:
        async with context() as sockets, RpcServer(sockets, "inproc://a", Dispatcher({})):
            with pytest.raises(TransportError) as refused:
                RpcServer(sockets, "inproc://a", Dispatcher({}))
            return str(refused.value)

    assert run(play()) == "inproc://a cannot be bound: Address already in use (addr='inproc://a')"


def test_socket_options_are_set_on_the_socket() -> None:
    """Each of them, as libzmq reports it."""
    options = SocketOptions(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    with zmq.Context() as sockets, sockets.socket(zmq.ROUTER) as router, sockets.socket(zmq.DEALER) as dealer:
        for socket in (router, dealer):
            configure(socket, options)
            seen = [
                socket.getsockopt(option)
                for option in (
                    zmq.MAXMSGSIZE,
                    zmq.SNDHWM,
                    zmq.RCVHWM,
                    zmq.HEARTBEAT_IVL,
                    zmq.HEARTBEAT_TIMEOUT,
                    zmq.HANDSHAKE_IVL,
                    zmq.CONNECT_TIMEOUT,
                    zmq.TCP_MAXRT,
                    zmq.TCP_KEEPALIVE,
                    zmq.RECONNECT_IVL,
                    zmq.RECONNECT_IVL_MAX,
                    zmq.LINGER,
                    zmq.BACKLOG,
                )
            ]
            assert seen == [1, 2, 2, 3, 4, 5, 5, 6, 1, 7, 8, 9, 10]
        assert dealer.getsockopt(zmq.IMMEDIATE) == 1
        configure(dealer, SocketOptions(immediate=False))
        assert dealer.getsockopt(zmq.IMMEDIATE) == 0


def test_pauses_between_attempts_to_connect_are_short_on_this_machine() -> None:
    """Elsewhere they are what the options say, and a shorter one stays."""
    options = SocketOptions(reconnect_interval_ms_max=250)
    assert options_to("tcp://10.0.0.7:5555", options) == options
    assert options_to("ipc:///run/orders.sock", options) == SocketOptions(reconnect_interval_ms_max=50)
    assert options_to("ipc:///run/orders.sock", SocketOptions(reconnect_interval_ms_max=30)) == SocketOptions(
        reconnect_interval_ms_max=30
    )
