"""Who waits for whom: calls on the way of an order, events for all that follows from it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import exchange
from exchange.resilience import EDGES
from exchange.topology.services import spec_of
from exchange.topology.table import PROCESSES, SQL_SERVICES

CORE = "orders"
OUTSIDE = {"client", "cli", "bench", "coinbase", "issuer", "redis", "prices", "market_data"}
OUTSIDE |= {"regime_detection", "risk_management", "execution", "cache"}  # of document 003, and of others
# Modules of what an order must not wait for: the event log, SQL, caches, HTTP.
SLOW = ("exchange.bus.log", "exchange.storage.sql", "exchange.storage.cache", "sqlalchemy", "redis", "httpx")


def callees(of: str) -> set[str]:
    """Whom a service calls, by the table of edges."""
    return {edge.callee for edge in EDGES if edge.caller == of}


def reached(start: str) -> set[str]:
    """Whom a call to a service may wait for, all the way down."""
    found: set[str] = set()
    todo = [start]
    while todo:
        todo += (new := callees(todo.pop()) - found)
        found |= new
    return found


def loaded(module: str) -> set[str]:
    """What an interpreter has loaded with a module."""
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.req("B067")
def test_order_waits_for_money_risk_and_matching_and_for_nobody_else() -> None:
    """By the table of edges, outside of which no call is made; none of the three calls anybody."""
    assert callees(CORE) == reached(CORE) == {"accounts", "risk", "matching"}
    for stage in callees(CORE):
        assert callees(stage) == set()


@pytest.mark.req("B067", "C001")
def test_other_calls_between_services_are_questions_commands_to_the_core_or_who_asks() -> None:
    """What follows from an order comes as events: no service that lives on them is called by another one."""
    inner = {edge for edge in EDGES if edge.caller not in OUTSIDE and edge.callee not in OUTSIDE}
    assert {callee for _, callee in inner} == {"accounts", "risk", "matching", "replica", CORE, "identity"}
    assert {caller for caller, callee in inner if callee == CORE} == {"admin", "settlement"}
    fed = {name for name in SQL_SERVICES if spec_of(name).reads}
    assert fed == set(SQL_SERVICES)
    assert fed & {callee for _, callee in inner} == set()


@pytest.mark.req("B067", "A003")
@pytest.mark.parametrize(
    "module",
    [
        "exchange.services.orders.core_process",
        "exchange.services.matching.shard_process",
        "exchange.services.accounts.stage_process",
        "exchange.services.risk.stage_process",
    ],
)
def test_processes_on_the_way_of_an_order_do_not_even_load_what_is_slow(module: str) -> None:
    """Neither event log nor SQL, cache or HTTP: they could not wait for it."""
    names = loaded(module)
    assert module in names
    assert [name for name in names if name.startswith(SLOW)] == []
    assert [name for name in loaded("exchange.services.history.service") if name.startswith(SLOW)] != []


def test_core_loads_only_what_it_runs_with() -> None:
    """It is started on the way of every order that waits for it: no event loop, RPC, HTTP or signatures."""
    names = loaded("exchange.cli, exchange.cli.run, exchange.services.orders.core_process")
    assert "exchange.services.orders.core_process" in names
    unused = ("asyncio", "capnp", "cryptography", "email", "exchange.bus.rpc", "http", "ssl")
    assert [name for name in unused if name in names] == []


def test_processes_of_the_table_host_what_the_edges_name() -> None:
    """An edge between services that no process hosts would be of nobody."""
    hosted = {name for process in PROCESSES for name in process.hosts} | {each.name for each in PROCESSES}
    named = {name for edge in EDGES for name in edge} - OUTSIDE - {"standby"}
    assert named <= hosted


@pytest.mark.req("B043")
def test_balances_and_positions_have_one_writer() -> None:
    """The core alone writes the journal, of which they are a fold; no store of a service has them, too."""
    sources = Path(exchange.__file__).parent
    writers = {
        path.relative_to(sources).parts[:2]
        for path in sources.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"Journal", "Sequencer"}
    }
    assert {parts for parts in writers if not parts[0].startswith("embedded")} == {("services", "orders")}
    assert spec_of("accounts").tables == spec_of("risk").tables == ()
    held = {"total", "available", "reserved", "balance", "position"}
    for path in sources.rglob("tables.py"):
        metadata = getattr(import_module(module_of(path, sources)), "METADATA", None)
        assert metadata is None or not held & {
            column.name for table in metadata.tables.values() for column in table.columns
        }


def module_of(path: Path, sources: Path) -> str:
    """The name of a module of the package."""
    return ".".join(("exchange", *path.relative_to(sources).with_suffix("").parts))
