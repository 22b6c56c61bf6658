"""Nothing of another tenant can be seen or changed: by any query, stream or command, also by guessed ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmatch.rejects import RejectCode
from exchange.client import Client
from exchange.client.questions import SERVICES as SERVICE_OF
from exchange.domain import queries as q
from exchange.domain.enums import OrderStatus
from exchange.embedded import Exchange
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller
from exchange.topology.services import SERVICES

OURS, THEIRS = 5, 6
OUR_ACCOUNTS, THEIR_ACCOUNTS = (1, 2), (3, 4)
# Theirs alone: wherever one of these appears, something was seen.
CANARY = "canary-client-order"
CANARY_AMOUNT = "777777.77"
CANARY_MINOR = 777_777_770_000
REQUESTS = sorted((kind for spec in SERVICES for kind in spec.queries), key=lambda kind: kind.__name__)


class World:
    """An exchange with two tenants of two accounts each; theirs have orders, fills and holds."""

    def __init__(self) -> None:
        self.exchange = Exchange.embedded()
        # As on a socket that keys protect: who connects is what its key says, not what it says itself.
        self.exchange._options.sequencer["trusts_peers"] = False
        self.exchange.crash()
        self.exchange.restart()
        assert self.exchange.core is not None
        permit = self.exchange.core.sequencer.permit
        permit("operator", 0, trades=True, administers=True)
        for tenant, accounts in ((OURS, OUR_ACCOUNTS), (THEIRS, THEIR_ACCOUNTS)):
            for account in accounts:
                permit(f"trader{account}", tenant, trades=True, administers=False)
        operator = self.exchange.client("operator")
        admin = operator.admin
        admin.define_asset(1, "BTC", 8)
        admin.define_asset(2, "USD", 6)
        admin.define_instrument(
            1, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, max_price="100000.00"
        )
        for tenant, accounts in ((OURS, OUR_ACCOUNTS), (THEIRS, THEIR_ACCOUNTS)):
            for account in accounts:
                assert admin.open_account(account, tenant=tenant).ok
                amount = CANARY_AMOUNT if tenant == THEIRS else "1000000"
                assert admin.deposit("USD", amount, account=account).ok
                assert admin.deposit("BTC", "10", account=account).ok
        self.them = {account: self._client(THEIRS, account) for account in THEIR_ACCOUNTS}
        first, second = self.them.values()
        self.their_orders = [
            first.limit("BTC-USD", "sell", "0.5", "90000.00", client_order_id=f"{CANARY}-1").order_id,
            second.limit("BTC-USD", "buy", "0.2", "90000.00", client_order_id=f"{CANARY}-2").order_id,
            second.limit("BTC-USD", "buy", "0.3", "10000.00", client_order_id=f"{CANARY}-3").order_id,
        ]
        admin.reserve("USD", "11.11", account=4, transfer_id=999)
        self.us = {account: self._client(OURS, account) for account in OUR_ACCOUNTS}
        self.streams = [client.reports() for client in self.us.values()]
        self.before = self.theirs()

    def _client(self, tenant: int, account: int) -> Client:
        client = self.exchange.client(f"trader{account}", tenant=tenant, account=account)
        client.load_instruments()
        return client

    def ask(self, request: Any, tenant: int) -> Any:
        """One query, as a caller of a tenant; what it was refused with."""
        spec = next(spec for spec in SERVICES if spec.name == SERVICE_OF[type(request)])
        try:
            return spec.queries[type(request)](self.exchange.ports, request, Caller(tenant))
        except RpcError as refused:
            return refused

    def theirs(self) -> list[Any]:
        """All that they can see of themselves, without the journal's sequence."""
        seen = []
        for account in THEIR_ACCOUNTS:
            for request in (
                q.OpenOrdersRequest(account=account),
                q.OrderHistoryRequest(account=account),
                q.BalancesRequest(account=account),
                q.ReservationsRequest(account=account),
                q.PositionsRequest(account=account),
                q.LimitsRequest(account=account, instrument_id=1),
                q.TradesRequest(account=account),
                q.AccountsRequest(account=account),
            ):
                reply = self.ask(request, THEIRS)
                seen.append([getattr(reply, each.name) for each in fields(reply) if each.name != "sequence"])
        return seen


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One for all examples: what they must not change they may not change together either."""
    made = World()
    yield made
    made.exchange.close()


# Ids as one would guess them: all small ones, ours, theirs, and the ends of the range.
IDS = st.one_of(st.integers(0, 40), st.sampled_from([2**31, 2**32 - 1, 2**63, 2**64 - 1]))
TEXTS = st.sampled_from(["", "x", f"{CANARY}-1", f"{CANARY}-2", f"{CANARY}-3"])


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """Any query with any numbers."""
    kind = draw(st.sampled_from(REQUESTS))
    values: dict[str, Any] = {}
    for each in fields(kind):
        if each.name == "client_order_id":
            values[each.name] = draw(TEXTS)
        elif each.name in ("instrument_id", "asset"):
            values[each.name] = draw(IDS) % 2**32  # wider ones have no form on the wire
        elif each.name in ("account", "order_id", "after"):
            values[each.name] = draw(IDS)
        elif each.name in ("limit", "depth"):
            values[each.name] = draw(st.integers(0, 50))
    return kind(**values)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests())
@pytest.mark.req("C084", "E099")
def test_no_query_tells_of_another_tenant(world: World, request: Any) -> None:
    """Refused as if it were not there, or answered with ours and with the public book alone."""
    named = getattr(request, "account", 0)
    reply = world.ask(request, OURS)
    if isinstance(reply, RpcError):
        assert reply.code in (RpcStatus.NOT_FOUND, RpcStatus.INVALID_ARGUMENT)
        if reply.code is RpcStatus.NOT_FOUND and named and named not in OUR_ACCOUNTS:
            # The same words for an account of theirs and for one that nobody has.
            assert reply.message in (
                f"account {named} is not known",
                f"instrument {getattr(request, 'instrument_id', 0)} is not known",
            )
        return
    assert named in (0, *OUR_ACCOUNTS)
    shown = repr(reply)
    assert CANARY not in shown
    assert str(CANARY_MINOR) not in shown
    assert all(getattr(row, "account", 1) in OUR_ACCOUNTS for row in _rows(reply))
    if named:
        assert not any(getattr(row, "order_id", 0) in world.their_orders for row in _rows(reply))


def _rows(reply: Any) -> list[Any]:
    return [
        row for each in fields(reply) if isinstance(rows := getattr(reply, each.name), tuple) for row in rows
    ]


ACTIONS = st.sampled_from(
    [
        *("cancel", "cancel by client id", "replace", "mass cancel", "new", "transfer out", "transfer in"),
        *("deposit", "withdraw", "reserve", "post", "void", "countdown", "kill account", "kill tenant"),
        *("set limits", "open account", "set stage", "kill venue", "mark", "phase"),
    ]
)


def act(client: Client, what: str, account: int, order_id: int, text: str) -> Any:
    """One command of ours on an account or order that may be theirs; its price never meets their orders."""
    admin = client.admin
    calls: dict[str, Callable[[], Any]] = {
        "cancel": lambda: client.cancel(order_id, account=account, instrument=1),
        "cancel by client id": lambda: client.cancel(text or "none", account=account, instrument=1),
        "replace": lambda: client.replace(order_id, price="20000.00", account=account, instrument=1),
        "mass cancel": lambda: client.mass_cancel(account=account),
        "new": lambda: client.limit("BTC-USD", "buy", "0.001", "5000.00", account=account),
        "transfer out": lambda: admin.transfer("USD", "1", to=1, account=account),
        "transfer in": lambda: admin.transfer("USD", "1", to=account, account=1),
        "deposit": lambda: admin.deposit("USD", "1", account=account),
        "withdraw": lambda: admin.withdraw("USD", "1", account=account),
        "reserve": lambda: admin.reserve("USD", "1", account=account),
        "post": lambda: admin.post("USD", "1", to=1, reservation_id=999, account=account),
        "void": lambda: admin.void("USD", reservation_id=999, account=account),
        "countdown": lambda: admin.set_countdown(10**9, account=account),
        "kill account": lambda: admin.kill("account", on=True, account=account),
        "kill tenant": lambda: admin.kill("tenant", on=True, tenant=THEIRS),
        "set limits": lambda: admin.set_limits(account=account, max_open_orders=1),
        "open account": lambda: admin.open_account(account or 9, tenant=OURS),
        "set stage": lambda: admin.set_stage(away=True),
        "kill venue": lambda: admin.kill("venue", on=True),
        "mark": lambda: admin.set_mark("BTC-USD", "1.00"),
        "phase": lambda: admin.set_phase("BTC-USD", "halted"),
    }
    return calls[what]()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    who=st.sampled_from(OUR_ACCOUNTS),
    what=ACTIONS,
    account=st.sampled_from([0, 1, 2, 3, 4, 9, 2**32]),
    order_id=st.integers(1, 40),
    text=TEXTS,
)
@pytest.mark.req("E099")
def test_no_command_changes_another_tenant(
    world: World, who: int, what: str, account: int, order_id: int, text: str
) -> None:
    """Refused, or without effect on them; and nothing of theirs comes on our streams."""
    with suppress(RpcError, ValueError, LookupError):
        act(world.us[who], what, account, order_id, text)
    world.exchange.clock.advance(seconds=2)  # a countdown would end now
    assert world.theirs() == world.before
    for stream in world.streams:
        for report in stream:
            if report.account not in OUR_ACCOUNTS:  # the refusal says the same of theirs and of nobody's
                assert report.reject is not None
                assert report.reject.number == RejectCode.UNKNOWN_ACCOUNT
                assert (report.leaves_qty, report.cum_qty) == (0, 0)
                assert report.order_status in (None, OrderStatus.REJECTED)
            assert CANARY not in repr(report)
