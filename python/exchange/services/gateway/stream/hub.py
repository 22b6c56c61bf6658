"""All feeds of a gateway, and the beat by which they are told: each is opened once, however many read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from exchange.runtime.log import log
from exchange.services.gateway.known import instant
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.outlet import Frames, Outlet

BEAT_S: Final = 0.1
LINGER_S: Final = 5.0
"""How long a feed stays open that nobody reads."""

Make = Callable[[Key, Callable[[Feed], None]], Feed]


class Hub:
    """Belongs to one event loop.

    Args:
        make: Makes the feed of a key.
    """

    def __init__(self, make: Make) -> None:
        self.outlets: set[Outlet] = set()
        self.opened: Counter[str] = Counter()
        """How many feeds were ever opened, by channel."""
        self._make = make
        self._feeds: dict[Key, tuple[Feed, asyncio.Task[None]]] = {}
        self._due: set[Feed] = set()
        self._idle: dict[Key, float] = {}

    @property
    def feeds(self) -> list[Feed]:
        """Those that are open."""
        return [feed for feed, _ in self._feeds.values()]

    def feed(self, key: Key) -> Feed:
        """The feed of a key, which is opened where it is not."""
        found = self._feeds.get(key)
        if found is not None and not found[0].refused:
            self._idle.pop(key, None)
            return found[0]
        feed = self._make(key, self._mark)
        task = asyncio.create_task(feed.run(), name=f"{key.channel} {key.symbol or key.account}")
        task.add_done_callback(_told)
        self._feeds[key] = feed, task
        self.opened[key.channel] += 1
        return feed

    async def run(self) -> None:
        """Beats ten times a second, until it is cancelled."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at = max(at + BEAT_S, loop.time())
            await asyncio.sleep(at - loop.time())
            self._beat(loop.time())

    async def close(self) -> None:
        """Closes all feeds."""
        tasks = [task for _, task in self._feeds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._feeds.clear()

    def _mark(self, feed: Feed) -> None:
        self._due.add(feed)

    def _beat(self, now: float) -> None:
        due, self._due = self._due, set()
        for feed in due:
            feed.beat()
        frames = Frames(instant(time.time_ns()))
        for outlet in tuple(self.outlets):
            outlet.beat(frames, now)
        self._close_idle(now)

    def _close_idle(self, now: float) -> None:
        for key, (feed, task) in tuple(self._feeds.items()):
            if feed.readers:
                self._idle.pop(key, None)
            elif feed.refused or now - self._idle.setdefault(key, now) >= LINGER_S:
                del self._feeds[key]
                self._idle.pop(key, None)
                self._due.discard(feed)
                task.cancel()


def _told(task: asyncio.Task[None]) -> None:
    """An accident of a feed goes to the log; what it tells stands still."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log("a feed ended", level=logging.ERROR, error=error, feed=task.get_name())
