"""A cache in the memory of this process: so many entries at most, each so long at most."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from exchange.storage.cache.interface import CacheCounts, Counter, Found

_Key = tuple[str, str]


class MemoryCache:
    """See `Cache`. Beyond the bound the entry goes that was not looked up for longest.

    Args:
        entries_max: Of all groups together.
        ttl_s: Age at which an entry is no longer found, seconds.
        clock: A steady clock, seconds.
    """

    well = True

    def __init__(self, entries_max: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries_max = entries_max
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, tuple[float, bytes]] = OrderedDict()
        self._generations: dict[str, int] = {}
        self._counter = Counter()

    @property
    def counts(self) -> Mapping[str, CacheCounts]:
        """See `Cache`."""
        return self._counter.read()

    @property
    def entries(self) -> int:
        """See `Cache`."""
        return len(self._entries)

    def look_up(self, group: str, keys: Sequence[str]) -> Found:
        """See `Cache`."""
        values: dict[str, bytes] = {}
        aged = 0
        with self._lock:
            latest = self._clock() - self._ttl_s
            for key in keys:
                entry = self._entries.get((group, key))
                if entry is None:
                    continue
                if entry[0] <= latest:
                    del self._entries[group, key]
                    aged += 1
                    continue
                self._entries.move_to_end((group, key))
                values[key] = entry[1]
            generation = str(self._generations.get(group, 0))
        self._counter.add(group, hits=len(values), misses=len(keys) - len(values), evictions=aged)
        return Found(values, generation)

    def put(self, group: str, values: Mapping[str, bytes], generation: str) -> None:
        """See `Cache`."""
        evicted: dict[str, int] = {}
        with self._lock:
            if generation != str(self._generations.get(group, 0)):
                return
            now = self._clock()
            for key, value in values.items():
                self._entries[group, key] = (now, value)
                self._entries.move_to_end((group, key))
            while len(self._entries) > self._entries_max:
                (of, _), _ = self._entries.popitem(last=False)
                evicted[of] = evicted.get(of, 0) + 1
        for of, number in evicted.items():
            self._counter.add(of, evictions=number)

    def forget(self, group: str) -> None:
        """See `Cache`."""
        with self._lock:
            self._generations[group] = self._generations.get(group, 0) + 1
            for key in [key for key in self._entries if key[0] == group]:
                del self._entries[key]
        self._counter.add(group, invalidations=1)

    def close(self) -> None:
        """See `Cache`."""
