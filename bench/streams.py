"""``python -m bench.streams``: what it takes to tell many subscribers of ten instruments each.

An exchange runs with its processes, market data and the gateway among them; a maker moves the quotes of ten
instruments, and subscribers, in a process of their own, count frames and how old each is when it came: the
time that the frame says to the time that it was read, by the same clock, in the first half of the time and
*later*, in the second: who falls behind is later there. ``--channel`` says of what.
Beside it one raw subscriber of a book measures from a command's answer to its update. Memory and processor
are the gateway's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import connect

from bench.measure import machine, table
from exchange.client import Client
from exchange.observability.process_metrics import usage_of
from exchange.runtime.registry import Registry

_PORT: Final = 8_719
_INSTRUMENTS: Final = 10
_SYMBOLS: Final = [f"C{at:02}-USD" for at in range(_INSTRUMENTS)]
_SIZES: Final = (
    "limits.segment_bytes=16777216", "limits.accounts=100", "limits.orders=200000",
    "limits.client_order_ids=400000", "security.audit=false", "endpoints.metrics=",
    "market_data.enabled=true", "gateway.enabled=true", f"gateway.port={_PORT}",
    "gateway.connections_max=65536", "gateway.connections_per_ip_max=65536",
    "gateway.ip_per_s=1000000", "gateway.ip_burst=1000000",
)  # fmt: skip
_START_S: Final = 60.0
_AT: Final = b'"at":"'
_LAST: Final = b'"lastSequence":"'


class Subscriber(asyncio.Protocol):
    """One WebSocket, as plainly as it can be read: frames of a server are not masked.

    Args:
        asks: The frame that subscribes.
        ages: Takes how old every fourth frame was, s.
    """

    def __init__(self, asks: bytes, ages: list[float]) -> None:
        self._asks = asks
        self._ages = ages
        self._buffer = b""
        self._open = False
        self.frames = 0
        self.bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Asks for the upgrade."""
        self._transport = transport
        transport.write(
            b"GET /stream/market HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        """Counts whole frames."""
        self._buffer += data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise SystemExit(head)
            self._open, self._buffer = True, rest
            # Masked with zeros, which leaves the text as it is.
            self._transport.write(b"\x81\xfe" + len(self._asks).to_bytes(2, "big") + bytes(4) + self._asks)
        now = time.time()
        while (size := self._whole()) is not None:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self.frames += 1
            self.bytes += size
            if self.frames % 4 == 0 and (at := frame.find(_AT)) > 0:
                text = frame[at + len(_AT) : at + len(_AT) + 26].decode()
                self._ages.append(now - datetime.fromisoformat(text + "+00:00").timestamp())

    def _whole(self) -> int | None:
        if len(self._buffer) < 10:
            return None
        size = self._buffer[1] & 127
        head = 2
        if size == 126:
            size, head = int.from_bytes(self._buffer[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(self._buffer[2:10], "big"), 10
        return head + size if len(self._buffer) >= head + size else None


async def _subscribe(count: int, channel: str, seconds: float, say: Connection) -> None:
    loop = asyncio.get_running_loop()
    ages: list[float] = []
    asks = json.dumps({"op": "SUBSCRIBE", "channels": [channel], "instrumentIds": _SYMBOLS}).encode()
    readers: list[Subscriber] = []
    for _ in range(count):
        _, reader = await loop.create_connection(lambda: Subscriber(asks, ages), "127.0.0.1", _PORT)
        readers.append(reader)
    await asyncio.sleep(3.0)
    say.send("there")
    for reader in readers:
        reader.frames = reader.bytes = 0
    ages.clear()
    await asyncio.sleep(seconds)
    frames, size = sum(each.frames for each in readers), sum(each.bytes for each in readers)
    least = min(each.frames for each in readers)
    half = len(ages) // 2
    say.send((frames / seconds, size / seconds, least / seconds, sorted(ages[:half]), sorted(ages[half:])))


def _subscribers(count: int, channel: str, seconds: float, say: Connection) -> None:
    asyncio.run(_subscribe(count, channel, seconds, say))


@contextmanager
def _exchange(data: Path) -> Iterator[int]:
    """A running one; the gateway's process id."""
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
        with _maker(data, 0) as client:
            client.admin.define_asset(1, "USD", 6)
            client.admin.open_account(11, tenant=1)
            client.admin.deposit("USD", "1000000000", account=11)
            for at, symbol in enumerate(_SYMBOLS, 2):
                client.admin.define_asset(at, symbol[:3], 8)
                client.admin.define_instrument(
                    at, symbol, base=symbol[:3], quote="USD", price_scale=2, qty_scale=4
                )
        time.sleep(2.0)  # the gateway hears of them from the replica
        yield registry.instances("gateway")[0].pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _maker(data: Path, tenant: int) -> Client:
    return Client.connect(
        f"ipc://{data}/run/orders.sock", tenant=tenant, name="bench", user="bench",
        account=11 if tenant else None, queries=f"ipc://{data}/run/queries.sock",
    )  # fmt: skip


def _trade(client: Client, until: float, pause_s: float) -> tuple[int, list[float]]:
    """Moves the best bid of each instrument in turn; how often, and how late a raw reader knew of it, s."""
    late: list[float] = []
    with connect(f"ws://127.0.0.1:{_PORT}/stream/market", compression=None) as socket:
        subscribe = {"op": "SUBSCRIBE", "channels": ["book"], "instrumentIds": _SYMBOLS[:1], "raw": True}
        socket.send(json.dumps(subscribe))
        count = 0
        while time.monotonic() < until:
            symbol = _SYMBOLS[count % _INSTRUMENTS]
            report = client.limit(symbol, "buy", "0.01", f"{100 + count // _INSTRUMENTS % 400}.00")
            answered = time.perf_counter()
            if not count % _INSTRUMENTS:
                wanted = _LAST + b'%d"' % report.sequence
                while wanted not in str(socket.recv(10)).encode():
                    pass
                late.append(time.perf_counter() - answered)
            count += 1
            if count % 4_000 == 0:
                client.mass_cancel()
            time.sleep(pause_s)
    return count, sorted(late)


def _share(values: list[float], part: float) -> float:
    """A quantile, in ms."""
    return values[min(int(len(values) * part), len(values) - 1)] * 1e3 if values else 0.0


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscribers", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each round")
    parser.add_argument("--channel", default="ticker")
    parser.add_argument("--pause-ms", type=float, default=2.0, help="between two orders")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with _exchange(data) as pid, _maker(data, 1) as client:
            client.load_instruments()
            rows = [_round(client, pid, count, options) for count in options.subscribers]
    print(machine())
    print()
    head = (
        "subscribers", "orders/s", "frames/s", "fewest of one", "MB/s", "age p50 ms", "p99", "later p50 ms",
        "p99", "book p50 ms", "p99", "processor", "RSS MB", "after",
    )  # fmt: skip
    print(table(head, rows))
    return 0


def _round(client: Client, pid: int, count: int, options: argparse.Namespace) -> tuple[str, ...]:
    here, there = multiprocessing.Pipe()
    seconds: float = options.seconds
    process = multiprocessing.Process(target=_subscribers, args=(count, options.channel, seconds, there))
    process.start()
    here.recv()
    before = usage_of(pid)
    orders, late = _trade(client, time.monotonic() + seconds, options.pause_ms / 1_000)
    after = usage_of(pid)
    frames, size, least, ages, later = here.recv()
    process.join()
    if before is None or after is None:
        raise SystemExit("the gateway is gone")
    return (
        f"{count:,}", f"{orders / seconds:,.0f}", f"{frames:,.0f}", f"{least:.1f}", f"{size / 1e6:.1f}",
        *(f"{_share(of, part):.1f}" for of in (ages, later, late) for part in (0.5, 0.99)),
        f"{(after.cpu_s - before.cpu_s) / seconds:.2f}",
        f"{before.rss_bytes / 1e6:.0f}", f"{after.rss_bytes / 1e6:.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
