"""Row 52 of the faults, by HTTP and on a stream: budgets that are used up, kill switches, a halted market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exchange.domain.enums import Phase, RejectCode, Scope
from exchange.errors import GatewayFault
from exchange.services.identity.api_keys import Wanted
from tests.exchange.running import until
from tests.gateway.door import ANN, BOB, EVE, EVERY, SELL, Open
from tests.gateway.running import LARGE, operator, running
from tests.gateway.signed import Answer, Program
from tests.gateway.stream.socket import Stream

KEY_BURST, TENANT_BURST, CORE_BURST = 12, 40, 5
ASKED_MOST = 300
OF_ONE_TENANT = ("gus", "hal", "ivo", "kim")
SYMBOL = "BTC-USD"
ORDER = SELL | {"qty": "0.0100", "price": "900.00"}
Told = tuple[int, int, str]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With budgets that nobody empties."""
    with running(tmp_path_factory.mktemp("stops") / "data", *LARGE) as made:
        made.add(ANN, BOB, EVE)
        yield made


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With budgets that one batch empties: of a key at the gateway, of a session at the core."""
    bounds = (
        f"gateway.key_burst={KEY_BURST}", "gateway.key_per_s=1",
        f"gateway.tenant_burst={TENANT_BURST}", "gateway.tenant_per_s=1",
        f"sessions.orders_burst={CORE_BURST}", "sessions.orders_per_s=1",
    )  # fmt: skip
    with running(tmp_path_factory.mktemp("tight") / "data", *LARGE, *bounds) as made:
        made.add(ANN, EVE, Wanted(name="may", tenant=1, scopes=EVERY, accounts=(11,)))
        with operator(made.data) as client:
            client.admin.open_account(31, tenant=3)
        made.add(*(Wanted(name=name, tenant=3, scopes=EVERY, accounts=(31,)) for name in OF_ONE_TENANT))
        yield made


def by_http(program: Program, order: dict[str, Any]) -> Told:
    """Status, number and name of an order's answer."""
    answer = program.ask("POST", "/v1/orders", order)
    return (201, 0, "") if answer.status == 201 else (answer.status, answer.body["code"], answer.name)


def on_stream(stream: Stream, order: dict[str, Any]) -> Told:
    """The same; an error of a stream has no status of its own."""
    answer = stream.ask("ORDER", order=order)
    if answer["type"] == "RESULT":
        return 201, 0, ""
    return 0, answer["error"]["code"], answer["error"]["name"]


def refused(ask: Callable[[], Told]) -> tuple[Told, int]:
    """The first refusal by the gateway, and how many orders were taken before it."""
    taken = 0
    for _ in range(ASKED_MOST):
        told = ask()
        taken += told[0] == 201
        if told[0] != 201 and told[2] != RejectCode.SESSION_THROTTLED.name:
            return told, taken
    raise AssertionError("a budget of a dozen is never used up")


@contextmanager
def stream_of(door: Open, who: str) -> Iterator[Stream]:
    """A stream of somebody."""
    with Stream(door.port) as stream:
        assert stream.log_on(door.programs[who])["type"] == "WELCOME"
        yield stream


@pytest.mark.req("A007")
def test_budget_of_a_key_is_used_up_and_its_cancels_pass(tight: Open) -> None:
    """By HTTP and on a stream: 9201, nothing of it entered; what rests is cancelled all the same."""
    fault = GatewayFault.RATE_LIMITED
    batch = {"orders": [ORDER | {"qty": "0"}] * 20}  # weighs 10, and the exchange takes none of it
    told = None
    for _ in range(ASKED_MOST):
        answer = tight.ann.ask("POST", "/v1/orders/batch", batch)
        if answer.status != 200:
            told = answer
            break
    assert told is not None
    assert (told.status, told.body["code"], told.name) == (429, int(fault), fault.name)
    assert told.body["transient"] is True
    assert told.body["details"]["budget"] == "key"
    assert int(told.headers["retry-after"]) >= 1
    first, taken = refused(lambda: by_http(tight.ann, ORDER))
    assert first == (429, int(fault), fault.name)
    cancelled = tight.ann.ask("DELETE", "/v1/orders")
    assert (cancelled.status, cancelled.body["cancelled"]) == (200, taken)
    with stream_of(tight, "may") as stream:
        second, taken = refused(lambda: on_stream(stream, ORDER))
        assert second == (0, int(fault), fault.name)
        gone = stream.ask("MASS_CANCEL")
        assert (gone["status"], gone["cancelled"]) == (200, taken)


@pytest.mark.req("C099")
def test_budget_of_a_session_with_the_core_is_used_up_and_cancels_pass(tight: Open) -> None:
    """1007 for what is too much, in its place of a batch; what was taken is cancelled."""
    code = RejectCode.SESSION_THROTTLED
    batch = until(lambda: _batch(tight.eve, [ORDER] * 20), "the budgets of its key and tenant stay empty")
    told = [
        (each["status"], each["error"]["code"], each["error"]["name"]) if each["error"] else (201, 0, "")
        for each in batch.body["results"]
    ]
    taken = told.count((201, 0, ""))
    assert CORE_BURST <= taken < 20
    assert told[:CORE_BURST] == [(201, 0, "")] * CORE_BURST
    assert set(told) == {(201, 0, ""), (429, int(code), code.name)}
    cancelled = tight.eve.ask("DELETE", "/v1/orders")
    assert (cancelled.status, cancelled.body["cancelled"]) == (200, taken)


@pytest.mark.req("C099")
def test_budget_of_a_tenant_is_shared_by_its_keys_and_by_nobody_else(tight: Open) -> None:
    """Four keys of a tenant, each within its own; another tenant is served."""
    nothing = [ORDER | {"qty": "0"}] * 20
    until(lambda: _batch(tight.programs["gus"], nothing), "the budget of the tenant stays empty")

    def told() -> str:
        for who in OF_ONE_TENANT:
            answer = tight.programs[who].ask("POST", "/v1/orders/batch", {"orders": nothing})
            if answer.status == 429 and answer.body["details"]["budget"] == "tenant":
                return answer.name
        return ""

    assert until(told, "the budget of the tenant is not used up") == GatewayFault.RATE_LIMITED.name
    until(lambda: _batch(tight.eve, nothing), "another tenant waits, too")


def _batch(program: Program, orders: list[dict[str, Any]]) -> Answer | None:
    """The answer to a batch, once budgets have room for it."""
    answer = program.ask("POST", "/v1/orders/batch", {"orders": orders})
    assert answer.status in {200, 429}, answer.content
    return answer if answer.status == 200 else None


SCOPES: dict[Scope, dict[str, Any]] = {
    Scope.ACCOUNT: {"account": 11},
    Scope.TENANT: {"tenant": 1},
    Scope.INSTRUMENT: {"instrument": SYMBOL},
    Scope.VENUE: {},
}


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_kill_switch_stops_orders_by_http_and_on_streams(door: Open, scope: Scope) -> None:
    """3001 for whom it covers, what rests is cancelled, changes and cancels are answered; others go on."""
    code = RejectCode.KILLED
    covered = {"ann": True, "bob": scope is not Scope.ACCOUNT,
               "eve": scope in {Scope.INSTRUMENT, Scope.VENUE}}  # fmt: skip
    with operator(door.data) as client, stream_of(door, "ann") as ann, stream_of(door, "eve") as eve:
        resting = {
            who: door.programs[who].ask("POST", "/v1/orders", ORDER).body["orderId"] for who in covered
        }
        assert client.admin.kill(scope, on=True, **SCOPES[scope]).ok
        for who, is_covered in covered.items():
            program = door.programs[who]
            expected = (403, int(code), code.name) if is_covered else (201, 0, "")
            assert by_http(program, ORDER) == expected, who
            looked = program.ask("GET", f"/v1/orders/{resting[who]}").body["orderStatus"]
            assert looked == ("canceled" if is_covered else "open"), who
            changed = program.ask("PATCH", f"/v1/orders/{resting[who]}", {"price": "901.00"})
            assert changed.status == (404 if is_covered else 200), changed.content
            left = program.ask("DELETE", "/v1/orders")
            assert (left.status, left.body["cancelled"]) == (200, 0 if is_covered else 2), who
        assert on_stream(ann, ORDER) == (0, int(code), code.name)
        assert on_stream(eve, ORDER)[1] == (int(code) if covered["eve"] else 0)
        assert ann.ask("MASS_CANCEL")["cancelled"] == 0
        assert client.admin.kill(scope, on=False, **SCOPES[scope]).ok
        assert by_http(door.ann, ORDER) == (201, 0, "")
        assert on_stream(ann, ORDER) == (201, 0, "")
        assert ann.ask("MASS_CANCEL")["cancelled"] == 2
        assert eve.ask("MASS_CANCEL")["cancelled"] == (0 if covered["eve"] else 1)


def test_halted_instrument_takes_no_orders_and_lets_them_be_cancelled(door: Open) -> None:
    """4004 by HTTP and on a stream; what rests stays until its owner takes it away."""
    code = RejectCode.PHASE_FORBIDS
    with operator(door.data) as client, stream_of(door, "ann") as stream:
        first, second, third = (door.ann.ask("POST", "/v1/orders", ORDER).body["orderId"] for _ in range(3))
        assert client.admin.set_phase(SYMBOL, Phase.HALTED).ok
        assert by_http(door.ann, ORDER) == (409, int(code), code.name)
        assert on_stream(stream, ORDER) == (0, int(code), code.name)
        assert by_http(door.eve, ORDER) == (409, int(code), code.name)
        rests = {each["orderId"] for each in door.ann.ask("GET", "/v1/orders/open").body["orders"]}
        assert rests == {first, second, third}
        gone = door.ann.ask("DELETE", f"/v1/orders/{first}")
        assert (gone.status, gone.body["orderStatus"]) == (200, "canceled")
        assert stream.ask("CANCEL", orderId=second)["order"]["orderStatus"] == "canceled"
        for phase in (Phase.CALL_AUCTION, Phase.CONTINUOUS):
            assert client.admin.set_phase(SYMBOL, phase).ok
        assert by_http(door.ann, ORDER) == (201, 0, "")
        assert on_stream(stream, ORDER) == (201, 0, "")
        assert stream.ask("MASS_CANCEL")["cancelled"] == 3
