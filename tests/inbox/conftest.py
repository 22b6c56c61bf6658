"""Every test of a store runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inbox.world import World


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[World]:
    """A log, a store and a service."""
    with World(store_url, tmp_path) as made:
        yield made
