"""Stores: the same tables on both databases, migrated once, and what is said when they are away."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from exchange.errors import ErrorClass, StorageError, class_of
from exchange.storage.sql import Kept, Migration, Store, StoreUnavailable, Transaction, open_store
from exchange.storage.sql.migrations import migrate
from exchange.storage.sql.store import stored_services
from exchange.storage.sql.tables import METADATA, MIGRATIONS
from tests.inbox.postgres import running
from tests.inbox.world import World

FIRST = Migration(1, "one", ("CREATE TABLE thing (id {serial}, data {bytes})",))
SECOND = Migration(2, "two", ("ALTER TABLE thing ADD COLUMN name TEXT",))


def test_migrated_tables_are_those_of_the_code(world: World) -> None:
    """Columns, whether they may be empty, and primary keys."""
    found = inspect(world.store.engine)
    for name, table in METADATA.tables.items():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        wanted = {column.name: bool(column.nullable) for column in table.columns}
        if name.startswith("dead_letter"):  # SQLite tells of its own row ids that they may be empty
            key = next(iter(table.primary_key.columns)).name
            columns[key] = wanted[key]
        assert columns == wanted, name
        keys = found.get_pk_constraint(name)["constrained_columns"]
        assert keys == [column.name for column in table.primary_key.columns], name


def test_what_is_kept_of_a_store_is_as_it_is_now_whoever_changed_it(store_url: str) -> None:
    """And it is looked at again for no other reason, where the database says that nothing was committed."""
    looks = 0

    def names(tx: Transaction) -> list[str]:
        nonlocal looks
        looks += 1
        return [str(each) for each in tx.execute(text("SELECT name FROM thing ORDER BY id")).scalars()]

    def add(store: Store, name: str) -> None:
        with store.begin() as tx:
            tx.execute(
                text("INSERT INTO thing (data, name) VALUES (:data, :name)"), {"data": b"", "name": name}
            )

    with (
        open_store(store_url, "matching", [FIRST, SECOND]) as store,
        open_store(store_url, "matching", [FIRST, SECOND]) as other,
    ):
        says = store.data_version is not None
        assert says == ("://" not in store_url)
        kept = Kept(store, names)
        wanted: list[str] = []
        for number, where in enumerate((store, other, store)):
            add(where, f"{number}")
            wanted.append(f"{number}")
            assert [kept.get(), kept.get()] == [wanted, wanted]
        before = looks
        with suppress(ZeroDivisionError), other.begin() as tx:
            tx.execute(text("DELETE FROM thing"))
            raise ZeroDivisionError
        with other.read() as tx:
            tx.execute(text("DELETE FROM thing"))
        assert kept.get() == wanted
        assert looks - before == (0 if says else 1)
        add(other, "3")
        assert kept.get() == [*wanted, "3"]


@pytest.mark.req("E072")
def test_processed_events_are_keyed_by_tenant_group_and_event(world: World) -> None:
    """The key of document 004."""
    key = inspect(world.store.engine).get_pk_constraint("processed_events")
    assert key["constrained_columns"] == ["tenant_id", "consumer_group", "event_id"]


def test_migrations_are_applied_once_and_in_order(store_url: str) -> None:
    """A new step comes to what is there, and the data stays."""
    with open_store(store_url, "matching", [FIRST]) as store, store.begin() as tx:
        tx.execute(text("INSERT INTO thing (data) VALUES (:data)"), {"data": b"\0\1"})
    for _ in range(2):
        with open_store(store_url, "matching", [FIRST, SECOND]) as store, store.read() as tx:
            rows = tx.execute(text("SELECT id, data, name FROM thing")).all()
            assert [(row.id, bytes(row.data), row.name) for row in rows] == [(1, b"\0\1", None)]
            steps = tx.execute(text("SELECT component, number, name FROM schema_migrations ORDER BY 1, 2"))
            assert [tuple(step) for step in steps] == [
                ("inbox", 1, MIGRATIONS[0].name),
                ("matching", 1, "one"),
                ("matching", 2, "two"),
            ]


def test_store_that_is_newer_or_another_is_refused(store_url: str) -> None:
    """An older program, and a step that was edited."""
    open_store(store_url, "matching", [FIRST, SECOND]).close()
    with pytest.raises(StorageError, match="migration 2 of matching, which is newer than this"):
        open_store(store_url, "matching", [FIRST])
    with pytest.raises(StorageError, match="migration 2 of matching is not the one that the store has had"):
        open_store(store_url, "matching", [FIRST, Migration(2, "two", ("SELECT 1",))])
    with open_store(store_url, "matching") as store, pytest.raises(ValueError, match="without a gap"):
        migrate(store.engine, "matching", [SECOND])


def test_migration_that_fails_leaves_nothing(store_url: str) -> None:
    """Not even its first half."""
    broken = Migration(2, "two", ("CREATE TABLE half (id {serial})", "CREATE TABLE nonsense ("))
    with pytest.raises(DBAPIError):
        open_store(store_url, "matching", [FIRST, broken])
    with open_store(store_url, "matching", [FIRST, SECOND]) as store:
        assert "half" not in inspect(store.engine).get_table_names()


def test_stores_of_services_are_apart(store_url: str) -> None:
    """The same tables of two services do not meet; who has a store is known without making one."""
    assert stored_services(store_url, ["matching", "risk"]) == []
    with open_store(store_url, "matching", [FIRST]) as one, open_store(store_url, "risk", [FIRST]) as other:
        with one.begin() as tx:
            tx.execute(text("INSERT INTO thing (data) VALUES (NULL)"))
        with other.read() as tx:
            assert tx.execute(text("SELECT count(*) FROM thing")).scalar_one() == 0
    assert stored_services(store_url, ["matching", "risk", "wallet"]) == ["matching", "risk"]


def test_read_is_one_view_and_changes_nothing(world: World) -> None:
    """What is committed meanwhile is not seen; what it writes is not kept."""
    with world.store.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM totals")).scalar_one() == 0
        with world.store.begin() as other:
            other.execute(text("INSERT INTO totals VALUES ('1', 1)"))
        assert tx.execute(text("SELECT count(*) FROM totals")).scalar_one() == 0
    assert world.totals() == {1: 1}
    with world.store.begin() as tx:
        tx.execute(text("UPDATE totals SET qty = 2"))
        tx.rollback()
    assert world.totals() == {1: 1}


def test_sqlite_is_durable_at_every_commit(tmp_path: Path) -> None:
    """Write-ahead log, and synchronous=FULL (2) on every connection."""
    with open_store(tmp_path, "matching") as store:
        for _ in range(3):
            with store.read() as tx:
                assert tx.execute(text("PRAGMA synchronous")).scalar_one() == 2
                assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_sqlite_that_is_locked_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so of the class that is held, not set aside; an error of a statement stays one."""
    monkeypatch.setattr("exchange.storage.sql.store._BUSY_S", 0.05)
    with open_store(tmp_path, "matching", [FIRST]) as store:
        other = sqlite3.connect(tmp_path / "matching.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as refused, store.begin():
            pass
        other.close()
        assert class_of(refused.value) is ErrorClass.DEPENDENCY_DOWN
        with pytest.raises(DBAPIError) as wrong, store.begin() as tx:
            tx.execute(text("SELECT * FROM nothing"))
        assert class_of(wrong.value) is ErrorClass.TRANSIENT


@pytest.mark.req("A040")
def test_service_whose_database_crashes_goes_on_when_it_is_back(tmp_path: Path) -> None:
    """The server is killed between batches and in the middle of one; nothing is lost, nothing twice."""
    with running() as server, World(server.database(), tmp_path) as world:
        world.place(1, 2)
        world.settle()
        world.place(3)
        server.stop("immediate")
        world.settle(30, pace=5)
        assert world.consumer is not None
        assert list(world.consumer.held) == ["test.orders.lifecycle.v1", "outbox"]
        server.start()
        world.settle(30, pace=5)
        assert (world.applied(), world.trades(), dict(world.consumer.held)) == ([1, 2, 3], [1, 2, 3], {})
        assert world.letters() == []


def test_two_consumers_of_one_store_take_each_event_once(world: World) -> None:
    """As when a lock of the log failed: they stand in line at the cursor's row."""
    with World(world.store_url, world.root / "other") as other:
        for each in (world, other):
            each.place(*range(1, 9))
            each.live()
        threads = [threading.Thread(target=each.settle) for each in (world, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.applied() == list(range(1, 9))
