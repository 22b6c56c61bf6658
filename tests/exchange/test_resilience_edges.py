"""Who calls whom: one table, one policy an edge, and no call in the sources that goes past it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as prometheus_parser

from exchange.bus.rpc import BlockingClient, RpcClient
from exchange.errors import ConfigError, ServiceUnavailableError
from exchange.observability.openmetrics import families_text
from exchange.resilience import EDGES, CircuitBreaker, Edge, Policies, Try
from exchange.runtime.edge_metrics import edge_families

SOURCES = Path(__file__).parents[2] / "python" / "exchange"

# What else of the standard library could ask somebody, and who uses it, for what.
NETWORK = {
    "socket",
    "http",
    "urllib",
    "httpx",
    "requests",
    "aiohttp",
    "ssl",
    "xmlrpc",
    "ftplib",
    "smtplib",
    "redis",
}
MAY_USE_NETWORK = {
    "bench/beside.py": "reads /metrics as Prometheus would, from outside of the exchange",
    "cli/bench.py": "looks for a free port for that",
    "cli/demo.py": "looks for a free port for the page",
    "cli/common.py": "looks whether anybody listens on a socket of this machine",
    "cli/up.py": "looks whether the ports are free that its processes will listen on",
    "storage/cache/redis.py": "asks Redis, each time through the policy of its edge",
    "client/coinbase.py": "asks a venue, each time through the policy of its edge",
    "services/identity/issuer.py": "asks another issuer for its keys, likewise",
    "client/prices.py": "asks market data by HTTP, likewise",
    "client/stream/connection.py": "says how connections are checked",
    "client/services.py": "asks services by HTTP, each time through the policy of its edge",
    "client/rest/asks.py": "writes paths and parameters",
    "client/rest/connecting.py": "says how connections are checked",
    "client/rest/calls.py": "makes requests, which the clients send",
    "client/rest/client.py": "asks a gateway, each time through the policy of its edge",
    "client/rest/aio.py": "likewise",
    "client/rest/credentials.py": "signs what they send",
    "services/marketdata/http.py": "reads the paths that were asked for",
    "services/gateway/stream/wire.py": "says how large the buffer of a connection is",
    "services/gateway/serving.py": "listens where programs connect",
    "services/gateway/app.py": "reads the parameters of an address",
    "services/gateway/routes.py": "reads the names in a path",
    "observability/server.py": "serves; a supervisor asks its own processes for their pages",
}
# Who opens a session with a core or a leader: a stream of frames, not calls.
MAY_OPEN_SESSIONS = {
    "bus/dealer.py",
    "cli/promote.py",  # asks once; through the policy of its edge, see below
    "client/place.py",
    "demo/session.py",
    "runtime/judge_process.py",
    "services/matching/shard_process.py",
    "services/orders/standing_by.py",
}


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """All of the sources, by file."""
    return [
        (path.relative_to(SOURCES).as_posix(), node)
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def calls_of(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Calls of functions and classes by their names, wherever they are from."""
    for file, node in nodes():
        if isinstance(node, ast.Call):
            func = node.func
            name = (
                func.id
                if isinstance(func, ast.Name)
                else func.attr
                if isinstance(func, ast.Attribute)
                else ""
            )
            if name in names:
                yield file, node


def is_of_registry(node: ast.AST) -> bool:
    """Whether an expression is `policies.of(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of"


def edges_in_sources() -> list[Edge]:
    """The edges that the sources ask a registry for; their names must be spelled out."""
    found = []
    for file, call in calls_of("of"):
        if "olicies" not in ast.unparse(call.func):
            continue
        caller, callee = call.args[:2]
        names = [each.value if isinstance(each, ast.Constant) else None for each in (caller, callee)]
        assert None not in names, f"{file}: caller and callee are spelled out"
        found.append(Edge(*map(str, names)))
    return found


@pytest.mark.req("C086")
def test_registry_of_edges_is_the_registry_of_breakers() -> None:
    """Every line of the table is an edge that the sources use, with a breaker of its own, always the same."""
    assert set(edges_in_sources()) == set(EDGES)
    policies = Policies()
    made = {edge: policies.of(*edge) for edge in EDGES}
    assert {edge for edge, _ in policies.all()} == set(EDGES)
    assert len({id(policy.breaker) for policy in made.values()}) == len(EDGES)
    assert all(policies.of(*edge) is policy for edge, policy in made.items())
    assert all(policies.all()[edge, ""].rules is rules for edge, rules in EDGES.items())


def test_instances_of_a_callee_have_breakers_of_their_own() -> None:
    """One shard that is away speaks for itself."""
    policies = Policies()
    one, other = (policies.of("orders", "matching", f"shard {number}") for number in (1, 2))
    for _ in range(5):
        one.breaker.record_failure()
    assert (one.breaker.state, other.breaker.state) == ("OPEN", "CLOSED")
    assert policies.of("orders", "matching", "shard 1") is one


def test_edge_that_is_not_in_the_table_is_refused() -> None:
    """Whoever wants to call must say so there."""
    with pytest.raises(
        ConfigError, match="matching does not call wallet: the table of edges has no such line"
    ):
        Policies().of("matching", "wallet")


@pytest.mark.req("A036", "C086", "C088", "C089", "C090")
def test_no_call_in_the_sources_goes_past_its_policy() -> None:
    """Walks them: who makes breakers, policies, channels, clients; who asks; who has other ways out."""
    assert {file for file, _ in calls_of("CircuitBreaker")} == {"resilience/policy.py"}
    assert {file for file, _ in calls_of("Policy")} == {"resilience/registry.py"}

    for made in (RpcClient, BlockingClient):
        policy = inspect.signature(made).parameters["policy"]
        assert policy.default is policy.empty
    clients = list(calls_of("RpcClient", "BlockingClient"))
    assert clients
    assert [file for file, call in clients if not is_of_registry(call.args[1])] == []
    channels = {file for file, _ in calls_of("SocketChannel", "LocalChannel", "BlockingChannel")}
    assert channels <= {file for file, _ in clients}
    asking = {
        file
        for file, call in calls_of("ask")
        if isinstance(call.func, ast.Attribute) and "channel" in ast.unparse(call.func.value)
    }
    # Balancers are channels of channels; calls of their own are the probes of health, which are no tries.
    assert asking == {"bus/rpc/client.py", "bus/rpc/balancing.py", "bus/rpc/blocking_balancing.py"}
    trusted = {
        file
        for file, call in calls_of("call")
        if any(keyword.arg == "minds_deadline" for keyword in call.keywords)
    }
    assert trusted == {"bus/rpc/client.py", "client/rest/aio.py"}

    assert {file for file, call in calls_of("ping") if "_port" in ast.unparse(call.func)} == {
        "services/orders/stage.py"
    }
    assert {file for file, _ in calls_of("Dealer")} <= MAY_OPEN_SESSIONS
    asked = [ast.unparse(call) for file, call in calls_of("ask", "call_sync") if file == "cli/promote.py"]
    assert [line.partition("lambda this: ")[2].startswith("ask(dealer") for line in asked] == [True, False]

    using = {
        file
        for file, node in nodes()
        if (isinstance(node, ast.Import) and {name.name.split(".")[0] for name in node.names} & NETWORK)
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in NETWORK)
    }
    assert using == set(MAY_USE_NETWORK)


def test_breaker_is_the_only_one() -> None:
    """Of document 003's interface; nothing else in the sources has its states."""
    classes = [
        (file, node.name)
        for file, node in nodes()
        if isinstance(node, ast.ClassDef) and "Breaker" in node.name
    ]
    assert classes == [
        ("resilience/breaker.py", "BreakerState"),
        ("resilience/breaker.py", CircuitBreaker.__name__),
    ]


@pytest.mark.req("C101", "D021")
@pytest.mark.parametrize("openmetrics", [False, True])
def test_metrics_of_every_edge_are_read_back(openmetrics: bool) -> None:
    """Rate, errors, duration and breaker, by caller, callee and instance; by Prometheus's parsers."""
    policies = Policies()
    one = policies.of("orders", "matching", "shard 1")

    def fail(_: Try) -> None:
        raise ServiceUnavailableError("away")

    for _ in range(6):
        with pytest.raises(ServiceUnavailableError):
            one.call_sync(fail)
    policies.of("client", "replica").call_sync(lambda _: None)
    page = families_text(edge_families(policies), openmetrics=openmetrics)
    parse = openmetrics_parser if openmetrics else prometheus_parser
    found = {
        (sample.name.removeprefix("exchange_edge_"), *sample.labels.values()): sample.value
        for family in parse(page)
        for sample in family.samples
    }
    shard, replica = ("orders", "matching", "shard 1"), ("client", "replica", "")
    assert found["calls_total", *shard, "failed"] == 5
    assert found["calls_total", *shard, "open"] == 1
    assert found["calls_total", *replica, "ok"] == 1
    assert (found["tries_total", *shard], found["tries_total", *replica]) == (5, 1)
    assert (found["breaker_state", *shard], found["breaker_state", *replica]) == (2, 0)
    assert (found["breaker_failures", *shard], found["breaker_opened_total", *shard]) == (5, 1)
    assert (found["under_way", *shard], found["duration_seconds_count", *shard]) == (0, 6)
    assert found["duration_seconds_bucket", *shard, "+Inf"] == 6
