"""The clients of the gateway without one: what they send, sign, try again, and raise."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client.rest import (
    ApiKeyAuth,
    AsyncRestClient,
    BearerAuth,
    Budget,
    RestClient,
    ed25519_key,
    hmac_key,
)
from exchange.client.rest import errors as e
from exchange.client.rest import models as m
from exchange.client.rest.asks import Ask
from exchange.client.rest.connecting import Options
from exchange.client.rest.requests import RestRequests
from exchange.errors import (
    DeadlineExceeded,
    ExchangeError,
    GatewayFault,
    RpcStatus,
    ServiceUnavailableError,
    WireError,
)
from exchange.observability.correlation import correlated
from exchange.resilience import Policies, SystemClock
from exchange.security.signing import (
    ED25519,
    HMAC_SHA256,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    new_ed25519,
    signature_check,
    signed_text,
)
from exchange.services.gateway.calls import Scope
from exchange.services.gateway.routes import ROUTES

SECRET = "5e" * 32
ORDER = {
    "orderId": "13", "clientOrderId": "c-1", "account": 11, "symbol": "BTC-USD", "execType": "accepted",
    "orderStatus": "open", "orderQty": "0.5000", "cumQty": "0.0000", "leavesQty": "0.5000", "price": "100.00",
    "stopPrice": None, "sequence": "13", "timestamp": "2026-02-12T12:34:56.000000000Z",
    "durability": "process", "duplicate": False,
}  # fmt: skip
SAMPLES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "new_order": (("BTC-USD", "buy", "0.5", Decimal("64000.00")), {"post_only": True}),
    "limit": (("BTC-USD", "buy", "0.5", "1"), {"resp_type": "FULL"}),
    "market": (("BTC-USD", "sell"), {"quote_qty": Decimal("1E+3")}),
    "order": ((13,), {"account": 11}),
    "order_named": (("a/b?c d",), {}),
    "replace": (("13",), {"qty": "1", "price": "2", "stop_price": "3"}),
    "replace_named": (("a",), {"qty": "1"}),
    "cancel": (("13",), {}),
    "cancel_named": (("a%2Fb",), {"cancel_id": "x-1"}),
    "mass_cancel": ((), {"symbol": "BTC-USD", "side": "sell", "account": 11}),
    "orders": (
        (),
        {"order_status": "filled", "order_id": 13, "oldest_first": True, "limit": 5, "from_ns": 7},
    ),
    "open_orders": ((), {"symbol": "BTC-USD", "cursor": "17"}),
    "executions": ((), {"symbol": "BTC-USD", "side": "buy", "to_ns": 9}),
    "balances": ((), {}),
    "positions": ((), {"account": 12}),
    "limits": ((), {"symbol": "BTC-USD"}),
    "kill_switch": ((), {"min_sequence": 7, "account": 11}),
    "stop_account": ((), {"why": "a loop"}),
    "release_account": ((), {"account": 11}),
    "transfer": (("USD", "1.5", 12), {"idempotency_key": "t-1"}),
    "instruments": ((), {}),
    "book": (("EUR/USD",), {"depth": 0}),
    "book_by_order": (("BTC-USD",), {}),
    "trades": (("BTC-USD",), {"oldest_first": True, "cursor": "3"}),
    "candles": (("BTC-USD", "5m"), {"limit": 7}),
    "ticker": (("BTC-USD",), {}),
    "tickers": ((), {"limit": 3, "cursor": "7"}),
    "quote": (("EUR/USD",), {}),
    "orderbook": (("BTC-USD",), {"depth": 1}),
    "server_time": ((), {}),
    "status": ((), {}),
    "open_session": (("ann", "a long password"), {}),
    "open_demo_session": ((), {}),
    "sessions": ((), {}),
    "current_session": ((), {}),
    "end_session": ((), {}),
    "change_password": (("old", "new"), {}),
    "issue_token": ((), {}),
    "token_keys": ((), {}),
    "api_keys": ((), {}),
    "new_api_key": (("bot", ["read"]), {"accounts": [11], "addresses": ["10.0.0.0/8"]}),
    "rotate_api_key": (("gk-1",), {"public_key": "00"}),
    "revoke_api_key": (("gk-1",), {}),
    "users": ((), {"cursor": "bob"}),
    "new_user": (("bob", "a long password", ["trader"]), {}),
    "operator_services": ((), {}),
    "operator_followers": ((), {}),
    "operator_metrics": ((), {}),
    "operator_alerts": ((), {}),
    "operator_dead_letters": ((), {"limit": 7}),
    "operator_audit": ((), {}),
    "start_audit": ((), {}),
    "operator_limits": ((), {}),
    "operator_kill_switches": ((), {"min_sequence": 2**40}),
    "throw_kill_switch": (("instrument",), {"symbol": "BTC-USD", "on": True, "why": "a test"}),
}


def asks(requests: RestRequests) -> dict[str, Ask[Any]]:
    """One request of each method."""
    made = {name: getattr(requests, name)(*args, **words) for name, (args, words) in SAMPLES.items()}
    return made | {
        "new_orders": requests.new_orders([requests.batch_order("BTC-USD", "buy", "1", "2")]),
        "end_session of another": requests.end_session("s-1"),
    }


def test_every_route_has_a_method_that_says_what_the_route_takes() -> None:
    """Both tables side by side: path, scope, types; what is sent reads back as the route's own types."""
    made = asks(RestRequests("t", None))
    routes = {route.name: route for route in ROUTES}
    # A change of an order by PUT is the same as by PATCH; what will go has a successor.
    wanted = {
        name for name, route in routes.items() if not (name.startswith("PUT /v1/orders/") or route.sunset)
    }
    assert {ask.route for ask in made.values()} == wanted
    for name, ask in made.items():
        route = routes[ask.route]
        assert (ask.answers, ask.public, ask.cancels) == (
            route.answers,
            route.scope is Scope.PUBLIC,
            route.cancels,
        ), name
        path, _, query = ask.target.partition("?")
        said = [unquote(part) for part in path.split("/")]
        for want, got in zip(route.path.split("/"), said, strict=True):
            assert got == (ask.named[want[1:-1]] if want[:1] == "{" else want)
        assert msgspec.convert(dict(parse_qsl(query, keep_blank_values=True)), route.query, strict=False) == (
            route.query() if ask.query is None else ask.query
        ), name
        assert ask.again or "orders" not in ask.path
        if route.body is None:
            assert ask.content == b""
        else:
            read = msgspec.json.decode(ask.content, type=route.body, dec_hook=lambda kind, text: kind(text))
            assert read == ask.body, name


def test_both_clients_have_every_method() -> None:
    """With the same arguments and documentation."""
    public = {name for name, _ in inspect.getmembers(RestRequests, inspect.isfunction) if name[0] != "_"}
    assert public - {"batch_order"} == set(SAMPLES) | {"new_orders"}
    for name in public - {"batch_order"}:
        wanted = inspect.signature(getattr(RestRequests, name))
        for client in (RestClient, AsyncRestClient):
            assert inspect.signature(getattr(client, name)) == wanted
            assert getattr(client, name).__doc__ == getattr(RestRequests, name).__doc__


def test_decimals_are_decimals_or_text() -> None:
    """Exactly as they are; a float, an int, and what is no number, are refused before anything is sent."""
    make = RestRequests("t", None)
    said = json.loads(make.new_order("BTC-USD", "buy", Decimal("1E-3"), "64000.10").content)
    assert (said["qty"], said["price"]) == ("0.001", "64000.10")
    for wrong in (0.5, 1, True, b"1"):
        for refused in (
            lambda: make.new_order("BTC-USD", "buy", wrong),  # type: ignore[arg-type]  # noqa: B023
            lambda: make.new_order("BTC-USD", "buy", "1", stop_price=wrong),  # type: ignore[arg-type]  # noqa: B023
            lambda: make.replace(1, price=wrong),  # type: ignore[arg-type]  # noqa: B023
            lambda: make.transfer("USD", wrong, 12),  # type: ignore[arg-type]  # noqa: B023
        ):
            with pytest.raises(TypeError, match="is a Decimal or a str"):
                refused()
    for none in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="is a number"):
            make.new_order("BTC-USD", "buy", Decimal(none))
    with pytest.raises(ValueError, match="needs a zone"):
        make.new_order("BTC-USD", "buy", "1", expire_at=datetime(2026, 1, 1))  # noqa: DTZ001
    at = make.new_order("BTC-USD", "buy", "1", expire_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert json.loads(at.content)["expireAt"] == "2026-01-01T00:00:00+00:00"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_is_sent_as_plain_digits(value: Decimal) -> None:
    """Without an exponent, and equal."""
    said = json.loads(RestRequests("t", None).new_order("X", "buy", value).content)["qty"]
    assert "E" not in said.upper()
    assert Decimal(said) == value


def test_writes_are_named_and_no_two_alike() -> None:
    """Of one client, and of two that begin at the same moment."""
    one, other = RestRequests("same", None), RestRequests("same", None)
    own = [ask.own for each in (one, other) for ask in asks(each).values() if ask.writes and ask.own]
    given_ = {"x-1", "t-1"}
    assert len(own) == 2 * 9
    assert len(set(own) - given_) == len([each for each in own if each not in given_])
    batch = one.new_orders([one.batch_order("A", "buy", "1"), m.BatchOrder(symbol="A", side="sell")])
    assert isinstance(batch.body, m.Batch)
    assert len({each.client_order_id for each in batch.body.orders} - {None}) == 2


Reply = httpx.Response | Exception
"""What a scripted gateway does about a request."""


class Script:
    """A gateway that does what it is told, and remembers what it was sent."""

    def __init__(self, *replies: Reply | Callable[[httpx.Request], Reply]) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Of httpx's transport. What is signed again is the same object, so it is kept as it was."""
        self.asked.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        )
        reply = self.replies.pop(0)
        if callable(reply) and not isinstance(reply, httpx.Response | Exception):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def problem(fault: GatewayFault, details: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    """An error of the gateway."""
    body = {
        "code": int(fault), "name": fault.name, "message": fault.meaning, "transient": fault.transient,
        "details": details or {}, "correlation_id": "c",
    }  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(fault.http_status, json=body, headers=named)


def reject(status: int, code: int, name: str) -> httpx.Response:
    """A refusal of the exchange."""
    body = {
        "code": code,
        "name": name,
        "message": "",
        "transient": False,
        "details": {},
        "correlation_id": "c",
    }
    return httpx.Response(status, json=body)


def ok(body: Any = ORDER, status: int = 201, headers: dict[str, str] | None = None) -> httpx.Response:
    """A success."""
    return httpx.Response(status, json=body, headers=headers)


Asked = Callable[[RestClient], Any]


class Passing(SystemClock):
    """A clock whose pauses take no time, and say how much they would have."""

    def __init__(self) -> None:
        self.at = 0.0
        super().__init__(lambda: self.at)

    def sleep(self, seconds: float) -> None:
        """It has passed."""
        self.at += seconds

    async def pause(self, seconds: float) -> None:
        """Likewise."""
        self.at += seconds


@pytest.fixture(params=["waiting", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Asks a script by one of the clients: the outcome, and the time that it took."""

    def run(
        script: Script, call: Asked, auth: httpx.Auth | None = None, timeout_s: float = 10.0
    ) -> tuple[Any, float]:
        clock = Passing()
        options = Options(name="t", timeout_s=timeout_s, policies=Policies(clock))
        transport = httpx.MockTransport(script)
        if request.param == "waiting":
            with RestClient("http://g", auth, transport=transport, options=options) as client:
                return _outcome(lambda: call(client)), clock.now()

        async def awaited() -> tuple[Any, float]:
            async with AsyncRestClient("http://g", auth, transport=transport, options=options) as client:
                waiting: Awaitable[Any] = call(cast(RestClient, client))
                try:
                    return await waiting, clock.now()
                except Exception as error:  # noqa: BLE001
                    return error, clock.now()

        return asyncio.run(awaited())

    return run


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  # it is what is asserted
        return error


def buy(client: RestClient) -> Any:
    """An order."""
    return client.new_order("BTC-USD", "buy", "0.5", "100.00", client_order_id="c-1")


def look(client: RestClient) -> Any:
    """A read."""
    return client.balances()


@pytest.mark.parametrize("algorithm", [HMAC_SHA256, ED25519])
def test_requests_are_signed_as_they_are_sent(ask: Callable[..., Any], algorithm: str) -> None:
    """Byte for byte, symbols with a slash and parameters with a space included; public ones are not."""
    seed, public = new_ed25519()
    auth = hmac_key("gk-1", SECRET) if algorithm == HMAC_SHA256 else ed25519_key("gk-1", seed)
    verifier = bytes.fromhex(SECRET if algorithm == HMAC_SHA256 else public)
    script = Script(ok(), ok(status=200), ok({"time": "", "timeMs": 1}, 200))
    ask(script, buy, auth)
    ask(script, lambda client: client.cancel_named("a/b c", cancel_id="x y"), auth)
    ask(script, lambda client: client.server_time(), auth)
    for request in script.asked[:2]:
        said = request.headers
        text = signed_text(
            said[TIMESTAMP_HEADER].encode(),
            said[NONCE_HEADER].encode(),
            request.method.encode(),
            request.url.raw_path,
            request.content,
        )
        assert said[KEY_HEADER] == "gk-1"
        assert signature_check(algorithm, verifier)(text, bytes.fromhex(said[SIGNATURE_HEADER]))
    assert script.asked[1].url.raw_path == b"/v1/orders/client/a%2Fb%20c?clientOrderId=x%20y"
    assert SIGNATURE_HEADER not in script.asked[2].headers
    assert SECRET not in repr(auth)


def test_token_is_said_in_a_header(ask: Callable[..., Any]) -> None:
    """One that changes is asked for each time."""
    tokens = iter(("one", "two"))
    auth = BearerAuth(lambda: next(tokens))
    script = Script(
        ok({"account": 1, "balances": [], "sequence": "1"}, 200), problem(GatewayFault.SCOPE_MISSING)
    )
    ask(script, look, auth)
    refused, _ = ask(script, look, auth)
    assert [each.headers["authorization"] for each in script.asked] == ["Bearer one", "Bearer two"]
    assert isinstance(refused, e.NotPermitted)
    assert "one" not in repr(BearerAuth("one"))


def test_clock_is_learned_once_a_request(ask: Callable[..., Any]) -> None:
    """The gateway's time is taken, the request signed again with another nonce; twice wrong is an error."""
    auth = ApiKeyAuth("gk-1", lambda _: "00", lambda: 1_000_000)
    wrong = problem(GatewayFault.CLOCK_OUT_OF_WINDOW, {"serverTimeMs": 1_042_000})
    script = Script(wrong, ok())
    answer, _ = ask(script, buy, auth)
    assert answer.order_id == "13"
    first, second = script.asked
    assert (first.headers[TIMESTAMP_HEADER], second.headers[TIMESTAMP_HEADER]) == ("1000000", "1042000")
    assert first.headers[NONCE_HEADER] != second.headers[NONCE_HEADER]
    assert auth.clock_offset_ms == 42_000
    again = Script(
        *[problem(GatewayFault.CLOCK_OUT_OF_WINDOW, {"serverTimeMs": 1_042_000}) for _ in range(99)]
    )
    error, _ = ask(again, buy, auth, 1.0)
    assert isinstance(error, e.NotAuthenticated)
    assert (error.number, error.transient) == (9103, True)
    assert (
        len(again.asked) == 2 * 3
    )  # by the ladder, 0.05 s and 0.5 s later, as it may be a gateway's first second


def test_budgets_are_seen_and_a_used_up_one_is_waited_for(ask: Callable[..., Any]) -> None:
    """429 is tried again when Retry-After says, if that is in time."""
    left = {"ratelimit-limit": "40", "ratelimit-remaining": "39", "ratelimit-reset": "1"}
    seen: list[Any] = []

    def both(client: RestClient) -> Any:
        seen.append(client.budgets)
        return buy(client)

    script = Script(problem(GatewayFault.RATE_LIMITED, retry_after="3"), ok(headers=left))
    answer, took = ask(script, both)
    assert (answer.order_id, len(script.asked)) == ("13", 2)
    assert 3.0 <= took < 3.1
    assert (seen[0].key, seen[0].cancels) == (Budget(40, 39, 1), None)
    late, took = ask(Script(problem(GatewayFault.RATE_LIMITED, retry_after="30")), buy)
    assert isinstance(late, e.RateLimited)
    assert (late.retry_after_ms, took) == (30_000, 0.0)


def test_write_without_an_answer_is_sent_again_under_its_name(ask: Callable[..., Any]) -> None:
    """The same body, the same key, another signature."""
    script = Script(httpx.ReadError("gone"), httpx.ConnectError("away"), ok())
    answer, _ = ask(script, buy, hmac_key("gk-1", SECRET))
    assert answer == msgspec.convert(ORDER, m.OrderAnswer)
    first, _, third = script.asked
    assert first.content == third.content
    assert first.headers[NONCE_HEADER] != third.headers[NONCE_HEADER]
    assert first.headers["x-correlation-id"] == third.headers["x-correlation-id"]
    money = Script(
        httpx.ReadTimeout("slow"),
        lambda each: reject(422, 2001, each.headers["idempotency-key"]),
    )
    refused, _ = ask(money, lambda client: client.transfer("USD", "1", 12))
    assert refused.name == money.asked[0].headers["idempotency-key"]


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([httpx.ReadError("gone")] * 9, e.OutcomeUnknown),
        ([problem(GatewayFault.OUTCOME_UNKNOWN, {"clientOrderId": "c-1"})] * 9, e.OutcomeUnknown),
        ([httpx.Response(502, text="<html>")] * 9, e.OutcomeUnknown),
        # Once it may be done, only the exchange's word says that it was not.
        ([httpx.ReadError("gone"), problem(GatewayFault.SCOPE_MISSING)], e.OutcomeUnknown),
        ([httpx.ReadError("gone"), *[httpx.ConnectError("away")] * 9], e.OutcomeUnknown),
        ([httpx.ReadError("gone"), reject(422, 2001, "INSUFFICIENT_FUNDS")], e.Rejected),
        ([httpx.ConnectError("away")] * 9, ServiceUnavailableError),
        ([problem(GatewayFault.UNAVAILABLE)] * 9, e.GatewayUnavailable),
        ([problem(GatewayFault.INTERNAL)], e.GatewayFailed),
        ([problem(GatewayFault.INVALID_BODY)], e.InvalidRequest),
        ([reject(409, 1015, "DUPLICATE_ID_DIFFERENT")], e.Conflict),
        ([reject(404, 4005, "UNKNOWN_ORDER")], e.NotFound),
        ([problem(GatewayFault.NOT_ENABLED)], e.NotEnabled),
        ([ok({"orderId": 13})], WireError),
    ],
)  # fmt: skip
def test_write_that_fails_says_what_is_known(
    ask: Callable[..., Any], replies: list[Reply], kind: type[ExchangeError]
) -> None:
    """Its kind tells a refusal, an accident before it was sent, and one after which nobody knows."""
    script = Script(*replies)
    error, _ = ask(script, buy, timeout_s=30.0)
    assert type(error) is kind
    if isinstance(error, e.OutcomeUnknown):
        assert (error.client_order_id, error.code) == ("c-1", RpcStatus.DEADLINE_EXCEEDED)
        assert error.transient


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([httpx.ReadTimeout("slow")] * 9, DeadlineExceeded),
        ([httpx.RemoteProtocolError("gone")] * 9, ServiceUnavailableError),
    ],
)  # fmt: skip
def test_read_that_fails_is_of_no_consequence(
    ask: Callable[..., Any], replies: list[Reply], kind: type[ExchangeError]
) -> None:
    """There is no answer, and that is all."""
    error, _ = ask(Script(*replies), look, timeout_s=30.0)
    assert type(error) is kind


def test_write_without_a_name_is_not_sent_again(ask: Callable[..., Any]) -> None:
    """A session, a key: a second one would be another one."""
    script = Script(httpx.ReadError("gone"), ok())
    error, _ = ask(script, lambda client: client.open_session("ann", "a long password"))
    assert (type(error), len(script.asked)) == (e.OutcomeUnknown, 1)


def test_correlation_goes_along(ask: Callable[..., Any]) -> None:
    """That of the block around the call, else one of its own."""
    script = Script(ok(), ok())
    with correlated("mine-1"):
        ask(script, buy)
    ask(script, buy)
    first, second = (each.headers["x-correlation-id"] for each in script.asked)
    assert (first, len(second)) == ("mine-1", 32)


def test_pages_are_asked_for_as_they_are_needed() -> None:
    """Each once, with the cursor of the page before and the same parameters."""

    def page(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params.get("cursor", "0"))
        trades = [
            {"tradeId": str(n), "symbol": "X", "price": "1", "qty": "1", "takerSide": None, "auction": False,
             "timestamp": "", "sequence": "1"} for n in range(at, at + 2)
        ]  # fmt: skip
        return ok({"trades": trades, "nextCursor": None if at >= 4 else str(at + 2)}, 200)

    script = Script(page, page, page)
    with RestClient("http://g", transport=httpx.MockTransport(script)) as client:
        rows = client.each_trade("X", limit=2, oldest_first=True)
        assert script.asked == []
        assert [next(rows).trade_id for _ in range(3)] == ["0", "1", "2"]
        assert len(script.asked) == 2
        assert [row.trade_id for row in rows] == ["3", "4", "5"]
    assert [dict(each.url.params) for each in script.asked] == [
        {"limit": "2", "oldestFirst": "true"} | ({"cursor": str(at)} if at else {}) for at in (0, 2, 4)
    ]

    async def awaited() -> list[str]:
        transport = httpx.MockTransport(Script(page, page, page))
        async with AsyncRestClient("http://g", transport=transport) as client:
            return [row.trade_id async for row in client.each_trade("X", limit=2)]

    assert asyncio.run(awaited()) == ["0", "1", "2", "3", "4", "5"]


def test_order_names_its_account() -> None:
    """What an answer showed needs no account said again."""
    make = RestRequests("t", None)
    order = msgspec.convert(ORDER, m.OrderAnswer)
    assert make.cancel(order, cancel_id="x").target == "/v1/orders/13?account=11&clientOrderId=x"
    assert json.loads(make.replace(order, qty="1", client_order_id="x").content) == {
        "qty": "1", "clientOrderId": "x", "account": 11,
    }  # fmt: skip
    assert RestRequests("t", 12).balances().target == "/v1/balances?account=12"
