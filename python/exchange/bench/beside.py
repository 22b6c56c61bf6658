"""What goes on beside a measurement: metrics are scraped, queries asked, snapshots taken.

`python -m exchange.bench.beside QUERIES_ENDPOINT METRICS_URL QUERIES_A_SECOND SNAPSHOT_AFTER_S` runs, as a
process of its own, until it is terminated, and then prints what it did as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from exchange.bus.context import new_context
from exchange.bus.rpc import CallPolicy, Metadata, RpcClient, SocketChannel
from exchange.domain import queries as q
from exchange.errors import ExchangeError, is_service_failure
from exchange.resilience import CircuitBreaker
from exchange.runtime.replica import SNAPSHOT_METHOD
from exchange.schema.codec import encode_message

_SCRAPES_A_SECOND: Final = 10
_SNAPSHOT_EVERY_S: Final = 40.0
_OPERATOR: Final = Metadata("bench", "0", "bench", "e30=")
_ACCOUNTS: Final = 1_000
_QUICK: Final = CallPolicy(timeout_ms=2_000)
_PATIENT: Final = CallPolicy(timeout_ms=60_000)


class Beside:
    """The disturbances of one measurement.

    Args:
        endpoint: of the replica.
        url: of the metrics; empty: none are scraped.
        rate: queries a second.
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
        async with RpcClient(channel, CircuitBreaker(failures=is_service_failure)) as client:
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
        times = sorted(self._latencies)
        found = {f"query_p{p}_ms": round(times[len(times) * p // 100], 3) for p in (50, 99) if times}
        return {**self.done, **found}

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
            await client.call(method, encode_message(request), metadata=_OPERATOR, policy=_QUICK)
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
                await client.call(SNAPSHOT_METHOD, metadata=_OPERATOR, policy=_PATIENT)
                self.done["snapshots"] += 1
            await asyncio.sleep(_SNAPSHOT_EVERY_S)


def main(arguments: list[str]) -> int:
    """Runs until it is terminated."""
    endpoint, url, rate, snapshot_after_s = arguments
    beside = Beside(endpoint, url, int(rate), float(snapshot_after_s))
    asyncio.run(beside.run())
    print(json.dumps(beside.report()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
