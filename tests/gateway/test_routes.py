"""The table of routes: each cell of route, credential and scope; what is not there; what goes."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from exchange.client.rest import models
from exchange.config.settings import Gateway
from exchange.domain.contracts.identity import AuthenticateRequest
from exchange.domain.enums import OrderType, Peg, Side, StpMode, TimeInForce
from exchange.errors import GatewayFault, SecurityFault
from exchange.security.api_keys import SCOPES, ApiKey
from exchange.security.principal import Principal
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.authentication import Authenticator, Identifies
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.calls import Answer, Call, Exchange, Route, Scope, Sunset
from exchange.services.gateway.counting import Counted
from exchange.services.gateway.identity_link import refusal_of
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.openapi import document, main
from exchange.services.gateway.pages import pages
from exchange.services.gateway.routes import ROUTES, Routing
from exchange.services.gateway.standing import Standing
from exchange.services.identity.refused import Refused
from exchange.services.identity.replay import Keyring, SignedRequests
from tests.clock import Clock
from tests.gateway.credentials import identity, tokens
from tests.gateway.door import target_of
from tests.gateway.keyring import KEY, NOW, SECRET, Source
from tests.gateway.signed import signature

LARGE = Gateway(
    operator_tenant=1,
    key_per_s=10**6,
    key_burst=10**6,
    tenant_per_s=10**6,
    tenant_burst=10**6,
    ip_per_s=10**6,
    ip_burst=10**6,
)
SIX_MONTHS = timedelta(days=184)  # the longest ones: of March to August
CELLS = [(route, path) for route in ROUTES for path in (route.path, *route.also)]


async def served(call: Call) -> Answer:
    """In the place of every handler: it was let through."""
    return Answer({"account": call.principal and call.principal.name})


class OfKeys:
    """In the place of identity, of which it has what is about signatures."""

    def __init__(self, keys: list[ApiKey]) -> None:
        keyring = Keyring(Source(keys))
        keyring.look()
        self._signed = SignedRequests(keyring, 0, lambda: NOW)

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """As the link says it."""
        assert request.signed is not None
        try:
            return self._signed.key_of(request.signed, request.address).principal
        except Refused as refused:
            raise refusal_of(refused.record) from None


def app_of(
    keys: list[ApiKey],
    routes: tuple[Route, ...],
    settings: Gateway = LARGE,
    identity: Identifies | None = None,
) -> GatewayApp:
    """The application as it runs, with handlers that say nothing but that they were reached."""
    # What the body and the parameters have to be is another matter.
    open_routes = tuple(replace(each, handler=served, body=None) for each in routes)
    return GatewayApp(
        cast(Exchange, None),
        settings,
        Routing(open_routes),
        Authenticator(identity or OfKeys(keys), Browsers(settings), Standing()),
        Limits(settings, lambda: NOW),
        Counted(lambda: (0, 0), lambda: 0),
    )


def ask(
    app: GatewayApp, method: str, target: str, headers: dict[str, str], address: str = "192.0.2.7"
) -> tuple[int, dict[str, str], Any]:
    """One request, without a socket."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "client": (address, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    said = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], said, json.loads(sent[1]["body"])


@pytest.mark.req("C083")
def test_every_cell_of_route_and_credential_is_as_the_table_says() -> None:
    """Each route by each set of scopes, and by each credential that is none: let through, 401 or 403."""
    sets = [set(each) for n in range(len(SCOPES) + 1) for each in itertools.combinations(SCOPES, n)]
    credentials: list[tuple[str, dict[str, Any], str, str | None]] = [
        (f"scopes {sorted(each)}", {"scopes": frozenset(each)}, "192.0.2.7", None) for each in sets
    ]
    every = {"scopes": frozenset(SCOPES)}
    credentials += [
        ("revoked", every | {"revoked_ms": NOW - 1}, "192.0.2.7", SecurityFault.KEY_REVOKED.name),
        ("expired", every | {"expires_ms": NOW - 1}, "192.0.2.7", SecurityFault.KEY_EXPIRED.name),
        (
            "elsewhere",
            every | {"addresses": ("10.0.0.0/8",)},
            "192.0.2.7",
            GatewayFault.ADDRESS_NOT_ALLOWED.name,
        ),
        ("unknown", every | {"key_id": "gk-2"}, "192.0.2.7", SecurityFault.UNKNOWN_KEY.name),
        ("old", every, "192.0.2.7", GatewayFault.CLOCK_OUT_OF_WINDOW.name),
        ("forged", every, "192.0.2.7", GatewayFault.WRONG_SIGNATURE.name),
        ("ahead", every, "192.0.2.7", GatewayFault.CLOCK_OUT_OF_WINDOW.name),
        ("replaced", every | {"replaced_by": "gk-2"}, "192.0.2.7", None),
        ("unsigned", every, "192.0.2.7", GatewayFault.NO_CREDENTIAL.name),
    ]
    cells = 0
    for name, changed, address, refused in credentials:
        app = app_of([replace(KEY, **changed)], ROUTES)
        for route, path in CELLS:
            target = target_of(route, path)
            at_ms = NOW + {"old": -60_000, "ahead": 60_000}.get(name, 0)
            secret = SECRET if name != "forged" else "00" * 32
            headers = signature("hmac-sha256", "gk-1", secret, route.method, target, b"", at_ms=at_ms)
            status, _, body = ask(app, route.method, target, {} if name == "unsigned" else headers, address)
            if route.scope is Scope.PUBLIC:
                expected: tuple[int, str | None] = (200, None)
            elif refused is not None:
                expected = (403 if name == "elsewhere" else 401, refused)
            elif route.scope in changed["scopes"]:
                expected = (200, None)
            else:
                expected = (403, GatewayFault.SCOPE_MISSING.name)
            assert (status, body.get("name")) == expected, (name, route.method, path)
            cells += 1
    assert cells >= 500


@pytest.mark.req("A006", "B026", "E091")
def test_every_cell_of_route_and_token_is_as_the_table_says(tmp_path: Path) -> None:
    """Sessions by header and by cookie, JWTs of us and of another issuer, good and bad, at each route."""
    cells = 0
    with identity(tmp_path, Source([]), Clock(NOW)) as world:
        app = app_of([], ROUTES, identity=world)
        for credential in tokens(world):
            for route, path in CELLS:
                status, headers, body = ask(app, route.method, target_of(route, path), credential.headers)
                if route.scope is Scope.PUBLIC:
                    expected: tuple[int, str | None] = (200, None)
                elif credential.refused and route.method != "GET" and "cookie" in credential.headers:
                    refusals = {GatewayFault.ORIGIN_NOT_ALLOWED.name, credential.refused}
                    assert body["name"] in refusals, (credential.name, route.method, path)
                    continue
                elif credential.refused:
                    expected = (401, credential.refused)
                    assert headers["www-authenticate"] == "Signature, Bearer"
                elif credential.is_cookie and route.method != "GET":
                    expected = (403, GatewayFault.ORIGIN_NOT_ALLOWED.name)
                elif route.scope in credential.scopes:
                    expected = (200, None)
                else:
                    expected = (403, GatewayFault.SCOPE_MISSING.name)
                assert (status, body.get("name")) == expected, (credential.name, route.method, path)
                cells += 1
    assert cells >= 2_400


def test_request_has_one_credential(tmp_path: Path) -> None:
    """Signed and with a token is refused, whatever each of them is worth; a token goes before a cookie."""
    with identity(tmp_path, Source([KEY]), Clock(NOW)) as world:
        app = app_of([], ROUTES, identity=world)
        _, token = world.open("viewer")
        headers = signature("hmac-sha256", "gk-1", SECRET, "GET", "/v1/orders", b"", at_ms=NOW)
        both = headers | {"authorization": f"Bearer {token}"}
        assert ask(app, "GET", "/v1/orders", both)[2]["name"] == GatewayFault.MALFORMED_CREDENTIAL.name
        assert ask(app, "GET", "/v1/orders", headers | {"cookie": "exchange_session=x"})[0] == 200
        mixed = {"authorization": f"Bearer {token}", "cookie": "exchange_session=x"}
        assert ask(app, "GET", "/v1/orders", mixed)[0] == 200


@pytest.mark.req("A054", "C093")
def test_every_route_has_a_version_a_scope_and_a_description() -> None:
    """Walks the table; writes and private reads need a key, what is public shows nobody's."""
    for route, path in CELLS:
        assert re.match(r"/((api/)?v[0-9]+|[.]well-known)/", path), path
        assert route.scope in Scope
        assert route.does
    public = {route.path for route in ROUTES if route.scope is Scope.PUBLIC}
    assert {
        path for path in public if not re.search("instruments|tickers|market-data|time|status", path)
    } == {"/v1/sessions", "/v1/sessions/demo", "/.well-known/jwks.json"}
    assert {route.path for route in ROUTES if route.scope is Scope.PUBLIC and route.method != "GET"} == {
        "/v1/sessions",
        "/v1/sessions/demo",
    }
    # What takes orders away, by itself or all at once, is paid from the larger budgets.
    assert {route.name for route in ROUTES if route.cancels and route.method != "DELETE"} == {
        "POST /v1/kill-switch"
    }


def test_path_or_method_that_is_not_there_is_told() -> None:
    """With the methods that are."""
    app = app_of([KEY], ROUTES)
    for path in (
        "/",
        "/v1",
        "/v1/orders/",
        "/v2/orders",
        "/v1/orders/7/8",
        "/v1//orders",
        "/v1/orders/client/",
    ):
        status, _, body = ask(app, "GET", path, {})
        assert (status, body["code"]) == (404, int(GatewayFault.UNKNOWN_ROUTE)), path
    status, headers, body = ask(app, "TRACE", "/v1/orders", {})
    assert (status, body["name"], headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "DELETE, GET, POST")


def test_route_in_the_table_twice_is_refused() -> None:
    """One row a method and path."""
    with pytest.raises(ValueError, match="POST /v1/orders is in the table twice"):
        Routing((*ROUTES, ROUTES[0]))


@pytest.mark.req("A055")
def test_route_that_will_go_says_since_when_until_when_and_what_instead() -> None:
    """RFC 9745 and 8594; every one of the table has six months at least."""
    sunset = Sunset(deprecated=date(2026, 1, 31), gone=date(2026, 8, 1), successor="/v2/time")
    route = replace(next(each for each in ROUTES if each.path == "/v1/time"), sunset=sunset)
    _, headers, _ = ask(app_of([], (route,)), "GET", "/v1/time", {})
    assert headers["deprecation"] == "@1769817600"
    assert headers["sunset"] == "Sat, 01 Aug 2026 00:00:00 GMT"
    assert headers["link"] == '</v2/time>; rel="successor-version"'
    assert document([route])["paths"]["/v1/time"]["get"]["deprecated"]
    going = {each.path: each.sunset for each in ROUTES if each.sunset is not None}
    assert going
    assert [path for path, said in going.items() if said.gone - said.deprecated < SIX_MONTHS] == []


@pytest.mark.req("A007", "B027")
def test_budget_that_is_used_up_is_told_with_headers_whoever_asks() -> None:
    """Row 52 of the faults: of the address before anybody is known, and of the key; cancels go on."""
    app = app_of([replace(KEY, scopes=frozenset(SCOPES))], ROUTES, replace(LARGE, key_per_s=1, key_burst=5))

    def signed(method: str, target: str) -> tuple[int, dict[str, str], Any]:
        headers = signature("hmac-sha256", "gk-1", SECRET, method, target, b"", at_ms=NOW)
        return ask(app, method, target, headers)

    status, headers, _ = signed("GET", "/v1/orders")
    assert (status, headers["ratelimit-limit"], headers["ratelimit-remaining"]) == (200, "5", "0")
    status, headers, body = signed("GET", "/v1/orders/7")
    assert (status, body["name"], body["transient"]) == (429, "RATE_LIMITED", True)
    assert (headers["retry-after"], headers["ratelimit-remaining"]) == ("1", "0")
    assert signed("DELETE", "/v1/orders/7")[0] == 200


@pytest.mark.req("D077", "D078")
def test_correlation_and_trace_ids_are_on_every_answer() -> None:
    """As they came, where they can be such; else new ones."""
    app = app_of([], ROUTES)
    for path in ("/v1/time", "/nowhere"):
        said = {"x-correlation-id": "c-81", "x-trace-id": "0af7 1"}
        _, headers, _ = ask(app, "GET", path, said)
        assert (headers["x-correlation-id"], headers["x-trace-id"]) == ("c-81", "0af7 1")
        for wrong in ({}, {"x-correlation-id": "a b", "x-trace-id": "x" * 129}):
            _, headers, _ = ask(app, "GET", path, wrong)
            assert re.fullmatch("[0-9a-f]{32}", headers["x-correlation-id"])
            assert re.fullmatch("[0-9a-f-]{36}", headers["x-trace-id"])


def test_openapi_is_kept_and_has_every_route_and_type() -> None:
    """The kept file is current, references lead somewhere, and the page needs nothing from elsewhere."""
    assert main(["--check"]) == 0
    described = document(ROUTES)
    assert {(path, method.upper()) for path, each in described["paths"].items() for method in each} == {
        (path, route.method) for route, path in CELLS
    }
    text = json.dumps(described)
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= set(described["components"]["schemas"])
    ids = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids)
    routing = Routing(pages())
    for path in ("/openapi.json", "/docs"):
        route = routing.find(path)[0]["GET"]
        answer = asyncio.run(route.handler(cast(Call, None)))
        assert isinstance(answer.body, bytes)
        assert not re.search(rb"""(src|href)=["']?(https?:)?//""", answer.body)


def test_accident_of_a_handler_is_told_as_such_and_nothing_of_it() -> None:
    """The text of an exception is for the log."""

    async def fall(_: Call) -> Answer:
        raise RuntimeError("canary-4711")

    app = app_of([], ROUTES)
    app._routing = Routing([replace(each, handler=fall) for each in ROUTES if each.path == "/v1/time"])
    status, _, body = ask(app, "GET", "/v1/time", {"x-correlation-id": "c-9"})
    assert (status, body["name"], body["correlation_id"]) == (500, "INTERNAL", "c-9")
    assert "canary" not in json.dumps(body)


def test_page_has_every_fault_and_route() -> None:
    """Numbers as the code has them, and a word of each path."""
    page = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")
    for fault in GatewayFault:
        transient = "yes" if fault.transient else "no"
        row = f"| {int(fault)} | {fault.name} | {fault.http_status} | {fault.meaning} | {transient} |"
        assert row in page, row
    for _, path in CELLS:
        assert path.rpartition("/")[2] in page, path
    for name, kind in (("Side", Side), ("OrderType", OrderType), ("TimeInForce", TimeInForce), ("Peg", Peg)):
        assert set(get_args(getattr(models, name))) == {str(each) for each in kind}, name
    assert set(get_args(models.StpMode)) == {str(each) for each in StpMode}
