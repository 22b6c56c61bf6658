"""Every test of a store runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inbox.postgres import Server, running
from tests.inbox.world import World


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "stores")
    server: Server = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[World]:
    """A log, a store and a service."""
    with World(store_url, tmp_path) as made:
        yield made
