"""``python -m bench.gateway``: what a request to the gateway costs, beside a bare server that says ok.

An exchange runs with its processes, the gateway among them; a load process keeps connections alive. Either
each connection asks one request after the other, or requests fall due at a steady rate (`@2000/s`), and are
measured from then. Orders are signed before the clock runs and rest at prices that never meet; every answer
is checked. Beside it, with the same load: uvicorn over httptools with a Starlette route that reads the body
and answers a constant.

All of it shares the machine's processors, so the processor time of each is measured: of the gateway, of the
other processes of the exchange, of the load.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.http_load import Load
from bench.measure import machine, table
from exchange.bus.topics import TopicTable
from exchange.client import Client
from exchange.observability.process_metrics import Usage, usage_of
from exchange.runtime.registry import Registry
from exchange.security.sealing import Sealer
from exchange.security.signing import Signer, hmac_signer, signed_text
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store

PORT: Final = 8_717
_BARE_PORT: Final = 8_718
_SIZES: Final = (
    "limits.segment_bytes=16777216", "limits.accounts=100", "limits.orders=200000",
    "limits.client_order_ids=400000", "events.publish=false", "security.audit=false", "endpoints.metrics=",
    "gateway.enabled=true", f"gateway.port={PORT}",
    "core.realtime_priority=4", "gateway.realtime_priority=4",  # of one rank: each waits for the other's turn
    *(f"gateway.{kind}_{what}=1000000" for kind in ("key", "tenant", "ip") for what in ("per_s", "burst")),
)  # fmt: skip
_START_S: Final = 60.0
_ORDERS: Final = "POST /v1/orders, signed"
MADE: Final = b"HTTP/1.1 201"
GOOD: Final = b"HTTP/1.1 200"
_WARM_S: Final = 0.3
_MOST_A_S: Final = {True: 5_000, False: 25_000}  # requests, signed or not, that are made beforehand
Make = Callable[[int], bytes]


class Measured(NamedTuple):
    """One way, with so many connections. Times in us; `cpu` by process, of each request."""

    requests_per_s: float
    p50: float
    p99: float
    cpu: Mapping[str, float]


class Measure:
    """Measures one server.

    Args:
        port: Where it listens.
        pids: Of all its processes, by name.
    """

    def __init__(self, port: int, pids: Mapping[str, int]) -> None:
        self._port = port
        self._pids = pids
        self._number = 0

    def __call__(
        self, make: Make, connections: int, seconds: float, wanted: bytes, per_s: int = 0
    ) -> Measured:
        """One round; without a rate each connection asks one after the other."""
        with Load(self._port, connections, wanted) as load:
            most = _MOST_A_S[wanted == MADE]
            load.at_once(self._requests(make, _WARM_S * most), _WARM_S)
            requests = self._requests(make, seconds * (per_s or most))
            before = self._usages()
            done = load.at_rate(requests, per_s) if per_s else load.at_once(requests, seconds)
            after = self._usages()
        took, count = sorted(done.took), len(done.took)
        cpu = {name: (after[name].cpu_s - before[name].cpu_s) / count * 1e6 for name in self._pids}
        return Measured(
            count / done.elapsed_s,
            statistics.median(took) / 1e3,
            took[int(count * 0.99)] / 1e3,
            cpu | {"load": done.cpu_s / count * 1e6},
        )

    def _requests(self, make: Make, count: float) -> list[bytes]:
        first, self._number = self._number, self._number + int(count)
        return [make(number) for number in range(first, self._number)]

    def _usages(self) -> dict[str, Usage]:
        found = {name: usage_of(pid) for name, pid in self._pids.items()}
        return {name: usage for name, usage in found.items() if usage is not None}


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
def exchange_of(data: Path, changes: Sequence[str] = ()) -> Iterator[tuple[dict[str, int], str, str]]:
    """A running one, with further settings; its processes, and a key with its secret."""
    words = [sys.executable, "-m", "exchange.cli", "up", "--data", str(data)]
    words += [word for pair in (*_SIZES, *changes) for word in ("--set", pair)]
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
        pids = {each.name: each.pid for each in registry.instances()} | {"supervisor": process.pid}
        yield pids, key.key_id, secret
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
        deadline = time.monotonic() + _START_S
        with socket.socket() as knocks:
            while knocks.connect_ex(("127.0.0.1", _BARE_PORT)):
                if time.monotonic() > deadline:
                    raise SystemExit("the bare server does not come up")
                time.sleep(0.1)
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
    parser.add_argument("--rate", type=int, default=2_000, help="requests a second of the steady round")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.NAME=VALUE", help="a setting of the exchange"
    )
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bare:
        _serve_bare()
        return 0
    rows: list[tuple[str, int, Measured]] = []
    seconds: float = options.seconds
    with tempfile.TemporaryDirectory() as directory:
        with exchange_of(Path(directory) / "data", options.set) as (pids, key_id, secret):
            measure, order = Measure(PORT, pids), order_maker(key_id, hmac_signer(secret))
            rows += [(_ORDERS, each, measure(order, each, seconds, MADE)) for each in (1, 8, 32)]
            rate: int = options.rate
            rows.append((f"{_ORDERS} @{rate}/s", 64, measure(order, 64, seconds, MADE, rate)))
            rows.append(("GET /v1/time", 8, measure(plain_maker(b"GET", b"/v1/time"), 8, seconds, GOOD)))
        with _bare() as pid:
            measure, ok = Measure(_BARE_PORT, {"gateway": pid}), plain_maker(b"POST", b"/v1/orders", b"{}")
            rows += [("uvicorn and Starlette, ok", n, measure(ok, n, seconds, GOOD)) for n in (1, 8)]
    print(machine())
    parts = sorted({name for _, _, of in rows for name in of.cpu}, key=lambda name: -rows[0][2].cpu[name])
    head = ("way", "connections", "requests a second", "p50 us", "p99 us", *parts)
    print(table(head, [(name, str(n), *_shown(of, parts)) for name, n, of in rows]))
    return 0


def _shown(of: Measured, parts: list[str]) -> list[str]:
    cpu = [f"{of.cpu[name]:,.0f}" if name in of.cpu else "" for name in parts]
    return [*(f"{each:,.0f}" for each in of[:3]), *cpu]


if __name__ == "__main__":
    sys.exit(main())
