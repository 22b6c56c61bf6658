"""Channels of which only the newest counts: what came between two beats is told as its last."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from exchange.client.instruments import Instrument
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source


class LatestFeed(Feed):
    """What is known last of an instrument.

    Args:
        key, due: As of `Feed`.
        source: Where it comes from.
    """

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self._instrument: Instrument | None = None
        self._changed = False

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self.encoded("snapshot", self._sequence, self._data(self._known))

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        changed, self._changed = self._changed, False
        return self._update() if changed else None

    @property
    def _known(self) -> Instrument:
        if self._instrument is None:
            raise RuntimeError(f"{self.key.channel} is told before its instrument is known")
        return self._instrument

    def _tell(self) -> None:
        self._changed = True
        self.changed(self._update)

    def _update(self) -> bytes:
        return self.encoded("update", self._sequence, self._data(self._known))

    @property
    @abstractmethod
    def _sequence(self) -> int:
        """Where in its stream it is."""

    @abstractmethod
    def _data(self, instrument: Instrument) -> Any:
        """What is told."""
