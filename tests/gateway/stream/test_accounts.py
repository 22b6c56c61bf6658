"""Channels of accounts, orders on the stream, and coming back, over real sockets."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.exchange.running import until
from tests.gateway.door import SELL
from tests.gateway.signed import signature
from tests.gateway.stream.floor import MARKET, SYMBOL, Floor
from tests.gateway.stream.socket import Stream, logon_of, of_channel

DEAR = SELL | {"side": "buy", "price": "9000.00", "qty": "900"}


pytestmark = pytest.mark.usefixtures("clean")
PRIVATE = ["orders", "executions", "balances", "positions"]


def of(stream: Stream, channel: str) -> list[Any]:
    """All rows of a channel's updates until now."""
    return [row for update in stream.updates(channel) if update["kind"] == "update" for row in update["data"]]


def rest(order_id: str) -> Any:
    """Whether an update tells of an order's end."""
    return lambda each: (
        each["channel"] == "orders"
        and any(
            row["orderId"] == order_id and row["orderStatus"] in {"filled", "canceled"}
            for row in each["data"]
        )
    )


@pytest.mark.req("B008")
def test_orders_of_every_origin_are_told_with_each_change(door: Floor) -> None:
    """By a session past the gateways, by HTTP at another gateway, on the stream itself: each change, once."""
    with door.stream("ann") as stream:
        told = stream.ask("SUBSCRIBE", channels=PRIVATE)
        assert (told["accounts"], told["subscriptions"]) == ([11], 4)
        for channel in PRIVATE:
            first = stream.update(of_channel(channel))
            assert (first["kind"], first["account"]) == ("snapshot", 11)
        placed = stream.ask("ORDER", order=SELL | {"price": "150.00", "qty": "0.3"})
        assert (placed["status"], placed["order"]["orderStatus"]) == (201, "open")
        other = door.ann.ask(
            "POST", "/v1/orders", SELL | {"price": "151.00", "clientOrderId": secrets.token_hex(4)}
        )
        with door.trader(11) as client:
            past = client.limit(SYMBOL, "sell", "0.1", "152.00")
        with door.trader(12) as bob:
            bob.limit(SYMBOL, "buy", "0.2", "150.00")
        ids = [placed["order"]["orderId"], other.body["orderId"], str(past.order_id)]
        changed = stream.ask("REPLACE", orderId=ids[1], change={"price": "153.00"})
        assert (changed["status"], changed["order"]["execType"]) == (200, "replaced")
        gone = stream.ask("CANCEL", clientOrderId=past.client_order_id)
        assert (gone["status"], gone["order"]["orderId"]) == (200, ids[2])
        assert stream.ask("MASS_CANCEL", symbol=SYMBOL)["cancelled"] == 2
        stream.update(rest(ids[1]))
        seen: dict[str, list[tuple[str, str, str]]] = {}
        for row in of(stream, "orders"):
            seen.setdefault(row["orderId"], []).append((row["orderStatus"], row["cumQty"], row["price"]))
        assert seen == {
            ids[0]: [
                ("open", "0.0000", "150.00"),
                ("partially_filled", "0.2000", "150.00"),
                ("canceled", "0.2000", "150.00"),
            ],
            ids[1]: [
                ("open", "0.0000", "151.00"),
                ("open", "0.0000", "153.00"),
                ("canceled", "0.0000", "153.00"),
            ],
            ids[2]: [("open", "0.0000", "152.00"), ("canceled", "0.0000", "152.00")],
        }
        (execution,) = of(stream, "executions")
        assert {name: execution[name] for name in ("orderId", "lastQty", "lastPrice", "liquidity")} == {
            "orderId": ids[0], "lastQty": "0.2000", "lastPrice": "150.00", "liquidity": "maker",
        }  # fmt: skip
        for order in of(stream, "orders"):  # as the query says it, word by word
            if order["orderId"] == ids[0] and order["orderStatus"] == "canceled":
                asked = door.ann.ask("GET", f"/v1/orders/{ids[0]}").body
                assert {**order, "sequence": ""} == {**asked, "sequence": ""}
        wanted = {row["asset"]: row for row in door.ann.ask("GET", "/v1/balances").body["balances"]}

        def balances() -> dict[str, Any]:
            stream.hear(1.0)
            return {row["asset"]: row for update in stream.updates("balances") for row in update["data"]}

        until(lambda: balances() == wanted, f"balances are not {wanted}")
        held = door.ann.ask("GET", "/v1/positions").body["positions"][0]

        def position() -> dict[str, Any]:
            stream.hear(1.0)
            found: dict[str, Any] = stream.updates("positions")[-1]["data"][0]
            return found

        until(lambda: position() == held, f"the position is not {held}")


def test_newcomer_has_the_live_orders_of_its_account(door: Floor) -> None:
    """A snapshot of the feed that is open equals the query; what is told later joins it."""
    with door.stream("bob") as first, door.stream("bob", at=1) as other:
        first.ask("SUBSCRIBE", channels=["orders"])
        for price in ("400.00", "401.00", "402.00"):
            assert door.bob.ask("POST", "/v1/orders", SELL | {"price": price}).status == 201
        live = door.bob.ask("GET", "/v1/orders/open").body["orders"]
        for stream in (other, first):  # a second subscription is told the snapshot again
            stream.listen(0.5)
            stream.frames.clear()
            stream.ask("SUBSCRIBE", channels=["orders"])
            there = stream.update(lambda each: each["channel"] == "orders" and each["kind"] == "snapshot")
            assert there["data"] == live
        assert door.bob.ask("DELETE", "/v1/orders").body["cancelled"] == 3


@contextmanager
def seen_by_the_other(door: Floor, order_id: str) -> Iterator[None]:
    """The other gateway has come to an order's end as well: what it has not is told as it comes."""
    with door.stream("ann", at=1) as watch:
        watch.ask("SUBSCRIBE", channels=["orders", "executions"])
        watch.update(of_channel("executions"))
        yield
        watch.update(rest(order_id))


@pytest.mark.req("E089")
def test_who_comes_back_is_told_what_was_missed_by_any_gateway(door: Floor) -> None:
    """The token restores subscriptions at the other gateway; orders and executions come from the log."""
    with door.stream("ann") as stream:
        stream.ask("SUBSCRIBE", channels=["orders", "executions"])
        stream.update(of_channel("orders"))
        told = stream.ask("SUBSCRIBE", channels=["book"], instrumentIds=[SYMBOL])
        kept = door.ann.ask("POST", "/v1/orders", SELL | {"price": "160.00", "qty": "0.4"}).body["orderId"]
        ended = door.ann.ask("POST", "/v1/orders", SELL | {"price": "161.00"}).body["orderId"]
        stream.update(lambda each: each["channel"] == "orders" and f"'{ended}'" in repr(each["data"]))
        private = [each for each in stream.updates() if "account" in each]
        assert private[0]["kind"] == "snapshot"
        sequence = max(int(each["sequence"]) for each in private)
    with seen_by_the_other(door, ended):
        with door.trader(12) as bob:
            bob.limit(SYMBOL, "buy", "0.1", "160.00")
        assert door.ann.ask("DELETE", f"/v1/orders/{ended}").status == 200
    resume = {"token": told["resumeToken"], "sequence": str(sequence)}
    with Stream(door.port + 1) as back:
        welcome = back.log_on(door.ann, resume=resume)
        assert (welcome["type"], welcome["resumed"]) == ("WELCOME", True)
        back.update(lambda each: each["channel"] == "book")
        orders = back.updates("orders")
        assert [each["kind"] for each in orders] == ["update", "snapshot"]
        assert [(row["orderId"], row["orderStatus"]) for row in orders[0]["data"]] == [
            (kept, "partially_filled"), (ended, "canceled"),
        ]  # fmt: skip
        asked = door.ann.ask("GET", f"/v1/orders/{ended}").body
        assert orders[0]["data"][1]["enteredAt"] == asked["enteredAt"]
        assert [row["orderId"] for row in orders[1]["data"]] == [kept]
        (executions,) = back.updates("executions")
        assert (executions["kind"], [row["orderId"] for row in executions["data"]]) == ("snapshot", [kept])
        assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 1
        back.update(rest(kept))
        assert len(of(back, "orders")) == 3
    # A token of another one, or a forged one: the stream is open, and empty.
    for token, who in ((told["resumeToken"], "bob"), ("A" * 80, "ann"), ("no base64 !", "ann")):
        with Stream(door.port) as other:
            failed = other.log_on(door.programs[who], resume={"token": token, "sequence": "1"})
            welcome = other.until(lambda frame: frame["type"] == "WELCOME")
            assert (failed["error"]["code"], welcome["resumed"]) == (9403, False)
            other.listen(0.5)
            assert other.updates() == []


@pytest.mark.req("E089")
def test_who_the_handshake_named_comes_back_by_a_logon_without_a_credential(door: Floor) -> None:
    """As a browser does, whose cookie no script reads: once, before any subscription; WELCOME answers."""

    def handshake() -> dict[str, str]:
        key = door.ann.key
        return signature(key["algorithm"], key["key_id"], key["secret"], "GET", "/v1/stream", b"")

    with Stream(door.port, additional_headers=handshake()) as stream:
        token = stream.ask("SUBSCRIBE", channels=["executions", "orders"])["resumeToken"]
        stream.update(of_channel("executions"))
        sold = door.ann.ask("POST", "/v1/orders", SELL | {"price": "170.00", "qty": "0.2"}).body["orderId"]
        stream.update(lambda each: each["channel"] == "orders" and f"'{sold}'" in repr(each["data"]))
        sequence = max(int(each["sequence"]) for each in stream.updates())
    with seen_by_the_other(door, sold), door.trader(12) as bob:
        for _ in range(2):
            bob.limit(SYMBOL, "buy", "0.1", "170.00")
    resume = {"token": token, "sequence": str(sequence)}
    with Stream(door.port + 1, additional_headers=handshake()) as back:
        first = back.until(lambda frame: frame["type"] == "WELCOME")
        assert first["resumed"] is False
        for more in ({}, {"resume": resume, "token": "x"}, {"resume": resume} | logon_of(door.ann)):
            assert back.ask("LOGON", **more)["error"]["name"] == "ALREADY_LOGGED_ON"
        welcome = back.ask("LOGON", resume=resume)
        assert (welcome["type"], welcome["resumed"]) == ("WELCOME", True)
        told = back.update(of_channel("executions"))
        assert [(row["orderId"], row["lastQty"]) for row in told["data"]] == [(sold, "0.1000")] * 2
        assert back.ask("LOGON", resume=resume)["error"]["name"] == "ALREADY_LOGGED_ON"


def test_orders_end_with_their_stream_where_that_is_wished(door: Floor) -> None:
    """Those entered on it, and no others; a stream that did not wish it leaves them."""
    other = door.ann.ask("POST", "/v1/orders", SELL | {"price": "170.00"}).body["orderId"]
    with door.stream("ann") as stays:
        left = stays.ask("ORDER", order=SELL | {"price": "171.00"})["order"]["orderId"]
    with door.stream("ann", cancelOnDisconnect=True) as stream:
        ids = [
            stream.ask("ORDER", order=SELL | {"price": f"{172 + at}.00"})["order"]["orderId"]
            for at in range(3)
        ]
    with door.stream("ann", cancelOnDisconnect=True) as stream:
        ids.append(stream.ask("ORDER", order=SELL | {"price": "180.00"})["order"]["orderId"])
        stream.socket.socket.close()  # without a word

    def live() -> list[str]:
        return [each["orderId"] for each in door.ann.ask("GET", "/v1/orders/open").body["orders"]]

    until(lambda: not set(live()) & set(ids), "they live")
    assert live() == [other, left]
    assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 2
    with Stream(door.port) as reader:
        refused = reader.log_on(door.programs["looker"], cancelOnDisconnect=True)
        assert refused["error"]["name"] == "SCOPE_MISSING"


def test_bad_requests_are_answered_by_their_numbers(door: Floor) -> None:
    """One clear error each, nothing changes, the stream stays."""
    with door.stream("ann") as stream:
        before = door.ann.ask("GET", "/v1/orders/open").body
        for op, fields, name in (
            ("DANCE", {}, "UNKNOWN_OP"),
            ("SUBSCRIBE", {"channels": ["gossip"]}, "NOT_SUBSCRIBABLE"),
            ("SUBSCRIBE", {"channels": ["ticker"]}, "INVALID_BODY"),
            ("SUBSCRIBE", {"channels": ["ticker"], "instrumentIds": ["NO-SUCH"]}, "UNKNOWN_INSTRUMENT"),
            ("SUBSCRIBE", {"channels": []}, "INVALID_BODY"),
            ("SUBSCRIBE", {"channels": ["orders"], "account": [11]}, "INVALID_BODY"),
            ("SUBSCRIBE", {"channels": ["orders"], "accounts": [12]}, "UNKNOWN_ACCOUNT"),
            (
                "SUBSCRIBE",
                {"channels": ["candles"], "instrumentIds": [SYMBOL], "interval": "2m"},
                "INVALID_BODY",
            ),
            ("LOGON", {"token": "x"}, "ALREADY_LOGGED_ON"),
            ("ORDER", {}, "INVALID_BODY"),
            ("ORDER", {"order": SELL | {"price": 100}}, "MUST_BE_STRING"),
            ("ORDER", {"order": SELL | {"price": "1.001"}}, "BAD_DECIMAL"),
            ("ORDER", {"order": SELL | {"account": 12}}, "UNKNOWN_ACCOUNT"),
            (
                "ORDER",
                {"order": SELL | {"side": "buy", "price": "9000.00", "qty": "900"}},
                "INSUFFICIENT_FUNDS",
            ),
            ("CANCEL", {}, "INVALID_BODY"),
            ("CANCEL", {"orderId": "1", "clientOrderId": "x"}, "INVALID_BODY"),
            ("CANCEL", {"orderId": "99999999"}, "UNKNOWN_ORDER"),
            ("REPLACE", {"orderId": "99999999", "change": {"price": "1.00"}}, "UNKNOWN_ORDER"),
        ):
            answer = stream.ask(op, **fields)
            assert (answer["type"], answer.get("error", {}).get("name")) == ("ERROR", name), (
                op,
                fields,
                answer,
            )
        assert door.ann.ask("GET", "/v1/orders/open").body == before
        assert stream.ask("PING", at="still here")["at"] == "still here"
        most = [f"{SYMBOL}"]
        for interval in ("1s", "1m", "5m", "15m", "1h", "4h", "1d"):
            stream.ask("SUBSCRIBE", channels=["candles"], instrumentIds=most, interval=interval)
        assert (
            stream.ask("SUBSCRIBE", channels=["ticker", "book", "trades", "mark"], instrumentIds=most)[
                "subscriptions"
            ]
            == 11
        )
        answer = stream.ask("SUBSCRIBE", channels=PRIVATE)
        assert answer["error"]["name"] == "TOO_MANY_SUBSCRIPTIONS"
        assert stream.ask("SUBSCRIBE", channels=["orders"])["subscriptions"] == 12
        assert {each["budget"] for each in stream.ask("RATES")["budgets"]} == {"ip", "key", "tenant"}
    with Stream(door.port, MARKET) as anybody:
        anybody.hear()
        for op, fields, name in (
            ("SUBSCRIBE", {"channels": ["orders"]}, "NOT_SUBSCRIBABLE"),
            ("LOGON", {"token": "x"}, "UNKNOWN_OP"),
            ("ORDER", {"order": SELL}, "UNKNOWN_OP"),
            ("RATES", {}, "UNKNOWN_OP"),
        ):
            assert anybody.ask(op, **fields)["error"]["name"] == name


def test_nothing_of_another_tenant_is_told_over_any_channel(door: Floor) -> None:
    """While tenant 1 trades, programs of tenant 2 ask for its accounts in every way and hear of none."""
    with door.stream("eve") as eve, door.stream("free", at=1) as free, door.stream("ann") as ann:
        for stream in (eve, free):
            for accounts in ([11], [12], [11, 21], [21, 12]):
                for channel in PRIVATE:
                    answer = stream.ask("SUBSCRIBE", channels=[channel], accounts=accounts)
                    assert answer["error"]["name"] == "UNKNOWN_ACCOUNT", (channel, accounts)
            told = stream.ask("SUBSCRIBE", channels=PRIVATE)
            assert told["accounts"] == [21]
            stream.ask("SUBSCRIBE", channels=["ticker", "book", "trades"], instrumentIds=[SYMBOL], raw=True)
        secret = f"secret-{secrets.token_hex(4)}"
        order = ann.ask("ORDER", order=SELL | {"price": "120.00", "clientOrderId": secret})["order"]
        with door.trader(12) as bob:
            bob.limit(SYMBOL, "buy", "0.2", "120.00")
        eve_order = eve.ask("ORDER", order=SELL | {"price": "130.00"})["order"]
        assert eve.ask("CANCEL", orderId=order["orderId"])["error"]["name"] == "UNKNOWN_ORDER"
        assert eve.ask("MASS_CANCEL", account=11)["error"]["name"] == "UNKNOWN_ACCOUNT"
        for stream in (eve, free):
            stream.update(
                lambda each: (
                    each["channel"] == "orders"
                    and any(row["orderId"] == eve_order["orderId"] for row in each["data"])
                )
            )
            stream.listen(1)
            private = [each for each in stream.updates() if "account" in each]
            assert {each["account"] for each in private} == {21}
            assert {row["account"] for each in private for row in each["data"] if "account" in row} == {21}
            said = repr(stream.frames)
            assert secret not in said
            assert all("symbol" in each for each in stream.updates() if each not in private)
        assert ann.ask("MASS_CANCEL")["cancelled"] == 1
        assert eve.ask("MASS_CANCEL")["cancelled"] == 1


def test_accounts_of_one_key_are_told_by_account(door: Floor) -> None:
    """A key of two accounts hears both, and can be told of one alone; then nothing more of it."""
    with door.stream("many") as stream:
        assert stream.ask("SUBSCRIBE", channels=["orders"])["accounts"] == [11, 12]
        stream.update(lambda each: each["account"] == 11)
        assert stream.ask("UNSUBSCRIBE", channels=["orders"], accounts=[12])["subscriptions"] == 1
        stream.frames.clear()
        for program in (door.bob, door.ann):
            assert program.ask("POST", "/v1/orders", SELL | {"price": "190.00"}).status == 201
        stream.update(lambda each: each["kind"] == "update")
        time.sleep(0.5)
        stream.listen(0.5)
        assert {each["account"] for each in stream.updates()} == {11}
        for program in (door.bob, door.ann):
            assert program.ask("DELETE", "/v1/orders").body["cancelled"] == 1
