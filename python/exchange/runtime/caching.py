"""The cache of a process: made by the settings, emptied by what administrators change, told of in metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from exchange.config.settings import Settings
from exchange.domain.events import Event
from exchange.observability.catalogue import METRICS
from exchange.observability.health import Status
from exchange.observability.openmetrics import Family
from exchange.resilience import Policies
from exchange.storage.cache import Cache, MemoryCache

_MS_A_S: Final = 1_000
INSTRUMENTS: Final = "instruments"
GROUPS: Final[Mapping[str, str]] = {"Asset": INSTRUMENTS, "Instrument": INSTRUMENTS}
"""By type of entity: the group of entries that a change of one makes old."""


def open_cache(settings: Settings, policies: Policies) -> Cache:
    """The cache that the settings name, not asked yet.

    Raises:
        ConfigError: Redis is named, and redis-py is not installed.
    """
    cache = settings.cache
    ttl_s = cache.ttl_ms / _MS_A_S
    if not cache.url:
        return MemoryCache(cache.entries_max, ttl_s)
    from exchange.storage.cache.redis import RedisCache  # an extra

    prefix = f"{cache.prefix}:{settings.events.environment}"
    policy = policies.of("cache", "redis")
    return RedisCache(cache.url, prefix, ttl_s, policy, cache.timeout_ms / _MS_A_S)


def forgetting(cache: Cache) -> Callable[[Sequence[Event] | None], None]:
    """What a `TopicWatch` of `admin.changes` calls: forgets the groups of what changed; None: all."""

    def changed(events: Sequence[Event] | None) -> None:
        entities = set(GROUPS) if events is None else {event.entity.entity_type for event in events}
        for group in {group for entity, group in GROUPS.items() if entity in entities}:
            cache.forget(group)

    return changed


def needs_of(cache: Cache, settings: Settings) -> Mapping[str, Status]:
    """As health has it: Redis is there only where it is configured, and without it all goes on, slower."""
    if not settings.cache.url:
        return {}
    return {"redis": Status.HEALTHY if cache.well else Status.DEGRADED}


def cache_families(cache: Cache) -> Iterator[Family]:
    """What was asked of it, and how that ended."""
    counts = cache.counts
    yield METRICS["exchange_cache_lookups"].family(
        ((group, outcome), number)
        for group, of in counts.items()
        for outcome, number in (("hit", of.hits), ("miss", of.misses))
    )
    yield METRICS["exchange_cache_failures"].family(((group,), of.failures) for group, of in counts.items())
    yield METRICS["exchange_cache_evictions"].family(((group,), of.evictions) for group, of in counts.items())
    yield METRICS["exchange_cache_invalidations"].family(
        ((group,), of.invalidations) for group, of in counts.items()
    )
    if cache.entries is not None:
        yield METRICS["exchange_cache_entries"].one(cache.entries)
