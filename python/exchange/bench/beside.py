"""What goes on beside a measurement: metrics are scraped, queries asked, snapshots taken.

Four queries of five are of one order or one balance, which the core answers; the others are of lists, books
and histories, which the replica has.
`python -m exchange.bench.beside CORE REPLICA METRICS_URL QUERIES_A_SECOND SNAPSHOT_AFTER_S` runs, as a
process of its own, until it is terminated, and then prints what it did as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self

import numpy as np

from cmatch import frames
from cmatch.frames import CommandList, ReportList
from exchange.bench.market import Market
from exchange.bus.context import new_context
from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, SocketChannel
from exchange.domain import queries as q
from exchange.errors import ExchangeError
from exchange.resilience import Policies
from exchange.runtime.replica import SNAPSHOT_METHOD
from exchange.schema.codec import encode_message

_SCRAPES_A_SECOND: Final = 10
_SNAPSHOT_EVERY_S: Final = 40.0
_OPERATOR: Final = Metadata("bench", "0", "bench", NO_CONTEXT)
_ACCOUNTS: Final = 1_000
_QUERY_MS: Final = 2_000


class CoreQueries:
    """Asks the core for orders and balances, at a rate, in a thread of its own.

    Args:
        endpoint: of the core.
        rate: queries a second.
    """

    def __init__(self, endpoint: str, rate: float) -> None:
        self._endpoint, self._rate = endpoint, rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="core-queries")
        self._asked: dict[int, float] = {}
        self.latencies: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def unanswered(self) -> int:
        """Queries without an answer."""
        return len(self._asked)

    def _run(self) -> None:
        with Market(self._endpoint, 1, name="beside") as market:
            socket, begin = market.sockets[0], time.monotonic()
            for number in itertools.count(1):
                while (left := begin + number / self._rate - time.monotonic()) > 0:
                    if socket.poll(max(1, int(left * 1e3))):
                        self._take(socket.recv())
                if self._stop.is_set():
                    break
                socket.send(self._query(number))
                self._asked[number] = time.monotonic()
                if number % round(self._rate) == 0:
                    market.beat()
            while self._asked and socket.poll(1_000):
                self._take(socket.recv())

    def _query(self, number: int) -> bytes:
        kind = CommandList.ORDER_QUERIES if number % 2 else CommandList.BALANCE_QUERIES
        rows = np.zeros(1, frames.COMMAND_DTYPES[kind])
        rows["request"], rows["account"] = number, 1 + number % _ACCOUNTS
        rows["order_id" if number % 2 else "asset"] = 1 + number % 2
        return frames.encode_commands(kind, rows)

    def _take(self, frame: bytes) -> None:
        now = time.monotonic()
        _, kind, rows = frames.decode_reports(frame)
        if kind in (ReportList.ORDER_STATES, ReportList.BALANCE_STATES):
            for request in rows["request"].tolist():
                self.latencies.append((now - self._asked.pop(request)) * 1e3)


class Beside:
    """The disturbances of one measurement.

    Args:
        endpoint: of the replica.
        url: of the metrics; empty: none are scraped.
        rate: queries of the replica a second.
        snapshot_after_s: when the first snapshot is asked for.
    """

    def __init__(self, endpoint: str, url: str, rate: int, snapshot_after_s: float) -> None:
        self._endpoint, self._url, self._rate = endpoint, url, rate
        self._snapshot_after_s = snapshot_after_s
        self.done = {"queries": 0, "queries_failed": 0, "scrapes": 0, "scrapes_failed": 0, "snapshots": 0}
        self._latencies: list[float] = []

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        context = new_context()
        channel = SocketChannel(context, self._endpoint)
        async with RpcClient(channel, Policies().of("bench", "replica")) as client:
            work = [self._snapshots(client)]
            work += [self._at_rate(self._rate, lambda: self._query(client))] if self._rate else []
            work += [self._at_rate(_SCRAPES_A_SECOND, self._scrape)] if self._url else []
            tasks = [asyncio.create_task(each) for each in work]
            await stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        context.destroy(linger=0)

    def report(self) -> dict[str, Any]:
        """What was done."""
        return {**self.done, **percentiles("replica_query", self._latencies)}

    async def _at_rate(self, rate: int, once: Callable[[], Coroutine[Any, Any, None]]) -> None:
        begin = time.monotonic()
        under_way: set[asyncio.Task[None]] = set()
        for number in itertools.count():
            await asyncio.sleep(max(begin + number / rate - time.monotonic(), 0))
            task = asyncio.create_task(once())
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    async def _query(self, client: RpcClient) -> None:
        number = self.done["queries"] + self.done["queries_failed"]
        account = 1 + number % _ACCOUNTS
        request: q.Request
        method, request = (
            ("accounts.BalancesRequest", q.BalancesRequest(account=account)),
            ("orders.OpenOrdersRequest", q.OpenOrdersRequest(account=account, limit=1)),
            ("orders.OrderHistoryRequest", q.OrderHistoryRequest(account=account, limit=1)),
            ("matching.BookTopRequest", q.BookTopRequest(instrument_id=1)),
        )[number % 4]
        start = time.monotonic()
        try:
            await client.call(method, encode_message(request), metadata=_OPERATOR, timeout_ms=_QUERY_MS)
        except ExchangeError:
            self.done["queries_failed"] += 1
        else:
            self.done["queries"] += 1
            self._latencies.append((time.monotonic() - start) * 1e3)

    async def _scrape(self) -> None:
        try:
            await asyncio.to_thread(self._fetch)
            self.done["scrapes"] += 1
        except OSError:
            self.done["scrapes_failed"] += 1

    def _fetch(self) -> None:
        with urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310 (our own server)
            answer.read()

    async def _snapshots(self, client: RpcClient) -> None:
        await asyncio.sleep(self._snapshot_after_s)
        while True:
            with suppress(ExchangeError):
                await client.call(SNAPSHOT_METHOD, metadata=_OPERATOR)
                self.done["snapshots"] += 1
            await asyncio.sleep(_SNAPSHOT_EVERY_S)


def percentiles(name: str, times_ms: list[float]) -> dict[str, float]:
    """Median and 99th percentile by name; nothing of nothing."""
    ordered = sorted(times_ms)
    return {f"{name}_p{p}_ms": round(ordered[len(ordered) * p // 100], 3) for p in (50, 99) if ordered}


def main(arguments: list[str]) -> int:
    """Runs until it is terminated."""
    core, replica, url, rate, snapshot_after_s = arguments
    of_core = int(rate) * 4 // 5
    beside = Beside(replica, url, int(rate) - of_core, float(snapshot_after_s))
    with CoreQueries(core, max(of_core, 1)) as queries:
        asyncio.run(beside.run())
    report = beside.report()
    report["core_queries"], report["core_queries_unanswered"] = len(queries.latencies), queries.unanswered
    print(json.dumps(report | percentiles("core_query", queries.latencies)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
