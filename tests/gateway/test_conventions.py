"""What holds for all routes alike: errors, pages, requests that are sent again, versions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from exchange.client.rest import RestClient
from exchange.client.rest.models import Problem
from exchange.services.gateway.calls import Route, Scope
from exchange.services.gateway.routes import ROUTES
from tests.exchange.running import until
from tests.gateway.door import ANN, BOB, SELL, Open, target_of
from tests.gateway.running import LARGE, operator, running

SYMBOLS = ("AAA-USD", "BBB-USD", "CCC-USD")
PAGED = {
    "GET /v1/orders", "GET /v1/orders/open", "GET /v1/executions", "GET /v1/instruments/{symbol}/trades",
    "GET /v2/tickers", "GET /v1/users",
}  # fmt: skip


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With three markets more, each of which has had a trade."""
    with running(tmp_path_factory.mktemp("conventions") / "data", *LARGE) as made:
        made.add(ANN, BOB)
        with operator(made.data) as client:
            for number, symbol in enumerate(SYMBOLS, 31):
                assert client.admin.define_instrument(
                    number, symbol, base="BTC", quote="USD", price_scale=2, qty_scale=4
                ).ok
        for symbol in SYMBOLS:
            until(partial(_enters, made, symbol), "the gateway does not hear of the market")
            taken = made.ann.ask("POST", "/v1/orders", _taking(symbol))
            assert taken.body["orderStatus"] == "filled"
        yield made


def _taking(symbol: str) -> dict[str, Any]:
    return SELL | {"symbol": symbol, "side": "buy", "respType": "RESULT"}


def _enters(door: Open, symbol: str) -> bool:
    return door.bob.ask("POST", "/v1/orders", SELL | {"symbol": symbol}).status == 201


@pytest.mark.req("C082", "E079")
def test_error_of_every_route_has_the_one_body(door: Open) -> None:
    """Where nobody asks, where a parameter is none, where there is nothing: a number, a name, a word."""
    seen = 0
    for route in ROUTES:
        target = target_of(route, route.path)
        wrong = f"{target}{'&' if '?' in target else '?'}surprise=1"
        answer = door.nobody.ask(route.method, wrong, {} if route.body else None, idempotency_key="c-1")
        expected = (400, "INVALID_PARAMETER") if route.scope is Scope.PUBLIC else (401, "NO_CREDENTIAL")
        assert (answer.status, answer.name) == expected, route.name
        problem = msgspec.json.decode(answer.content, type=Problem)
        assert set(answer.body) == {"code", "name", "message", "transient", "details", "correlation_id"}
        assert problem.code >= 1_000
        assert problem.message
        assert answer.headers["x-correlation-id"] == problem.correlation_id
        seen += 1
    assert seen == len(ROUTES)


@pytest.mark.req("E079")
def test_list_that_grows_has_pages_of_one_form(door: Open) -> None:
    """`limit` and `cursor` in, `nextCursor` out, null at the end; each row once."""

    def names(kind: Any) -> set[str]:
        return set(kind.__struct_encode_fields__)

    paged = {route.name for route in ROUTES if "nextCursor" in names(route.answers)}
    assert paged == PAGED
    assert paged == {route.name for route in ROUTES if names(route.query) >= {"limit", "cursor"}}

    def pages(limit: int) -> list[list[str]]:
        found, cursor = [], ""
        while True:
            page = door.nobody.ask("GET", f"/v2/tickers?limit={limit}{cursor}").body
            found.append([each["symbol"] for each in page["tickers"]])
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    until(lambda: pages(100) == [list(SYMBOLS)], "market data did not come")
    assert pages(1) == [[symbol] for symbol in SYMBOLS]
    assert pages(2) == [list(SYMBOLS[:2]), list(SYMBOLS[2:])]
    for wrong in ("limit=0", "limit=1001", "cursor=x", "cursor=-1", "cursor=18446744073709551616"):
        answer = door.nobody.ask("GET", f"/v2/tickers?{wrong}")
        assert (answer.status, answer.name) == (400, "INVALID_PARAMETER"), wrong


@pytest.mark.req("E079")
def test_write_that_is_sent_again_is_done_once(door: Open) -> None:
    """By Idempotency-Key, whichever order or transfer it names; other content is refused."""
    described = door.nobody.ask("GET", "/openapi.json").body["paths"]
    for route in ROUTES:
        said = {each["name"] for each in described[route.path][route.method.lower()]["parameters"]}
        writes = route.method != "GET" and route.scope in {Scope.TRADE, Scope.TRANSFER}
        assert ("Idempotency-Key" in said) is writes, route.name
    order, moved = SELL | {"price": "900.00"}, {"asset": "USD", "amount": "1.5", "toAccount": 12}
    for target, body, other in (
        ("/v1/orders", order, order | {"qty": "0.6"}),
        ("/v1/transfers", moved, moved | {"amount": "1.6"}),
    ):
        key = f"once-{secrets.token_hex(4)}"
        first, second = (door.ann.ask("POST", target, body, idempotency_key=key) for _ in range(2))
        assert (first.status, second.status) == (201, 201)
        assert (first.body["duplicate"], second.body["duplicate"]) == (False, True)
        volatile = {"duplicate": None, "timestamp": None, "sequence": None}
        assert first.body | volatile == second.body | volatile
        refused = door.ann.ask("POST", target, other, idempotency_key=key)
        assert (refused.status, refused.body["transient"]) == (409, False), refused.content
    assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 1


def test_refusal_of_an_order_sticks_to_its_id_when_there_is_money(door: Open) -> None:
    """Row 10 of the faults: the same request has its first answer; another one is taken."""
    dear = {"symbol": "BTC-USD", "side": "buy", "qty": "900", "price": "9000.00"}
    named = dear | {"clientOrderId": "dear-1"}
    first = door.bob.ask("POST", "/v1/orders", named)
    assert (first.status, first.name) == (422, "INSUFFICIENT_FUNDS")
    with operator(door.data) as client:
        assert client.admin.deposit("USD", "10000000", account=12).ok
    again = door.bob.ask("POST", "/v1/orders", named)
    assert (again.status, again.name) == (422, "INSUFFICIENT_FUNDS")
    taken = door.bob.ask("POST", "/v1/orders", dear | {"clientOrderId": "dear-2"})
    assert taken.status == 201, taken.content
    assert door.bob.ask("DELETE", "/v1/orders").body["cancelled"] >= 1


@pytest.mark.req("C094", "E079")
def test_two_versions_stand_beside_each_other_and_the_old_one_says_when_it_goes(door: Open) -> None:
    """The same rows, in pages by the new one; programs are told for six months before the old one is gone."""
    until(lambda: len(door.nobody.ask("GET", "/v1/tickers").body["tickers"]) == 3, "market data did not come")
    old, new = (door.nobody.ask("GET", f"/{version}/tickers") for version in ("v1", "v2"))
    assert [each["symbol"] for each in old.body["tickers"]] == list(SYMBOLS)
    assert [_still(each) for each in old.body["tickers"]] == [_still(each) for each in new.body["tickers"]]
    assert (set(old.body), set(new.body)) == ({"tickers"}, {"tickers", "nextCursor"})
    refused = door.nobody.ask("GET", "/v1/tickers?limit=2")
    assert (refused.status, refused.name) == (400, "INVALID_PARAMETER")
    for answer in (old, refused):
        assert answer.headers["deprecation"] == "@1795305600"
        assert answer.headers["sunset"] == "Tue, 01 Jun 2027 00:00:00 GMT"
        assert answer.headers["link"] == '</v2/tickers>; rel="successor-version"'
    assert not {"deprecation", "sunset", "link"} & set(new.headers)
    with RestClient(f"http://127.0.0.1:{door.port}") as client:
        assert [each.symbol for each in client.each_ticker(limit=1)] == list(SYMBOLS)
    described = door.nobody.ask("GET", "/openapi.json").body["paths"]
    assert described["/v1/tickers"]["get"]["deprecated"] is True
    assert "deprecated" not in described["/v2/tickers"]["get"]
    paths = {path for route in ROUTES for path in _successors(route)}
    assert paths <= {route.path for route in ROUTES}
    assert {re.split("/", path)[1] for path in paths} == {"v2"}


def _still(ticker: dict[str, Any]) -> dict[str, Any]:
    """Without the 24 hours that it is of, which end now."""
    return {name: value for name, value in ticker.items() if name not in {"from", "to"}}


def _successors(route: Route) -> list[str]:
    return [] if route.sunset is None else [route.sunset.successor]
