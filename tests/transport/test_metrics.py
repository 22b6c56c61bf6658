"""Metrics as Prometheus' own parsers read them, health, and the HTTP server of both."""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from cmatch._core import SharedStats, Stat, Timing
from exchange.observability import (
    PageServer,
    StatsReader,
    StatsSnapshot,
    health_of,
    metrics_text,
)
from exchange.observability import server as server_module
from exchange.observability.core_metrics import edges
from exchange.observability.openmetrics import seconds
from exchange.observability.server import Answer
from exchange.observability.stats import StatUnit, bucket_limits
from exchange.runtime.overview import Overview
from exchange.runtime.vitals import Vitals
from exchange.storage.directory import DataDirectory

NS = 1_000_000_000
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the statistics lie."""
    return tmp_path / "stats"


@pytest.fixture
def stats(path: Path) -> SharedStats:
    """Of a core that lives and has done a little."""
    stats = SharedStats(str(path))
    stats.add(Stat.orders, 12)
    stats.add(Stat.in_bytes, 4096)
    stats.add(Stat.busy_ns, 1_500_000_001)
    stats.add(Stat.rejects_risk, 3)
    stats.set(Stat.started_at_ns, 1_700_000_000 * NS)
    stats.set(Stat.ready, 1)
    for value in (900, 1_023, 1_024, 5_000, 2_000_000):
        stats.histogram(Timing.stage_apply).record(value)
    for value in (1, 2, 3, 100_000):
        stats.histogram(Timing.batch_size).record(value)
    return stats


def read(path: Path, heartbeat_age_ns: int = 0) -> StatsSnapshot:
    """A snapshot whose loop turned that long ago."""
    with StatsReader(path) as reader:
        snapshot = reader.read()
    return replace(snapshot, read_ns=snapshot.values["heartbeat_ns"] + heartbeat_age_ns)


def samples_of(text: str, *, openmetrics: bool) -> Samples:
    """By name and labels, as the parser has them."""
    parse = parse_openmetrics if openmetrics else parse_prometheus
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_metrics_every_value_is_read_back_by_the_parsers(
    path: Path, stats: SharedStats, openmetrics: bool
) -> None:
    """Both formats parse, and say what the statistics say, in base units."""
    assert stats.get(Stat.orders) == 12
    with StatsReader(path) as reader:
        rows = reader.rows
    text = metrics_text(rows, read(path, 250_000_000), openmetrics=openmetrics)
    got = samples_of(text, openmetrics=openmetrics)

    def of(name: str, **labels: str) -> float:
        return got["exchange_core_" + name, tuple(sorted(labels.items()))]

    assert of("up") == 1
    assert of("heartbeat_age_seconds") == 0.25
    assert of("orders_total") == 12
    assert of("in_bytes_total") == 4096
    assert of("busy_seconds_total") == 1.500000001
    assert of("started_at_seconds") == 1_700_000_000
    assert of("ready") == 1
    assert of("rejects_total", **{"class": "risk"}) == 3
    assert of("rejects_total", **{"class": "gateway"}) == 0
    assert of("stage_apply_seconds_count") == 5
    assert of("stage_apply_seconds_sum") == pytest.approx(0.002007947)
    assert of("stage_apply_seconds_bucket", le="+Inf") == 5
    assert of("stage_apply_quantile_seconds", quantile="1") == 0.002
    assert 1.024e-06 <= of("stage_apply_quantile_seconds", quantile="0.5") <= 1.024e-06 * 1.01
    assert of("batch_size_count") == 4
    assert of("batch_size_sum") == 100_006
    cumulative = {
        dict(labels)["le"]: value
        for (name, labels), value in got.items()
        if name == "exchange_core_batch_size_bucket"
    }
    assert [value for le, value in cumulative.items() if float(le) in (1, 3, 7)] == [1, 3, 3]
    singles = {row.name for row in rows} - {"heartbeat_ns"}
    assert all(
        any(name.startswith("exchange_core_" + single.removesuffix("_ns").partition("rejects_")[0])
            for name, _ in got)
        for single in singles
    )  # fmt: skip


def test_metrics_histogram_buckets_count_exactly_what_is_at_or_below_their_edge(
    path: Path, stats: SharedStats
) -> None:
    """Edges are ends of our own buckets, so that nothing is interpolated."""
    for unit in (StatUnit.NANOSECONDS, StatUnit.NUMBER):
        assert set(edges(unit).tolist()) <= set(bucket_limits(7, 36).tolist())
    assert stats.get(Stat.orders) == 12
    with StatsReader(path) as reader:
        got = samples_of(metrics_text(reader.rows, reader.read()), openmetrics=False)
    counts = {
        round(float(dict(labels)["le"]) * NS): value
        for (name, labels), value in got.items()
        if name == "exchange_core_stage_apply_seconds_bucket" and dict(labels)["le"] != "+Inf"
    }
    values = (900, 1_023, 1_024, 5_000, 2_000_000)
    assert counts == {edge: sum(value <= edge for value in values) for edge in counts}
    assert len(counts) == len(edges(StatUnit.NANOSECONDS))


def test_metrics_without_a_core_say_that_it_is_down() -> None:
    """One gauge, and nothing that could be taken for a value."""
    assert samples_of(metrics_text((), None), openmetrics=False) == {("exchange_core_up", ()): 0}
    assert samples_of(metrics_text((), None, openmetrics=True), openmetrics=True) == {
        ("exchange_core_up", ()): 0
    }


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (10 * NS, "10"), (2**63, "9223372036.854775808")],
)
def test_seconds_are_exact(ns: int, text: str) -> None:
    """No floating point between the counter and the page."""
    assert seconds(ns) == text


@pytest.mark.parametrize(
    ("changed", "age_ns", "status", "dependencies", "ready"),
    [
        ({}, 0, "healthy", ("healthy", "healthy", "healthy"), True),
        ({}, 2 * NS, "healthy", ("healthy", "healthy", "healthy"), True),
        ({}, 2 * NS + 1, "unhealthy", ("unhealthy", "healthy", "healthy"), False),
        ({Stat.ready: 0}, 0, "healthy", ("healthy", "healthy", "healthy"), False),
        ({Stat.read_only: 1}, 0, "degraded", ("healthy", "degraded", "healthy"), False),
        ({Stat.breaker_state: 1}, 0, "degraded", ("healthy", "healthy", "degraded"), True),
        ({Stat.breaker_state: 2}, 0, "degraded", ("healthy", "healthy", "degraded"), True),
        ({Stat.breaker_state: 2}, 9 * NS, "unhealthy", ("unhealthy", "healthy", "degraded"), False),
    ],
)
def test_health_is_judged_by_heartbeat_journal_and_breaker(
    path: Path,
    stats: SharedStats,
    changed: dict[Stat, int],
    age_ns: int,
    status: str,
    dependencies: tuple[str, str, str],
    ready: bool,
) -> None:
    """A table of what is wrong and what health says of it."""
    for stat, value in changed.items():
        stats.set(stat, value)
    health = health_of(read(path, age_ns), 1_700_003_600 * NS + 5)
    assert health.body() == {
        "status": status,
        "dependencies": dict(zip(("core", "journal", "matching"), dependencies, strict=True)),
        "uptime": 3600,
        "version": health.version,
        "ready": ready,
    }


@pytest.mark.parametrize(("state", "said"), [(0, None), (1, "healthy"), (2, "degraded")])
@pytest.mark.parametrize("name", ["accounts", "risk"])
def test_health_names_a_stage_that_has_a_process_of_its_own(
    path: Path, stats: SharedStats, name: str, state: int, said: str | None
) -> None:
    """There or away; nothing is said of one in the core."""
    stats.set(Stat[f"{name}_stage"], state)
    health = health_of(read(path, 0), 1_700_003_600 * NS)
    assert health.dependencies.get(name) == said
    assert health.status == (said or "healthy")


def test_health_of_nothing_to_read_is_unhealthy() -> None:
    """No statistics, no core."""
    assert health_of(None, 0).body() == {
        "status": "unhealthy",
        "dependencies": {"core": "unhealthy"},
        "uptime": 0,
        "version": health_of(None, 0).version,
        "ready": False,
    }


class Asked:
    """An answer over HTTP."""

    def __init__(self, port: int, path: str, method: str = "GET", **headers: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            self.status, self.kind = answer.status, answer.getheader("Content-Type", "")
            self.text = answer.read().decode()
        finally:
            connection.close()


@contextmanager
def serving(path: Path, port: int = 0) -> Iterator[PageServer]:
    """What a supervisor serves, of a core alone; a heartbeat of any age is alive."""
    overview = Overview(DataDirectory(path.parent), path, ["core"], Vitals("supervisor"), max_age_ns=2**63)
    try:
        with PageServer(overview.pages, ("127.0.0.1", port)) as server:
            yield server
    finally:
        overview.close()


@pytest.fixture
def server(path: Path) -> Iterator[PageServer]:
    """Over the file, whether it is there or not."""
    with serving(path) as server:
        yield server


def core(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A metric of the core, as it is called in samples."""
    return f"exchange_core_{name}", (("process", "core"),)


def test_server_pages_are_metrics_health_and_ready(stats: SharedStats, server: PageServer) -> None:
    """Each path has its body, and the format is the one asked for."""
    plain = Asked(server.port, "/metrics")
    assert (plain.status, plain.kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert samples_of(plain.text, openmetrics=False)[core("orders_total")] == 12
    opened = Asked(server.port, "/metrics?x=1", Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert opened.kind.startswith("application/openmetrics-text; version=1.0.0")
    assert samples_of(opened.text, openmetrics=True)[core("orders_total")] == 12
    health = Asked(server.port, "/health")
    assert (health.status, health.kind) == (200, "application/json")
    assert json.loads(health.text)["status"] == "healthy"
    assert list(json.loads(health.text)) == ["status", "dependencies", "uptime", "version", "ready"]
    assert Asked(server.port, "/health/ready").text == '{"ready": true}\n'
    stats.set(Stat.ready, 0)
    late = Asked(server.port, "/health/ready")
    assert (late.status, late.text) == (503, '{"ready": false}\n')
    assert Asked(server.port, "/health").status == 200


def test_server_other_paths_and_methods_are_refused(server: PageServer) -> None:
    """Nothing else is there; HEAD has no body."""
    assert Asked(server.port, "/").status == 404
    assert Asked(server.port, "/metrics", "POST").status == 405
    head = Asked(server.port, "/metrics", "HEAD")
    assert (head.status, head.text) == (200, "")


@pytest.mark.req("D077", "D078", "D079")
def test_server_answers_with_the_trace_that_it_was_asked_with_or_a_new_one(server: PageServer) -> None:
    """Every page, errors too, even of what is no request; what no header may carry is replaced."""

    def trace(path: str, method: str, said: str = "") -> str:
        headers = {"X-Trace-ID": said} if said else {}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            return str(connection.getresponse().headers["X-Trace-ID"])
        finally:
            connection.close()

    for path, method in (("/health", "GET"), ("/metrics", "HEAD"), ("/nothing", "GET"), ("/health", "POST")):
        assert trace(path, method, "trace-1") == "trace-1"
        first, second = trace(path, method), trace(path, method, "x" * 129)
        assert first != second
        assert [uuid.UUID(each).version for each in (first, second)] == [4, 4]


def test_server_without_a_core_says_so_and_finds_the_next_one(path: Path, server: PageServer) -> None:
    """The pages are there before the core, between two, and after it."""
    assert samples_of(Asked(server.port, "/metrics").text, openmetrics=False)[core("up")] == 0
    assert Asked(server.port, "/health").status == 503
    assert Asked(server.port, "/health/ready").status == 503
    for orders in (1, 2):
        stats = SharedStats(str(path))
        stats.add(Stat.orders, orders)
        text = Asked(server.port, "/metrics").text
        assert samples_of(text, openmetrics=False)[core("orders_total")] == orders
        path.unlink()
        assert Asked(server.port, "/health").status == 503


def test_server_clients_that_say_nothing_hold_up_nobody_below_the_limit(
    stats: SharedStats, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the limit of requests others are answered; beyond it a connection is closed at once."""
    assert stats.get(Stat.orders) == 12
    silent = [
        socket.create_connection(("127.0.0.1", server.port), timeout=60)
        for _ in range(server_module.MAX_REQUESTS - 1)
    ]
    try:
        assert Asked(server.port, "/health/ready").status == 200
        more = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(2)]
        silent += more  # one more than there is room for
        refused, _, _ = select.select(silent, [], [], 60)
        assert refused
        assert {one.recv(1) for one in refused} == {b""}
    finally:
        for one in silent:
            one.close()


def test_server_that_is_closed_leaves_no_thread_and_no_port(path: Path) -> None:
    """The supervisor can stop it and start another in its place."""
    before = threading.active_count()
    with serving(path) as server:
        port = server.port
        assert Asked(port, "/health/ready").status == 503
    with serving(path, port) as server:
        assert Asked(server.port, "/health/ready").status == 503
    with pytest.raises(ConnectionRefusedError):
        Asked(port, "/health/ready")
    deadline = time.monotonic() + 60  # who has answered still has to end
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_server_never_started_can_be_closed(path: Path) -> None:
    """A start that failed elsewhere still lets go of the port."""
    server = PageServer(lambda _: Answer(200, "text/plain", ""), ("127.0.0.1", 0))
    port = server.port
    server.close()
    with serving(path, port) as second:
        assert second.port == port
