"""An exchange with every kind of process, as its users see it: pages, `exchange ps`, `services`, lines."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from cmatch._core import JournalReader
from cmatch.frames import decode_commands
from exchange.bus.log.events import events_of
from exchange.bus.log.interface import Record
from exchange.cli import main
from exchange.cli.up import SERVICES
from exchange.client import Reader
from exchange.client.services import ServiceClient
from exchange.config import load
from exchange.errors import ExchangeError
from exchange.observability.server import ask
from exchange.observability.trace_ids import TRACE_HEADER
from exchange.runtime.metrics_page import described
from exchange.runtime.publisher import open_log
from tests.exchange.ports import free_ports, listening
from tests.exchange.running import Up, settings, until
from tests.gateway.door import ANN, BOB, BUY, SELL, WAIT_MS, Open, open_market
from tests.gateway.running import operator

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


@dataclass(kw_only=True)
class Whole(Open):
    """An exchange with all services."""

    up: Up
    prices: int

    @property
    def names(self) -> list[str]:
        """Of its processes."""
        return sorted(self.up.announcement()["processes"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All processes of the table, each port that there can be, a market that is settled, and every line."""
    port, prices = free_ports(2)
    data = tmp_path_factory.mktemp("whole") / "data"
    up = Up.start(
        data, *(f"{setting}=true" for setting in SERVICES.values()), f"gateway.port={port}",
        "gateway.answer_timeout_ms=60000", f"endpoints.prices=127.0.0.1:{prices}",
        "endpoints.metrics=127.0.0.1:0", "log.format=json", "log.level=debug",
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        open_market(data)
        with operator(data) as client:
            assert client.admin.set_settlement(by_service=True).ok
        made = Whole(data=data, port=port, up=up, prices=prices)
        made.add(ANN, BOB)
        assert {*made.names} >= {"core", "replica", "publisher", "audit", *SERVICES}
        yield made
    finally:
        up.end()


@pytest.mark.req("C079")
def test_metrics_of_every_process_of_a_whole_exchange_are_openmetrics(whole: Whole) -> None:
    """Each by itself at its own socket, the core by its supervisor; of the table, and under its own name."""
    up, known = whole.up, {family.name: family for family, _ in described()}

    def page_of(name: str) -> str:
        """What it tells, once it is there: the last ones are not waited for by the supervisor."""
        if name == "core":
            text = get(up, "/metrics", OPENMETRICS)[2]
            return text if 'exchange_process_up{process="core"} 1' in text else ""
        found = ask(up.data / "run" / f"{name}.http", "/metrics", OPENMETRICS, timeout_s=60)
        assert found is None or (found.status, found.kind) == (200, f"{OPENMETRICS}; charset=utf-8")
        return found.text if found else ""

    for name in whole.names:
        text = until(partial(page_of, name), f"{name} tells nothing")
        families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
        assert {"exchange_process_up", "process_resident_memory_bytes"} <= set(families)
        for family in families.values():
            assert (family.type, family.unit) == (known[family.name].kind, known[family.name].unit)
        told = {sample.labels["process"] for sample in families["exchange_process_up"].samples}
        assert name in told
        assert name == "core" or told == {name}


@pytest.mark.req("C080", "D074")
def test_health_of_every_process_of_a_whole_exchange_is_of_one_form(whole: Whole) -> None:
    """The fields of document 003, by the supervisor and by each at its own socket; and that all are well."""
    fields = ["status", "dependencies", "uptime", "version", "ready"]
    until(lambda: get(whole.up, "/health")[0] == 200, "it is not well")
    for name in whole.names:
        until(lambda: get(whole.up, f"/health/{name}")[0] == 200, f"{name} is not well")  # noqa: B023
        assert list(json.loads(get(whole.up, f"/health/{name}")[2])) == fields
        if name != "core":  # which has no page of its own
            own = ask(whole.data / "run" / f"{name}.http", "/health", timeout_s=60)
            assert own is not None
            assert (own.status, list(json.loads(own.text))) == (200, fields)


@pytest.mark.req("D079")
def test_trace_id_is_said_back_wherever_there_is_http(whole: Whole) -> None:
    """At each port that any process has, and each socket: as it came, else a new one; errors too."""
    announced = whole.up.announcement()
    metrics = int(announced["endpoints"]["metrics"].split(":")[2].partition("/")[0])
    doors = {whole.port: "/v1/time", whole.prices: "/api/v1/price/BTC-USD", metrics: "/metrics"}
    owners = [whole.up.process.pid, *filter(None, announced["processes"].values())]
    assert {port for pid in owners for _, port in listening(pid)} == {*doors}
    sockets = sorted((whole.data / "run").glob("*.http"))
    assert [path.stem for path in sockets] == sorted({*whole.names, "supervisor"} - {"core"})
    places: list[tuple[httpx.HTTPTransport, str]] = [
        *((httpx.HTTPTransport(), f"http://127.0.0.1:{port}{page}") for port, page in doors.items()),
        *((httpx.HTTPTransport(uds=str(path)), "http://it/health") for path in sockets),
    ]
    for transport, url in places:
        with httpx.Client(transport=transport, timeout=60) as client:
            for where in (url, url + "/nowhere"):
                said = client.get(where, headers={TRACE_HEADER: "t-79"})
                assert said.headers.get_list(TRACE_HEADER) == ["t-79"], where
                made = {client.get(where).headers[TRACE_HEADER] for _ in range(2)}
                assert len({uuid.UUID(each) for each in made}) == 2, where


@pytest.mark.req("C085")
def test_correlation_id_of_a_request_is_in_every_hop_of_its_order(whole: Whole) -> None:
    """Answer, journal, events of orders, trades and settlement, history: the one that the program said."""
    maker, taker = "hop-maker", "hop-taker"
    rested = whole.bob.ask("POST", "/v1/orders", SELL, x_correlation_id=maker)
    traded = whole.ann.ask("POST", "/v1/orders", BUY, x_correlation_id=taker)
    for answer, said in ((rested, maker), (traded, taker)):
        assert (answer.status, answer.headers["x-correlation-id"]) == (201, said)
    records = JournalReader(str(whole.data / "journal"), 1)
    commands = [decode_commands(record.payload) for record in records if b"hop-" in record.payload]
    told = [said for _, _, rows in commands for said in rows["correlation_id_head"].tolist()]
    assert told == [maker.encode(), taker.encode()]
    hops = {
        # Both sides of a trade are what the taker caused.
        "orders.lifecycle": [
            ("OrderPlaced", maker), ("OrderPlaced", taker), ("OrderFilled", taker), ("OrderFilled", taker),
        ],
        "execution.trades": [("TradeExecuted", taker)],
        "posttrade.settlement": [("TradeSettled", taker)],
    }  # fmt: skip
    for topic, wanted in hops.items():
        until(partial(_has_told, whole.data, topic, len(wanted)), f"not all events of {topic} came")
        assert _told(whole.data, topic) == wanted, topic
    with Reader(
        f"ipc://{whole.data}/run/orders.sock", tenant=1, name="r", user="r", timeout_ms=WAIT_MS
    ) as reader:
        for answer, said in ((rested, maker), (traded, taker)):
            asked = reader.make.query.past_orders(order_id=int(answer.body["orderId"]))
            (row,) = until(partial(reader.ask, asked), "the history did not come")
            assert row.correlation_id == said


def _told(data: Path, topic: str) -> list[tuple[str, str]]:
    """Events of a topic that have the id of one of the requests: type and id."""
    found = load(data_directory=str(data), environment={})
    with open_log(found) as log, log.reader(f"dev.{topic}.v1", 0) as reader:
        records: list[Record] = []
        while page := reader.read():
            records += page
        events = [event for record in records for event in events_of(record)]
    told = [(event.event_type, event.correlation_id) for event in events]
    return [each for each in told if each[1].startswith("hop-")]


def _has_told(data: Path, topic: str, count: int) -> bool:
    return len(_told(data, topic)) >= count


@pytest.mark.req("C085")
@pytest.mark.parametrize(("target", "process"), [("/v1/orders", "history"), ("/v1/orders/open", "replica")])
def test_correlation_id_of_a_request_is_in_the_lines_of_who_answers(
    whole: Whole, target: str, process: str
) -> None:
    """Of the process behind the gateway, which writes a line a call where all lines are wanted."""
    said = f"asks-{process}"
    assert whole.ann.ask("GET", target, x_correlation_id=said).status == 200

    def writers() -> set[str]:
        lines = [json.loads(line) for line in whole.up.log.splitlines() if line.startswith("{")]
        return {line["process"] for line in lines if line.get("correlation_id") == said}

    until(lambda: process in writers(), f"no line of {process} has it")


@pytest.mark.req("D009")
def test_program_that_asks_market_data_by_http_waits_no_longer_than_it_says(whole: Whole) -> None:
    """The last minutes of an instrument; UNAVAILABLE in its time where market data stands still."""
    assert whole.bob.ask("POST", "/v1/orders", SELL | {"qty": "0.1"}).status == 201
    assert whole.ann.ask("POST", "/v1/orders", BUY | {"qty": "0.1"}).status == 201

    async def asked() -> Any:
        async with ServiceClient("market_data", url=f"http://127.0.0.1:{whole.prices}") as client:
            return await client.get("/api/v1/ohlcv/BTC-USD", {"periods": 2})

    until(lambda: get(whole.up, "/health/marketdata/ready")[0] == 200, "it is not ready")
    (candle, *_) = until(lambda: asyncio.run(asked())["data"], "no minute is told")
    assert (candle["high"], candle["low"]) == (100, 100)
    market = whole.up.announcement()["processes"]["marketdata"]
    os.kill(market, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(ExchangeError, match="market_data"):
            asyncio.run(asked())
        took = time.monotonic() - began
    finally:
        os.kill(market, signal.SIGCONT)
    assert 5 <= took < 60  # a call has ten seconds; the machine may take its own
    until(lambda: get(whole.up, "/health/marketdata")[0] == 200, "it did not come back")


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


@pytest.mark.req("C095")
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
