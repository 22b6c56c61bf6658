"""What both kinds of cache do alike, and what each does alone; against a real Redis."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.config import Settings, load
from exchange.errors import ConfigError
from exchange.observability.health import Status
from exchange.observability.openmetrics import families_text
from exchange.resilience import Policies
from exchange.runtime.caching import cache_families, forgetting, needs_of, open_cache
from exchange.storage.cache import Cache, CacheCounts, MemoryCache
from tests.cache.changed import changed_entity
from tests.cache.redis_server import RedisServer, running
from tests.exchange.running import until

WAIT_S = 60.0


def put(cache: Cache, group: str, **values: bytes) -> None:
    """As whoever has just looked up and loaded."""
    cache.put(group, values, cache.look_up(group, list(values)).generation)


@pytest.mark.req("D055")
def test_cache_gives_what_was_put_until_its_group_is_forgotten(cache: Cache) -> None:
    """Of each group by itself; empty values too; hits and misses are counted."""
    put(cache, "a", x=b"1", y=b"")
    put(cache, "b", x=b"2")
    assert cache.look_up("a", ["y", "z", "x"]).values == {"x": b"1", "y": b""}
    cache.forget("a")
    assert cache.look_up("a", ["x", "y"]).values == {}
    assert cache.look_up("b", ["x"]).values == {"x": b"2"}
    assert cache.counts == {
        "a": CacheCounts(hits=2, misses=5, invalidations=1),
        "b": CacheCounts(hits=1, misses=1),
    }
    page = families_text(cache_families(cache), openmetrics=True, process="x")
    assert 'exchange_cache_lookups_total{process="x",group="a",outcome="hit"} 2\n' in page
    assert ("exchange_cache_entries" in page) == isinstance(cache, MemoryCache)


def test_what_was_loaded_before_a_change_is_not_kept_after_it(cache: Cache) -> None:
    """Whoever is slow to load puts what is old."""
    old = cache.look_up("a", ["x"]).generation
    cache.forget("a")
    cache.put("a", {"x": b"old"}, old)
    assert cache.look_up("a", ["x"]).values == {}
    put(cache, "a", x=b"new")
    cache.put("a", {"x": b"old"}, old)
    assert cache.look_up("a", ["x"]).values == {"x": b"new"}


def test_many_entries_go_in_and_out_at_once(cache: Cache) -> None:
    """More than one script of Redis has room for."""
    values = {f"k{number}": bytes([number % 256]) * 9 for number in range(2_500)}
    cache.put("a", values, cache.look_up("a", list(values)).generation)
    assert cache.look_up("a", [*values, "none"]).values == values


def test_threads_never_find_what_was_forgotten(cache: Cache) -> None:
    """Readers put what the truth was when they looked; the writer changes it, then forgets."""
    truth, wrong, stop = [0], [], threading.Event()

    def read(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            least = truth[0]
            found = cache.look_up("a", ["x"])
            if "x" in found.values:
                # A change that is under way may be forgotten a moment later.
                if int(found.values["x"]) < least - 1:
                    wrong.append((least, found))
            else:
                cache.put("a", {"x": b"%d" % truth[0]}, found.generation)
            time.sleep(chance.random() / 10_000)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        truth[0] += 1
        cache.forget("a")
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_is_bounded_by_number_and_age() -> None:
    """What was looked up longest ago goes first; what is old counts no more."""
    now = [0.0]
    cache = MemoryCache(3, 10.0, lambda: now[0])
    put(cache, "a", x=b"1", y=b"2", z=b"3")
    assert cache.look_up("a", ["x"]).values
    put(cache, "b", w=b"4")
    assert cache.look_up("a", ["x", "y", "z"]).values == {"x": b"1", "z": b"3"}
    now[0] = 9.9
    assert cache.look_up("a", ["x"]).values
    now[0] = 10.0
    assert cache.look_up("a", ["x"]).values == {}
    assert (cache.entries, cache.counts["a"].evictions) == (2, 2)


def test_redis_lets_a_group_age(redis_server: RedisServer, tmp_path: Path) -> None:
    """From its first entry on, as a whole."""
    settings = load(
        environment={},
        data_directory=tmp_path,
        cache={"url": redis_server.url, "prefix": "age", "ttl_ms": 150},
    )
    cache = open_cache(settings, Policies())
    put(cache, "a", x=b"1")
    until(lambda: not cache.look_up("a", ["x"]).values, "it does not become too old")
    cache.close()


@pytest.mark.req("D055")
def test_processes_share_redis_and_exchanges_do_not(redis_server: RedisServer, tmp_path: Path) -> None:
    """One finds what the other put, and forgets it for both; another prefix or environment is another's."""

    def opened(prefix: str, environment: str) -> Cache:
        settings = load(
            environment={},
            data_directory=tmp_path,
            cache={"url": redis_server.url, "prefix": prefix},
            events={"environment": environment},
        )
        return open_cache(settings, Policies())

    one, same, other, staging = (
        opened(*of) for of in (("s", "dev"), ("s", "dev"), ("t", "dev"), ("s", "qa"))
    )
    put(one, "a", x=b"1")
    assert same.look_up("a", ["x"]).values == {"x": b"1"}
    assert other.look_up("a", ["x"]).values == staging.look_up("a", ["x"]).values == {}
    same.forget("a")
    assert one.look_up("a", ["x"]).values == {}
    for cache in (one, same, other, staging):
        cache.close()


@pytest.mark.req("D055", "D075")
def test_redis_that_is_away_is_missed_by_nobody_and_keeps_nothing_old(tmp_path: Path) -> None:
    """Misses, no errors; health says degraded. What changed meanwhile is not found when it is back."""
    with running() as server:
        settings = load(environment={}, data_directory=tmp_path, cache={"url": server.url})
        cache, same = open_cache(settings, Policies()), open_cache(settings, Policies())
        assert needs_of(cache, settings) == {"redis": Status.HEALTHY}
        server.kill()
        for _ in range(8):  # the breaker opens
            assert cache.look_up("instruments", ["x"]).values == {}
            put(cache, "instruments", x=b"never")
        assert needs_of(cache, settings) == {"redis": Status.DEGRADED}
        forgetting(cache)([changed_entity("Asset")])
        server.start()
        put(same, "instruments", x=b"old")
        until(
            lambda: not cache.look_up("instruments", ["x"]).values and cache.well,
            "what is old is not forgotten",
        )
        assert cache.look_up("instruments", ["x"]).values == {}
        assert same.look_up("instruments", ["x"]).values == {}
        put(cache, "instruments", x=b"new")
        assert same.look_up("instruments", ["x"]).values == {"x": b"new"}
        assert cache.counts["instruments"].failures > 8
        assert needs_of(cache, settings) == {"redis": Status.HEALTHY}
        cache.close()
        same.close()


def test_change_of_what_is_not_cached_empties_nothing(cache: Cache, cache_settings: Settings) -> None:
    """An account is no instrument; where nobody knows what changed, all of it may have."""
    put(cache, "instruments", x=b"1")
    forgetting(cache)([changed_entity("Account"), changed_entity("Limits")])
    assert cache.look_up("instruments", ["x"]).values == {"x": b"1"}
    forgetting(cache)(None)
    assert cache.look_up("instruments", ["x"]).values == {}
    without = replace(cache_settings, cache=replace(cache_settings.cache, url=""))
    assert needs_of(cache, without) == {}


def test_settings_of_a_cache_are_checked(tmp_path: Path) -> None:
    """No address; no prefix; and no password in a message."""
    for cache, why in (
        ({"url": "localhost:6379"}, "cache.url is no address: expected redis://host:port/number"),
        ({"prefix": "a b"}, "cache.prefix is 'a b': expected 1 to 64 letters, digits"),
        ({"ttl_ms": 0}, "cache.ttl_ms is 0: expected a whole number from 1"),
    ):
        with pytest.raises(ConfigError, match=why):
            load(environment={}, data_directory=tmp_path, cache=cache)
    with pytest.raises(ConfigError) as refused:
        load(environment={}, data_directory=tmp_path, cache={"url": "redis//:secret@x"})
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(
        load(environment={}, data_directory=tmp_path, cache={"url": "redis://:secret@x"})
    )
