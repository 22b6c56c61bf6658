"""Administration of a running exchange: real processes; AdminService, Operator, client and command line."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from cmatch.rejects import RejectCode
from exchange.bus.context import new_context
from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, SocketChannel, Stub
from exchange.cli import main
from exchange.client import AsyncClient, Client, Reader
from exchange.domain import contracts as rpc
from exchange.domain.contracts import admin as a
from exchange.domain.contracts.marketdata import GetSnapshotRequest
from exchange.domain.enums import InstrumentKind, Phase, Scope
from exchange.errors import ConfigError, RpcError, RpcStatus
from exchange.resilience import Policies
from exchange.runtime.process_status import status_of
from exchange.services.settlement.tables import INSTRUMENTS, TIERS
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.topology.services import spec_of
from tests.exchange.running import Up, until
from tests.exchange.running import settings as settings_words

WAIT_MS = 60_000
FOUR = ("order_qty_max", "notional_max", "position_max", "orders_per_second_max")


def start(data: Path) -> Up:
    """An exchange with administration, and all services that keep something of what is changed."""
    made = Up.start(
        data,
        "admin.enabled=true",
        "history.enabled=true",
        "market_data.enabled=true",
        "settlement.enabled=true",
        "security.audit=false",
        "endpoints.metrics=127.0.0.1:0",
    )
    until(made.announcement, "it did not start")
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests, with two assets."""
    made = start(tmp_path_factory.mktemp("admin") / "data")
    try:
        with connect(made, 0) as client, client.admin.because("the first day"):
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 8)
        yield made
    finally:
        made.end()


@pytest.fixture
def up(made: Up) -> Up:
    """It; started again where a test has stopped it."""
    if made.process.poll() is not None:
        made.process = start(made.data).process
    return made


def words(tenant: int, account: int | None) -> dict[str, Any]:
    """What a session says of itself."""
    return {
        "tenant": tenant,
        "name": f"tester-{tenant}-{account}",
        "user": "ann",
        "account": account,
        "connect_ms": WAIT_MS,
        "timeout_ms": WAIT_MS,
    }


def connect(up: Up, tenant: int, account: int | None = None) -> Client:
    """A session."""
    client = Client.connect(f"ipc://{up.data}/run/orders.sock", **words(tenant, account))
    client.load_instruments()
    return client


def say(up: Up, *said: str, check: int = 0) -> str:
    """The output of a command about it, in this process; where it fails, its error."""
    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()) as complained:
        code = main([*said, "--data", str(up.data), *settings_words()])
    assert code == check, (said, printed.getvalue(), complained.getvalue())
    return printed.getvalue() if check == 0 else complained.getvalue()


def call(
    up: Up, method: Any, request: Any, tenant: int = 0, correlation_id: str = "", service: str = "admin"
) -> Any:
    """What a service answers to somebody with an RPC client alone."""

    async def ask() -> Any:
        context = new_context()
        try:
            channel = SocketChannel(context, f"ipc://{up.data}/run/{service}.sock")
            async with RpcClient(channel, Policies().of("client", service)) as client:
                metadata = Metadata(correlation_id or uuid4().hex, str(tenant), "ann", NO_CONTEXT)
                return await Stub(client).ask(method, request, metadata=metadata, timeout_ms=WAIT_MS)
        finally:
            context.destroy(linger=0)

    return asyncio.run(ask())


def refused(up: Up, method: Any, request: Any, tenant: int = 0) -> tuple[RpcStatus, str]:
    """How it refuses."""
    with pytest.raises(RpcError) as caught:
        call(up, method, request, tenant)
    return caught.value.code, str(caught.value)


def listed(symbol: str, **more: Any) -> a.InstrumentRecord:
    """An instrument to be."""
    made = a.InstrumentRecord(
        symbol=symbol, base_asset="BTC", quote_asset="USD", tick_size="0.01", lot_size="0.0001", active=True
    )
    return replace(made, **more)


def lists(up: Up, symbol: str) -> int:
    """Lists one, open for trading; its number."""
    made: a.InstrumentRecord = call(
        up, rpc.UPSERT_INSTRUMENT, a.UpsertInstrumentRequest(instrument=listed(symbol))
    )
    return made.instrument_id


def opens(up: Up, account: int, tenant: int = 1) -> None:
    """Opens an account with money; administration has it."""
    with connect(up, 0) as client:
        opened = client.admin.open_account(account, tenant=tenant)
        assert opened.ok
        client.admin.changes(most=1, min_seq=opened.sequence)
        assert client.admin.deposit("BTC", "1000", account=account).ok
        assert client.admin.deposit("USD", "100000000", account=account).ok


def changed(up: Up, **what: Any) -> Any:
    """Rows of the history."""
    with connect(up, 0) as client:
        return client.admin.changes(**what)


@pytest.mark.req("E020")
def test_instruments_are_listed_changed_and_closed_and_open_orders_forbid_what_breaks_them(up: Up) -> None:
    """UpsertInstrument and ListInstruments; the core's refusal is told, and stays in the history."""

    def upsert(record: a.InstrumentRecord, reason: str, correlation_id: str) -> a.InstrumentRecord:
        request = a.UpsertInstrumentRequest(instrument=record, reason=reason)
        answer: a.InstrumentRecord = call(up, rpc.UPSERT_INSTRUMENT, request, correlation_id=correlation_id)
        return answer

    opens(up, 11)
    made = upsert(listed("LIST-USD"), "listing", "list-1")
    number = made.instrument_id
    assert (made.kind, made.active) == (InstrumentKind.SPOT, True)
    assert (made.tick_size, made.lot_size, made.min_qty, made.max_qty) == ("0.01", "0.0001", 1, 10**9)
    with connect(up, 1, 11) as client:
        order = client.limit("LIST-USD", "sell", "1", "100.01")
        coarser = a.UpsertInstrumentRequest(
            instrument=listed("LIST-USD", tick_size="0.05"), reason="a coarser tick"
        )
        status, why = refused(up, rpc.UPSERT_INSTRUMENT, coarser)
        assert (status, why) == (
            RpcStatus.FAILED_PRECONDITION,
            (
                "FAILED_PRECONDITION: 4029 INSTRUMENT_IN_USE:"
                " An order of the instrument lives: not to be defined anew."
            ),
        )
        assert client.cancel(order.order_id).ok
    (row,) = changed(up, entity_type="Instrument", entity_id=str(number), refused=True)
    assert row.reject == RejectCode.INSTRUMENT_IN_USE
    assert (row.who, row.why, json.loads(row.afterwards)["tick_step"]) == ("ann", "a coarser tick", 5)
    coarse = upsert(listed("LIST-USD", tick_size="0.05", version=made.version), "a coarser tick", "list-2")
    assert (coarse.tick_size, coarse.version > made.version) == ("0.05", True)
    finer = a.UpsertInstrumentRequest(instrument=listed("LIST-USD", tick_size="0.001"))
    status, why = refused(up, rpc.UPSERT_INSTRUMENT, finer)
    assert status is RpcStatus.FAILED_PRECONDITION
    assert why.endswith(" The decimals of its prices and quantities never change.")
    late = a.UpsertInstrumentRequest(instrument=listed("LIST-USD", version=made.version))
    assert refused(up, rpc.UPSERT_INSTRUMENT, late)[0] is RpcStatus.ABORTED
    closed = upsert(listed("LIST-USD", tick_size="", active=False), "", "list-3")
    assert (closed.active, closed.tick_size) == (False, "0.05")
    upsert(listed("LIST-USD.2"), "", "list-4")
    page = call(up, rpc.LIST_INSTRUMENTS, a.ListInstrumentsRequest(limit=1, after="LIST"), tenant=1)
    assert ([each.symbol for each in page.instruments], page.more) == (["LIST-USD"], True)
    active = a.ListInstrumentsRequest(only_active=True, after="LIST", limit=1)
    page = call(up, rpc.LIST_INSTRUMENTS, active)
    assert [each.symbol for each in page.instruments] == ["LIST-USD.2"]
    last = call(up, rpc.LIST_INSTRUMENTS, a.ListInstrumentsRequest(after="Z"))
    assert (last.instruments, last.more) == ((), False)
    assert upsert(listed("LIST-USD"), "open again", "list-5").active
    with connect(up, 1, 11) as client:
        assert client.market("LIST-USD", "sell", "1").reject is None  # nobody buys, but it is open
        phases = {each.symbol: each.phase for each in client.query.instruments().instruments}
        assert phases["LIST-USD"] is Phase.CONTINUOUS
    for wrong, status in (
        (listed("ETH-USD", base_asset="ETH"), RpcStatus.NOT_FOUND),
        (listed("ETH-USD", tick_size="much"), RpcStatus.INVALID_ARGUMENT),
        (listed("ETH-USD", tick_size=""), RpcStatus.INVALID_ARGUMENT),
        (listed("LIST-USD.2", min_qty=7), RpcStatus.INVALID_ARGUMENT),
    ):
        assert refused(up, rpc.UPSERT_INSTRUMENT, a.UpsertInstrumentRequest(instrument=wrong))[0] is status


@pytest.mark.req("E020")
def test_limits_are_set_merged_and_told(up: Up) -> None:
    """SetLimits and GetLimits: four, beside those that the core has more; others' accounts are unknown."""
    number = lists(up, "LIMIT-USD")
    opens(up, 12)
    with connect(up, 0) as client:
        known = client.admin.set_limits(account=12, max_open_orders=7, order_rate=100).sequence
        client.admin.changes(most=1, min_seq=known)
    wanted = a.LimitSet(account=12, order_qty_max=5_000, orders_per_second_max=50)
    set_ = call(up, rpc.SET_LIMITS, a.SetLimitsRequest(limits=wanted, reason="a new client"))
    assert [getattr(set_, name) for name in FOUR] == [5_000, None, None, 50]
    assert call(up, rpc.GET_LIMITS, a.GetLimitsRequest(account=12), tenant=1) == set_
    with connect(up, 1, 12) as client:
        kinds = {
            str(row.kind): row.value for row in client.query.limits(instrument=number, min_seq=set_.version)
        }
        assert (kinds["open_orders"], kinds["order_qty"], kinds["order_rate"]) == (7, 5_000, 50)
        too_much = client.limit(number, "sell", 5_001, 100_00)
        assert too_much.reject is not None
        assert too_much.reject.name == "max_order_qty"
    assert refused(up, rpc.GET_LIMITS, a.GetLimitsRequest(account=12), 2)[0] is RpcStatus.NOT_FOUND
    stale = a.SetLimitsRequest(limits=replace(wanted, version=1))
    assert refused(up, rpc.SET_LIMITS, stale)[0] is RpcStatus.ABORTED
    of_tenant = a.SetLimitsRequest(limits=a.LimitSet(tenant_id="1", order_qty_max=1))
    assert refused(up, rpc.SET_LIMITS, of_tenant)[0] is RpcStatus.UNIMPLEMENTED
    before, after = (
        json.loads(text)
        for row in changed(up, entity_id="account/12", most=1)
        for text in (row.before, row.afterwards)
    )
    assert before == {"max_open_orders": 7, "order_rate": 100, "rate_interval": 10**9}
    assert after == {
        "max_open_orders": 7, "max_order_qty": 5_000, "order_rate": 50, "rate_interval": 10**9
    }  # fmt: skip


@pytest.mark.parametrize("size", ["1e9999999", "1e10", "1000000000.5", "NaN", "0", "-1", "1e-19"])
def test_size_that_cannot_be_a_step_is_told(up: Up, size: str) -> None:
    """Of a tick and of a lot; no such instrument is made."""
    for name in ("tick_size", "lot_size"):
        wanted = a.UpsertInstrumentRequest(instrument=listed("SIZE-USD", **{name: size}))
        assert refused(up, rpc.UPSERT_INSTRUMENT, wanted)[0] is RpcStatus.INVALID_ARGUMENT
    found = call(up, rpc.LIST_INSTRUMENTS, a.ListInstrumentsRequest()).instruments
    assert "SIZE-USD" not in [each.symbol for each in found]


def test_schedule_may_be_of_any_symbol_and_never_has_the_house_pay(up: Up) -> None:
    """A maker of one tier may meet a taker of another: no more is given than the least taker pays."""
    tiers = (
        a.FeeTier(volume_min=0, maker_rate=-200_000, taker_rate=500_000),
        a.FeeTier(volume_min=1_000, maker_rate=-300_000, taker_rate=300_000),
    )
    wanted = a.UpsertFeeScheduleRequest(schedule=a.FeeScheduleRecord(schedule_id="EUR/USD", tiers=tiers))
    made = call(up, rpc.UPSERT_FEE_SCHEDULE, wanted)
    assert (made.schedule_id, made.tiers) == ("EUR/USD", tiers)
    paying = (
        a.FeeTier(volume_min=0, maker_rate=0, taker_rate=0),
        a.FeeTier(volume_min=1, maker_rate=-1_000_000, taker_rate=1_000_000),
    )
    schedule = a.FeeScheduleRecord(schedule_id="EUR/USD", tiers=paying, version=made.version)
    code, why = refused(up, rpc.UPSERT_FEE_SCHEDULE, a.UpsertFeeScheduleRequest(schedule=schedule))
    assert (code, "a maker would get 1000000" in why) == (RpcStatus.INVALID_ARGUMENT, True)


@pytest.mark.req("E020")
def test_tenant_that_is_not_active_trades_no_more_and_a_kill_switch_says_so(up: Up) -> None:
    """UpsertTenant and ListTenants: an inactive one is killed in the core; Operator does it for any scope."""
    number = lists(up, "KILL-USD")
    opens(up, 31, tenant=3)

    def tenants() -> dict[str, a.TenantRecord]:
        return {each.tenant_id: each for each in call(up, rpc.LIST_TENANTS, a.ListTenantsRequest()).tenants}

    assert tenants()["3"] == a.TenantRecord(tenant_id="3", active=True)
    away = a.UpsertTenantRequest(tenant=a.TenantRecord(tenant_id="3", name="Acme"), reason="did not pay")
    assert call(up, rpc.UPSERT_TENANT, away).version == 1
    assert tenants()["3"] == a.TenantRecord(tenant_id="3", name="Acme", version=1)
    with connect(up, 3, 31) as client:
        killed = client.limit("KILL-USD", "sell", "1", "100.01")
        assert killed.reject is not None
        assert killed.reject.name == "killed"
        back = replace(away, tenant=a.TenantRecord(tenant_id="3", name="Acme", active=True, version=1))
        assert call(up, rpc.UPSERT_TENANT, back).active
        order = client.limit("KILL-USD", "sell", "1", "100.01")
        assert order.reject is None
        switch = a.KillSwitch(scope=Scope.INSTRUMENT, target="KILL-USD", on=True)
        thrown = call(up, rpc.SET_KILL_SWITCH, a.SetKillSwitchRequest(kill_switch=switch, reason="a bug"))
        assert (thrown.on, thrown.version > 0) == (True, True)
        assert client.query.open_orders() == ()
        lifted = replace(switch, on=False)
        call(up, rpc.SET_KILL_SWITCH, a.SetKillSwitchRequest(kill_switch=lifted))
    switches = [
        row
        for entity in ("tenant/3", f"instrument/{number}")
        for row in changed(up, entity_type="KillSwitch", entity_id=entity, oldest_first=True)
    ]
    assert [(row.entity_id, json.loads(row.afterwards)["on"], row.why) for row in switches] == [
        ("tenant/3", True, "did not pay"),
        ("tenant/3", False, "did not pay"),
        (f"instrument/{number}", True, "a bug"),
        (f"instrument/{number}", False, ""),
    ]
    assert refused(up, rpc.UPSERT_TENANT, a.UpsertTenantRequest(tenant=a.TenantRecord(tenant_id="x")))[0] is (
        RpcStatus.INVALID_ARGUMENT
    )


def is_known(ask: Callable[[], object]) -> bool:
    """Whether a service knows the instrument that it is asked for."""
    try:
        ask()
    except RpcError as error:
        if error.code is RpcStatus.NOT_FOUND:
            return False
        raise
    return True


@pytest.mark.req("E042")
def test_services_that_keep_what_was_changed_have_the_change_within_a_second(up: Up) -> None:
    """History and market data what they know of instruments, settlement its rows of them and of schedules.

    By themselves entries of a cache are old after a minute. How long most changes take is held to a second;
    any one may take longer where the machine has other work.
    """
    number = lists(up, "TOLD-0")
    took: dict[str, list[float]] = defaultdict(list)
    spec = spec_of("settlement")
    own = Reader(f"ipc://{up.data}/run/orders.sock", tenant=1, name="r", user="r")
    with closing(own), open_store(up.data / "stores", spec.name, spec.tables) as store:

        def has(column: Any, value: Any) -> bool:
            with store.read() as tx:
                return bool(tx.execute(select(column).where(column == value)).all())

        for turn in range(1, 8):
            symbol = f"TOLD-{turn}"
            past = own.make.query.past_orders(instrument=symbol, most=1)
            shown = GetSnapshotRequest(symbols=(symbol,))
            keeps: dict[str, Callable[[], bool]] = {
                "history": partial(is_known, partial(own.ask, past, WAIT_MS)),
                "market data": partial(
                    is_known, partial(call, up, rpc.GET_SNAPSHOT, shown, tenant=1, service="marketdata")
                ),
                "settlement's instruments": partial(has, INSTRUMENTS.c.symbol, symbol),
                "settlement's schedules": partial(has, TIERS.c.schedule_id, symbol),
            }
            assert [name for name, knows in keeps.items() if knows()] == []
            tiers = (a.FeeTier(volume_min=0, maker_rate=1, taker_rate=2),)
            schedule = a.FeeScheduleRecord(schedule_id=symbol, name="told", tiers=tiers)
            call(up, rpc.UPSERT_FEE_SCHEDULE, a.UpsertFeeScheduleRequest(schedule=schedule))
            renamed = a.UpsertInstrumentRequest(instrument=listed(symbol, instrument_id=number))
            call(up, rpc.UPSERT_INSTRUMENT, renamed)
            answered = time.monotonic()
            while keeps:
                for name in [name for name, knows in keeps.items() if knows()]:
                    took[name].append(time.monotonic() - answered)
                    del keeps[name]
                assert time.monotonic() < answered + 20, f"{symbol} is not heard of: {sorted(keeps)}"
                time.sleep(0.01)
    assert {name: median(each) < 1 for name, each in took.items()} == dict.fromkeys(took, True), took


def test_history_survives_its_process_and_has_what_was_changed_meanwhile(up: Up) -> None:
    """SIGKILL: the core goes on, and what it changed is there when the service is back."""
    opens(up, 15)
    before = up.announcement()["processes"]["admin"]
    os.kill(before, signal.SIGKILL)
    with connect(up, 0) as client:
        last = 0
        for k in range(20):
            last = client.admin.set_limits(account=15, max_open_orders=100 + k).sequence
        status = DataDirectory(up.data)
        until(lambda: status_of(status, "admin").get("pid", before) != before, "it is not back")
        rows = client.admin.changes(
            entity_type="Limits", entity_id="account/15", oldest_first=True, min_seq=last
        )
        assert [json.loads(row.afterwards)["max_open_orders"] for row in rows] == [*range(100, 120)]


@pytest.mark.req("E020")
def test_command_line_says_why_and_shows_who(up: Up) -> None:
    """Commands, records and the history, for people and programs; refusals are there, too."""
    first, second = lists(up, "WORD-USD"), lists(up, "WORD-USD.2")
    opens(up, 16)

    def accounts() -> list[int]:
        return [row["account"] for row in json.loads(say(up, "admin", "accounts", "--json"))]

    before = accounts()
    say(up, "admin", "open-account", "13", "--of", "4", "--why", "a second firm", "--user", "bob")
    refusal = say(up, "admin", "phase", "WORD-USD", "call_auction", "--why", "too early", check=0)
    assert refusal.startswith("done, sequence ")
    refusal = say(up, "admin", "phase", "WORD-USD", "pre_open", "--why", "a slip", check=1)
    assert refusal.startswith("exchange: refused: invalid_phase: ")
    say(up, "admin", "provider", "citi", "--name", "Citi", "--symbols", "WORD-USD", "--why", "signed")
    say(up, "admin", "fee-schedule", "retail", "--tier", "0:1:2", "--tier", "1000:0:1")
    say(up, "admin", "fees", "WORD-USD.2", "--maker-rate", "5", "--taker-rate", "7", "--why", "spring")
    say(up, "admin", "tenant", "4", "--name", "Bolt", "--why", "signed")
    rows = json.loads(say(up, "admin", "history", "--json", "--most", "7"))
    assert [(row["change"], row["entity_id"], row["who"], row["why"]) for row in rows] == [
        ("TenantSet", "4", "operator", "signed"),
        ("InstrumentDefined", str(second), "operator", "spring"),
        ("FeeScheduleSet", "retail", "operator", ""),
        ("ProviderSet", "citi", "operator", "signed"),
        ("ChangeRefused", str(first), "operator", "a slip"),
        ("PhaseSet", str(first), "operator", "too early"),
        ("AccountOpened", "13", "bob", "a second firm"),
    ]
    assert (rows[1]["before"]["taker_rate"], rows[1]["afterwards"]["taker_rate"]) == (0, 7)
    shown = say(up, "admin", "history", "--refused", "--most", "1")
    assert "invalid_phase" in shown
    assert shown.endswith("1 change\n")
    assert say(up, "admin", "history", "--who", "nobody") == "no changes\n"
    assert "0:1:2 1000:0:1" in say(up, "admin", "fee-schedules")
    tenants = {row["tenant_id"]: row["name"] for row in json.loads(say(up, "admin", "tenants", "--json"))}
    assert (tenants["1"], tenants["4"]) == ("", "Bolt")
    providers = json.loads(say(up, "admin", "providers", "--json"))
    assert [(row["provider_id"], row["symbols"]) for row in providers] == [("citi", "WORD-USD")]
    with connect(up, 0) as client:
        known = client.admin.set_limits(account=16, max_order_qty=5_000).sequence
        client.admin.changes(most=1, min_seq=known)
    assert json.loads(say(up, "admin", "limits", "16", "--json"))[0]["order_qty_max"] == 5_000
    symbols = [row["symbol"] for row in json.loads(say(up, "admin", "instruments", "--json"))]
    assert [symbol for symbol in symbols if symbol.startswith("WORD")] == ["WORD-USD", "WORD-USD.2"]
    assert accounts() == sorted([*before, 13])
    with pytest.raises(SystemExit):
        main(["admin", "history", "--help"])


def test_asynchronous_client_explains_and_asks(up: Up) -> None:
    """`because` around a command; a correlation id has one reason."""
    lists(up, "WAIT-USD")

    async def work() -> None:
        client = await AsyncClient.connect(f"ipc://{up.data}/run/orders.sock", **words(0, None))
        try:
            with client.admin.because("a test"):
                answer = await client.admin.open_account(14, tenant=2, correlation_id="open-14")
            (row,) = await client.admin.changes(correlation_id="open-14", min_seq=answer.sequence)
            assert (row.change, row.entity_id, row.why) == ("AccountOpened", "14", "a test")
            await client.admin.explain("open-14", "a test")
            with pytest.raises(RpcError) as caught:
                await client.admin.explain("open-14", "another")
            assert caught.value.code is RpcStatus.ALREADY_EXISTS
            fees = await client.admin.set_fees("WAIT-USD", maker_rate=1, taker_rate=2, fee_mode="quote")
            assert (str(fees.fee_mode), fees.maker_rate, fees.taker_rate) == ("quote", 1, 2)
        finally:
            await client.close()

    asyncio.run(work())


def test_exchange_stops_in_order_and_the_audit_finds_all_right(up: Up) -> None:
    """`exchange audit` holds admin.changes against the journal."""
    lists(up, "LAST-USD")
    assert up.stop() == 0
    found = json.loads(say(up, "audit", "--json"))
    (changes,) = [check for check in found["checks"] if check["name"] == "admin.changes"]
    assert (found["good"], changes["wrong"]) == (True, [])
    assert changes["says"].endswith(" changes as the journal makes them, each once")


def test_exchange_without_administration_says_what_to_set(tmp_path: Path) -> None:
    """And one that has it publishes events."""
    from exchange.config import load

    assert load(environment={}, data_directory=tmp_path, admin={"enabled": True}).events.publish
    with pytest.raises(ConfigError, match=r"expected true beside admin\.enabled = true"):
        load(environment={}, data_directory=tmp_path, admin={"enabled": True}, events={"publish": False})
