"""Whatever of another tenant is named on a stream, and whatever they do: nothing of it is told."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.client.rest.streams import PRIVATE_CHANNELS, PUBLIC_CHANNELS
from tests.gateway.door import BUY, SELL
from tests.gateway.stream.floor import SYMBOL, Floor
from tests.gateway.stream.socket import Frame, Stream, of_channel

NOBODYS_ACCOUNT = 4_711
ANNS_ACCOUNT, OF_HER_TENANT = 11, 12
prices = itertools.count(1)
SETTINGS = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)


@pytest.fixture(scope="module", params=["eve", "free"])
def other(door: Floor, request: pytest.FixtureRequest) -> Iterator[Stream]:
    """A stream of tenant 2, told of all that it may: of its own account, of all of the tenant."""
    with door.stream(request.param) as stream:
        stream.ask("SUBSCRIBE", channels=list(PRIVATE_CHANNELS), raw=True)
        stream.ask("SUBSCRIBE", channels=list(PUBLIC_CHANNELS), instrumentIds=[SYMBOL])
        yield stream


def ask(stream: Stream, op: str, **fields: Any) -> Frame:
    """An answer, past the budget of a key."""
    while True:
        answer = stream.ask(op, **fields)
        if answer["type"] != "ERROR" or answer["error"]["name"] != "RATE_LIMITED":
            return answer
        stream.listen(0.5)


def shown(answer: Frame, names: dict[str, str]) -> str:
    """What is left of an answer without what is another one each time."""
    error = {name: each for name, each in answer["error"].items() if name != "correlation_id"}
    text = json.dumps(error, sort_keys=True)
    for name, value in names.items():
        text = text.replace(value, f"<{name}>")
    return text


@pytest.mark.req("E099")
@pytest.mark.parametrize("channel", PRIVATE_CHANNELS)
@SETTINGS
@given(
    accounts=st.lists(
        st.sampled_from([ANNS_ACCOUNT, OF_HER_TENANT, 21]), min_size=1, max_size=3, unique=True
    ),
    more=st.lists(st.sampled_from(PRIVATE_CHANNELS), max_size=2, unique=True),
    raw=st.booleans(),
)
def test_channel_of_another_tenants_account_is_as_that_of_nobodys(
    door: Floor, channel: str, accounts: list[int], more: list[str], raw: bool
) -> None:
    """Refused alike, with whatever else is named beside it; and nothing was subscribed."""
    for who in ("eve", "free"):
        with door.stream(who) as stream:
            answers = []
            for theirs in (accounts, [NOBODYS_ACCOUNT if each != 21 else each for each in accounts]):
                named = list(dict.fromkeys(theirs))
                answer = ask(stream, "SUBSCRIBE", channels=[channel, *more], accounts=named, raw=raw)
                if set(named) == {21}:
                    assert answer["type"] == "SUBSCRIBED"
                    assert ask(stream, "UNSUBSCRIBE", channels=[channel, *more])["subscriptions"] == 0
                    continue
                assert answer["error"]["name"] == "UNKNOWN_ACCOUNT"
                first = next(str(each) for each in named if each != 21)
                answers.append(shown(answer, {"account": first}))
                left = ask(stream, "UNSUBSCRIBE", channels=[channel, *more], accounts=[21])
                assert left["subscriptions"] == 0
            assert len(set(answers)) <= 1, answers
            assert stream.updates() == [] or set(accounts) == {21}


@pytest.mark.req("E099")
@SETTINGS
@given(
    acts=st.lists(st.sampled_from(["rest", "trade", "transfer", "change", "refused"]), min_size=1, max_size=4)
)
def test_what_another_tenant_does_is_told_on_none_of_the_private_channels(
    door: Floor, other: Stream, acts: list[str]
) -> None:
    """Orders, trades and money of ann: her stream has each, no frame of tenant 2 a word of them."""
    with ExitStack() as opened:
        ann = opened.enter_context(door.stream("ann"))
        for channel in PRIVATE_CHANNELS:
            ask(ann, "SUBSCRIBE", channels=[channel], raw=True)
            ann.update(of_channel(channel))
        ann.frames.clear()
        other.frames.clear()
        secret = [_act(door, act) for act in acts]
        for each in filter(None, secret):
            ann.update(partial(_has, each))
        other.ask("PING")
        other.listen(0.3)
        heard = json.dumps(other.frames)
        for each in (*secret, *_ids(ann)):
            assert not each or each not in heard
        for update in other.updates():
            assert update.get("account") in {None, 21}
            assert update["channel"] in PUBLIC_CHANNELS, update
        for program in (door.ann, door.bob):
            assert program.ask("DELETE", "/v1/orders").status == 200


def _has(own: str, update: Frame) -> bool:
    return own in json.dumps(update)


def _act(door: Floor, act: str) -> str:
    """Something that ann does; the name of it that her stream has, if any."""
    own, price = f"own-{secrets.token_hex(6)}", f"{300 + next(prices) % 100}.00"
    if act == "transfer":
        body = {"asset": "USD", "amount": "0.01", "toAccount": OF_HER_TENANT}
        key = {"idempotency-key": own}
        assert door.ann.ask("POST", "/v1/transfers", body, **key).status in {200, 201}
        return ""
    order = SELL | {"price": price, "clientOrderId": own}
    if act == "refused":
        assert door.ann.ask("POST", "/v1/orders", order | {"qty": "1000000.0"}).status >= 400
        return ""
    made = door.ann.ask("POST", "/v1/orders", order)
    assert made.status == 201, made.content
    if act == "change":
        assert door.ann.ask("PATCH", f"/v1/orders/{made.body['orderId']}", {"qty": "0.4"}).status == 200
    if act == "trade":
        assert door.bob.ask("POST", "/v1/orders", BUY | {"price": price, "qty": "0.1"}).status == 201
    return own


def _ids(stream: Stream) -> set[str]:
    """Of all orders that a stream was told of, as they stand in JSON."""
    return {
        f'"orderId": "{row["orderId"]}"'
        for channel in ("orders", "executions")
        for update in stream.updates(channel)
        for row in update["data"]
    }


def test_orders_of_another_tenant_are_entered_changed_and_resumed_by_nobody(door: Floor) -> None:
    """By id, by the client's id, by account; and a token to resume by is its owner's alone."""
    own = f"own-{secrets.token_hex(6)}"
    made = door.ann.ask("POST", "/v1/orders", SELL | {"price": "444.00", "clientOrderId": own}).body
    with door.stream("ann") as ann:
        token = ann.ask("SUBSCRIBE", channels=["orders"])["resumeToken"]
    for who in ("eve", "free"):
        with Stream(door.port) as stream:
            refused = stream.log_on(door.programs[who], resume={"token": token, "sequence": "1"})
            assert refused["error"]["name"] == "BAD_RESUME_TOKEN"
            assert stream.until(lambda frame: frame["type"] == "WELCOME")["resumed"] is False
            nobody = {"orderId": str(10**9 + int(made["orderId"])), "clientOrderId": "own-0"}
            theirs = {"orderId": made["orderId"], "clientOrderId": own}
            for op, more in (("CANCEL", {}), ("REPLACE", {"change": {"price": "445.00"}})):
                for name in ("orderId", "clientOrderId"):
                    for account in (21, ANNS_ACCOUNT):
                        found = set()
                        for ids in (theirs, nobody):
                            said = {name: ids[name], **more}
                            if op == "REPLACE":
                                said["change"] = more["change"] | {"account": account}
                            else:
                                said["account"] = account
                            answer = ask(stream, op, **said)
                            found.add(shown(answer, {"id": ids[name]}))
                        assert len(found) == 1, found
                        assert "UNKNOWN_" in found.pop()
            answer = ask(stream, "MASS_CANCEL", account=ANNS_ACCOUNT)
            assert answer["error"]["name"] == "UNKNOWN_ACCOUNT"
            order = ask(stream, "ORDER", order=SELL | {"account": ANNS_ACCOUNT})
            assert order["error"]["name"] == "UNKNOWN_ACCOUNT"
            stream.listen(0.3)
            assert stream.updates() == []
    looked = door.ann.ask("GET", f"/v1/orders/{made['orderId']}").body
    assert (looked["orderStatus"], looked["price"]) == ("open", "444.00")
    assert door.ann.ask("DELETE", f"/v1/orders/{made['orderId']}").status == 200
