"""Calls of threads that wait, to a server in another thread; and handlers that begin at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    BlockingChannel,
    BlockingClient,
    Call,
    Dispatcher,
    Handler,
    Metadata,
    Method,
    RpcServer,
    eager,
)
from exchange.errors import (
    DeadlineExceeded,
    RpcError,
    RpcStatus,
    SecurityError,
    ServiceUnavailableError,
    TransportError,
    WireError,
)
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, policy_of

Handlers = Mapping[str, Handler | Method]


class Server:
    """A server in an event loop of its own, in a thread."""

    def __init__(self, endpoint: str, handlers: Handlers, keys: KeyPair | None, client: str) -> None:
        self._handlers, self._keys, self._client = handlers, keys, client
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self.endpoint, self.cancelled = endpoint, threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))
        self._thread.start()
        assert self._started.wait(PATIENCE_MS / 1_000)

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        sockets: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        gate = Authenticator(sockets, Keyring({self._client: Principal("a")})) if self._keys else None
        try:
            async with RpcServer(
                sockets, self.endpoint, Dispatcher(self._handlers), authenticator=gate, keys=self._keys
            ) as server:
                self.endpoint = server.endpoint
                self._started.set()
                await self._stop.wait()
        finally:
            if gate is not None:
                gate.close()
            sockets.term()

    def stop(self) -> None:
        """Ends it; whoever waits is refused."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@contextmanager
def serving(
    endpoint: str, handlers: Handlers, keys: KeyPair | None = None, client: str = ""
) -> Iterator[Server]:
    """One, ended in any case."""
    server = Server(endpoint, handlers, keys, client)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def blocking(
    endpoint: str, server: KeyPair | None = None, client: KeyPair | None = None
) -> Iterator[BlockingClient]:
    """A client that waits, whose context must be without sockets at its end."""
    sockets: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    public = server.public if server else None
    channel = BlockingChannel(sockets, endpoint, keys=client, server_public=public)
    try:
        with BlockingClient(channel, policy_of(failure_threshold=1_000, ladder_s=(0.05,) * 5)) as made:
            yield made
    finally:
        sockets.term()


async def echo(call: Call) -> bytes:
    """The request again."""
    return call.payload


def hang_until_late(client: BlockingClient, ended: threading.Event) -> None:
    """Calls of `a.hang`, with ever more time, until one is too late that was there, and has ended there."""
    timeout_ms, late = 100, False
    while not (late and ended.wait(timeout_ms / 1_000)):
        timeout_ms *= 2
        try:
            client.call("a.hang", metadata=METADATA, timeout_ms=timeout_ms)
        except DeadlineExceeded:
            late = True
        except ServiceUnavailableError:
            late = False  # nobody was reached in time


async def who(call: Call) -> bytes:
    """Who the connection is, and the headers."""
    return f"{call.principal.name if call.principal else ''} {call.metadata.headers}".encode()


@pytest.mark.parametrize("way", ["ipc", "tcp"])
def test_call_that_waits_is_answered_as_any_other(way: str, tmp_path: Path) -> None:
    """Payload, headers, principal, statuses; with CURVE too."""
    ours, theirs = KeyPair.generate(), KeyPair.generate()

    async def refuse(_: Call) -> bytes:
        raise RpcError(RpcStatus.NOT_FOUND, "no such order", 7)

    handlers: Handlers = {
        "a.echo": eager(echo),
        "a.who": eager(who),
        "a.slow": echo,
        "a.refuse": eager(refuse),
    }
    endpoint = ipc_endpoint(tmp_path / "run", "a") if way == "ipc" else "tcp://127.0.0.1:*"
    keys = (theirs, ours) if way == "tcp" else (None, None)
    with (
        serving(endpoint, handlers, keys[0], ours.public) as server,
        blocking(server.endpoint, *keys) as client,
    ):
        for size in (0, 1, 100_000):
            assert client.call("a.echo", bytes(size), metadata=METADATA) == bytes(size)
            assert client.call("a.slow", bytes(size), metadata=METADATA) == bytes(size)
        name = "local" if way == "ipc" else "a"
        assert client.call("a.who", metadata=METADATA).decode() == f"{name} {METADATA.headers}"
        with pytest.raises(RpcError) as refused:
            client.call("a.refuse", metadata=METADATA)
        assert (refused.value.code, refused.value.retry_after_ms) == (RpcStatus.NOT_FOUND, 7)
        with pytest.raises(RpcError, match=r"x-tenant-id is missing"):
            client.call("a.echo", metadata=Metadata("c", "", "u", "s"))
        with pytest.raises(WireError, match="the payload has"):
            client.call("a.echo", bytes((4 << 20) + 1), metadata=METADATA)
        assert client.call("a.echo", b"still", metadata=METADATA) == b"still"


def test_key_that_is_not_known_is_refused_at_once() -> None:
    """Again and again, with a status that says why, and not after the call's deadline."""
    ours, theirs, other = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
    with (
        serving("tcp://127.0.0.1:*", {"a.echo": eager(echo)}, theirs, ours.public) as server,
        blocking(server.endpoint, theirs, other) as stranger,
        blocking(server.endpoint, theirs, ours) as client,
    ):
        for _ in range(3):
            with pytest.raises(RpcError, match="the connection's key is not known") as refused:
                stranger.call("a.echo", metadata=METADATA, timeout_ms=600_000)
            assert refused.value.code is RpcStatus.UNAUTHENTICATED
        assert client.call("a.echo", b"known", metadata=METADATA) == b"known"


def test_threads_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Each call under way has its connection; one that hangs holds up nobody."""
    hanging, go_on = threading.Event(), threading.Event()

    async def hang(call: Call) -> bytes:
        hanging.set()
        await asyncio.to_thread(go_on.wait)
        return call.payload

    found: dict[int, list[bytes]] = {}
    with (
        serving(ipc_endpoint(tmp_path / "run", "a"), {"a.hang": hang, "a.echo": eager(echo)}) as server,
        blocking(server.endpoint) as client,
    ):

        def ask(number: int) -> None:
            payload = f"{number}".encode()
            found[number] = [client.call("a.echo", payload, metadata=METADATA) for _ in range(50)]

        first = threading.Thread(target=lambda: client.call("a.hang", metadata=METADATA))
        first.start()
        assert hanging.wait(PATIENCE_MS / 1_000)
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first.is_alive()
        go_on.set()
        first.join()
    assert found == {number: [f"{number}".encode()] * 50 for number in range(4)}


def test_call_without_answer_ends_in_time_and_its_handler_too(tmp_path: Path) -> None:
    """The server is told; the late answer is not taken for the next one's."""
    ended = threading.Event()

    async def hang(_: Call) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b"late"

    with (
        serving(ipc_endpoint(tmp_path / "run", "a"), {"a.hang": hang, "a.echo": eager(echo)}) as server,
        blocking(server.endpoint) as client,
    ):
        hang_until_late(client, ended)
        assert client.call("a.echo", b"next", metadata=METADATA) == b"next"


def test_server_that_goes_and_comes_is_found_again(tmp_path: Path) -> None:
    """The call under way fails at once, a free connection is made anew, and what may be is tried again."""
    endpoint = ipc_endpoint(tmp_path / "run", "a")
    hanging = threading.Event()

    async def hang(_: Call) -> bytes:
        hanging.set()
        await asyncio.Event().wait()
        return b""

    handlers: Handlers = {"a.hang": hang, "a.echo": eager(echo)}
    with blocking(endpoint) as client:
        with pytest.raises(ServiceUnavailableError, match="nobody answers"):
            client.call("a.echo", metadata=METADATA, timeout_ms=100)
        with serving(endpoint, handlers) as server:
            assert client.call("a.echo", b"1", metadata=METADATA) == b"1"

            def stop() -> None:
                hanging.wait(PATIENCE_MS / 1_000)
                server.stop()

            stopping = threading.Thread(target=stop)
            stopping.start()
            with pytest.raises(ServiceUnavailableError, match=r"closing|broke"):
                client.call("a.hang", metadata=METADATA)
            stopping.join()
        with pytest.raises(ServiceUnavailableError):
            client.call("a.echo", metadata=METADATA, timeout_ms=2_000)
        with serving(endpoint, handlers):
            assert client.call("a.echo", b"2", metadata=METADATA, repeatable=True) == b"2"


def test_close_ends_what_waits_in_other_threads(tmp_path: Path) -> None:
    """Wherever it waits: for an answer, or for somebody to be there."""
    hanging = threading.Event()
    ends: list[str] = []

    async def hang(_: Call) -> bytes:
        hanging.set()
        await asyncio.Event().wait()
        return b""

    with (
        serving(ipc_endpoint(tmp_path / "run", "a"), {"a.hang": hang}) as server,
        blocking(server.endpoint) as client,
        blocking(ipc_endpoint(tmp_path / "run", "nobody")) as lonely,
    ):

        def ask(of: BlockingClient) -> None:
            try:
                of.call("a.hang", metadata=METADATA)
            except ServiceUnavailableError as error:
                ends.append(str(error))

        threads = [threading.Thread(target=ask, args=(of,)) for of in (client, lonely)]
        for thread in threads:
            thread.start()
        assert hanging.wait(PATIENCE_MS / 1_000)
        client.close()
        lonely.close()
        for thread in threads:
            thread.join()
        with pytest.raises(ServiceUnavailableError, match="is closed"):
            client.call("a.hang", metadata=METADATA)
    assert len(ends) == 2
    assert all("closed" in end for end in ends)


def test_interceptors_stand_around_calls_that_wait(tmp_path: Path) -> None:
    """Those of `RpcClient`; one that waits for something else is a mistake that is named."""
    seen: list[str] = []

    async def note(call: Call, proceed: Handler) -> bytes:
        seen.append(call.method)
        return await proceed(call._replace(payload=b"noted"))

    async def wait(call: Call, proceed: Handler) -> bytes:
        await asyncio.sleep(0)
        return await proceed(call)

    sockets: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with serving(ipc_endpoint(tmp_path / "run", "a"), {"a.echo": eager(echo)}) as server:
        with BlockingClient(BlockingChannel(sockets, server.endpoint), policy_of(), [note]) as client:
            assert client.call("a.echo", metadata=METADATA) == b"noted"
        with (
            BlockingClient(BlockingChannel(sockets, server.endpoint), policy_of(), [wait]) as client,
            pytest.raises(RuntimeError, match="answered at once"),
        ):
            client.call("a.echo", metadata=METADATA)
    sockets.term()
    assert seen == ["a.echo"]


def test_unprotected_or_unwatched_endpoints_are_refused() -> None:
    """As by every channel."""
    sockets: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with pytest.raises(SecurityError):
        BlockingChannel(sockets, "tcp://127.0.0.1:1")
    with pytest.raises(TransportError, match="tells of no connection"):
        BlockingChannel(sockets, "inproc://a")
    sockets.term()


def name_of_task() -> str:
    """Of the one that runs."""
    task = asyncio.current_task()
    assert task is not None
    return task.get_name()


def raising(error: BaseException) -> Handler:
    """A handler that raises at once."""

    async def handle(_: Call) -> bytes:
        raise error

    return handle


@pytest.mark.parametrize(
    ("handler", "end"),
    [
        (raising(RpcError(RpcStatus.ABORTED, "no")), "ABORTED: no"),
        (raising(KeyError("x")), "INTERNAL: internal error"),
        (raising(asyncio.CancelledError()), "CANCELLED: the call was cancelled"),
    ],
)
def test_eager_handler_that_raises_at_once_is_answered(tmp_path: Path, handler: Handler, end: str) -> None:
    """And the next call is, too: its place was given back."""
    with (
        serving(
            ipc_endpoint(tmp_path / "run", "a"), {"a.b": eager(handler), "a.echo": eager(echo)}
        ) as server,
        blocking(server.endpoint) as client,
    ):
        with pytest.raises(RpcError) as refused:
            client.call("a.b", metadata=METADATA)
        assert str(refused.value) == end
        assert client.call("a.echo", b"next", metadata=METADATA) == b"next"


def test_eager_handler_that_waits_has_a_task_its_deadline_and_its_scope(tmp_path: Path) -> None:
    """What it waits for may take a task; it is cancelled in time; context variables stay its own."""
    ended = threading.Event()

    async def waits(call: Call) -> bytes:
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return name_of_task().encode() if call.payload else b""

    async def hang(_: Call) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    handlers: Handlers = {"a.waits": eager(waits), "a.hang": eager(hang), "a.echo": eager(echo)}
    with (
        serving(ipc_endpoint(tmp_path / "run", "a"), handlers) as server,
        blocking(server.endpoint) as client,
    ):
        assert client.call("a.waits", b"x", metadata=METADATA) == b"a.waits"
        hang_until_late(client, ended)
        assert client.call("a.echo", b"x", metadata=METADATA) == b"x"
