"""Where events wait for their reader: so many, no more."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from exchange.client.stream.events import ConnectedEvent, Event, LaggedEvent, SubscriptionLostEvent


class Mailbox:
    """Belongs to one event loop and one reader.

    Args:
        most: How many events wait of those that each count; of the others there is one a thing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[Hashable, Event] = OrderedDict()
        self._counted: OrderedDict[int, None] = OrderedDict()  # those that each count
        self._numbers = 0
        self._dropped = 0
        self._dropped_of: set[str] = set()
        self._wake = asyncio.Event()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """It comes behind what waits, or into the place of the last one of the same thing."""
        of_client = ConnectedEvent | LaggedEvent | SubscriptionLostEvent
        key = None if isinstance(event, of_client) else event.key
        if key is None:
            self._numbers += 1
            self._counted[self._numbers] = None
            self._waiting[self._numbers] = event
            if len(self._counted) > self._most:
                self._drop()
        else:
            older: Any = self._waiting.get(key)
            self._waiting[key] = event if older is None else older.joined(event)
        self._wake.set()

    def end(self, error: Exception) -> None:
        """Nothing comes any more; who has read what waits is told."""
        self._error = error
        self._wake.set()

    async def get(self) -> Event:
        """The next one; waits for it.

        Raises:
            Exception: What ended it.
        """
        while not self._waiting and not self._dropped:
            if self._error is not None:
                raise self._error
            self._wake.clear()
            await self._wake.wait()
        if self._dropped:
            lagged = LaggedEvent(dropped=self._dropped, channels=frozenset(self._dropped_of))
            self._dropped, self._dropped_of = 0, set()
            return lagged
        key, event = self._waiting.popitem(last=False)
        if isinstance(key, int):
            del self._counted[key]
        return event

    def _drop(self) -> None:
        number, _ = self._counted.popitem(last=False)
        event = self._waiting.pop(number)
        self._dropped += 1
        self._dropped_of.add(type(event).__name__.removesuffix("Event").lower())
