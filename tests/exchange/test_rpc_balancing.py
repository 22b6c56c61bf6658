"""Several instances behind one channel: who gets calls, who is left out, who comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import zmq

from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    BalancedChannel,
    Call,
    CallMetrics,
    Dispatcher,
    RpcClient,
    RpcServer,
    SocketChannel,
    Streaming,
    bidirectional,
)
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError
from tests.exchange.rpc_world import METADATA, PATIENCE_MS, context, policy_of, run, until


class Fleet:
    """Instances of one service, by a letter each."""

    def __init__(self, sockets: zmq.Context[zmq.Socket[bytes]], path: Path) -> None:
        self.channel: BalancedChannel
        self.hanging: Counter[str] = Counter()
        self.released = asyncio.Event()
        self._sockets = sockets
        self._path = path
        self._servers: dict[str, tuple[RpcServer, Dispatcher]] = {}

    def connect(self, name: str) -> SocketChannel:
        """To an instance."""
        return SocketChannel(self._sockets, ipc_endpoint(self._path / "run", name))

    def start(self, name: str) -> None:
        """An instance that says who it is, or hangs."""

        async def who(_: Call) -> bytes:
            return name.encode()

        async def hang(_: Call) -> bytes:
            self.hanging[name] += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.hanging[name] -= 1
            return b""

        async def wait(_: Call) -> bytes:
            self.hanging[name] += 1
            await self.released.wait()
            return name.encode()

        @bidirectional
        async def echo(_: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
            async for request in requests:
                yield name.encode() + request

        dispatcher = Dispatcher({"a.who": who, "a.hang": hang, "a.wait": wait, "a.echo": echo})
        endpoint = ipc_endpoint(self._path / "run", name)
        self._servers[name] = RpcServer(self._sockets, endpoint, dispatcher), dispatcher

    async def stop(self, name: str) -> None:
        """The instance is gone."""
        await self._servers.pop(name)[0].close()

    def drain(self, name: str) -> None:
        """It answers that it is closing, and is still there."""
        self._servers[name][1].close()

    def healthy(self) -> set[str]:
        """Those that get calls."""
        return {name for name, status in self.channel.status.items() if status.healthy}

    async def close(self) -> None:
        """End all."""
        await self.channel.close()
        for name in list(self._servers):
            await self.stop(name)


@asynccontextmanager
async def fleet(path: Path, *names: str) -> AsyncIterator[tuple[Fleet, RpcClient]]:
    """Instances that are known by these names, the first two running."""
    async with context() as sockets:
        made = Fleet(sockets, path)
        for name in names[:2]:
            made.start(name)
        # Probes are patient: none of those that are there is left out while the machine stands still.
        made.channel = BalancedChannel(made.connect, names, interval_ms=20, timeout_ms=PATIENCE_MS)
        try:
            yield made, RpcClient(made.channel, policy_of(failure_threshold=1_000, ladder_s=(0.0,) * 5))
        finally:
            await made.close()


@pytest.mark.req("E013", "C097")
def test_calls_are_spread_and_an_unhealthy_instance_is_skipped(tmp_path: Path) -> None:
    """Evenly over those that answer; one that never came gets none; one that drains gets no more."""

    async def play() -> None:
        async with fleet(tmp_path, "a", "b", "c") as (all_of_them, client):
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            answers = Counter([await client.call("a.who", metadata=METADATA) for _ in range(40)])
            assert answers == {b"a": 20, b"b": 20}
            all_of_them.drain("a")
            await until(lambda: all_of_them.healthy() == {"b"})
            answers = Counter([await client.call("a.who", metadata=METADATA) for _ in range(10)])
            assert answers == {b"b": 10}

    run(play())


def test_instance_with_fewer_calls_under_way_gets_the_next(tmp_path: Path) -> None:
    """One that hangs is not given every second call as well."""

    async def play() -> None:
        async with fleet(tmp_path, "a", "b") as (all_of_them, client):
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            hanging = [asyncio.create_task(client.call("a.hang", metadata=METADATA)) for _ in range(3)]
            await until(lambda: sum(all_of_them.hanging.values()) == 3)
            (idle,) = [name for name in ("a", "b") if all_of_them.hanging[name] == 1]
            answer = await client.call("a.who", metadata=METADATA)
            assert answer == idle.encode()
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            await until(lambda: sum(all_of_them.hanging.values()) == 0)

    run(play())


@pytest.mark.req("E013")
def test_instance_that_dies_fails_its_calls_and_comes_back(tmp_path: Path) -> None:
    """Calls in flight end UNAVAILABLE at once; those that may be are tried again, at another instance."""

    async def play() -> None:
        async with fleet(tmp_path, "a", "b", "c") as (all_of_them, client):
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            call = [asyncio.create_task(client.call("a.hang", metadata=METADATA)) for _ in range(2)]
            stream = client.stream("a.echo", Streaming.BIDIRECTIONAL, metadata=METADATA)
            async with stream:
                await stream.send(b"1")
                name = (await anext(stream)).decode()[0]
                await until(lambda: sum(all_of_them.hanging.values()) == 2)
                await all_of_them.stop(name)
                with pytest.raises(ServiceUnavailableError):
                    await anext(stream)
            done, left = await asyncio.wait(call, return_when=asyncio.FIRST_COMPLETED)
            assert [type(task.exception()) for task in done] == [ServiceUnavailableError]
            for _ in range(10):  # whatever the probes know: none of them fails
                answer = await client.call("a.who", metadata=METADATA, repeatable=True)
                assert answer != name.encode()
            all_of_them.start(name)
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            all_of_them.start("c")
            await until(lambda: all_of_them.healthy() == {"a", "b", "c"})
            all_of_them.channel.update(["c"])
            assert await client.call("a.who", metadata=METADATA) == b"c"
            for task in left:
                with pytest.raises(ServiceUnavailableError):
                    await task

    run(play())


@pytest.mark.req("E013")
def test_call_that_may_be_repeated_goes_on_to_another_instance_within_one_try(tmp_path: Path) -> None:
    """Its policy notes no failure, pauses for nothing, and opens no breaker, however many were in flight."""

    async def play() -> None:
        async with fleet(tmp_path, "a", "b") as (all_of_them, _):
            policy = policy_of(failure_threshold=1, ladder_s=())
            client = RpcClient(all_of_them.channel, policy)
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            all_of_them.released.clear()
            calls = [
                asyncio.create_task(client.call("a.wait", metadata=METADATA, repeatable=True))
                for _ in range(20)
            ]
            await until(lambda: sum(all_of_them.hanging.values()) == 20)
            await all_of_them.stop("a")
            await until(lambda: all_of_them.hanging["b"] == 20)
            all_of_them.released.set()
            assert await asyncio.gather(*calls) == [b"b"] * 20
            assert [await client.call("a.who", metadata=METADATA) for _ in range(5)] == [b"b"] * 5
            assert (policy.counts.tries, policy.counts.opened) == (25, 0)

    run(play())


def test_only_instance_is_asked_without_probes(tmp_path: Path) -> None:
    """There is nothing to choose; with a second one it is one of two, and then alone again."""

    async def play() -> None:
        async with fleet(tmp_path, "a") as (all_of_them, client):
            assert await client.call("a.who", metadata=METADATA) == b"a"
            assert not any(task.get_name() == "probe" for task in asyncio.all_tasks())
            all_of_them.start("b")
            all_of_them.channel.update(["a", "b"])
            await until(lambda: all_of_them.healthy() == {"a", "b"})
            assert {await client.call("a.who", metadata=METADATA) for _ in range(4)} == {b"a", b"b"}
            all_of_them.channel.update(["b"])
            assert await client.call("a.who", metadata=METADATA) == b"b"
            await until(lambda: not any(task.get_name() == "probe" for task in asyncio.all_tasks()))

    run(play())


def test_call_without_a_healthy_instance_waits_until_its_deadline_and_says_so(tmp_path: Path) -> None:
    """UNAVAILABLE, with those that were asked."""

    async def play() -> None:
        async with fleet(tmp_path) as (_, client):
            with pytest.raises(ServiceUnavailableError, match="no instance is healthy: none is known"):
                await client.call("a.who", metadata=METADATA, timeout_ms=100)

    run(play())


def test_metrics_count_calls_by_method_and_status(tmp_path: Path) -> None:
    """In flight, durations, and unknown methods under one name, that no caller makes rows."""

    async def play() -> None:
        here, there = CallMetrics(), CallMetrics(frozenset({"a.b", "a.hang"}))
        entered = asyncio.Event()

        async def fail(_: Call) -> bytes:
            raise RpcError(RpcStatus.NOT_FOUND, "nothing")

        async def hang(_: Call) -> bytes:
            entered.set()
            await asyncio.Event().wait()
            return b""

        handlers = {"a.b": fail, "a.hang": hang, "a.new": fail}
        async with context() as sockets:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            async with RpcServer(sockets, endpoint, Dispatcher(handlers, [there.interceptor])):
                client = RpcClient(SocketChannel(sockets, endpoint), policy_of(), [here.interceptor])
                for method in ("a.b", "a.b", "a.new", "a.none"):
                    with pytest.raises(RpcError):
                        await client.call(method, metadata=METADATA)
                task = asyncio.create_task(client.call("a.hang", metadata=METADATA))
                await entered.wait()
                assert here.snapshot()["a.hang"].in_flight == there.snapshot()["a.hang"].in_flight == 1
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await until(lambda: there.snapshot()["a.hang"].in_flight == 0)
                await client.close()
        calls = {name: dict(row.calls) for name, row in here.snapshot().items()}
        assert calls == {
            "a.b": {RpcStatus.NOT_FOUND: 2},
            "a.new": {RpcStatus.NOT_FOUND: 1},
            "a.none": {RpcStatus.UNIMPLEMENTED: 1},
            "a.hang": {RpcStatus.CANCELLED: 1},
        }
        calls = {name: dict(row.calls) for name, row in there.snapshot().items()}
        assert calls == {
            "a.b": {RpcStatus.NOT_FOUND: 2},
            "other": {RpcStatus.NOT_FOUND: 1},
            "a.hang": {RpcStatus.CANCELLED: 1},
        }
        row = there.snapshot()["a.b"]
        assert sum(row.durations) == 2
        assert row.duration_s > 0

    run(play())
