"""The gateway of a running exchange: real processes and sockets, as programs meet it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exchange.client import Reader
from exchange.runtime.registry import Registry
from exchange.security.api_keys import SCOPES
from exchange.services.gateway.routes import ROUTES
from exchange.services.identity.api_keys import Wanted
from tests.exchange.ports import free_ports
from tests.exchange.running import Up, fetch, settings, until
from tests.gateway.door import ANN, BOB, BUY, EVE, EVERY, SELL, WAIT_MS, Open, open_market, target_of
from tests.gateway.signed import Answer

CONNECTIONS = 40
NO_DECIMALS = (
    *("1e3", "NaN", "Infinity", "+1", " 1", "1_000", "0x10", "9" * 40, "\N{LAO DIGIT EIGHT}", "1.001", ""),
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """All of an exchange in one process, with history and market data."""
    (port,) = free_ports(1)
    data = tmp_path_factory.mktemp("gateway") / "data"
    words = [sys.executable, "-m", "exchange.cli", "up", "--all-in-one", "--data", str(data)]
    words += settings(
        "gateway.enabled=true", f"gateway.port={port}", "gateway.request_timeout_ms=1500",
        "gateway.operator_tenant=1",
        "gateway.answer_timeout_ms=60000", f"gateway.connections_per_ip_max={CONNECTIONS}",
        "history.enabled=true", "market_data.enabled=true", "endpoints.metrics=",
    )  # fmt: skip
    with data.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        registry = Registry({}, data / "run" / "instances")
        until(lambda: [each.ready for each in registry.instances("gateway")] == [True], "it did not start")
        open_market(data)
        made = Open(data, port)
        made.add(ANN, BOB, EVE, Wanted(name="free", tenant=2, scopes=EVERY))
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    assert code == 0, data.with_suffix(".log").read_text()[-3000:]


@pytest.mark.req("A005", "A006", "A019", "B009", "B026", "B029")
def test_order_through_its_life(door: Open) -> None:
    """Entered with 201 and where it is, traded with its executions, changed, looked at, cancelled."""
    sold = door.bob.ask("POST", "/v1/orders", SELL)
    assert sold.status == 201
    order = sold.body["orderId"]
    assert sold.headers["location"] == f"/v1/orders/{order}"
    assert sold.body | {"sequence": "", "timestamp": "", "clientOrderId": ""} == {
        "orderId": order, "clientOrderId": "", "account": 12, "symbol": "BTC-USD", "execType": "accepted",
        "orderStatus": "open", "orderQty": "0.5000", "cumQty": "0.0000", "leavesQty": "0.5000",
        "price": "100.00", "stopPrice": None, "sequence": "", "timestamp": "", "durability": "process",
        "duplicate": False,
    }  # fmt: skip
    full = door.ann.ask("POST", "/api/v1/orders", BUY | {"respType": "FULL"}, x_correlation_id="ann-corr-1")
    assert (full.status, full.headers["x-correlation-id"]) == (201, "ann-corr-1")
    assert (full.body["orderStatus"], full.body["cumQty"], full.body["leavesQty"]) == (
        "filled",
        "0.2000",
        "0.0000",
    )
    (execution,) = full.body["executions"]
    assert execution | {"timestamp": "", "tradeId": ""} == {
        "tradeId": "", "lastQty": "0.2000", "lastPrice": "100.00", "fee": "0.00020000", "feeAsset": "BTC",
        "liquidity": "taker", "timestamp": "",
    }  # fmt: skip
    result = door.ann.ask("POST", "/v1/orders", BUY | {"respType": "RESULT", "qty": "0.1"})
    assert (result.body["orderStatus"], "executions" in result.body) == ("filled", False)

    looked = door.bob.ask("GET", f"/v1/orders/{order}").body
    assert (looked["orderStatus"], looked["cumQty"], looked["averagePrice"]) == (
        "partially_filled",
        "0.3000",
        "100.00",
    )
    changed = door.bob.ask("PATCH", f"/v1/orders/{order}", {"price": "101.00", "clientOrderId": "b-2"})
    assert (changed.status, changed.body["execType"], changed.body["price"]) == (200, "replaced", "101.00")
    assert [each["orderId"] for each in door.bob.ask("GET", "/v1/orders/open").body["orders"]] == [order]
    named = door.bob.ask("GET", "/v1/orders/client/b-2").body
    assert (named["orderId"], named["price"]) == (order, "101.00")
    ended = door.bob.ask("DELETE", "/v1/orders/client/b-2")
    assert (ended.status, ended.body["execType"], ended.body["leavesQty"]) == (200, "canceled", "0.0000")
    assert door.bob.ask("GET", f"/v1/orders/{order}").body["orderStatus"] == "canceled"
    again = door.bob.ask("DELETE", f"/v1/orders/{order}")
    assert (again.status, again.body["code"]) == (404, 4005)
    assert door.bob.ask("GET", "/v1/orders/open").body == {"orders": [], "nextCursor": None}

    # The correlation id went with the order to the core, and from there into the history.
    asked = f"/v1/executions?orderId={full.body['orderId']}"
    (told,) = until(lambda: door.ann.ask("GET", asked).body["executions"], "the history did not come")
    assert (told["tradeId"], told["side"], told["fee"]) == (execution["tradeId"], "buy", "0.00020000")
    with Reader(
        f"ipc://{door.data}/run/orders.sock", tenant=1, name="r", user="r", timeout_ms=WAIT_MS
    ) as reader:
        (row,) = reader.ask(reader.make.query.past_orders(order_id=int(full.body["orderId"])))
    assert row.correlation_id == "ann-corr-1"


def test_order_is_executed_once_whatever_is_sent_again(door: Open) -> None:
    """Rows 8 to 10 of the faults: the same answer, another body refused, a reject that sticks."""
    order = SELL | {"clientOrderId": f"once-{secrets.token_hex(4)}", "price": "900.00"}
    first, second = (door.bob.ask("POST", "/v1/orders", order) for _ in range(2))
    assert (first.status, second.status, second.body["duplicate"]) == (201, 201, True)
    assert first.body["orderId"] == second.body["orderId"]
    other = door.bob.ask("POST", "/v1/orders", order | {"qty": "0.6"})
    assert (other.status, other.name) == (409, "DUPLICATE_ID_DIFFERENT")
    dear = {
        "symbol": "BTC-USD",
        "side": "buy",
        "qty": "900",
        "price": "9000.00",
        "clientOrderId": f"dear-{first.body['orderId']}",
    }
    refused = [door.bob.ask("POST", "/v1/orders", dear) for _ in range(2)]
    assert [(each.status, each.name) for each in refused] == [(422, "INSUFFICIENT_FUNDS")] * 2
    assert refused[0].body["details"]["clientOrderId"] == dear["clientOrderId"]
    keyed = [
        door.bob.ask("POST", "/v1/orders", SELL | {"price": "901.00"}, idempotency_key="k-1")
        for _ in range(2)
    ]
    assert keyed[0].body["orderId"] == keyed[1].body["orderId"]
    cancelled = door.bob.ask("DELETE", "/v1/orders?symbol=BTC-USD&side=sell")
    assert (cancelled.status, cancelled.body["cancelled"]) == (200, 2)


def test_batch_is_answered_part_by_part(door: Open) -> None:
    """In its order, each for itself; one too many is refused whole."""
    orders = [
        SELL | {"price": "800.00"},
        SELL | {"price": "800.00", "qty": "90000"},
        SELL | {"price": "801.00"},
    ]
    batch = door.bob.ask("POST", "/v1/orders/batch", {"orders": orders})
    assert [each["status"] for each in batch.body["results"]] == [201, 422, 201]
    assert batch.body["results"][1]["error"]["name"] == "INSUFFICIENT_FUNDS"
    many = door.bob.ask("POST", "/v1/orders/batch", {"orders": orders[:1] * 21})
    assert (many.status, many.name) == (400, "INVALID_BODY")
    same = [each | {"clientOrderId": "same"} for each in orders[:1] * 2]
    assert door.bob.ask("POST", "/v1/orders/batch", {"orders": same}).name == "INVALID_BODY"
    assert door.bob.ask("DELETE", "/v1/orders").body["cancelled"] == 2


@pytest.mark.req("B010", "C018", "C019", "E002")
def test_money_and_market_are_shown(door: Open) -> None:
    """What an account has, what moved, and what everybody may see."""
    held = sum(
        (float(each["position"]) for each in door.ann.ask("GET", "/v1/positions").body["positions"]), 0.2
    )
    door.bob.ask("POST", "/v1/orders", SELL | {"qty": "0.2"})
    assert door.ann.ask("POST", "/v1/orders", BUY | {"respType": "RESULT"}).body["orderStatus"] == "filled"
    before = {each["asset"]: each["total"] for each in door.ann.ask("GET", "/v1/balances").body["balances"]}
    moved = [
        door.ann.ask(
            "POST", "/v1/transfers", {"asset": "USD", "amount": "1.5", "toAccount": 12}, idempotency_key="t"
        )
        for _ in range(2)
    ]
    assert [(each.status, each.body["duplicate"]) for each in moved] == [(201, False), (201, True)]
    after = {each["asset"]: each["total"] for each in door.ann.ask("GET", "/v1/balances").body["balances"]}
    assert float(before["USD"]) - float(after["USD"]) == 1.5
    needed = door.ann.ask("POST", "/v1/transfers", {"asset": "USD", "amount": "1.5", "toAccount": 12})
    assert (needed.status, needed.name) == (400, "IDEMPOTENCY_KEY_NEEDED")
    (position,) = door.ann.ask("GET", "/v1/positions").body["positions"]
    assert (position["symbol"], position["position"]) == ("BTC-USD", f"{held:.4f}")
    assert door.ann.ask("GET", "/v1/limits?symbol=BTC-USD").body["limits"] == []

    rests = door.bob.ask("POST", "/v1/orders", SELL | {"price": "700.00"}).body["orderId"]

    def levels_then() -> Any:
        book = door.nobody.ask("GET", "/v1/instruments/BTC-USD/book?depth=1").body
        return book if [each["price"] for each in book["asks"]] == ["700.00"] else None

    levels = until(levels_then, "the book did not come")
    assert (levels["asks"], levels["bids"]) == ([{"price": "700.00", "qty": "0.5000", "orders": 1}], [])
    by_order = door.nobody.ask("GET", "/v1/instruments/BTC-USD/book/orders").body["asks"]
    assert by_order == [{"orderId": rests, "price": "700.00", "qty": "0.5000"}]
    quote = door.nobody.ask("GET", "/api/v1/market-data/quotes?symbol=BTC-USD").body
    assert (quote["bidPrice"], quote["askPrice"], quote["askQty"]) == (None, "700.00", "0.5000")
    same = door.nobody.ask("GET", "/api/v1/market-data/orderbooks?symbol=BTC-USD&depth=1").body
    assert same["asks"] == levels["asks"]
    (instrument,) = door.nobody.ask("GET", "/v1/instruments").body["instruments"]
    assert (instrument["base"], instrument["tickSize"], instrument["lotSize"]) == ("BTC", "0.01", "0.0001")
    assert door.nobody.ask("GET", "/v1/status").body["status"] == "up"
    assert abs(door.nobody.ask("GET", "/v1/time").body["timeMs"] - time.time() * 1_000) < WAIT_MS
    door.bob.ask("DELETE", "/v1/orders")


@pytest.mark.req("B011")
def test_trades_candles_and_tickers_are_those_of_market_data(door: Open) -> None:
    """After a trade of this test."""
    door.bob.ask("POST", "/v1/orders", SELL | {"price": "600.00"})
    trade = door.ann.ask("POST", "/v1/orders", BUY | {"price": "600.00", "respType": "FULL"}).body[
        "executions"
    ][0]
    door.bob.ask("DELETE", "/v1/orders")

    def seen() -> Any:
        answer = door.nobody.ask("GET", "/v1/instruments/BTC-USD/trades?limit=1")
        found = answer.body["trades"] if answer.status == 200 else []
        return found and found[0]["tradeId"] == trade["tradeId"] and answer.body

    page = until(seen, "the trade did not come")
    assert (page["trades"][0]["price"], page["trades"][0]["takerSide"]) == ("600.00", "buy")
    if page["nextCursor"] is not None:
        older = door.nobody.ask("GET", f"/v1/instruments/BTC-USD/trades?cursor={page['nextCursor']}").body[
            "trades"
        ]
        assert older[0]["tradeId"] == str(int(trade["tradeId"]) - 1)
    candles = door.nobody.ask("GET", "/v1/instruments/BTC-USD/candles?interval=1d").body["candles"]
    assert (candles[-1]["close"], candles[-1]["high"]) == ("600.00", "600.00")
    ticker = door.nobody.ask("GET", "/v1/instruments/BTC-USD/ticker").body
    assert (ticker["lastPrice"], ticker["lastTradeId"]) == ("600.00", trade["tradeId"])
    assert [each["symbol"] for each in door.nobody.ask("GET", "/v1/tickers").body["tickers"]] == ["BTC-USD"]


def test_orders_are_searched_in_pages(door: Open) -> None:
    """Newest first, each once, to the end."""
    for number in range(5):
        door.eve.ask("POST", "/v1/orders", SELL | {"price": f"{500 + number}.00"})
    assert door.eve.ask("DELETE", "/v1/orders").body["cancelled"] == 5

    def all_pages() -> Any:
        found, cursor = [], ""
        while True:
            page = door.eve.ask("GET", f"/v1/orders?limit=2&orderStatus=canceled{cursor}").body
            found += [each["price"] for each in page["orders"]]
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    until(lambda: len(all_pages()) == 5, "the history did not come")
    assert all_pages() == [f"{500 + number}.00" for number in reversed(range(5))]


@pytest.mark.req("B028", "B032")
@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b"{", 400, "INVALID_BODY"),
        (b"[" * 50_000, 400, "INVALID_BODY"),
        (b'{"a":' * 10_000, 400, "INVALID_BODY"),
        (json.dumps(SELL)[:-1].encode() + b',"qty":"0.1"}', 400, "INVALID_BODY"),
        (gzip.compress(b" " * 1_000_000 + json.dumps(SELL).encode()), 400, "INVALID_BODY"),
        (b"\xff", 400, "INVALID_BODY"),
        (SELL | {"surprise": 1}, 400, "INVALID_BODY"),
        (SELL | {"side": "SELL"}, 400, "INVALID_BODY"),
        ({"symbol": "BTC-USD"}, 400, "INVALID_BODY"),
        (SELL | {"price": 100.5}, 400, "MUST_BE_STRING"),
        (SELL | {"qty": 1}, 400, "MUST_BE_STRING"),
        *((SELL | {"price": text}, 400, "BAD_DECIMAL") for text in NO_DECIMALS),
        (SELL | {"price": "0.00"}, 422, "INVALID_PRICE"),
        (SELL | {"price": "-1.00"}, 422, "INVALID_PRICE"),
        (SELL | {"qty": "0"}, 422, "INVALID_QTY"),
        (SELL | {"symbol": "NONE"}, 404, "UNKNOWN_INSTRUMENT"),
        (SELL | {"account": 21}, 404, "UNKNOWN_ACCOUNT"),
        (SELL | {"clientOrderId": "a b"}, 400, "INVALID_BODY"),
        (SELL | {"clientOrderId": "x" * 41}, 400, "INVALID_BODY"),
        (SELL | {"type": "stop"}, 422, "STOP_PRICE_MISSING"),
        (SELL | {"timeInForce": "gtd", "expireAt": "tomorrow"}, 400, "INVALID_BODY"),
        ({"symbol": "BTC-USD", "side": "buy"}, 400, "INVALID_FIELD"),
    ],
)  # fmt: skip
def test_order_that_is_none_is_refused_with_its_number(door: Open, body: Any, status: int, name: str) -> None:
    """Rows 1, 2, 4 to 7 and 41 of the faults: nothing is rounded, nothing is guessed."""
    answer = door.ann.ask("POST", "/v1/orders", body)
    assert (answer.status, answer.name) == (status, name)
    assert set(answer.body) == {"code", "name", "message", "transient", "details", "correlation_id"}


def test_request_that_cannot_be_read_is_refused(door: Open) -> None:
    """Parameters, media types, bodies where there are none."""
    asked = [
        door.ann.ask("GET", "/v1/orders?limit=0"),
        door.ann.ask("GET", "/v1/orders?nothing=1"),
        door.ann.ask("GET", "/v1/orders?limit=1&limit=2"),
        door.ann.ask("GET", "/v1/orders?limit"),
        door.ann.ask("GET", "/v1/balances", {}),
        door.ann.ask("POST", "/v1/orders", SELL, content_type="text/plain"),
        door.nobody.ask("POST", "/v1/orders", SELL),
    ]
    assert [(each.status, each.name) for each in asked] == [
        *[(400, "INVALID_PARAMETER")] * 4,
        (400, "INVALID_BODY"),
        (415, "UNSUPPORTED_MEDIA_TYPE"),
        (401, "NO_CREDENTIAL"),
    ]


@pytest.mark.req("E099")
def test_tenant_and_account_of_others_are_not_there_on_any_route(door: Open) -> None:
    """What names something of tenant 1 answers tenant 2 as if there were no such thing; so do accounts."""
    mine = f"mine-{secrets.token_hex(4)}"
    order = door.bob.ask("POST", "/v1/orders", SELL | {"price": "950.00", "clientOrderId": mine}).body[
        "orderId"
    ]
    free = door.programs["free"]
    checked = 0
    for who, accounts in ((door.eve, ("", "11", "12")), (free, ("11", "12")), (door.ann, ("12",))):
        for route in ROUTES:
            if route.scope not in SCOPES:  # of no key
                continue
            target = (
                target_of(route, route.path)
                .replace("/client/7", f"/client/{mine}")
                .replace("/7", f"/{order}")
            )
            for account in accounts:
                body: Any = None
                if route.body is not None:
                    body = {
                        "NewOrder": SELL,
                        "Batch": {"orders": [SELL]},
                        "ReplaceOrder": {"price": "1.00"},
                        "ThrowAccountSwitch": {"on": True},
                    }.get(route.body.__name__, {"asset": "USD", "amount": "1", "toAccount": 21})
                    said = {"account": int(account)} if account else {}
                    body = {"orders": [SELL | said]} if "orders" in body else body | said
                elif account:
                    target = f"{target.partition('?')[0]}?account={account}"
                if not account and mine not in target and order not in target:
                    continue
                answer = who.ask(route.method, target, body, idempotency_key="x" + mine)
                text = answer.content.decode()
                if answer.status == 200 and "results" in answer.body:
                    (part,) = answer.body["results"]
                    answer = Answer(part["status"], {}, json.dumps(part["error"]).encode())
                found = answer.status == 200 and any(
                    answer.body.get(each) for each in ("orders", "executions", "balances", "positions")
                )
                assert not found, (route.name, account, text)
                assert answer.status in {200, 403, 404}, (route.name, account, text)
                assert answer.status != 403 or who is door.ann
                assert mine not in text, (route.name, account, text)
                checked += 1
    assert checked > 60
    still = door.bob.ask("GET", f"/v1/orders/{order}").body
    assert (still["orderStatus"], still["price"]) == ("open", "950.00")
    door.bob.ask("DELETE", "/v1/orders")


def test_keys_are_rotated_and_revoked_while_it_runs(door: Open) -> None:
    """Both count until the old one is revoked, which is so within a second or two."""
    with door.keys() as keys:
        key, secret = keys.create(Wanted(name="turning", tenant=1, scopes=("read",), accounts=(11,)))
        old = door.program(key, secret)
        new = door.program(*keys.rotate(key.key_id))
        assert (old.ask("GET", "/v1/balances").status, new.ask("GET", "/v1/balances").status) == (200, 200)
        keys.revoke(key.key_id, "rotated")
    until(lambda: old.ask("GET", "/v1/balances").status == 401, "the key still counts")
    assert old.ask("GET", "/v1/balances").name == "KEY_REVOKED"
    assert new.ask("GET", "/v1/balances").status == 200


def test_slow_silent_and_large_requests_cost_nothing(door: Open) -> None:
    """Row 41 of the faults: slow heads, silence, 10 MB are ended; others are served."""
    with contextlib.ExitStack() as opened:
        slow = [
            opened.enter_context(socket.create_connection(("127.0.0.1", door.port), 60)) for _ in range(20)
        ]
        silent = opened.enter_context(socket.create_connection(("127.0.0.1", door.port), 60))
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.1):
                for each in slow:
                    with contextlib.suppress(OSError):
                        each.send(b"G")

        for each in slow:
            each.send(b"GET /v1/time HTTP/1.1\r\nx-")
        dripping = threading.Thread(target=drip)
        dripping.start()
        assert door.nobody.ask("GET", "/v1/time").status == 200
        answers = [_rest(each) for each in slow]
        stop.set()
        dripping.join()
        assert {each[:12] for each in answers} <= {b"HTTP/1.1 408", b""}
        assert any(answers)
        assert _rest(silent) == b""
        large = opened.enter_context(socket.create_connection(("127.0.0.1", door.port), 60))
        large.sendall(b"POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n")
        answer = _rest(large)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"BODY_TOO_LARGE" in answer
        chunked = opened.enter_context(socket.create_connection(("127.0.0.1", door.port), 60))
        with contextlib.suppress(OSError):
            chunked.sendall(b"POST /v1/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(160):
                chunked.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert _rest(chunked)[:12] in {b"HTTP/1.1 413", b""}
        head = opened.enter_context(socket.create_connection(("127.0.0.1", door.port), 60))
        with contextlib.suppress(OSError):
            head.sendall(b"GET /v1/time HTTP/1.1\r\nhost: x\r\n")
            for _ in range(1_000):
                head.sendall(b"x-long: " + b"y" * 1_000 + b"\r\n")
        assert _rest(head)[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 408"}
    until(lambda: door.nobody.ask("GET", "/v1/time").status == 200, "nobody is served")


def test_connections_of_an_address_are_as_many_as_the_settings_say(door: Open) -> None:
    """Row 41 of the faults: one too many is closed unanswered, those that are there are served."""
    with contextlib.ExitStack() as opened:

        def more() -> socket.socket | None:
            """A connection that was answered, and stays."""
            made = socket.create_connection(("127.0.0.1", door.port), 60)
            if not _asked(made):
                made.close()
                return None
            return opened.enter_context(made)

        # Those of tests before may be there yet.
        held = [until(more, "its place stays taken") for _ in range(CONNECTIONS)]
        assert [more() for _ in range(20)] == [None] * 20
        assert all(_asked(each) for each in held)
        held[0].close()
        assert until(more, "the place that is free is not given")
        assert more() is None
    until(lambda: door.nobody.ask("GET", "/v1/time").status == 200, "nobody is served")


def _asked(connection: socket.socket) -> bool:
    """Whether a request is answered."""
    with contextlib.suppress(OSError):
        connection.sendall(b"GET /v1/time HTTP/1.1\r\nhost: x\r\n\r\n")
        return connection.recv(65_536).startswith(b"HTTP/1.1 200")
    return False


def _rest(connection: socket.socket) -> bytes:
    """All that still comes; nothing where the connection was broken."""
    parts = []
    with contextlib.suppress(OSError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, Open]]:
    """Under a supervisor: the core, the replica and the gateway."""
    (port,) = free_ports(1)
    data = tmp_path_factory.mktemp("kept") / "data"
    up = Up.start(
        data, "gateway.enabled=true", f"gateway.port={port}", "security.audit=false",
        "events.publish=false", "endpoints.metrics=127.0.0.1:0",
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        open_market(data)
        made = Open(data, port)
        made.add(BOB)
        yield up, made
    finally:
        up.end()


def test_gateway_that_was_killed_takes_no_request_of_before(kept: tuple[Up, Open]) -> None:
    """SIGKILL: started again it has keys and orders, and takes nothing that it may have taken before."""
    up, door = kept
    order = door.bob.ask("POST", "/v1/orders", SELL | {"price": "990.00"}).body["orderId"]
    target = f"/v1/orders/{order}"
    taken = door.bob.headers("GET", target, b"")
    assert door.bob.send("GET", target, b"", taken).status == 200
    assert door.bob.send("GET", target, b"", taken).name == "REPLAYED"
    pid = up.announcement()["processes"]["gateway"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: up.announcement()["processes"]["gateway"] not in {None, pid}, "it was not started again")

    def answers() -> bool:
        try:
            return door.bob.ask("GET", "/v1/time").status == 200
        except OSError:
            return False

    until(answers, "it does not answer")
    assert door.bob.send("GET", target, b"", taken).name == "CLOCK_OUT_OF_WINDOW"
    until(lambda: door.bob.ask("GET", target).status == 200, "it takes nothing")
    assert door.bob.ask("DELETE", target).body["execType"] == "canceled"


def test_gateway_tells_its_health_metrics_and_endpoint(kept: tuple[Up, Open]) -> None:
    """As every process; the door itself shows neither. What is not kept here is told so."""
    up, door = kept
    assert door.nobody.ask("GET", "/v1/time").status == 200
    metrics = up.announcement()["endpoints"]["metrics"]
    counted = 'exchange_gateway_requests_total{process="gateway",route="GET /v1/time",status="200"}'
    page = until(lambda: counted in (text := fetch(metrics).decode()) and text, "it was not counted")
    assert 'exchange_gateway_sessions{process="gateway"} ' in page
    assert up.announcement()["endpoints"]["gateway"] == f"http://127.0.0.1:{door.port}"
    assert door.nobody.ask("GET", "/metrics").status == 404
    assert [each["health"] for each in up.ask("services") if each["service"] == "gateway"] == ["healthy"]
    assert door.nobody.ask("GET", "/openapi.json").body["openapi"] == "3.1.0"
    assert b"<!doctype html>" in door.nobody.ask("GET", "/docs").content
    for target in ("/v1/tickers", "/v1/instruments/BTC-USD/trades", "/v1/executions"):
        absent = door.bob.ask("GET", target)
        assert (absent.status, absent.name) == (501, "NOT_ENABLED"), target
    assert door.bob.ask("GET", "/v1/orders").status == 200
    assert door.bob.key["secret"] not in up.log
