"""An exchange with every kind of process, as its users see it: pages, `exchange ps`, `services`, lines."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exchange.cli import main
from exchange.cli.up import SERVICES
from exchange.observability.server import ask
from exchange.runtime.metrics_page import described
from tests.exchange.ports import free_ports
from tests.exchange.running import Up, settings, until

CANARIES = {
    "database": "canary-Db-5a1f0",
    "environment": "canary-Env-77c2e",
    "tenant": "canary-Ctx-1b9d4",
}
PROCESSES = [
    *("supervisor", "core", "shard-1", "accounts", "risk", "replica", "publisher", "audit", "history"),
    "marketdata",
]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def get(up: Up, page: str, accept: str = "") -> tuple[int, str, str]:
    """Status, type and text of a page."""
    url = up.announcement()["endpoints"]["metrics"].removesuffix("/metrics") + page
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 (our own server)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (our own server)
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.headers["Content-Type"], refused.read().decode()


def here(*words: str) -> tuple[int, str]:
    """A command in this process: its exit code and what it prints."""
    with redirect_stdout(io.StringIO()) as printed:
        code = main(words)
    return code, printed.getvalue()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """All processes of the table, lines as JSON, an order, and secrets where secrets may be."""
    data = tmp_path_factory.mktemp("watched") / "data"
    pairs = [
        "matching.shards=1", "accounts.process=true", "risk.process=true", "history.enabled=true",
        "market_data.enabled=true",
        "log.format=json", "endpoints.metrics=127.0.0.1:0",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("SERVICE_TOKEN", CANARIES["environment"])
        made = Up.start(data, *pairs)
    try:
        until(made.announcement, "it did not start")
        made.say("admin", "define-asset", "1", "BTC", "8")
        made.say("admin", "define-asset", "2", "USD", "6")
        market = ["define-instrument", "7", "BTC-USD", "--base", "BTC", "--quote", "USD"]
        made.say("admin", *market, "--price-scale", "2", "--qty-scale", "4", "--taker-rate", "1000000")
        yield made
    finally:
        made.end()


@pytest.mark.req("C080", "C101", "D074")
def test_metrics_of_all_processes_are_one_page(up: Up) -> None:
    """By Prometheus' strict parser; each process in it; all of it described; edges, followers, log, group."""

    def whole() -> str:
        """The page, when all have answered in time, and the audit, which starts last, has begun to follow."""
        status, kind, text = get(up, "/metrics", OPENMETRICS)
        assert (status, kind) == (200, f"{OPENMETRICS}; charset=utf-8")
        answered = [f'exchange_process_up{{process="{name}"}} 1\n' in text for name in PROCESSES]
        return text if all(answered) and 'follower_sequence{process="audit"}' in text else ""

    text = until(whole, "not all answer")
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    known = {family.name: family for family, _ in described()}
    assert set(families) <= set(known)
    for name, family in families.items():
        assert (family.type, family.unit) == (known[name].kind, known[name].unit), name
        assert family.documentation == known[name].help + "."

    def by_process(name: str) -> dict[str, float]:
        return {sample.labels["process"]: sample.value for sample in families[name].samples}

    assert by_process("exchange_process_up") == dict.fromkeys(PROCESSES, 1)
    assert set(by_process("process_resident_memory_bytes")) == set(PROCESSES)
    assert set(by_process("exchange_process_restarts")) == {*PROCESSES} - {"supervisor"}
    followers = {"shard-1", "accounts", "risk", "replica", "publisher", "audit"}
    assert set(by_process("exchange_follower_sequence")) == followers
    assert set(by_process("exchange_follower_connected")) == {"shard-1", "accounts", "risk"}
    edges = {
        (sample.labels["process"], sample.labels["caller"], sample.labels["callee"])
        for sample in families["exchange_edge_breaker_state"].samples
    }
    of_core = {("core", "orders", each) for each in ("matching", "accounts", "risk")}
    assert edges == {
        *of_core,
        ("history", "history", "replica"),
        ("marketdata", "marketdata", "replica"),
    }
    groups = {sample.labels["group"] for sample in families["exchange_event_log_group_lag_records"].samples}
    assert groups == {"history", "marketdata"}
    assert by_process("exchange_consumer_held") == {"history": 0, "marketdata": 0}
    plain, kind, _ = get(up, "/metrics")
    assert (plain, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")


@pytest.mark.req("C079")
def test_metrics_of_every_process_of_a_whole_exchange_are_openmetrics(tmp_path: Path) -> None:
    """Each by itself at its own socket, the core by its supervisor; of the table, and under its own name."""
    (port,) = free_ports(1)
    switches = [f"{setting}=true" for setting in SERVICES.values()]
    up = Up.start(tmp_path / "data", *switches, f"gateway.port={port}", "endpoints.metrics=127.0.0.1:0")
    try:
        until(up.announcement, "it did not start")
        known = {family.name: family for family, _ in described()}
        names = set(up.announcement()["processes"])
        assert names >= {"core", "replica", "publisher", "audit", *SERVICES}

        def page_of(name: str) -> str:
            """What it tells, once it is there: the last ones are not waited for by the supervisor."""
            if name == "core":
                text = get(up, "/metrics", OPENMETRICS)[2]
                return text if 'exchange_process_up{process="core"} 1' in text else ""
            found = ask(up.data / "run" / f"{name}.http", "/metrics", OPENMETRICS, timeout_s=60)
            assert found is None or (found.status, found.kind) == (200, f"{OPENMETRICS}; charset=utf-8")
            return found.text if found else ""

        for name in sorted(names):
            text = until(partial(page_of, name), f"{name} tells nothing")
            families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
            assert {"exchange_process_up", "process_resident_memory_bytes"} <= set(families)
            for family in families.values():
                assert (family.type, family.unit) == (known[family.name].kind, known[family.name].unit)
            told = {sample.labels["process"] for sample in families["exchange_process_up"].samples}
            assert name in told
            assert name == "core" or told == {name}
    finally:
        up.end()


def _page_with(up: Up, line: str) -> str:
    """The metrics, if this line is among them."""
    text = get(up, "/metrics", OPENMETRICS)[2]
    return text if line in text else ""


@pytest.mark.req("C098", "D074", "D075", "D076")
def test_health_of_each_process_and_of_one_that_is_stopped(up: Up) -> None:
    """Document 003's fields and whether it is ready; a process under SIGSTOP is found out, and forgiven."""

    def health(page: str = "") -> dict[str, Any]:
        content: dict[str, Any] = json.loads(get(up, f"/health{page}")[2])
        return content

    until(lambda: health()["status"] == "healthy", "it is not well")
    whole = health()
    assert list(whole) == ["status", "dependencies", "uptime", "version", "ready"]
    assert set(whole["dependencies"]) == {*PROCESSES, "journal", "matching"} - {"supervisor"}
    for name in PROCESSES:
        until(lambda: get(up, f"/health/{name}/ready")[0] == 200, f"{name} is not ready")  # noqa: B023
        until(lambda: get(up, f"/health/{name}/live")[0] == 200, f"{name} does not live")  # noqa: B023
        assert list(health(f"/{name}")) == list(whole)
    replica = up.announcement()["processes"]["replica"]
    os.kill(replica, signal.SIGSTOP)
    try:
        until(lambda: health()["dependencies"]["replica"] == "unhealthy", "nobody noticed")
        until(lambda: health()["status"] == "degraded", "one that is away is no more than that")
        assert [get(up, f"/health/replica{page}")[0] for page in ("", "/live", "/ready")] == [503, 503, 503]
        text = until(lambda: _page_with(up, 'exchange_process_up{process="risk"} 1'), "risk does not answer")
        assert 'exchange_process_up{process="replica"} 0' in text
        code, printed = here("ps", "--data", str(up.data), "--json")
        rows = {row["name"]: row for row in json.loads(printed)}
        assert code == 1
        assert rows["replica"]["state"] == "stopped"
    finally:
        os.kill(replica, signal.SIGCONT)
    until(lambda: health()["status"] == "healthy", "it did not come back")


@pytest.mark.req("B024", "C095")
def test_ps_and_services_list_what_runs(up: Up) -> None:
    """As tables and as data; with the process ids that the supervisor announced."""
    data = ("--data", str(up.data))

    def caught_up() -> dict[str, Any]:
        code, printed = here("ps", *data, "--json")
        rows = {row["name"]: row for row in json.loads(printed)}
        return {} if code or rows["history"]["lag"] else rows

    rows = until(caught_up, "not all are healthy, with nothing left to take")
    assert list(rows) == PROCESSES
    announced = up.announcement()
    for name, row in rows.items():
        assert row["pid"] == announced["processes"].get(name, announced["supervisor"])
        assert (row["state"], row["restarts"]) == ("healthy", None if name == "supervisor" else 0)
        assert row["rss_bytes"] > 1 << 20
        assert row["cpu"] > 0
    assert rows["history"]["lag"] == 0
    assert here("ps", *data)[1].splitlines()[0].split() == [
        "process", "pid", "state", "uptime", "cpu", "memory", "restarts", "lag",
    ]  # fmt: skip

    def listed() -> dict[str, dict[str, Any]]:
        """By service and instance, when the history is well."""
        services: dict[str, dict[str, Any]] = {}
        for row in json.loads(here("services", *data, "--json")[1]):
            services.setdefault(row["service"], {})[row["instance"]] = row
        well = services.get("history", {}).get("history", {}).get("health") == "healthy"
        return services if well and len(services["matching"]) == 4 else {}

    services = until(listed, "not all are listed")
    assert set(services["matching"]) == {"core", "publisher", "replica", "shard-1"}
    assert set(services["history"]) == {"history"}
    history = services["history"]["history"]
    assert history["endpoint"] == announced["endpoints"]["history"]
    assert (history["health"], history["ready"], history["pid"]) == ("healthy", True, rows["history"]["pid"])
    assert services["market_data"][""]["endpoint"] == "http://localhost:8001"
    row = ["history", "history", history["endpoint"], "healthy", "yes", history["version"]]
    until(
        lambda: row in [line.split() for line in here("services", *data)[1].splitlines()],
        "the history is not in the table",
    )


@pytest.mark.req("C085")
def test_lines_are_json_objects_with_the_same_first_fields(up: Up) -> None:
    """Whatever wrote them."""
    lines = [json.loads(line) for line in up.log.splitlines() if line.startswith("{")]
    assert {line["process"] for line in lines} == {*PROCESSES}
    assert all(list(line)[:4] == ["ts", "level", "process", "event"] for line in lines)


def test_secrets_of_settings_environment_and_requests_are_never_written(up: Up, tmp_path: Path) -> None:
    """Not by processes that run with them, nor by one that fails on them, nor as arguments of any."""
    endpoint = up.announcement()["endpoints"]["queries"]
    ask = """
import asyncio, sys
from exchange.bus.context import new_context
from exchange.bus.rpc import Metadata, RpcClient, SocketChannel
from exchange.errors import ExchangeError
from exchange.resilience import Policies
async def main():
    context = new_context()
    async with RpcClient(SocketChannel(context, sys.argv[1]), Policies().of("cli", "replica")) as client:
        for method, payload in (("orders.OrderRequest", sys.argv[2].encode()), ("replica.snapshot", b"")):
            try:
                await client.call(method, payload, metadata=Metadata("c-1", "9", "tester", sys.argv[2]))
            except ExchangeError as error:
                print(type(error).__name__)
    context.destroy(linger=0)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", ask, endpoint, CANARIES["tenant"]],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert len(done.stdout.split()) == 2
    url = f"postgresql://desk:{CANARIES['database']}@127.0.0.1:1/none"
    changes = ["history.enabled=true", "log.format=json", "log.level=debug"]
    environment = {
        **os.environ,
        "EXCHANGE_STORES_URL": url,
        "SERVICE_TOKEN": CANARIES["environment"],
    }
    words = [sys.executable, "-m", "exchange.cli", "run", "history", "--data", str(tmp_path)]
    alone = subprocess.run(
        [*words, *settings(*changes)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert alone.returncode == 1, alone.stderr
    assert '"process": "history"' in alone.stderr
    arguments = {
        name: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        for name, pid in up.announcement()["processes"].items()
    }
    assert all("--supervisor" in line for line in arguments.values())
    pages = [get(up, page)[2] for page in ("/metrics", "/health")]
    written = [up.log, alone.stdout, alone.stderr, *arguments.values(), *pages]
    written += [path.read_text() for path in (up.data / "run").rglob("*.json")]
    for canary in CANARIES.values():
        assert not any(canary in text for text in written), canary


def test_nothing_that_runs_is_said_in_a_sentence(tmp_path: Path) -> None:
    """By both commands, with exit code 1; as data it is an empty list, or services without instances."""
    nothing = f"nothing runs on {tmp_path}: start it with `exchange up`"
    for command in ("ps", "services"):
        code, printed = here(command, "--data", str(tmp_path))
        assert (code, printed.splitlines()[-1]) == (1, nothing)
    assert here("ps", "--data", str(tmp_path), "--json") == (1, "[]\n")
    code, printed = here("services", "--data", str(tmp_path), "--json")
    assert (code, {row["health"] for row in json.loads(printed)}) == (1, {"none", "configured"})
