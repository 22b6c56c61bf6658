"""What the way between clients and core costs by itself: one process floods or paces, the other drains.

``python -m bench.transport`` prints frames a second of a bare drain and of a drain with an answer to each
frame, over ipc from a second process, and the open-loop round trip of an echo. Nothing is judged.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from bench.measure import table
from cmatch._core import EchoReader, Inbound, LoadGenerator, ZmqTransport, seed_addresses

FRAME_BYTES = 128
MOST_FRAMES, MOST_BYTES = 4096, 1 << 20

PLANNED_FRAME_DTYPE = np.dtype(
    [
        ("at_ns", "<u8"),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("socket", "<u4"),
        ("first_request", "<u4"),
        ("requests", "<u4"),
    ]
)


def plan_of(frames: int, sockets: int, frames_a_second: float) -> tuple[NDArray[np.void], NDArray[np.uint64]]:
    """Numbered echo frames, round robin over the sockets; 0 frames a second: all at once."""
    arena = np.zeros((frames, FRAME_BYTES // 8), np.uint64)
    arena[:, 0] = np.arange(frames)
    arena[:, 1] = 1
    plan = np.zeros(frames, PLANNED_FRAME_DTYPE)
    if frames_a_second:
        plan["at_ns"] = np.arange(frames) * (1e9 / frames_a_second)
    plan["offset"] = np.arange(frames) * FRAME_BYTES
    plan["length"] = FRAME_BYTES
    plan["socket"] = np.arange(frames) % sockets
    plan["first_request"] = np.arange(frames)
    plan["requests"] = 1
    return plan, arena


def generate(endpoint: str, frames: int, sockets: int, rate: float, echo: bool, results: Any) -> None:
    """The other process: sends the plan and, of an echo, hands back what it measured."""
    plan, arena = plan_of(frames, sockets, rate)
    with zmq.Context() as context:
        made = [context.socket(zmq.DEALER) for _ in range(sockets)]
        for socket in made:
            socket.setsockopt(zmq.SNDHWM, 0 if not rate else 1000)
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.setsockopt(zmq.LINGER, 10_000)
            socket.connect(endpoint)
        load = LoadGenerator([socket.underlying for socket in made])
        load.run(plan, arena, EchoReader(), linger_ns=5_000_000_000 if echo else 0, settle_ns=0)
        results.put((load.counts, [load.latency.percentile(part) for part in (500_000, 990_000, 999_000)]))
        for socket in made:
            socket.close()


def serve(endpoint: str, frames: int, echo: bool, started: Event) -> tuple[float, float, float]:
    """Drains that many frames, answering each if asked; frames a second, frames a batch, CPU share."""
    seed_addresses()
    with zmq.Context() as context:
        socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 100_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(endpoint)
        transport = ZmqTransport(socket.underlying, owner=socket)
        inbound = Inbound(MOST_FRAMES, MOST_BYTES)
        started.set()
        while not transport.wait(1_000_000_000):
            pass
        begin, cpu, seen, batches = time.perf_counter(), time.process_time(), 0, 0
        while seen < frames:
            transport.wait(1_000_000_000)
            seen += transport.drain(inbound, MOST_FRAMES, MOST_BYTES)
            batches += 1
            if echo:
                transport.echo(inbound)
        took = time.perf_counter() - begin
        share = (time.process_time() - cpu) / took
        if echo:
            time.sleep(1)  # what is on its way out has to leave before the socket goes
        socket.close()
        return seen / took, seen / batches, share


def run(frames: int, sockets: int, rate: float, *, echo: bool) -> tuple[str, ...]:
    """One row of the table."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/core"
        started = context.Event()
        other = context.Process(target=generate, args=(endpoint, frames, sockets, rate, echo, results))
        other.start()
        speed, batch, share = serve(endpoint, frames, echo, started)
        counts, latency = results.get()
        other.join()
    if echo and counts["answered"] != frames:
        raise AssertionError(f"answers are missing: {counts}")
    name = ("echo" if echo else "drain") + (f" at {rate:,.0f}/s" if rate else ", flooded")
    spread = " / ".join(f"{value / 1000:,.0f}" for value in latency) if echo and rate else ""
    return name, str(sockets), f"{speed:,.0f}", f"{batch:,.1f}", f"{share:.2f}", spread


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.transport", description=__doc__)
    parser.add_argument("--frames", type=int, default=2_000_000)
    frames = parser.parse_args(argv).frames
    rows: list[Callable[[], tuple[str, ...]]] = [
        lambda: run(frames, 1, 0, echo=False),
        lambda: run(frames, 16, 0, echo=False),
        lambda: run(frames, 1, 0, echo=True),
        lambda: run(frames, 16, 0, echo=True),
        lambda: run(50_000, 16, 10_000, echo=True),
        lambda: run(500_000, 16, 100_000, echo=True),
    ]
    print(f"{os.cpu_count()} cores, frames of {FRAME_BYTES} bytes, libzmq {zmq.zmq_version()}, over ipc\n")
    heading = ("way", "sockets", "frames/s", "frames a batch", "cores used", "p50 / p99 / p99.9 us")
    print(table(heading, [row() for row in rows]))


if __name__ == "__main__":
    main()
