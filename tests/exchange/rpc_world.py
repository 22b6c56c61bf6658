"""A service and a client of it, over each way that calls go: in one process, by ipc, by TCP with CURVE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import zmq

from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    LOCAL,
    Channel,
    Dispatcher,
    DispatchLimits,
    Handler,
    Interceptor,
    LocalChannel,
    Metadata,
    Method,
    RpcClient,
    RpcServer,
    SocketChannel,
)
from exchange.resilience import Edge, Policy, Rules

WAYS = ("local", "ipc", "tcp")
METADATA = Metadata("corr-abc-123", "acme-corp", "trader-42", "eyJ2IjoxfQ==")
# Nothing here waits so long unless it is broken.
PATIENCE_MS = 30_000
EDGE = Edge("test", "service")
T = TypeVar("T")


def policy_of(**rules: Any) -> Policy:
    """The policy of a call in a test: the shipped rules, with more patience, and with what is given."""
    patience_s = PATIENCE_MS / 1_000
    return Policy(EDGE, Rules(**{"timeout_s": patience_s, "try_timeout_s": patience_s} | rules))


def run(play: Coroutine[object, object, T]) -> T:
    """Run a test's coroutine; one that hangs fails, and so does one that leaves tasks behind."""

    async def bounded() -> T:
        async with asyncio.timeout(300):
            result = await play
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert left == set()
        return result

    return asyncio.run(bounded())


async def until(reached: Callable[[], bool]) -> None:
    """Wait for what no event tells of; the test's own time is the bound."""
    while not reached():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@asynccontextmanager
async def context() -> AsyncIterator[zmq.Context[zmq.Socket[bytes]]]:
    """A ZeroMQ context that must be without sockets at its end: it would hang otherwise."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        yield made
    finally:
        await asyncio.to_thread(made.term)


@asynccontextmanager
async def channel_to(
    way: str, path: Path, dispatcher: Dispatcher, principal: Principal = LOCAL
) -> AsyncIterator[Channel]:
    """A way to a dispatcher, with a server of its own where it needs one."""
    async with AsyncExitStack() as stack:
        if way == "local":
            channel: Channel = LocalChannel(dispatcher, principal)
        else:
            sockets = await stack.enter_async_context(context())
            if way == "ipc":
                server = RpcServer(sockets, ipc_endpoint(path / "run", "service"), dispatcher)
                channel = SocketChannel(sockets, server.endpoint)
            else:
                server_keys, client_keys = KeyPair.generate(), KeyPair.generate()
                gate = Authenticator(sockets, Keyring({client_keys.public: principal}))
                stack.callback(gate.close)
                server = RpcServer(
                    sockets, "tcp://127.0.0.1:*", dispatcher, authenticator=gate, keys=server_keys
                )
                channel = SocketChannel(
                    sockets, server.endpoint, keys=client_keys, server_public=server_keys.public
                )
            await stack.enter_async_context(server)
        stack.push_async_callback(channel.close)
        yield channel


@asynccontextmanager
async def service(
    way: str,
    path: Path,
    handlers: Mapping[str, Handler | Method],
    *,
    interceptors: Sequence[Interceptor] = (),
    client_interceptors: Sequence[Interceptor] = (),
    limits: DispatchLimits | None = None,
    policy: Policy | None = None,
    principal: Principal = LOCAL,
) -> AsyncIterator[RpcClient]:
    """A client of these handlers."""
    dispatcher = Dispatcher(handlers, interceptors, limits)
    async with channel_to(way, path, dispatcher, principal) as channel:
        yield RpcClient(channel, policy or policy_of(), client_interceptors)
