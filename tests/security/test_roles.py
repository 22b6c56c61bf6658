"""Every query and command has a rule; every role is refused what is not its own, in each service itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmatch import frames
from cmatch.frames import CommandList, ReportList
from cmatch.rejects import RejectCode
from exchange.bus.curve import Principal
from exchange.bus.rpc import NO_CONTEXT, Call, Dispatcher, Metadata
from exchange.domain.contracts import (
    GET_HISTORY,
    GET_MARK_PRICE,
    GET_ORDER_BOOK,
    GET_SNAPSHOT,
    STREAM_ORDER_BOOK,
    STREAM_TICK_RUNS,
    STREAM_TICKS,
    TAIL_EVENTS,
)
from exchange.domain.contracts import SERVICES as CONTRACTS
from exchange.domain.enums import AdminAction, InstrumentAction, LedgerAction
from exchange.errors import AuthenticationError, RpcStatus, SecurityError, SecurityFault
from exchange.runtime.history import history_handlers
from exchange.runtime.replica import SNAPSHOT_METHOD
from exchange.security import (
    ROLES,
    RULES,
    SERVICE_ACCOUNTS,
    KeyKind,
    KeyStore,
    Permission,
    SecurityContext,
    SecurityContextSerializer,
    StoredContexts,
    authorized,
    current_security_context,
)
from exchange.security.roles import LOCAL_ROLE, authorize, permissions_of, service_of
from exchange.storage.directory import DataDirectory
from exchange.storage.followers import FollowerRegistry
from exchange.topology.services import SERVICES, spec_of
from exchange.topology.table import PROCESSES, SQL_SERVICES
from tests.core_loop.bench_table import Bench

HOUR_MS = 3_600_000
_WELCOME = 1

# What each role may call, said once more by hand.
ACCOUNT_QUERIES = {
    "orders.OpenOrdersRequest",
    "orders.OrderHistoryRequest",
    "accounts.BalancesRequest",
    "accounts.ReservationsRequest",
    "accounts.AccountsRequest",
    "risk.PositionsRequest",
    "risk.LimitsRequest",
    "history.HistoryOrdersRequest",
    "history.HistoryExecutionsRequest",
    "settlement.SettlementsRequest",
}
MARKET_QUERIES = {
    f"matching.{name}Request" for name in ("BookTop", "BookLevels", "BookOrders", "Trades", "Instruments")
}
MARKET_QUERIES |= {f"marketdata.Market{name}Request" for name in ("Trades", "Candles", "Tickers")}
MARKET_METHODS = (
    GET_SNAPSHOT,
    GET_HISTORY,
    STREAM_TICKS,
    STREAM_TICK_RUNS,
    GET_ORDER_BOOK,
    STREAM_ORDER_BOOK,
    GET_MARK_PRICE,
)
MARKET_QUERIES |= {method.path for method in MARKET_METHODS}
ADMINISTRATION = {
    method.path
    for service in CONTRACTS
    if service.name in ("AdminService", "Operator")
    for method in service.methods
}
IDENTITY = {
    method.path for service in CONTRACTS if service.name == "IdentityService" for method in service.methods
}
OPEN = {
    "AdminService.ListInstruments",
    "AdminService.GetLimits",
}  # for all readers
QUERIES = ACCOUNT_QUERIES | MARKET_QUERIES | {"orders.StatusRequest"} | OPEN
CHANGES = ADMINISTRATION - OPEN | {"admin.AdminChangesRequest"}
HISTORY = {"replica.journal", "replica.snapshot_file", "EventLogService.TailEvents"}
MAY_CALL = {
    "read": QUERIES,
    "trade": QUERIES,
    "admin": QUERIES | HISTORY | CHANGES | {"replica.snapshot"},
    "follow": HISTORY,
    "shard": set(),
    "stage": set(),
    "door": IDENTITY,
    "service": QUERIES | HISTORY | CHANGES | {"replica.snapshot"} | IDENTITY,
}


def methods(tmp_path: Path) -> set[str]:
    """All that a replica answers: of the specs, and its own."""
    directory = DataDirectory(tmp_path)
    own = history_handlers(directory, FollowerRegistry(directory.followers))
    specs = (*SERVICES, *(spec_of(name) for name in SQL_SERVICES))
    of_specs = {f"{spec.name}.{kind.__name__}" for spec in specs for kind in (*spec.queries, *spec.commands)}
    served = {method.path for method in MARKET_METHODS} | ADMINISTRATION | IDENTITY
    return of_specs | set(own) | served | {SNAPSHOT_METHOD, TAIL_EVENTS.path}


def call_of(method: str, roles: frozenset[str], header: str = NO_CONTEXT, tenant: str = "7") -> Call:
    """A call over a connection with these roles."""
    metadata = Metadata("corr-1", tenant, "olivia", header)
    return Call(method, b"", metadata, 2**62, Principal("peer", tenant, roles))


@pytest.mark.req("C084")
def test_every_query_and_command_of_every_service_has_a_rule_and_no_other_has(tmp_path: Path) -> None:
    """A method without a rule cannot be called, and a rule without a method is a mistake."""
    assert set(RULES) == methods(tmp_path)
    with pytest.raises(SecurityError, match=r"8102 NO_RULE: orders\.Everything has no rule"):
        authorize("orders.Everything", frozenset(Permission))


@pytest.mark.req("C084")
def test_every_role_is_refused_what_is_not_its_own_by_the_service_itself(tmp_path: Path) -> None:
    """Each role and none, for each method: called or not, by the dispatcher that the replica has."""
    refused: list[tuple[str, SecurityFault | None]] = []

    async def handle(call: Call) -> bytes:
        return call.method.encode()

    permit = authorized(
        StoredContexts(KeyStore(tmp_path / "keys")).serializer,
        without_context=NO_CONTEXT,
        on_refused=lambda call, error: refused.append((call.method, error.fault)),
    )
    dispatcher = Dispatcher(dict.fromkeys([*RULES, "orders.Everything"], handle), [permit])
    outcomes: dict[str, set[str]] = {}
    for role in [*ROLES, "", "king"]:
        for method in [*RULES, "orders.Everything"]:
            roles = frozenset({role}) if role else frozenset()
            reply = asyncio.run(dispatcher.answer(call_of(method, roles)))
            assert reply.status in (RpcStatus.OK, RpcStatus.PERMISSION_DENIED)
            if reply.status is RpcStatus.OK:
                outcomes.setdefault(role, set()).add(method)
    assert outcomes == {role: may for role, may in MAY_CALL.items() if may}
    assert len(refused) == (len(ROLES) + 2) * (len(RULES) + 1) - sum(map(len, MAY_CALL.values()))
    assert {fault for _, fault in refused} == {SecurityFault.NOT_PERMITTED, SecurityFault.NO_RULE}


@pytest.mark.req("E027")
def test_who_speaks_for_a_user_may_what_connection_roles_and_scopes_all_allow(tmp_path: Path) -> None:
    """The least of three; a context that is forged, foreign or of no key of ours is nobody's."""
    store = KeyStore(tmp_path / "keys")
    seen: list[SecurityContext] = []

    async def handle(_: Call) -> bytes:
        seen.append(current_security_context())
        return b""

    def ask(roles: set[str], user: set[str], scopes: set[str], tenant: str = "7") -> RpcStatus:
        context = SecurityContext("7", "olivia", frozenset(user), frozenset(scopes), "jwt", 0, HOUR_MS)
        header = SecurityContextSerializer(store.context_keys()).encode(context)
        permit = authorized(StoredContexts(store).serializer, without_context=NO_CONTEXT, now_ms=lambda: 1)
        dispatcher = Dispatcher({"replica.snapshot": handle}, [permit])
        call = call_of("replica.snapshot", frozenset(roles), header, tenant)
        return asyncio.run(dispatcher.answer(call)).status

    with pytest.raises(AuthenticationError, match="8003 CONTEXT_KEY: there is no key that signs"):
        StoredContexts(store).serializer()
    store.create_signing(KeyKind.CONTEXT)
    assert ask({"service"}, {"admin"}, {"admin"}) is RpcStatus.OK
    assert ask({"read"}, {"admin"}, {"admin"}) is RpcStatus.PERMISSION_DENIED
    assert ask({"service"}, {"trade"}, {"admin"}) is RpcStatus.PERMISSION_DENIED
    assert ask({"service"}, {"admin"}, {"read"}) is RpcStatus.PERMISSION_DENIED
    assert ask({"service"}, {"admin"}, {"admin"}, tenant="8") is RpcStatus.UNAUTHENTICATED
    assert [context.user_id for context in seen] == ["olivia"]


def test_every_process_has_the_service_account_that_it_needs_and_nothing_more() -> None:
    """Those of the table that have a way to core or replica through keys; none may trade, one administers."""
    names = {process.name for process in PROCESSES}
    assert set(SERVICE_ACCOUNTS) <= names | {"standby"}
    held = {name: permissions_of(roles) for name, roles in SERVICE_ACCOUNTS.items()}
    assert held == {
        "shard": {Permission.MATCH},
        "accounts": {Permission.JUDGE},
        "risk": {Permission.JUDGE},
        "history": {Permission.READ_ACCOUNTS, Permission.READ_MARKET, Permission.READ_STATUS},
        "standby": {Permission.FOLLOW},
        "admin": permissions_of({"admin"}),
        "settlement": permissions_of({"admin"}),
        "marks": permissions_of({"admin"}),
        "marketdata": {Permission.READ_MARKET, Permission.READ_ACCOUNTS, Permission.READ_STATUS},
        "marketquery": {Permission.READ_MARKET, Permission.READ_ACCOUNTS, Permission.READ_STATUS},
        "gateway": {
            Permission.READ_MARKET,
            Permission.READ_ACCOUNTS,
            Permission.READ_STATUS,
            Permission.TRADE,
            Permission.IDENTIFY,
        },
    }
    known = [service_of(name) for name in ("shard-12", "risk", "standby", "shard-x", "core", "")]
    assert known == ["shard", "risk", "standby", None, None, None]


def commands() -> list[tuple[CommandList, np.dtype[Any], Any]]:
    """Every command of an administrator, and an order, as the order socket takes them."""
    rows: list[tuple[CommandList, np.dtype[Any], Any]] = [
        (CommandList.ADMINISTRATION, frames.ADMIN_COMMAND_DTYPE, kind) for kind in AdminAction
    ]
    rows += [(CommandList.LEDGER, frames.LEDGER_COMMAND_DTYPE, kind) for kind in LedgerAction]
    rows += [(CommandList.INSTRUMENTS, frames.INSTRUMENT_COMMAND_DTYPE, kind) for kind in InstrumentAction]
    rows.append((CommandList.SHARD_EVENTS, frames.SHARD_EVENT_DTYPE, 1))
    return rows


# Numbers of different families are equal, so each goes with its family.
OWN = {
    (CommandList.ADMINISTRATION, kind)
    for kind in (AdminAction.OPEN_SESSION, AdminAction.LOSE_SESSION, AdminAction.TICK, AdminAction.PROMOTE)
}
TRADERS = {
    (CommandList.ADMINISTRATION, AdminAction.SET_COUNTDOWN),
    (CommandList.LEDGER, LedgerAction.TRANSFER),
}


@pytest.mark.req("C084")
@pytest.mark.parametrize("role", [role for role in ROLES if role != LOCAL_ROLE])
def test_core_refuses_every_role_the_commands_that_are_not_its_own(role: str) -> None:
    """Unjournaled, with NOT_PERMITTED; what is of the sequencer itself nobody may send."""
    bench = Bench(options={"trusts_peers": False})
    may = permissions_of({role})
    flags = (Permission.TRADE, Permission.ADMINISTER, Permission.FOLLOW, Permission.MATCH, Permission.JUDGE)
    bench.core.permit("key", 7, *(flag in may for flag in flags))
    connection = bench.transport.open("key")
    logon = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    logon["kind"], logon["name"], logon["schema_version"], logon["tenant"] = 1, b"t", 1, 7
    bench.send(connection, CommandList.SESSIONS, logon)
    assert bench.took(connection, ReportList.SESSIONS)["kind"].tolist() == [_WELCOME]
    for family, dtype, kind in commands():
        row = np.zeros(1, dtype)
        row["kind"] = int(kind)
        before = bench.venue.sequence
        bench.send(connection, family, row)
        rejects = bench.took(connection, ReportList.ANSWERS)["reject"].tolist()
        owned = (
            Permission.ADMINISTER in may
            and family is not CommandList.SHARD_EVENTS
            and (family, kind) not in OWN
        )
        owned |= Permission.TRADE in may and (family, kind) in TRADERS
        owned |= Permission.MATCH in may and family is CommandList.SHARD_EVENTS
        assert (RejectCode.NOT_PERMITTED in rejects) is not owned, (role, kind)
        if not owned:
            assert bench.venue.sequence == before
