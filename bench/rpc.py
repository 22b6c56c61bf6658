"""``python -m bench.rpc``: what a call between two processes costs, by ipc and by TCP with CURVE.

The server echoes, from a process of its own; every call goes through all that calls go through: headers,
deadline, policy of the edge, two frames in Cap'n Proto. Each answer is compared with its question.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import zmq

from bench.measure import machine, table
from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import Call, Dispatcher, LocalChannel, Metadata, RpcClient, RpcServer, SocketChannel
from exchange.bus.rpc.channels import Channel
from exchange.bus.rpc.server import LOCAL
from exchange.resilience import Edge, Policies, Rules

WAYS = ("in one process", "ipc", "TCP with CURVE")
METADATA = Metadata("corr-abc-123", "acme-corp", "trader-42", "x" * 400)
PAYLOAD = bytes(128)


async def echo(call: Call) -> bytes:
    """The request again."""
    return call.payload


def serve(way: str, directory: str, keys: KeyPair, client: KeyPair, told: Connection) -> None:
    """A server, until its process is ended; tells where it listens."""

    async def run() -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        dispatcher = Dispatcher({"bench.echo": echo})
        if way == "ipc":
            server = RpcServer(context, ipc_endpoint(Path(directory), "rpc"), dispatcher)
        else:
            gate = Authenticator(context, Keyring({client.public: Principal("bench")}))
            server = RpcServer(context, "tcp://127.0.0.1:*", dispatcher, authenticator=gate, keys=keys)
        told.send(server.endpoint)
        await asyncio.Event().wait()

    asyncio.run(run())


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


async def measure(channel: Channel, calls: int, in_flight: int) -> tuple[list[int], float]:
    """Round trips in ns, sorted, and calls a second, after a tenth as many to warm up."""
    client = RpcClient(channel, Policies(edges={Edge("bench", "echo"): Rules()}).of("bench", "echo"))
    round_trips: list[int] = []

    async def caller(count: int) -> None:
        for _ in range(count):
            start_ns = time.perf_counter_ns()
            assert await client.call("bench.echo", PAYLOAD, metadata=METADATA) == PAYLOAD
            round_trips.append(time.perf_counter_ns() - start_ns)

    await caller(calls // 10)
    round_trips.clear()
    start = time.perf_counter()
    await asyncio.gather(*(caller(calls // in_flight) for _ in range(in_flight)))
    taken = time.perf_counter() - start
    return sorted(round_trips), len(round_trips) / taken


async def figures(way: str, endpoint: str, keys: KeyPair, client: KeyPair, calls: int) -> list[list[str]]:
    """The rows of one way, with 1 and with 64 calls under way."""
    rows = []
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for in_flight in (1, 64):
        channel: Channel
        if way == WAYS[0]:
            channel = LocalChannel(Dispatcher({"bench.echo": echo}), LOCAL)
        elif way == "ipc":
            channel = SocketChannel(context, endpoint)
        else:
            channel = SocketChannel(context, endpoint, keys=client, server_public=keys.public)
        times, rate = await measure(channel, calls, in_flight)
        await channel.close()
        marks = [times[int(len(times) * share)] / 1_000 for share in (0.5, 0.99, 0.999)]
        rows.append([way, f"{in_flight}", *(f"{mark:,.0f}" for mark in marks), f"{rate:,.0f}"])
    context.term()
    return rows


def main() -> None:
    """All ways, one after the other, as a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=20_000, help="calls a row (default: %(default)s)")
    calls = parser.parse_args().calls
    keys, client = KeyPair.generate(), KeyPair.generate()
    rows = []
    for way in WAYS:
        with tempfile.TemporaryDirectory() as directory:
            if way == WAYS[0]:
                rows += asyncio.run(figures(way, "", keys, client, calls))
                continue
            with server_process(way, directory, keys, client) as endpoint:
                rows += asyncio.run(figures(way, endpoint, keys, client, calls))
    titles = ["way", "in flight", "p50 us", "p99 us", "p99.9 us", "calls a second"]
    sys.stdout.write(f"{machine()}\n\n{table(titles, rows)}\n")


if __name__ == "__main__":
    main()
