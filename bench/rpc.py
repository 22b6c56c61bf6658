"""``python -m bench.rpc``: what a unary call costs in one process, by ipc and by TCP with CURVE.

The server echoes, from a process of its own; every call goes through all that calls go through: headers,
deadline, policy of the edge, two frames in Cap'n Proto, interceptors of metrics and log. Each answer is
compared with its question. Loops are those of our processes. Beside them: bare echoes of pyzmq with messages
of the same length, one of threads that wait and one over asyncio's own loop, and how often the time of the
first a call takes. All are measured in rounds; of each way the round with the lowest median counts, as the
others say more of what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import zmq
import zmq.asyncio

from bench.measure import machine, table
from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    LOCAL,
    BlockingChannel,
    BlockingClient,
    Call,
    Channel,
    Dispatcher,
    LocalChannel,
    Metadata,
    RpcClient,
    RpcServer,
    SocketChannel,
    Stub,
    eager,
    serve_unary,
)
from exchange.domain.contracts import GET_TRADE
from exchange.domain.contracts.execution import GetTradeRequest, TradeState
from exchange.resilience import Edge, Policies, Rules
from exchange.runtime.interceptors import logged_call
from exchange.runtime.loop import run as run_loop
from exchange.runtime.rpc_metrics import ServedCalls

LOCAL_WAY, BARE, BARE_LOOP = "in one process", "bare echo, ipc", "bare asyncio echo, ipc"
BLOCKING, IPC, TCP = "ipc, a thread that waits", "ipc, asyncio", "TCP with CURVE, asyncio"
WAYS = (LOCAL_WAY, BARE, BARE_LOOP, BLOCKING, IPC, TCP)
METADATA = Metadata("corr-abc-123", "acme-corp", "trader-42", "x" * 400)
PAYLOAD = bytes(128)
MESSAGE = bytes(712)  # as long as such a call
TRADE = TradeState(trade_id="t-1", symbol="EUR/USD")
Ask = Callable[[], Awaitable[None]]


class Figure(NamedTuple):
    """What was measured one way: p50, p99 and p99.9 in microseconds, and calls a second."""

    way: str
    in_flight: int
    marks_us: tuple[float, ...]
    rate: float


async def echo(call: Call) -> bytes:
    """The request again."""
    return call.payload


async def get_trade(_: GetTradeRequest, __: Call) -> TradeState:
    """The same trade always."""
    return TRADE


def echo_bare(directory: str, told: Connection) -> None:
    """What pyzmq takes with nothing around it."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    endpoint = f"ipc://{directory}/bare"
    socket.bind(endpoint)
    told.send(endpoint)
    while True:
        socket.send_multipart(socket.recv_multipart())


async def echo_bare_loop(directory: str, told: Connection) -> None:
    """The same over asyncio."""
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.ROUTER)
    endpoint = f"ipc://{directory}/bare"
    socket.bind(endpoint)
    told.send(endpoint)
    while True:
        await socket.send_multipart(await socket.recv_multipart())


def serve(way: str, directory: str, keys: KeyPair, client: KeyPair, told: Connection) -> None:
    """A server, until its process is ended; tells where it listens."""

    async def run() -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        dispatcher = Dispatcher({"bench.echo": eager(echo)}, [ServedCalls(), logged_call])
        if way == TCP:
            gate = Authenticator(context, Keyring({client.public: Principal("bench")}))
            server = RpcServer(context, "tcp://127.0.0.1:*", dispatcher, authenticator=gate, keys=keys)
        else:
            server = RpcServer(context, ipc_endpoint(Path(directory), "rpc"), dispatcher)
        told.send(server.endpoint)
        await asyncio.Event().wait()

    if way == BARE:
        echo_bare(directory, told)
    if way == BARE_LOOP:
        asyncio.run(echo_bare_loop(directory, told))
    run_loop(run())


@contextmanager
def server_process(way: str, directory: str, keys: KeyPair, client: KeyPair) -> Iterator[str]:
    """The endpoint of a server that runs beside this process."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(way, directory, keys, client, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


async def measure(ask: Ask, calls: int, in_flight: int) -> tuple[list[int], float]:
    """Round trips in ns, sorted, and calls a second, after a tenth as many to warm up."""
    round_trips: list[int] = []

    async def caller(count: int) -> None:
        for _ in range(count):
            start_ns = time.perf_counter_ns()
            await ask()
            round_trips.append(time.perf_counter_ns() - start_ns)

    await caller(calls // 10)
    round_trips.clear()
    start = time.perf_counter()
    await asyncio.gather(*(caller(calls // in_flight) for _ in range(in_flight)))
    taken = time.perf_counter() - start
    return sorted(round_trips), len(round_trips) / taken


@asynccontextmanager
async def asking(way: str, endpoint: str, keys: KeyPair, client_keys: KeyPair) -> AsyncIterator[Ask]:
    """What makes one call that way and compares its answer."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    channel: Channel
    if way == BARE_LOOP:
        with zmq.asyncio.Context() as loop_context, loop_context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.connect(endpoint)

            async def ask_loop() -> None:
                await socket.send(MESSAGE)
                assert await socket.recv() == MESSAGE

            yield ask_loop
        return
    if way == BARE:
        with context, context.socket(zmq.DEALER) as waiting:
            waiting.linger = 0
            waiting.connect(endpoint)

            async def ask_bare() -> None:
                waiting.send(MESSAGE)
                assert waiting.recv() == MESSAGE

            yield ask_bare
        return
    policy = Policies(edges={Edge("bench", "echo"): Rules()}).of("bench", "echo")
    if way == BLOCKING:
        with context, BlockingClient(BlockingChannel(context, endpoint), policy) as blocking:

            async def ask_blocking() -> None:
                assert blocking.call("bench.echo", PAYLOAD, metadata=METADATA) == PAYLOAD

            yield ask_blocking
        return
    if way == LOCAL_WAY:
        channel = LocalChannel(Dispatcher(serve_unary(GET_TRADE, get_trade)), LOCAL)
    elif way == IPC:
        channel = SocketChannel(context, endpoint)
    else:
        channel = SocketChannel(context, endpoint, keys=client_keys, server_public=keys.public)
    client = RpcClient(channel, policy)
    stub = Stub(client)

    async def ask_stub() -> None:
        assert await stub.ask(GET_TRADE, GetTradeRequest(trade_id="t-1"), metadata=METADATA) is TRADE

    async def ask() -> None:
        assert await client.call("bench.echo", PAYLOAD, metadata=METADATA) == PAYLOAD

    yield ask_stub if way == LOCAL_WAY else ask
    await client.close()
    context.term()


async def figures(way: str, endpoint: str, keys: KeyPair, client: KeyPair, calls: int) -> list[Figure]:
    """The figures of one way, with 1 and with 64 calls under way; echoes and threads have one at a time."""
    found = []
    for in_flight in (1, 64) if way in (LOCAL_WAY, IPC, TCP) else (1,):
        async with asking(way, endpoint, keys, client) as ask:
            times, rate = await measure(ask, calls, in_flight)
        marks = tuple(times[int(len(times) * share)] / 1_000 for share in (0.5, 0.99, 0.999))
        found.append(Figure(way, in_flight, marks, rate))
    return found


def row(figure: Figure, bare_us: float) -> list[str]:
    """A row of the table."""
    ratio = f"{figure.marks_us[0] / bare_us:.2f}" if figure.in_flight == 1 else ""
    marks = (f"{mark:,.0f}" for mark in figure.marks_us)
    return [figure.way, f"{figure.in_flight}", *marks, f"{figure.rate:,.0f}", ratio]


def one_round(keys: KeyPair, client: KeyPair, calls: int) -> list[Figure]:
    """All ways, one after the other."""
    found: list[Figure] = []
    for way in WAYS:
        with tempfile.TemporaryDirectory() as directory:
            if way == LOCAL_WAY:
                found += run_loop(figures(way, "", keys, client, calls))
                continue
            with server_process(way, directory, keys, client) as endpoint:
                found += asyncio.run(figures(way, endpoint, keys, client, calls))
    return found


def main() -> None:
    """All ways in rounds; of each way the round with the lowest p50, as a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--calls", type=int, default=5_000, help="calls a row and round (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="of which the quietest counts (default: %(default)s)"
    )
    options = parser.parse_args()
    keys, client = KeyPair.generate(), KeyPair.generate()
    rounds = [one_round(keys, client, options.calls) for _ in range(options.rounds)]
    found = [min(same, key=lambda figure: figure.marks_us[0]) for same in zip(*rounds, strict=True)]
    (bare_us,) = [figure.marks_us[0] for figure in found if figure.way == BARE]
    rows = [row(figure, bare_us) for figure in found]
    titles = ["way", "in flight", "p50 us", "p99 us", "p99.9 us", "calls a second", "p50 / bare p50"]
    sys.stdout.write(f"{machine()}\n\n{table(titles, rows)}\n")


if __name__ == "__main__":
    main()
