"""Threads that wait, and several instances of a service: calls are spread, and no failure of one is seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import zmq

from exchange.bus.rpc import BlockingBalancedChannel, BlockingChannel, BlockingClient, Call
from exchange.errors import DeadlineExceeded, RpcError, RpcStatus, ServiceUnavailableError
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, policy_of
from tests.exchange.test_rpc_blocking import Handlers, Server


def named(name: str, slow: threading.Event | None = None) -> Handlers:
    """What says who it is; `who.slow` stops it while the event is not set."""

    async def who(_: Call) -> bytes:
        return name.encode()

    async def refuse(_: Call) -> bytes:
        raise RpcError(RpcStatus.UNAVAILABLE, f"{name} drains")

    async def wait(_: Call) -> bytes:
        if slow is not None:
            slow.wait()  # the whole server stands still
        return name.encode()

    return {"who.are_you": who, "who.refuse": refuse if name == "a" else who, "who.slow": wait}


class World:
    """Servers by name, and a channel to those that it is told of."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder, self._opened = folder, opened
        self.sockets: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        opened.callback(self.sockets.term)
        self.servers: dict[str, Server] = {}
        self.slow = threading.Event()

    def start(self, *names: str) -> None:
        """Servers of these names."""
        for name in names:
            server = Server(self.endpoint(name), named(name, self.slow), None, "")
            self.servers[name] = server
            self._opened.callback(server.stop)
            self._opened.callback(self.slow.set)

    def endpoint(self, name: str) -> str:
        """Where one is, or would be."""
        return f"ipc://{self._folder}/{name}.sock"

    def client(
        self, *names: str, away_ms: int = 600_000, reach_ms: int = 2_000
    ) -> tuple[BlockingBalancedChannel, BlockingClient]:
        """Of these, whether they are there or not: those that are have to be reached in time."""
        channel = BlockingBalancedChannel(
            lambda name: BlockingChannel(self.sockets, self.endpoint(name)),
            names,
            away_ms=away_ms,
            reach_ms=reach_ms,
        )
        client = BlockingClient(channel, policy_of(failure_threshold=1_000, ladder_s=(0.01,) * 5))
        self._opened.callback(client.close)
        return channel, client


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give an empty one."""
    tmp_path.chmod(0o700)
    with _opened(tmp_path) as made:
        yield made


@contextmanager
def _opened(folder: Path) -> Iterator[World]:
    with ExitStack() as opened:
        yield World(folder, opened)


def ask(client: BlockingClient, method: str = "who.are_you", *, timeout_ms: int = PATIENCE_MS) -> str:
    """Who answered, of a question that may be asked twice."""
    return client.call(method, metadata=METADATA, timeout_ms=timeout_ms, repeatable=True).decode()


def test_calls_go_to_all_that_are_there(world: World) -> None:
    """In turn where none has more under way, each call to one."""
    world.start("a", "b", "c")
    channel, client = world.client("a", "b", "c", reach_ms=PATIENCE_MS)
    answered = [ask(client) for _ in range(30)]
    assert {name: answered.count(name) for name in "abc"} == {"a": 10, "b": 10, "c": 10}
    assert channel.served == {"a": 10, "b": 10, "c": 10}


def test_one_that_dies_or_was_never_there_is_left_out_and_nobody_sees_it(world: World) -> None:
    """Every question is answered; after the first that failed there it gets none."""
    world.start("a", "b")
    channel, client = world.client("a", "b")
    while {ask(client), ask(client)} != {"a", "b"}:  # on a machine that has much to do one may be late
        channel, client = world.client("a", "b")
    channel.update(["a", "b", "nobody"])
    assert {ask(client) for _ in range(12)} == {"a", "b"}
    assert channel.served["nobody"] == 1
    world.servers["a"].stop()
    assert [ask(client) for _ in range(12)] == ["b"] * 12
    assert channel.served["nobody"] == 1


def test_one_that_is_back_gets_calls_again(world: World) -> None:
    """When its time out is over."""
    world.start("b")
    _, client = world.client("a", "b", away_ms=50)
    assert ask(client) == "b"
    world.start("a")
    until = time.monotonic() + 60
    while ask(client) != "a":
        assert time.monotonic() < until


def test_answer_unavailable_goes_on_to_another_where_it_may(world: World) -> None:
    """A call that may not be carried out twice fails; the one that may is answered by the other."""
    world.start("a", "b")
    _, client = world.client("a", "b", away_ms=0, reach_ms=PATIENCE_MS)
    assert [ask(client, "who.refuse") for _ in range(6)] == ["b"] * 6
    refused = list[str]()
    for _ in range(6):
        with suppress(ServiceUnavailableError):
            client.call("who.refuse", metadata=METADATA, timeout_ms=PATIENCE_MS)
            continue
        refused.append("a")
    assert refused


def test_one_that_hangs_costs_one_call_its_deadline(world: World) -> None:
    """Then the others are asked."""
    world.start("a")
    channel, client = world.client("a", reach_ms=PATIENCE_MS)
    timeout_ms, late = 300, False
    while not late:  # with more time, until the call got there
        try:
            ask(client, "who.slow", timeout_ms=timeout_ms)
        except DeadlineExceeded:
            late = True
        except ServiceUnavailableError:
            timeout_ms *= 2
    world.start("b")
    channel.update(["a", "b"])
    assert [ask(client) for _ in range(8)] == ["b"] * 8


def test_instances_come_and_go_and_the_end_is_an_end(world: World) -> None:
    """Those that left get nothing; a call under way there goes on elsewhere; closed is closed."""
    world.start("a", "b")
    channel, client = world.client("a", reach_ms=PATIENCE_MS)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(ask(client, "who.slow")))
    thread.start()
    until = time.monotonic() + 60
    while not channel.served["a"]:
        assert time.monotonic() < until
        time.sleep(0.001)
    world.slow.set()
    channel.update(["b"])
    thread.join()
    assert found in (["a"], ["b"])  # its answer may have been on its way
    assert [ask(client) for _ in range(4)] == ["b"] * 4
    client.close()
    with pytest.raises(ServiceUnavailableError):
        ask(client)
