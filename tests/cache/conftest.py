"""Every test of a cache runs on both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from exchange.config import Settings, load
from exchange.resilience import Policies
from exchange.runtime.caching import open_cache
from exchange.storage.cache import Cache
from tests.cache.redis_server import RedisServer, running

_numbers = count(1)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests."""
    with running() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def cache_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Of an exchange with a cache of its own."""
    url = ""
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    cache = {"url": url, "prefix": f"test-{next(_numbers)}", "timeout_ms": 5_000}
    return load(environment={}, data_directory=tmp_path, cache=cache)


@pytest.fixture
def cache(cache_settings: Settings) -> Iterator[Cache]:
    """An empty one."""
    made = open_cache(cache_settings, Policies())
    yield made
    made.close()
