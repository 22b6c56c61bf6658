"""A store that may only be read for a while: PostgreSQL's standby, or one that an operator made read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from exchange.errors import ErrorClass, class_of
from exchange.storage.sql import Store, StoreUnavailable
from exchange.storage.sql.dead_letters import DeadLetters
from tests.inbox.postgres import Server
from tests.inbox.world import World


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """PostgreSQL refuses to write, with SQLSTATE 25006."""
    _set(store, "on")
    try:
        yield
    finally:
        _set(store, "off")


def _set(store: Store, word: str) -> None:
    name = store.engine.url.database
    with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {word}'))
    store.engine.dispose()  # it holds for new connections


def test_postgresql_that_may_only_be_read_is_unavailable(postgres: Server, tmp_path: Path) -> None:
    """Nobody is to blame for it, and it passes."""
    with World(postgres.database(), tmp_path) as world, read_only(world.store):
        with pytest.raises(StoreUnavailable) as caught, world.store.begin() as tx:
            tx.execute(text("INSERT INTO totals VALUES ('1', 1)"))
        assert class_of(caught.value) is ErrorClass.DEPENDENCY_DOWN


def test_service_whose_store_may_only_be_read_holds_events_and_goes_on_when_it_may_be_written(
    postgres: Server, tmp_path: Path
) -> None:
    """Nothing is lost, and nothing goes to the dead letters."""
    with World(postgres.database(), tmp_path) as world:
        consumer = world.live()
        with read_only(world.store):
            world.place(1, 2)
            world.settle(5.0)
            assert "read-only transaction" in " ".join(consumer.held.values())
        world.settle(120.0)
        assert world.applied() == world.trades() == [1, 2]
        assert not world.letters()
        assert not consumer.held


def test_letter_that_cannot_be_written_for_whatever_reason_is_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of a statement of the service's own rows stops nothing for good."""
    world.mood.say("1", *["invalid"] * 9)
    world.place(1)
    consumer = world.live()

    def fails(*_: object, **__: object) -> None:
        raise DBAPIError("INSERT", {}, Exception("no such thing"))

    with monkeypatch.context() as patched:
        patched.setattr(DeadLetters, "add", fails)
        world.settle(2.0)
        assert "no such thing" in " ".join(consumer.held.values())
        assert not world.letters()
    world.settle(120.0)
    assert [why for _, why, _ in world.letters()] == ["validation"]
