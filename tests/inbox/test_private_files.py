"""What a service remembers is read by the user that runs it, and by nobody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from exchange.bus.log.embedded import EmbeddedLog
from exchange.config import load
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.topology.running import prepare
from tests.inbox.world import TOPICS, TRADES


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """That of most systems."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _files(directory: Path) -> dict[str, int]:
    return {path.name: _mode(path) for path in directory.iterdir()}


def test_sqlite_files_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    """The database, and what SQLite makes beside it."""
    stores = tmp_path / "stores"
    with open_store(stores, "identity") as store, store.read() as tx:
        tx.execute(text("SELECT 1"))
        assert _mode(stores) == 0o700
        assert _files(stores) == {f"identity.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")}


def test_sqlite_files_that_were_open_to_others_are_closed_when_they_are_opened(tmp_path: Path) -> None:
    """Those of an earlier version; they hold what they held."""
    with open_store(tmp_path, "identity") as before, before.begin() as tx:
        tx.execute(text("CREATE TABLE kept (word TEXT)"))
        tx.execute(text("INSERT INTO kept VALUES ('here')"))
    with open_store(tmp_path, "identity") as open_still, open_still.read() as tx:
        tx.execute(text("SELECT 1"))
        for path in tmp_path.iterdir():
            path.chmod(0o644)
        with open_store(tmp_path, "identity") as store, store.read() as again:
            assert again.execute(text("SELECT word FROM kept")).scalar_one() == "here"
            assert set(_files(tmp_path).values()) == {0o600}


def test_a_prepared_data_directory_has_no_store_journal_snapshot_or_log_for_others(tmp_path: Path) -> None:
    """Those that are missing are made so; those that were open are closed."""
    settings = load(environment={}, data_directory=str(tmp_path / "data"))
    directory = DataDirectory(settings.data_directory)
    for path in (directory.log, directory.stores):
        path.mkdir(mode=0o755, parents=True)
    prepare(settings)
    for path in (directory.journal, directory.snapshots, directory.log, directory.stores):
        assert _mode(path) == 0o700, path


def test_the_first_who_writes_or_takes_a_topic_makes_a_private_log(tmp_path: Path) -> None:
    """Directories, and so all that lies in them."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    for name in ("written", "taken"):
        events = EmbeddedLog(tmp_path / name, run, TOPICS)
        with events.writer(TRADES) if name == "written" else events.group("matching", TRADES):
            assert _mode(tmp_path / name) == 0o700
            assert _mode(tmp_path / name / TRADES) == 0o700 or name == "taken"
        events.close()
