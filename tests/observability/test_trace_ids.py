"""Document 003's trace id: from a program through one service to the next, and back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from exchange.client.services import SERVICES, VARIABLES, ServiceClient
from exchange.errors import ConfigError, RpcError, RpcStatus, ServiceUnavailableError, WireError
from exchange.observability.correlation import new_correlation_id
from exchange.observability.trace_ids import TRACE_HEADER, TraceMiddleware, current_trace_id, trace_id_of
from exchange.resilience import Policies
from exchange.services.gateway.routes import ROUTES
from tests.exchange.ports import free_ports
from tests.gateway.test_routes import app_of

TRACED = [Middleware(TraceMiddleware)]


def traced(request: Request) -> Response:
    """Says what it was given."""
    return JSONResponse({"state": request.state.trace_id}, headers={TRACE_HEADER: "of-the-application"})


def ask(app: Any, path: str, headers: dict[str, bytes] | None = None) -> httpx.Response:
    """One request of an application, without a socket."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
            return await client.get(path, headers={n.encode(): v for n, v in (headers or {}).items()})

    return asyncio.run(asked())


@pytest.mark.parametrize("said", ["t-1", "x" * 128])
def test_trace_id_is_that_of_the_request(said: str) -> None:
    """In the application's hands and in the answer, once, whatever the application says of it."""
    app = Starlette(routes=[Route("/", traced)], middleware=TRACED)
    answer, missing = (ask(app, path, {TRACE_HEADER: said.encode()}) for path in ("/", "/none"))
    assert answer.json() == {"state": said}
    assert answer.headers.get_list(TRACE_HEADER) == [said]
    assert (missing.status_code, missing.headers[TRACE_HEADER]) == (404, said)
    assert current_trace_id() == ""


@pytest.mark.parametrize("said", ["", "x" * 129, "\xe4"])
def test_trace_id_is_made_where_none_is_said(said: str) -> None:
    """Another one for each request; what cannot be one is not said back."""
    app = Starlette(routes=[Route("/", traced)], middleware=TRACED)
    headers = {TRACE_HEADER: said.encode("latin-1")} if said else None
    made = {ask(app, "/", headers).json()["state"] for _ in range(2)}
    assert len({uuid.UUID(each) for each in made}) == 2


def test_trace_id_is_said_where_a_socket_is_taken() -> None:
    """By the answer to its handshake."""

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.trace_id)
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/", serve)], middleware=TRACED)
    with served(app) as url:
        socket_url, headers = url.replace("http", "ws", 1), {TRACE_HEADER: "t-2"}
        with connect(socket_url, additional_headers=headers, proxy=None) as socket:
            assert socket.recv() == "t-2"
            assert socket.response is not None
            assert socket.response.headers.get_all(TRACE_HEADER) == ["t-2"]


def test_gateway_says_one_trace_id_behind_the_middleware() -> None:
    """The gateway says it by itself, and the middleware does not say it twice."""
    app = TraceMiddleware(cast(Any, app_of([], ROUTES)))
    said = ask(app, "/v1/time", {TRACE_HEADER: b"t-3"})
    assert (said.status_code, said.headers.get_list(TRACE_HEADER)) == (200, ["t-3"])
    (made,) = ask(app, "/v1/time").headers.get_list(TRACE_HEADER)
    assert uuid.UUID(made).version == 4


@contextlib.contextmanager
def served(app: Starlette) -> Iterator[str]:
    """A service that runs, at its address."""
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.req("D011", "D013", "D018", "D019")
def test_trace_id_goes_from_service_to_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Execution asks risk, which the environment names, and risk hears the program's own trace id."""
    heard: list[Any] = []

    async def approve(request: Request) -> Response:
        heard.append((request.headers[TRACE_HEADER], await request.body()))
        return Response('{"approved":true,"max_amount":800.10}', media_type="application/json")

    async def trade(_: Request) -> Response:
        async with ServiceClient("risk_management") as risk:
            assert risk.client.timeout == httpx.Timeout(10.0)
            said = await risk.post(
                "/api/v1/approve-trade", {"symbol": "BTC-USD", "amount": Decimal("1000.5")}
            )
        return JSONResponse({"max_amount": str(said["max_amount"])})

    risk_app = Starlette(
        routes=[Route("/api/v1/approve-trade", approve, methods=["POST"])], middleware=TRACED
    )
    trade_app = Starlette(routes=[Route("/api/v1/trade", trade, methods=["POST"])], middleware=TRACED)
    with served(risk_app) as risk, served(trade_app) as execution:
        monkeypatch.setenv("RISK_URL", risk)
        answer = httpx.post(f"{execution}/api/v1/trade", headers={TRACE_HEADER: "t-4"}, trust_env=False)
    assert (answer.json(), answer.headers[TRACE_HEADER]) == ({"max_amount": "800.10"}, "t-4")
    assert heard == [("t-4", b'{"symbol":"BTC-USD","amount":1000.5}')]


@pytest.mark.req("D014", "D015", "D016", "D017", "D049", "D052", "D054")
def test_service_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, else the environment, else the table of the document."""
    assert dict(SERVICES) == {
        "market_data": "http://localhost:8001",
        "regime_detection": "http://localhost:8002",
        "risk_management": "http://localhost:8003",
        "execution": "http://localhost:8004",
    }
    for name, variable in VARIABLES.items():
        monkeypatch.delenv(variable, raising=False)
        assert ServiceClient(name).base_url == SERVICES[name]
        monkeypatch.setenv(variable, "http://elsewhere:1")
        assert ServiceClient(name).base_url == "http://elsewhere:1"
        assert ServiceClient(name, url="http://here:2").base_url == "http://here:2"
    with pytest.raises(ConfigError, match="market_data, regime_detection"):
        ServiceClient("nobody")


@pytest.mark.req("D043")
def test_service_that_fails_raises_the_common_error() -> None:
    """Refusals are answers; nobody there, and an accident of theirs, is `ServiceUnavailableError`."""

    async def answers(request: Request) -> Response:
        status = int(request.path_params["status"])
        return Response("no", status, {"retry-after": "7"})

    async def outcome(client: ServiceClient, status: int) -> Exception:
        try:
            await client.post(f"/{status}", {})
        except Exception as error:  # noqa: BLE001  # it is what is asserted
            return error
        raise AssertionError(status)

    async def outcomes(url: str) -> list[Exception]:
        async with ServiceClient("market_data", url=url) as client:
            found = [await outcome(client, status) for status in (404, 400, 401, 200, 503, 429)]
        async with ServiceClient("market_data", url="http://127.0.0.1:9") as nobody:
            return [*found, await outcome(nobody, 0)]

    with served(Starlette(routes=[Route("/{status}", answers, methods=["POST"])])) as url:
        found = asyncio.run(outcomes(url))
    assert [type(each) for each in found] == [RpcError] * 3 + [WireError] + [ServiceUnavailableError] * 3
    assert [each.code for each in found if isinstance(each, RpcError)] == [
        RpcStatus.NOT_FOUND,
        RpcStatus.INVALID_ARGUMENT,
        RpcStatus.UNAUTHENTICATED,
    ]
    assert [each.retry_after_ms for each in found if isinstance(each, ServiceUnavailableError)] == [
        7_000,
        7_000,
        None,
    ]


def test_service_that_comes_back_is_asked_again() -> None:
    """A read is tried again; a write only where it may be carried out twice."""
    asked = {"GET": 0, "POST": 0}

    async def once_more(request: Request) -> Response:
        asked[request.method] += 1
        return Response("{}", 503 if asked[request.method] == 1 else 200)

    async def both(url: str) -> None:
        async with ServiceClient("execution", url=url, policies=Policies()) as client:
            assert await client.get("/") == {}
            with pytest.raises(ServiceUnavailableError):
                await client.post("/", {})
            asked["POST"] = 0
            assert await client.post("/", {}, repeatable=True) == {}

    with served(Starlette(routes=[Route("/", once_more, methods=["GET", "POST"])])) as url:
        asyncio.run(both(url))
    assert asked == {"GET": 2, "POST": 2}


def test_ids_that_are_made_here_are_random_uuids() -> None:
    """Version 4 of RFC 9562, each another; a trace id is the same UUID with its hyphens."""
    made = [new_correlation_id() for _ in range(10_000)]
    assert len(set(made)) == 10_000
    for each in made:
        known = uuid.UUID(each)
        assert (known.version, known.variant, known.hex) == (4, uuid.RFC_4122, each)
        assert trace_id_of(None, each) == str(known)
    assert uuid.UUID(trace_id_of("")).version == 4


def test_ids_of_a_process_and_of_one_that_was_forked_from_it_are_others() -> None:
    """What is at hand for ids to come is not shared: the exchange forks its processes."""
    script = (
        "import os, sys\n"
        "from exchange.observability.correlation import new_correlation_id\n"
        "new_correlation_id()\n"
        "child = os.fork()\n"
        "if child:\n"
        "    os.waitpid(child, 0)\n"
        "print(*(new_correlation_id() for _ in range(1_000)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    parent, child = done.stdout.splitlines()
    assert len({*parent.split(), *child.split()}) == 2_000
