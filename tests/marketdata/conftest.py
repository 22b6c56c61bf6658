"""Every test of the rows runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.storage.directory import DataDirectory
from tests.event_log.conftest import memory
from tests.event_log.published import Exchange
from tests.exchange.journals import Writer
from tests.marketdata.oracle import open_second_market

__all__ = ["exchange", "memory"]


@pytest.fixture
def exchange(memory: Path) -> Iterator[Exchange]:
    """A journal with two open markets, and a log."""
    directory = DataDirectory(memory)
    directory.snapshots.mkdir()
    made = Exchange(memory, Writer(directory.journal))
    made.writer.open_market()
    open_second_market(made.writer)
    yield made
    made.writer.close()
