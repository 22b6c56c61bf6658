"""The one interface of all caches, and what they count."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """What a cache had.

    Args:
        values: Of those keys that it has, by key.
        generation: Of the group; what is loaded for the missing keys is put with it.
    """

    values: Mapping[str, bytes]
    generation: str


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What was counted of one group until now.

    Args:
        hits: Keys that were looked up and there.
        misses: Keys that were not there.
        failures: Of what could not be asked: its keys are misses as well.
        evictions: Entries that went for want of room, or by age where that is noticed here.
        invalidations: How often the group was forgotten.
    """

    hits: int = 0
    misses: int = 0
    failures: int = 0
    evictions: int = 0
    invalidations: int = 0


class Cache(Protocol):
    """Values as bytes, by group and key. Any number of threads."""

    @property
    def counts(self) -> Mapping[str, CacheCounts]:
        """By group."""
        ...

    @property
    def entries(self) -> int | None:
        """Those that are held here; None: elsewhere."""
        ...

    @property
    def well(self) -> bool:
        """Whether the last that was asked of it was done."""
        ...

    def look_up(self, group: str, keys: Sequence[str]) -> Found:
        """Those that are there and not too old; never an error: what cannot be asked has nothing."""
        ...

    def put(self, group: str, values: Mapping[str, bytes], generation: str) -> None:
        """Keeps values, unless their group was forgotten since `generation` was looked up."""
        ...

    def forget(self, group: str) -> None:
        """Nothing that was put until now is found again, nor what was loaded until now and is put later."""
        ...

    def close(self) -> None:
        """Lets its connections go."""
        ...


class Counter:
    """Counts by group; any number of threads may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, int]] = {}

    def add(self, group: str, **numbers: int) -> None:
        """Adds to the fields of `CacheCounts`."""
        with self._lock:
            row = self._rows.setdefault(group, {})
            for name, number in numbers.items():
                row[name] = row.get(name, 0) + number

    def read(self) -> dict[str, CacheCounts]:
        """All of it, of one moment."""
        with self._lock:
            return {group: CacheCounts(**row) for group, row in self._rows.items()}
