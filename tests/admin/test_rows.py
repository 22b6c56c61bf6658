"""Rows of administration are a fold of the log, however often and in whatever parts it is taken."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from sqlalchemy import Table, inspect, select

from cmatch.rejects import RejectCode
from exchange.bus.log.events import events_of
from exchange.domain.contracts.admin import FeeScheduleRecord, FeeTier, ProviderRecord, TenantRecord
from exchange.domain.enums import AdminAction, InstrumentAction
from exchange.domain.events import (
    ChangeExplained,
    Entity,
    Event,
    FeeScheduleSet,
    ProviderSet,
    TenantSet,
    find_event_type,
)
from exchange.domain.events.catalogue import ADMIN_EVENTS, INSTRUMENT_EVENTS, EventType
from exchange.domain.messages import AdminCommand, InstrumentCommand
from exchange.domain.queries import AdminChangeRow, AdminChangesRequest
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.changes import CHANGES as CHANGES_TOPIC
from exchange.runtime.consumer import Consumer
from exchange.runtime.outbox import Outbox, go_on
from exchange.services.admin import queries
from exchange.services.admin.changing import change_of
from exchange.services.admin.desk import RECORDS
from exchange.services.admin.service import SPEC
from exchange.services.admin.store import take, take_changes
from exchange.services.admin.tables import CHANGES, ENTITIES, METADATA, PROGRESS, REASONS
from exchange.storage.sql import Store, open_store
from tests.event_log.conformance import read_all
from tests.event_log.published import TABLE, Exchange
from tests.exchange.journals import ALICE, MARKET, OTHER_TENANT, TENANT

OPERATOR_CALLER = Caller(OPERATOR)


def consume(exchange: Exchange, store: Store) -> None:
    """One life of the consumer, to the end of the log."""
    with exchange.open_log() as log, Consumer(SPEC, store, log, TABLE) as consumer:
        while consumer.step():
            pass


def rows(store: Store, table: Table) -> list[tuple[object, ...]]:
    """All of a table."""
    with store.read() as tx:
        return [tuple(row) for row in tx.execute(select(table).order_by(*table.primary_key))]


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All tables."""
    return {table.name: rows(store, table) for table in (CHANGES, ENTITIES, REASONS, PROGRESS)}


def ask(store: Store, **words: object) -> list[AdminChangeRow]:
    """The history, in pages of three."""
    found: list[AdminChangeRow] = []
    with store.read() as tx:
        while True:
            after = found[-1].change_id if found else ""
            request = AdminChangesRequest(**{"limit": 3, "after": after, **words})  # type: ignore[arg-type]
            page = queries.changes(tx, request, OPERATOR_CALLER)
            found += page.changes
            if not page.more:
                return found


def record(store: Store, name: str, about: str, payload: object, at: int) -> None:
    """What the service does with a record of its own: rows and outbox in one transaction."""
    event = Event(
        event_id="",
        event_type=name,
        event_version=1,
        occurred_at=at,
        producer="admin",
        tenant_id="0",
        correlation_id=f"corr-{about}",
        causation_id=f"corr-{about}",
        entity=Entity(entity_type=find_event_type(name, 1).entity, entity_id=about),
        payload=payload,
    )
    with store.begin() as tx:
        for each in Outbox("admin", TABLE).add(tx, [event]):
            take(tx, each)


def change(exchange: Exchange) -> None:
    """Changes of the core, some of them refused."""
    admin, write = exchange.writer.make.admin, exchange.writer.write
    write(admin.set_phase(MARKET, "halted", correlation_id="why-1"))
    write(admin.set_reference(MARKET, 1_000_000))
    write(admin.set_phase(999, "halted"))  # there is none
    write(admin.kill("account", account=ALICE))
    write(admin.kill("tenant", tenant=TENANT))
    write(admin.kill("tenant", on=False, tenant=TENANT))
    write(admin.kill("account", on=False, account=ALICE))
    write(admin.set_limits(account=ALICE, max_open_orders=7, order_rate=10))
    write(admin.set_limits(account=ALICE, instrument=MARKET, max_order_qty=5))
    write(admin.set_limits(account=ALICE, max_open_orders=9))
    write(admin.set_phase(MARKET, "call_auction"))


def record_some(store: Store, at: int) -> None:
    """Records of the service's own."""
    told = ChangeExplained(correlation_id="why-1", reason="a rumour", actor="ann")
    record(store, "ChangeExplained", "why-1", told, at)
    tenant = TenantRecord(tenant_id=str(TENANT), name="Acme", active=True, version=1)
    record(store, "TenantSet", str(TENANT), TenantSet(record=tenant, actor="ann", reason="named"), at)
    provider = ProviderRecord(provider_id="citi", name="Citi", symbols=("BTC-USD",), version=1)
    record(store, "ProviderSet", "citi", ProviderSet(record=provider, actor="ann"), at)
    tiers = (FeeTier(taker_rate=2), FeeTier(volume_min=9, taker_rate=1))
    schedule = FeeScheduleRecord(schedule_id="retail", tiers=tiers, version=1)
    record(store, "FeeScheduleSet", "retail", FeeScheduleSet(record=schedule, actor="ann"), at)


def test_tables_are_those_of_the_code(store_url: str) -> None:
    """Columns, none of which may be empty, and primary keys."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        found = inspect(store.engine)
        for name, table in METADATA.tables.items():
            columns = [each["name"] for each in found.get_columns(name)]
            assert columns == [column.name for column in table.columns], name
            keys = [column.name for column in table.primary_key.columns]
            assert found.get_pk_constraint(name)["constrained_columns"] == keys, name
            assert not [each["name"] for each in found.get_columns(name) if each["nullable"]], name


def test_history_says_who_changed_what_when_why_from_what_to_what(exchange: Exchange, store_url: str) -> None:
    """Of the core's changes, of refusals, and of the service's own records; each question its rows."""
    change(exchange)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        record_some(store, exchange.writer.now)
        found = ask(store)
        assert found == list(reversed(ask(store, oldest_first=True)))
        assert len({row.change_id for row in found}) == len(found) == len(rows(store, CHANGES))
        phases = ask(store, entity_type="Instrument", entity_id=str(MARKET), oldest_first=True)
        assert [
            (row.change, json.loads(row.before or "null"), json.loads(row.afterwards), row.why, row.who)
            for row in phases[1:]
        ] == [
            ("PhaseSet", {"phase": "continuous"}, {"phase": "halted"}, "a rumour", "tester"),
            ("ReferenceSet", {}, {"reference": 1_000_000}, "", "tester"),
            ("PhaseSet", {"phase": "halted"}, {"phase": "call_auction"}, "", "tester"),
        ]
        assert phases[0].before == ""
        assert json.loads(phases[0].afterwards)["symbol"] == "BTC-USD"
        limits = ask(store, entity_type="Limits", entity_id=f"account/{ALICE}", oldest_first=True)
        assert [json.loads(row.before or "null") for row in limits] == [
            None,
            {"max_open_orders": 7, "order_rate": 10, "rate_interval": 1_000_000_000},
        ]
        assert json.loads(limits[1].afterwards) == {"max_open_orders": 9}
        (refused,) = ask(store, refused=True)
        assert (refused.reject, refused.entity_id) == (RejectCode.UNKNOWN_INSTRUMENT, "999")
        assert (json.loads(refused.afterwards), refused.version) == ({"phase": "halted"}, 0)
        named = ask(store, entity_type="Tenant", entity_id=str(TENANT))
        assert [(row.why, row.who, row.sequence, row.version) for row in named] == [("named", "ann", 0, 1)]
        assert (named[0].before, json.loads(named[0].afterwards)) == ("", {"name": "Acme", "active": True})
        middle = phases[1].changed_at
        assert {row.changed_at < middle for row in ask(store, to_ns=middle)} == {True}
        assert {row.changed_at >= middle for row in ask(store, from_ns=middle)} == {True}
        assert ask(store, correlation_id="why-1") == [phases[1]]
        assert {row.who for row in ask(store, who="ann")} == {"ann"}


def test_history_is_the_operators_alone(store_url: str) -> None:
    """It tells of all tenants."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store, store.read() as tx:
        with pytest.raises(RpcError) as refused:
            queries.changes(tx, AdminChangesRequest(), Caller(OTHER_TENANT))
        assert refused.value.code is RpcStatus.PERMISSION_DENIED


@pytest.mark.req("E064", "E065")
def test_rows_are_the_fold_of_the_log_whatever_is_redelivered(
    exchange: Exchange, store_url: str, tmp_path: Path
) -> None:
    """Taken as it comes, record by record in any order of topics, and from its start by another store."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        record_some(store, exchange.writer.now)
        change(exchange)
        exchange.publish()
        consume(exchange, store)
        expected = everything(store)
        with exchange.open_log() as log:
            taken = [
                events_of(each)
                for topic in (CHANGES_TOPIC, RECORDS)
                for each in read_all(log, TABLE.full_name(topic))
            ]
        random.Random(1).shuffle(taken)
        with store.begin() as tx:
            for events in taken:
                take_changes(tx, events)
        assert everything(store) == expected
    for cursor in exchange.directory.log.glob("*.admin.*/groups/admin"):
        cursor.unlink()
    with open_store(tmp_path / "again", SPEC.name, SPEC.tables) as again:
        with exchange.open_log() as log:
            go_on(again, log, TABLE.full_name(RECORDS))
        consume(exchange, again)
        assert everything(again) == expected
        told = ChangeExplained(correlation_id="why-2", reason="behind all that", actor="ann")
        record(again, "ChangeExplained", "why-2", told, exchange.writer.now)
        consume(exchange, again)
    with exchange.open_log() as log:
        records = read_all(log, TABLE.full_name(RECORDS))
    assert [each.batch.first_seq for each in records] == [1, 2, 3, 4, 5]
    assert events_of(records[-1])[0].payload == told


@pytest.mark.parametrize("event_type", [*INSTRUMENT_EVENTS.items(), *ADMIN_EVENTS.items()], ids=str)
def test_every_event_of_an_administrator_is_a_change_of_something(
    event_type: tuple[InstrumentAction | AdminAction, EventType],
) -> None:
    """One that the service did not know would end among its dead letters."""
    kind, about = event_type
    if isinstance(kind, AdminAction):
        payload: AdminCommand | InstrumentCommand = AdminCommand(kind=kind, actor="ann")
    else:
        payload = InstrumentCommand(kind=kind, actor="ann")
    change = change_of(
        Event(
            event_id="",
            event_type=about.name,
            event_version=1,
            occurred_at=1,
            producer="admin",
            tenant_id="0",
            correlation_id="c",
            causation_id="c",
            entity=Entity(entity_type=about.entity, entity_id="x"),
            payload=payload,
        )
    )
    assert change.who == "ann"
    assert change.entity_type
