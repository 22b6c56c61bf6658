"""``python -m bench.gateway``: what a request to the gateway costs, beside a bare server that says ok.

An exchange runs with its processes, the gateway among them; a load process keeps connections alive and asks
one request a connection at a time. Beside it, with the same load: uvicorn over httptools with a Starlette
route that reads the body and answers a constant. Orders are signed and rest at prices that never meet; every
answer is checked. The load process takes its share of the processors, so what a gateway alone could serve is
more than what is measured here; its own processor time a request is measured beside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.measure import machine, table
from exchange.bus.topics import TopicTable
from exchange.client import Client
from exchange.observability.process_metrics import usage_of
from exchange.runtime.registry import Registry
from exchange.security.sealing import Sealer
from exchange.security.signing import Signer, hmac_signer, signed_text
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store

_PORT: Final = 8_717
_BARE_PORT: Final = 8_718
_SIZES: Final = (
    "limits.segment_bytes=16777216", "limits.accounts=100", "limits.orders=200000",
    "limits.client_order_ids=400000", "events.publish=false", "security.audit=false", "endpoints.metrics=",
    "gateway.enabled=true", f"gateway.port={_PORT}",
    *(f"gateway.{kind}_{what}=1000000" for kind in ("key", "tenant", "ip") for what in ("per_s", "burst")),
)  # fmt: skip
_START_S: Final = 60.0
_ORDERS: Final = "POST /v1/orders, signed"
Make = Callable[[int], bytes]


class Measured(NamedTuple):
    """One way, with so many connections. Times in us."""

    requests_per_s: float
    p50: float
    p99: float
    cpu: float


async def _one(port: int, make: Make, first: int, until: float, wanted: bytes, took: list[float]) -> None:
    """One connection: a request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = first
    while time.perf_counter() < until:
        request = make(number)
        number += 1
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        took.append(time.perf_counter() - began)
        if not head.startswith(wanted):
            raise SystemExit(f"expected {wanted!r}, got {head!r} {body!r}")
    writer.close()
    await writer.wait_closed()


async def _load(port: int, make: Make, connections: int, seconds: float, wanted: bytes) -> list[float]:
    took: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(_one(port, make, each * 10_000_000, until, wanted, took) for each in range(connections))
    )
    return took


def measure(port: int, pid: int, make: Make, connections: int, seconds: float, wanted: bytes) -> Measured:
    """One round."""
    asyncio.run(_load(port, make, connections, 0.3, wanted))
    before, began = _cpu_s(pid), time.perf_counter()
    took = sorted(asyncio.run(_load(port, make, connections, seconds, wanted)))
    elapsed, cpu = time.perf_counter() - began, _cpu_s(pid) - before
    return Measured(
        len(took) / elapsed,
        statistics.median(took) * 1e6,
        took[int(len(took) * 0.99)] * 1e6,
        cpu / len(took) * 1e6,
    )


def _cpu_s(pid: int) -> float:
    usage = usage_of(pid)
    if usage is None:
        raise SystemExit(f"process {pid} is gone")
    return float(usage.cpu_s)


def order_maker(key_id: str, sign: Signer) -> Make:
    """Signed orders that rest, at a thousand prices."""

    def make(number: int) -> bytes:
        order = {"symbol": "BTC-USD", "side": "buy", "qty": "0.0001", "price": f"{1 + number % 1000}.00"}
        body = json.dumps(order).encode()
        timestamp, nonce = (
            str(time.time_ns() // 1_000_000).encode(),
            f"{number}-{secrets.token_hex(4)}".encode(),
        )
        proof = sign(signed_text(timestamp, nonce, b"POST", b"/v1/orders", body)).encode()
        return (
            b"POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: %b\r\n"
            b"x-api-timestamp: %b\r\nx-api-nonce: %b\r\nx-api-signature: %b\r\ncontent-length: %d\r\n\r\n%b"
        ) % (key_id.encode(), timestamp, nonce, proof, len(body), body)

    return make


def plain_maker(method: bytes, path: bytes, body: bytes = b"") -> Make:
    """The same request each time."""
    head = b"%b %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    request = head % (method, path, len(body), body)
    return lambda _: request


@contextmanager
def _exchange(data: Path) -> Iterator[tuple[int, str, str]]:
    """A running one; the gateway's process id, and a key with its secret."""
    words = [sys.executable, "-m", "exchange.cli", "up", "--data", str(data)]
    words += [word for pair in _SIZES for word in ("--set", pair)]
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: S603
    try:
        registry = Registry({}, data / "run" / "instances")
        deadline = time.monotonic() + _START_S
        while [each.ready for each in registry.instances("gateway")] != [True]:
            if time.monotonic() > deadline:
                raise SystemExit(data.with_suffix(".log").read_text())
            time.sleep(0.1)
        endpoint = f"ipc://{data}/run/orders.sock"
        with Client.connect(endpoint, tenant=0, name="bench", user="bench") as client:
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 6)
            client.admin.define_instrument(1, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4)
            client.admin.open_account(11, tenant=1)
            client.admin.deposit("USD", "1000000000", account=11)
        with open_store(data / "stores", "identity", MIGRATIONS) as store:
            keys = ApiKeys(IdentityStore(store, Sealer(data / "keys"), TopicTable("dev")))
            key, secret = keys.create(Wanted(name="bench", tenant=1, scopes=("trade",), accounts=(11,)))
        time.sleep(2.5)  # the gateway looks at its keys once a second
        yield registry.instances("gateway")[0].pid, key.key_id, secret
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _serve_bare() -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def ok(request: Request) -> Response:
        await request.body()
        return Response(b'{"ok":true}', media_type="application/json")

    app = Starlette(routes=[Route("/v1/orders", ok, methods=["POST"])])
    uvicorn.run(app, port=_BARE_PORT, http="httptools", loop="asyncio", access_log=False, log_level="error")


@contextmanager
def _bare() -> Iterator[int]:
    """The server that says ok."""
    process = subprocess.Popen([sys.executable, "-m", "bench.gateway", "--serve-bare"])
    try:
        time.sleep(2.0)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bare:
        _serve_bare()
        return 0
    rows: list[tuple[str, int, Measured]] = []
    seconds: float = options.seconds
    made = b"HTTP/1.1 201"
    with tempfile.TemporaryDirectory() as directory:
        with _exchange(Path(directory) / "data") as (pid, key_id, secret):
            ways = [(_ORDERS, each, order_maker(key_id, hmac_signer(secret)), made) for each in (1, 8, 32)]
            ways.append(("GET /v1/time", 8, plain_maker(b"GET", b"/v1/time"), b"HTTP/1.1 200"))
            rows += [(name, n, measure(_PORT, pid, make, n, seconds, said)) for name, n, make, said in ways]
        with _bare() as pid:
            ok = plain_maker(b"POST", b"/v1/orders", b"{}")
            rows += [
                ("uvicorn and Starlette, ok", n, measure(_BARE_PORT, pid, ok, n, seconds, b"HTTP/1.1 200"))
                for n in (1, 8)
            ]
    print(machine())
    head = ("way", "connections", "requests a second", "p50 us", "p99 us", "processor us a request")
    print(table(head, [(name, str(n), *(f"{each:,.0f}" for each in of)) for name, n, of in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
