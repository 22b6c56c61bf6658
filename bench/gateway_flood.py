"""``python -m bench.gateway_flood``: what orders over ZeroMQ wait for while the gateway is flooded.

An exchange runs with its processes. A client of the core, past the gateway, enters one order after the other:
first while nothing else is asked, then while another process keeps as many connections of the gateway busy as
is said, with signed orders or with a request that the gateway answers by itself. Orders of either door rest
at prices that never meet, and every answer is checked.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bench.gateway import GOOD, MADE, PORT, exchange_of, order_maker, plain_maker
from bench.http_load import Load
from bench.measure import machine, table
from exchange.client import Client
from exchange.security.signing import hmac_signer

_SHORT_S: Final = 1.0  # what was signed counts for five seconds
_MOST_A_S: Final = {"orders": 6_000, "time": 40_000}  # that are made; signing them is a pause of the flood
_WARM: Final = 200


def _flood(kind: str, connections: int, key_id: str, secret: str, told: Connection) -> None:
    """Asks until it is told to stop; says how many were answered, and in which time."""
    signed = kind == "orders"
    make = order_maker(key_id, hmac_signer(secret)) if signed else plain_maker(b"GET", b"/v1/time")
    count, elapsed_s = 0, 0.0
    with Load(PORT, connections, MADE if signed else GOOD) as load:
        while not told.poll():
            requests = [make(count + at) for at in range(int(_SHORT_S * _MOST_A_S[kind]))]
            done = load.at_once(requests, _SHORT_S)
            count, elapsed_s = count + len(done.took), elapsed_s + done.elapsed_s
    told.send((count, elapsed_s))


def _orders(client: Client, seconds: float) -> list[int]:
    """How long each took that was answered within so many seconds, ns."""
    took: list[int] = []
    until = time.monotonic() + seconds
    gc.collect()
    gc.disable()
    while time.monotonic() < until:
        began = time.perf_counter_ns()
        report = client.limit("BTC-USD", "buy", "0.0001", f"{1 + len(took) % 1_000}.00")
        took.append(time.perf_counter_ns() - began)
        if not report.ok:
            raise SystemExit(f"refused: {report.reject}")
    gc.enable()
    return sorted(took)


def _row(name: str, requests_per_s: float, took: list[int]) -> tuple[str, ...]:
    of = (took[min(int(len(took) * part), len(took) - 1)] / 1e3 for part in (0.5, 0.99, 0.999))
    return name, f"{requests_per_s:,.0f}", f"{len(took):,}", *(f"{each:,.0f}" for each in of)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round")
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with exchange_of(data) as (_, key_id, secret):
            endpoint, queries = (f"ipc://{data}/run/{name}.sock" for name in ("orders", "queries"))
            with Client.connect(
                endpoint, tenant=1, name="bench", user="bench", account=11, queries=queries
            ) as client:
                client.load_instruments()
                for _ in range(_WARM):
                    client.limit("BTC-USD", "buy", "0.0001", "1.00")
                rows = [_row("nothing else", 0, _orders(client, options.seconds))]
                for kind in ("time", "orders"):
                    here, there = multiprocessing.Pipe()
                    process = multiprocessing.Process(
                        target=_flood, args=(kind, options.connections, key_id, secret, there)
                    )
                    process.start()
                    time.sleep(_SHORT_S)
                    took = _orders(client, options.seconds)
                    here.send("stop")
                    count, elapsed_s = here.recv()
                    process.join()
                    name = "GET /v1/time" if kind == "time" else "POST /v1/orders, signed"
                    rows.append(_row(f"{name}, {options.connections} connections", count / elapsed_s, took))
    print(machine())
    head = ("the gateway is asked", "requests a second", "orders", "p50 us", "p99 us", "p99.9 us")
    print(table(head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
