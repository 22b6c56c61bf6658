"""Whatever of another tenant is named, on any route: the answer is that of what does not exist."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.client.rest import RestClient
from exchange.security.api_keys import SCOPES
from exchange.services.gateway.calls import Route
from exchange.services.gateway.routes import ROUTES
from exchange.services.identity.api_keys import Wanted
from tests.gateway.door import ANN, EVE, EVERY, Open
from tests.gateway.rest import client_of
from tests.gateway.running import LARGE, running
from tests.gateway.signed import Answer

OF_KEYS = [route for route in ROUTES if route.scope in SCOPES]
NOBODYS_ACCOUNT = 4_711
# What is another one each time, whoever asks.
VOLATILE = {
    *("timestamp", "sequence", "correlation_id", "transferId", "enteredAt", "updatedAt", "version"),
    *("total", "available", "reserved", "openBuyQty", "openSellQty", "openOrders", "retryAfterMs"),
}
numbers = itertools.count(1)


@dataclass(frozen=True)
class Names:
    """What a request names: of another tenant, or of nobody."""

    account: int
    order_id: str
    client_order_id: str
    key: str
    cursor: str


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Ann is of tenant 1; eve of tenant 2 with one account, and free with any of tenant 2."""
    with running(tmp_path_factory.mktemp("isolation") / "data", *LARGE) as made:
        made.add(ANN, EVE, Wanted(name="free", tenant=2, scopes=EVERY))
        yield made


def of_ann(ann: RestClient) -> Names:
    """What ann has: a live order, ids and keys that she used, a place in her list."""
    own, key = (f"{kind}-{secrets.token_hex(6)}" for kind in ("own", "key"))
    order = ann.limit("BTC-USD", "buy", "0.01", f"{next(numbers) % 80 + 1}.00", client_order_id=own)
    ann.transfer("USD", "0.01", 12, idempotency_key=key)
    return Names(11, order.order_id, own, key, order.order_id)


def of_nobody(theirs: Names) -> Names:
    """As long, and nobody has it."""
    own, key = (f"{kind}-{secrets.token_hex(6)}" for kind in ("own", "key"))
    return Names(NOBODYS_ACCOUNT, str(10**9 + int(theirs.order_id)), own, key, theirs.cursor)


def request_of(route: Route, said: frozenset[str], names: Names) -> tuple[str, str, Any, dict[str, str]]:
    """Of a route, with what is said in it: method, target, body, headers."""
    path = route.path.replace("{orderId}", names.order_id).replace("{clientOrderId}", names.client_order_id)
    values = {
        "account": names.account,
        "orderId": names.order_id,
        "clientOrderId": names.client_order_id,
        "cursor": names.cursor,
    }
    fields = route.query.__struct_encode_fields__
    query = {name: values[name] for name in sorted(said) if name in values and name in fields}
    target = f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}" if query else path
    body: Any = None
    if route.body is not None:
        kind = route.body.__name__
        order = {"symbol": "BTC-USD", "side": "buy", "qty": "0.01", "price": "1.00"}
        bodies: dict[str, dict[str, Any]] = {
            "NewOrder": order,
            "Batch": order,
            "ReplaceOrder": {"price": "1.01"},
            "TransferMoney": {"asset": "USD", "amount": "0.01", "toAccount": names.account},
            "ThrowAccountSwitch": {"on": False},  # that one is stopped is in test_own_switch.py
        }
        fields = route.body.__struct_encode_fields__ if kind != "Batch" else ("account", "clientOrderId")
        body = bodies[kind] | {
            name: values[name] for name in said if name in values and name in fields and name != "orderId"
        }
        body = {"orders": [body]} if kind == "Batch" else body
    headers = {"idempotency-key": names.key} if "key" in said or route.keyed else {}
    return route.method, target, body, headers


def shown(answer: Answer, names: Names) -> tuple[int, Any]:
    """What is left of an answer without what is another one each time; the names that were said stand out."""
    known = {str(value): f"<{name}>" for name, value in vars(names).items() if name != "cursor"}

    def cleaned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: cleaned(each, name) for name, each in value.items() if name not in VOLATILE}
        if isinstance(value, list):
            return [cleaned(each, key) for each in value]
        if str(value) in known:
            return known[str(value)]
        return "<id>" if key in {"orderId", "clientOrderId"} else value

    return answer.status, cleaned(answer.body)


def orders_in(value: Any, key: str = "") -> set[str]:
    """The ids of all orders that an answer shows."""
    if isinstance(value, dict):
        return {found for name, each in value.items() for found in orders_in(each, name)}
    if isinstance(value, list):
        return {found for each in value for found in orders_in(each, key)}
    return {str(value)} if key == "orderId" else set()


def state_of(ann: RestClient, names: Names) -> Any:
    """What nobody else may change."""
    order = ann.order(names.order_id)
    return order.order_status, order.price, order.leaves_qty, ann.balances().balances


@pytest.mark.req("E099")
@pytest.mark.parametrize("who", ["eve", "free"])
@pytest.mark.parametrize("route", OF_KEYS, ids=lambda route: route.name)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)
@given(said=st.frozensets(st.sampled_from(["account", "orderId", "clientOrderId", "cursor", "key"])))
def test_what_is_of_another_tenant_does_not_exist(
    door: Open, route: Route, who: str, said: frozenset[str]
) -> None:
    """Ids, accounts, cursors and keys of ann, and such as nobody has: eve cannot tell which are which."""
    program = door.programs[who]
    with client_of(door.ann) as ann:
        theirs = of_ann(ann)
        absent = of_nobody(theirs)
        before = state_of(ann, theirs)
        answers = []
        for names in (theirs, absent):
            method, target, body, headers = request_of(route, said, names)
            answer = program.ask(method, target, body, **headers)
            answers.append((answer, shown(answer, names)))
            assert theirs.order_id not in orders_in(answer.body), answer.body
        (first, one), (second, other) = answers
        assert one == other, (route.name, sorted(said), first.body, second.body)
        assert state_of(ann, theirs) == before
        ann.mass_cancel()
    program.ask("DELETE", "/v1/orders?account=21")
