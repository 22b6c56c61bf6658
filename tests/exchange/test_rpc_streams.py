"""Calls with streams, over each way: order, half-close, flow control, cancellation, deadlines, statuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    Call,
    CallRecord,
    ClientStream,
    Dispatcher,
    DispatchLimits,
    Handler,
    Method,
    RpcClient,
    RpcServer,
    SocketChannel,
    Streaming,
    bidirectional,
    calling,
    client_streaming,
    current_scope,
    observe_calls,
    server_streaming,
)
from exchange.bus.rpc.streams import MESSAGE_COST, WINDOW_BYTES
from exchange.errors import DeadlineExceeded, RpcError, RpcStatus, ServiceUnavailableError
from exchange.schema.bus_frames import PAYLOAD_BYTES_MAX
from tests.exchange.rpc_world import (
    METADATA,
    PATIENCE_MS,
    WAYS,
    channel_to,
    context,
    policy_of,
    run,
    service,
    until,
)

over_each_way = pytest.mark.parametrize("way", WAYS)


class Host:
    """Handlers of every kind that note what becomes of them."""

    def __init__(self) -> None:
        self.running = 0
        self.sent = 0
        self.idle = asyncio.Event()
        self.seen: list[Call] = []

    @asynccontextmanager
    async def noted(self, call: Call) -> AsyncIterator[None]:
        """Counts a handler in and out."""
        self.seen.append(call)
        self.running += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.running -= 1
            if not self.running:
                self.idle.set()

    @property
    def methods(self) -> dict[str, Handler | Method]:
        """By name."""

        @server_streaming
        async def count(call: Call) -> AsyncGenerator[bytes, None]:
            async with self.noted(call):
                for number in range(int(call.payload)):
                    yield b"%d" % number

        @client_streaming
        async def join(call: Call, requests: AsyncIterator[bytes]) -> bytes:
            async with self.noted(call):
                return b",".join([request async for request in requests])

        @bidirectional
        async def echo(call: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
            async with self.noted(call):
                async for request in requests:
                    yield request
                yield b"bye"

        @server_streaming
        async def flood(call: Call) -> AsyncGenerator[bytes, None]:
            async with self.noted(call):
                while True:
                    self.sent += 1
                    yield bytes(int(call.payload))

        @client_streaming
        async def deaf(call: Call, requests: AsyncIterator[bytes]) -> bytes:
            async with self.noted(call):
                await asyncio.Event().wait()
                return b""

        @server_streaming
        async def broken(call: Call) -> AsyncGenerator[bytes, None]:
            async with self.noted(call):
                yield b"one"
                raise RpcError(RpcStatus.ABORTED, "no more", 70)

        @bidirectional
        async def early(call: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
            async with self.noted(call):
                yield await anext(requests)

        return {
            "a.count": count,
            "a.join": join,
            "a.echo": echo,
            "a.flood": flood,
            "a.deaf": deaf,
            "a.broken": broken,
            "a.early": early,
        }


def opened(
    client: RpcClient, method: str, kind: Streaming, payload: bytes = b"", window: int = WINDOW_BYTES
) -> ClientStream:
    """A stream with the headers of the tests."""
    return client.stream(method, kind, payload, metadata=METADATA, window=window)


@pytest.mark.req("E009")
@over_each_way
def test_server_streams_in_order_and_ends(way: str, tmp_path: Path) -> None:
    """More messages than a window or a queue holds; none at all is a stream, too."""

    async def play() -> None:
        host = Host()
        async with service(way, tmp_path, host.methods) as client:
            async with opened(client, "a.count", Streaming.SERVER, b"6000") as stream:
                assert [int(message) async for message in stream] == list(range(6_000))
                assert await stream.result() == b""
            async with opened(client, "a.count", Streaming.SERVER, b"0") as stream:
                assert [message async for message in stream] == []
            assert host.running == 0

    run(play())


@pytest.mark.req("E009")
@over_each_way
def test_client_streams_and_half_closes_and_gets_one_answer(way: str, tmp_path: Path) -> None:
    """The handler reads to the end; messages of any size up to the bound."""

    async def play() -> None:
        async with service(way, tmp_path, Host().methods) as client:
            async with opened(client, "a.join", Streaming.CLIENT) as stream:
                for number in range(3_000):
                    await stream.send(b"%d" % number)
                assert await stream.result() == b",".join(b"%d" % number for number in range(3_000))
            async with opened(client, "a.join", Streaming.CLIENT) as stream:
                await stream.send(b"x" * PAYLOAD_BYTES_MAX)
                with pytest.raises(RpcError, match="OUT_OF_RANGE: a message is longer than 4194304 bytes"):
                    await stream.send(b"x" * (PAYLOAD_BYTES_MAX + 1))
                assert len(await stream.result()) == PAYLOAD_BYTES_MAX
            async with opened(client, "a.join", Streaming.CLIENT) as stream:
                assert await stream.result() == b""
                with pytest.raises(RpcError, match="FAILED_PRECONDITION: this side of the call was closed"):
                    await stream.send(b"late")

    run(play())


@pytest.mark.req("E009")
@over_each_way
def test_both_stream_at_once_and_the_server_goes_on_behind_the_client_s_end(way: str, tmp_path: Path) -> None:
    """Half-close ends one direction only; a server that ends early ends the call."""

    async def play() -> None:
        async with service(way, tmp_path, Host().methods) as client:
            async with opened(client, "a.echo", Streaming.BIDIRECTIONAL) as stream:
                for word in (b"one", b"two", b""):
                    await stream.send(word)
                    assert await anext(stream) == word
                await stream.half_close()
                assert [message async for message in stream] == [b"bye"]
                assert await stream.result() == b""
            async with opened(client, "a.early", Streaming.BIDIRECTIONAL) as stream:
                await stream.send(b"only")
                assert [message async for message in stream] == [b"only"]
                with pytest.raises(RpcError, match="FAILED_PRECONDITION: the call has ended"):
                    await stream.send(b"more")

    run(play())


@pytest.mark.req("E022", "E023", "E024", "E025")
@over_each_way
def test_stream_carries_headers_and_hands_them_on(way: str, tmp_path: Path) -> None:
    """All four arrive; a call made while serving it has them and no later a deadline."""

    async def play() -> None:
        scopes = []

        @server_streaming
        async def serve(call: Call) -> AsyncGenerator[bytes, None]:
            scopes.append((current_scope(), call.remaining_ns))
            yield call.metadata.correlation_id.encode()

        async with service(way, tmp_path, dict[str, Handler | Method]({"a.b": serve})) as client:
            with calling(METADATA, timeout_ms=PATIENCE_MS):
                async with client.stream("a.b", Streaming.SERVER) as stream:
                    assert [message async for message in stream] == [b"corr-abc-123"]
            ((scope, remaining_ns),) = scopes
            assert scope is not None
            assert scope.metadata == METADATA
            assert 0 < remaining_ns <= PATIENCE_MS * 1_000_000
            with pytest.raises(RpcError, match="UNAUTHENTICATED: x-tenant-id is missing"):
                client.stream("a.b", Streaming.SERVER)

    run(play())


@pytest.mark.parametrize("size", [0, 1_000, 100_000])
@over_each_way
def test_slow_reader_bounds_what_either_side_holds(way: str, tmp_path: Path, size: int) -> None:
    """The server stops at a window and one message; what was read is sent anew, and nothing is lost."""

    async def play() -> None:
        host = Host()
        cost = size + MESSAGE_COST
        most = -(-WINDOW_BYTES // cost)  # a message may be sent while any credit is left
        async with (
            service(way, tmp_path, host.methods) as client,
            opened(client, "a.flood", Streaming.SERVER, b"%d" % size) as stream,
        ):
            await until(lambda: stream.held_bytes >= most * cost)
            for _ in range(50):
                await asyncio.sleep(0)
            assert host.sent == most + 1  # one waits in the handler's hands
            assert stream.held_bytes == most * cost
            for _ in range(3 * most):
                assert len(await anext(stream)) == size
            assert host.sent <= 3 * most + 2 * most + 1
            assert stream.held_bytes <= WINDOW_BYTES + cost

    run(play())


@over_each_way
def test_slow_handler_bounds_what_a_client_may_send(way: str, tmp_path: Path) -> None:
    """The client waits with its message until the handler reads; cancelling frees both."""

    async def play() -> None:
        host = Host()
        limits = DispatchLimits(window_bytes=10_000)
        async with (
            service(way, tmp_path, host.methods, limits=limits) as client,
            opened(client, "a.deaf", Streaming.CLIENT) as stream,
        ):
            for _ in range(10):
                await stream.send(bytes(1_000))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await stream.send(bytes(1_000))
            waiting = asyncio.create_task(stream.send(b""))
            await asyncio.sleep(0)
            stream.cancel()
            with pytest.raises(RpcError, match="CANCELLED"):
                await waiting
            await host.idle.wait()

    run(play())


@pytest.mark.req("E031")
@pytest.mark.parametrize("way", ["local", "ipc"])
def test_a_thousand_cancelled_streams_leave_nothing(way: str, tmp_path: Path) -> None:
    """Handlers are cancelled, places given back, on both sides; the next call finds room."""

    async def play() -> None:
        host = Host()
        dispatcher = Dispatcher(host.methods, limits=DispatchLimits(calls_max=8, peer_calls_max=8))
        async with channel_to(way, tmp_path, dispatcher) as channel:
            client = RpcClient(channel, policy_of())
            for number in range(1_000):
                async with opened(client, "a.flood", Streaming.SERVER, b"10", 500) as stream:
                    if number % 3:
                        await anext(stream)
                    if number % 2:
                        stream.cancel()
                        with pytest.raises(RpcError, match="CANCELLED: the call was cancelled"):
                            await anext(stream)
                await until(lambda: dispatcher.running < 8)
            await until(lambda: dispatcher.running == 0)
            assert len(host.seen) <= 1_000
            assert host.running == 0
            if isinstance(channel, SocketChannel):
                assert channel.under_way == 0
            assert await client.call("health.check", metadata=METADATA) == b""

    run(play())


@over_each_way
def test_deadline_ends_a_stream_on_both_sides(way: str, tmp_path: Path) -> None:
    """The reader gets DEADLINE_EXCEEDED; the handler is cancelled. A server's own bound counts as well."""

    async def play() -> None:
        host = Host()
        async with service(way, tmp_path, host.methods) as client:
            timeout_ms, late = 300, ServiceUnavailableError("not tried yet")
            while not host.seen:  # with more time, until the call comes so far
                with pytest.raises(ServiceUnavailableError) as caught:
                    async with client.stream(
                        "a.deaf", Streaming.CLIENT, metadata=METADATA, timeout_ms=timeout_ms
                    ) as stream:
                        await stream.result()
                timeout_ms, late = 2 * timeout_ms, caught.value
            assert isinstance(late, DeadlineExceeded)
            await host.idle.wait()
        limits = DispatchLimits(stream_timeout_ms_max=100)
        async with (
            service(way, tmp_path, host.methods, limits=limits) as client,
            opened(client, "a.deaf", Streaming.CLIENT) as stream,
        ):
            with pytest.raises(DeadlineExceeded):
                await stream.result()
            assert host.running == 0

    run(play())


@over_each_way
def test_stream_that_fails_gives_what_came_before_and_then_its_status(way: str, tmp_path: Path) -> None:
    """Handlers' errors are those of unary calls; a method of another kind is not there."""

    async def play() -> None:
        host = Host()
        async with service(way, tmp_path, host.methods) as client:
            async with opened(client, "a.broken", Streaming.SERVER) as stream:
                assert await anext(stream) == b"one"
                with pytest.raises(RpcError, match="ABORTED: no more") as caught:
                    await anext(stream)
                assert caught.value.retry_after_ms == 70
            for method, kind, words in (
                ("a.count", Streaming.CLIENT, "there is no client method a.count"),
                ("a.nothing", Streaming.SERVER, "there is no server method a.nothing"),
            ):
                async with opened(client, method, kind) as stream:
                    with pytest.raises(RpcError, match=f"^UNIMPLEMENTED: {words}$"):
                        await anext(stream)
            with pytest.raises(RpcError, match=r"^UNIMPLEMENTED: there is no method a\.count$"):
                await client.call("a.count", b"1", metadata=METADATA)

    run(play())


@over_each_way
def test_interceptors_stand_around_the_whole_life_of_a_stream(way: str, tmp_path: Path) -> None:
    """On both sides; a cancelled one is CANCELLED to both, one that ended well OK."""

    async def play() -> None:
        here: list[CallRecord] = []
        there: list[CallRecord] = []
        host = Host()
        async with service(
            way,
            tmp_path,
            host.methods,
            interceptors=[observe_calls(there.append)],
            client_interceptors=[observe_calls(here.append)],
        ) as client:
            async with opened(client, "a.count", Streaming.SERVER, b"2") as stream:
                assert len([message async for message in stream]) == 2
            async with opened(client, "a.flood", Streaming.SERVER, b"2") as stream:
                await anext(stream)
            await host.idle.wait()
            await until(lambda: len(there) == 2)
        names = [RpcStatus.OK, RpcStatus.CANCELLED]
        assert [record.status for record in here] == names
        assert [record.status for record in there] == names

    run(play())


def test_stream_of_a_server_that_goes_ends_unavailable_and_its_calls_are_freed(tmp_path: Path) -> None:
    """At once, not at the deadline; a client that vanishes frees the server's handler."""

    async def play() -> None:
        host = Host()
        endpoint = ipc_endpoint(tmp_path / "run", "a")
        async with context() as sockets:
            async with AsyncExitStack() as stack:
                server = await stack.enter_async_context(
                    RpcServer(sockets, endpoint, Dispatcher(host.methods))
                )
                channel = SocketChannel(sockets, endpoint)
                stack.push_async_callback(channel.close)
                client = RpcClient(channel, policy_of())
                async with opened(client, "a.deaf", Streaming.CLIENT) as stream:
                    await server.close()
                    with pytest.raises(ServiceUnavailableError, match=r"the service is closing|broke"):
                        await stream.result()
                    assert host.running == 0
            async with RpcServer(sockets, endpoint, Dispatcher(host.methods)) as server:
                channel = SocketChannel(sockets, endpoint)
                client = RpcClient(channel, policy_of())
                stream = opened(client, "a.deaf", Streaming.CLIENT)
                await stream.__aenter__()
                assert server.running == 1
                await channel.close()  # says nothing to the server
                with pytest.raises(ServiceUnavailableError, match=r"the channel to .* was closed"):
                    await stream.result()
                await host.idle.wait()
                await until(lambda: server.running == 0)

    run(play())


@over_each_way
def test_bound_on_calls_counts_streams(way: str, tmp_path: Path) -> None:
    """One more is refused with RESOURCE_EXHAUSTED; so is a unary call."""

    async def play() -> None:
        host = Host()
        limits = DispatchLimits(calls_max=1)
        async with (
            service(way, tmp_path, host.methods, limits=limits) as client,
            opened(client, "a.deaf", Streaming.CLIENT),
        ):
            async with opened(client, "a.count", Streaming.SERVER, b"1") as stream:
                with pytest.raises(RpcError, match="RESOURCE_EXHAUSTED: too many calls are under way"):
                    await anext(stream)
            with pytest.raises(RpcError, match="RESOURCE_EXHAUSTED"):
                await client.call("health.check", metadata=METADATA)

    run(play())
