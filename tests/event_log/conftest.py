"""Fixtures of the event log's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.storage.directory import DataDirectory
from tests.event_log.published import Exchange
from tests.exchange.journals import Writer


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is such a thing: what a kill leaves does not depend on syncs."""
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as made:
        yield Path(made)


@pytest.fixture
def exchange(memory: Path) -> Iterator[Exchange]:
    """With an open market."""
    directory = DataDirectory(memory)
    directory.snapshots.mkdir()
    made = Exchange(memory, Writer(directory.journal))
    made.writer.open_market()
    yield made
    made.writer.close()
