"""The statistics of the core as Prometheus and OpenMetrics text, and a small HTTP server for them and health.

It runs in the supervisor, never in the core: no Python thread may live beside the loop.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from exchange.observability.health import MAX_AGE_NS, Health, health_of
from exchange.observability.stats import (
    HistogramSnapshot,
    StatKind,
    StatRow,
    StatsReader,
    StatsSnapshot,
    StatsUnavailable,
    StatUnit,
)

PREFIX = "exchange_core_"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
QUANTILES = ((500_000, "0.5"), (900_000, "0.9"), (990_000, "0.99"), (999_000, "0.999"), (1_000_000, "1"))
IN_SECONDS = (StatUnit.NANOSECONDS, StatUnit.UNIX_NANOSECONDS)
REQUEST_TIMEOUT_S = 5
POLL_S = 0.1  # how soon close() is heard
MAX_REQUESTS = 16  # at a time; further ones are closed at once
LEAST_NS, MOST_NS = 10, 35  # powers of two between which latencies are told apart: 1 us and 34 s


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without suffixes, and its samples as (suffix, labels, value)."""

    name: str
    kind: str
    unit: str
    help: str
    samples: list[tuple[str, str, str]]


def seconds(ns: int) -> str:
    """Nanoseconds as seconds, exactly."""
    whole, rest = divmod(ns, 10**9)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)


def metrics_text(rows: tuple[StatRow, ...], stats: StatsSnapshot | None, *, openmetrics: bool = False) -> str:
    """All metrics; of a core that is not there only that it is not.

    Args:
        rows: The table of the reader.
        stats: What was read, or None.
        openmetrics: OpenMetrics 1.0 instead of Prometheus 0.0.4.
    """
    return families_text(_families(rows, stats), openmetrics=openmetrics)


def families_text(families: Iterable[Family], *, openmetrics: bool = False) -> str:
    """Metrics as Prometheus 0.0.4 has them, or OpenMetrics 1.0."""
    lines: list[str] = []
    for family in families:
        # Prometheus takes a counter's name with its suffix, OpenMetrics without it.
        name = family.name + ("_total" if family.kind == "counter" and not openmetrics else "")
        lines.append(f"# HELP {name} {family.help}.")
        lines.append(f"# TYPE {name} {family.kind}")
        if openmetrics and family.unit:
            lines.append(f"# UNIT {name} {family.unit}")
        lines += [f"{family.name}{suffix}{labels} {value}" for suffix, labels, value in family.samples]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _families(rows: tuple[StatRow, ...], stats: StatsSnapshot | None) -> Iterator[Family]:
    yield Family(
        f"{PREFIX}up",
        "gauge",
        "",
        "Whether the statistics of the core can be read",
        [("", "", "1" if stats else "0")],
    )
    if stats is None:
        return
    age = seconds(stats.heartbeat_age_ns)
    yield Family(
        f"{PREFIX}heartbeat_age_seconds",
        "gauge",
        "seconds",
        "Since the last turn of the loop",
        [("", "", age)],
    )
    rejects: list[tuple[str, str, str]] = []
    for row in rows:
        if row.kind is StatKind.HISTOGRAM:
            yield from _histogram(row, stats.histograms[row.name])
        elif row.name.startswith("rejects_"):
            label = f'{{class="{row.name.removeprefix("rejects_")}"}}'
            rejects.append(("_total", label, str(stats.values[row.name])))
        elif row.name != "heartbeat_ns":
            yield _single(row, stats.values[row.name])
    yield Family(f"{PREFIX}rejects", "counter", "", "Rejects, by the service that decided", rejects)


def _single(row: StatRow, value: int) -> Family:
    in_seconds = row.unit in IN_SECONDS
    name = PREFIX + (row.name.removesuffix("_ns") + "_seconds" if in_seconds else row.name)
    unit = "seconds" if in_seconds else "bytes" if row.unit is StatUnit.BYTES else ""
    counter = row.kind is StatKind.COUNTER
    text = seconds(value) if in_seconds else str(value)
    return Family(
        name, "counter" if counter else "gauge", unit, row.help, [("_total" if counter else "", "", text)]
    )


@cache
def edges(unit: StatUnit) -> NDArray[np.uint64]:
    """Upper limits of the exported buckets, each the end of one of ours: two a doubling of time, else one."""
    if unit is StatUnit.NANOSECONDS:
        powers = [limit << bits for bits in range(LEAST_NS - 1, MOST_NS - 1) for limit in (2, 3)]
    else:
        powers = [1 << bits for bits in range(1, 17)]
    return np.array(powers, np.uint64) - np.uint64(1)


def _histogram(row: StatRow, histogram: HistogramSnapshot) -> Iterator[Family]:
    in_seconds = row.unit in IN_SECONDS
    show: Callable[[int], str] = seconds if in_seconds else str
    name = f"{PREFIX}{row.name}" + ("_seconds" if in_seconds else "")
    unit = "seconds" if in_seconds else ""
    limits = edges(row.unit)
    samples = [
        ("_bucket", f'{{le="{show(int(limit))}"}}', str(int(count)))
        for limit, count in zip(limits, histogram.at_most(limits), strict=True)
    ]
    count = str(histogram.count)
    samples += [
        ("_bucket", '{le="+Inf"}', count),
        ("_sum", "", show(histogram.sum)),
        ("_count", "", count),
    ]
    yield Family(name, "histogram", unit, row.help, samples)
    quantiles = [
        ("", f'{{quantile="{label}"}}', show(histogram.percentile(parts))) for parts, label in QUANTILES
    ]
    told = f"{PREFIX}{row.name}_quantile" + ("_seconds" if in_seconds else "")
    yield Family(told, "gauge", unit, f"{row.help}: quantiles since the start, at most 1/128 high", quantiles)


class MetricsServer:
    """Serves `/metrics`, `/health` and `/ready` over HTTP from a thread of its own.

    Args:
        open_reader: Makes a reader; called again after the statistics were away. Raises StatsUnavailable.
        host: Address to listen on.
        port: 0: any; see `port`.
        max_age_ns: A loop that has not turned for longer counts as unhealthy.

    Raises:
        OSError: The address cannot be had.
    """

    def __init__(
        self,
        open_reader: Callable[[], StatsReader],
        host: str = "127.0.0.1",
        port: int = 0,
        max_age_ns: int = MAX_AGE_NS,
    ) -> None:
        self._open_reader = open_reader
        self._max_age_ns = max_age_ns
        self._reader: StatsReader | None = None
        self._reading = threading.Lock()
        self._server = _Server((host, port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """From now on it answers."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering and lets port, thread and memory go."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        with self._reading:
            self._drop_reader()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def metrics(self, *, openmetrics: bool) -> str:
        """The body of `/metrics`."""
        rows, stats = self._read()
        return metrics_text(rows, stats, openmetrics=openmetrics)

    def health(self) -> Health:
        """The body of `/health`."""
        return health_of(self._read()[1], time.time_ns(), self._max_age_ns)

    def _read(self) -> tuple[tuple[StatRow, ...], StatsSnapshot | None]:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = self._open_reader()
                return self._reader.rows, self._reader.read()
            except StatsUnavailable:
                self._drop_reader()
                return (), None

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], owner: MetricsServer) -> None:
        self.owner = owner
        self._free = threading.BoundedSemaphore(MAX_REQUESTS)
        super().__init__(address, _Handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A client that went away is nobody's error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S
    server_version = "exchange"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers one request; the connection is closed after it."""
        owner = self.server.owner
        path = self.path.partition("?")[0]
        if path == "/metrics":
            openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
            text = owner.metrics(openmetrics=openmetrics)
            self._answer(HTTPStatus.OK, OPENMETRICS if openmetrics else PROMETHEUS, text)
        elif path == "/health":
            health = owner.health()
            self._answer_json(health.dependencies["core"] != "unhealthy", health.body())
        elif path == "/ready":
            ready = owner.health().ready
            self._answer_json(ready, {"ready": ready})
        else:
            self._answer(HTTPStatus.NOT_FOUND, "application/json", '{"error": "no such page"}\n')

    do_HEAD = do_GET  # noqa: N815  (the name is http.server's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Scrapes ten times a second are no news."""

    def _answer_json(self, good: bool, body: dict[str, object]) -> None:
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, "application/json", json.dumps(body) + "\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
