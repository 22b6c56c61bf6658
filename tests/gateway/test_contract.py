"""The gateway keeps to its OpenAPI document; and what did not, when it was first asked by chance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.contract import campaign, furnish
from tests.gateway.door import SELL, Open
from tests.gateway.running import LARGE, running

REQUESTS = 900
# These need a password, a session or a key that chance does not name, or a demo that this exchange has not.
NOT_BY_CHANCE = {
    "POST /v1/sessions", "POST /v1/sessions/demo", "DELETE /v1/sessions/current",
    "DELETE /v1/sessions/{sessionId}", "PUT /v1/users/me/password", "POST /v1/api-keys/{keyId}/rotate",
    "DELETE /v1/api-keys/{keyId}", "POST /v1/users",
}  # fmt: skip


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With budgets that nobody empties."""
    with running(tmp_path_factory.mktemp("contract") / "data", *LARGE) as made:
        furnish(made)
        yield made


@pytest.mark.parametrize(
    ("target", "status", "name"),
    [
        ("/v1/orders/open?cursor=9223372036854775808", 400, "INVALID_PARAMETER"),
        ("/v1/orders?cursor=81223502255657126281", 400, "INVALID_PARAMETER"),
        ("/v1/orders?orderId=9223372036854775808", 400, "INVALID_PARAMETER"),
        ("/v1/executions?cursor=58122350225565712628", 400, "INVALID_PARAMETER"),
        ("/v1/instruments/BTC-USD/trades?cursor=18446744073709551615", 400, "INVALID_PARAMETER"),
        ("/v1/orders/18446744073709551615", 404, "UNKNOWN_ORDER"),
        ("/v1/orders/client/foreign_keys%20%3D%20ON", 404, "UNKNOWN_ORDER"),
    ],
)  # fmt: skip
def test_number_or_name_that_nothing_has_is_no_accident(
    door: Open, target: str, status: int, name: str
) -> None:
    """Numbers beyond what is stored, and ids with a space, were 500."""
    answer = door.ann.ask("GET", target)
    assert (answer.status, answer.name) == (status, name)
    largest = door.ann.ask("GET", "/v1/orders/open?cursor=9223372036854775807")
    assert largest.body == {"orders": [], "nextCursor": None}


def test_id_of_a_mass_cancel_names_no_order(door: Open) -> None:
    """It was 500 to cancel, or change, the `order` of that name."""
    assert door.ann.ask("DELETE", "/v1/orders?clientOrderId=all-1").status == 200
    asked = [
        door.ann.ask("GET", "/v1/orders/client/all-1"),
        door.ann.ask("DELETE", "/v1/orders/client/all-1"),
        door.ann.ask("PATCH", "/v1/orders/client/all-1", {"price": "1.00"}),
    ]
    assert [(each.status, each.name) for each in asked] == [(404, "UNKNOWN_ORDER")] * 3


def test_order_that_ended_is_found_whole_by_the_id_of_its_cancel(door: Open) -> None:
    """It was entered in 1970."""
    order = door.ann.ask("POST", "/v1/orders", SELL | {"price": "700.00"}).body
    door.ann.ask("DELETE", f"/v1/orders/{order['orderId']}?clientOrderId=gone-1")
    named = door.ann.ask("GET", "/v1/orders/client/gone-1").body
    assert (named["orderId"], named["enteredAt"]) == (order["orderId"], order["timestamp"])


@pytest.mark.parametrize("key", ["a b", "x" * 129, "\xe4"])
def test_idempotency_key_is_what_the_document_says(door: Open, key: str) -> None:
    """1 to 128 characters, none of them a space; nothing is entered."""
    answer = door.ann.ask("POST", "/v1/orders", SELL | {"price": "700.00"}, idempotency_key=key)
    assert (answer.status, answer.name) == (400, "INVALID_PARAMETER")
    assert door.ann.ask("GET", "/v1/orders/open").body["orders"] == []


@pytest.mark.req("A005")
def test_answers_are_as_the_document_says(door: Open) -> None:
    """No 5xx, no status, content type or body that it does not have, nothing accepted that it forbids."""
    found = campaign(door, REQUESTS)
    assert found.failures == []
    assert found.requests >= REQUESTS
    said = {status for counted in found.statuses.values() for status in counted}
    assert {200, 201, 400, 404, 409} <= said
    reached = {name for name, counted in found.statuses.items() if any(status < 300 for status in counted)}
    assert set(found.statuses) - reached <= NOT_BY_CHANCE
