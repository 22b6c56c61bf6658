"""Rows of the history are a fold of the journal, however often and in whatever parts it is taken."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from exchange.domain.enums import OrderStatus
from exchange.domain.events import EventEnvelope
from exchange.runtime.event_run import run_of
from exchange.schema.events import decode_events, envelope_of
from exchange.services.history.service import SPEC
from exchange.services.history.store import note_answers, take_reports
from exchange.services.history.tables import METADATA
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from tests.event_log.conformance import read_all
from tests.event_log.published import NAMES, Exchange, load_settings
from tests.exchange.journals import ALICE, BOB, CAROL, OTHER_TENANT, TENANT
from tests.history.oracle import History, consume, history_of, stored, trade_wildly

TENANTS = {ALICE: TENANT, BOB: TENANT, CAROL: OTHER_TENANT}


def expected(exchange: Exchange) -> History:
    """Of the journal of an exchange."""
    limits = dict(limits_of(load_settings(exchange.root)))
    return history_of(exchange.directory.journal, limits, TENANTS)


def test_tables_are_those_of_the_code(store_url: str) -> None:
    """Columns, whether they may be empty, and primary keys."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        found = inspect(store.engine)
        for name, table in METADATA.tables.items():
            columns = {each["name"]: each["nullable"] for each in found.get_columns(name)}
            keys = found.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key.columns], name
            # SQLite says of a key that is its row id that it may be empty; it never is.
            wanted = {each.name: bool(each.nullable) for each in table.columns if each.name not in keys}
            assert {name: empty for name, empty in columns.items() if name not in keys} == wanted, name


@pytest.mark.req("E064", "E065")
@pytest.mark.parametrize("seed", [1, 2])
def test_rows_are_the_fold_of_the_journal_whatever_is_redelivered(
    exchange: Exchange, store_url: str, memory: Path, seed: int
) -> None:
    """Taken in parts of any size; then all of it again; then from a journal that is published anew."""
    numbers = random.Random(seed)
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        for part in range(5):
            trade_wildly(exchange.writer, 10 * seed + part, numbers.randrange(20, 120))
            exchange.publish(numbers.randrange(exchange.writer.sequence // 2, exchange.writer.sequence))
            consume(exchange, store)
        exchange.publish()
        consume(exchange, store)
        wanted = expected(exchange)
        statuses = {order.order_status for order in wanted.orders}
        assert statuses >= {
            OrderStatus.OPEN,
            OrderStatus.PARTIALLY_FILLED,
            OrderStatus.FILLED,
            OrderStatus.CANCELED,
            OrderStatus.REJECTED,
        }
        assert any(order.orig_client_order_id for order in wanted.orders)
        assert any(order.fills > 1 for order in wanted.orders)
        assert stored(store, limit=17) == wanted
        assert sum(order.notional for order in wanted.orders) == sum(
            each.last_qty * each.last_price for each in wanted.executions
        )

        with store.begin() as tx:
            tx.execute(text("UPDATE cursors SET next_offset = 0"))
        counts = consume(exchange, store)
        assert counts["duplicates"] > 0 == counts.get("taken", 0)
        assert stored(store) == wanted

    root = memory / "anew"
    root.mkdir()
    (root / "journal").symlink_to(exchange.directory.journal)
    DataDirectory(root).snapshots.mkdir()
    other = Exchange(root, exchange.writer)
    other.publish()
    with open_store(memory / "other", SPEC.name, SPEC.tables) as store:
        consume(other, store)
        assert stored(store) == wanted


def test_log_that_begins_late_gives_what_its_reports_say(exchange: Exchange, store_url: str) -> None:
    """Of an order that was entered before it, what it is now; no report is an error."""
    trade_wildly(exchange.writer, 7, 150)
    exchange.publish()
    wanted = {order.order_id: order for order in expected(exchange).orders if order.order_id}
    with exchange.open_log() as log:
        records = read_all(log, NAMES["orders.lifecycle"])
    middle = len(records) // 2
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with store.begin() as tx:
            for record in records[middle:]:
                batch = record.batch
                events = decode_events(batch.payload, batch.stream, batch.first_seq)
                for place in range(len(events)):  # one by one, as dead letters are tried again
                    envelope: EventEnvelope = envelope_of(events[place])
                    run = run_of(envelope, batch.stream, batch.first_seq + place)
                    take = note_answers if envelope.event_type == "CommandAnswered" else take_reports
                    take(tx, run)
        rows = [order for order in stored(store).orders if order.order_id]
        late = [order for order in rows if order.entered_sequence != wanted[order.order_id].entered_sequence]
        whole = [order for order in rows if order.entered_sequence == wanted[order.order_id].entered_sequence]
    assert late
    assert whole == [wanted[order.order_id] for order in whole]
    for order in late:
        known = wanted[order.order_id]
        names = ("account", "tenant", "side", "order_status", "order_qty", "cum_qty", "leaves_qty", "price")
        assert {name: getattr(order, name) for name in names} == {
            name: getattr(known, name) for name in names
        }
