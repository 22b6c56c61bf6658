"""Hears the events of a topic as they come, and says so at once: for who keeps what they outdate."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from exchange.bus.log.events import events_of
from exchange.bus.log.interface import EventLog, Record, TopicReader
from exchange.domain.events import Event
from exchange.errors import ExchangeError
from exchange.runtime.log import log

_LOOK_S: Final = 0.5


class TopicWatch:
    """Runs in a thread; anybody may ask how far it is.

    It begins with the last event that there is, which says where the topic is. A stretch that it cannot read
    it leaves out, and goes on with the last event again.

    Args:
        events: The event log; not closed before the watch.
        topic: Its full name.
        told: Called by the thread with what came, in order; None: that is not known, so anything may
            have.
    """

    def __init__(
        self, events: EventLog, topic: str, told: Callable[[Sequence[Event] | None], object]
    ) -> None:
        self._told = told
        self._log = events
        self._reader: TopicReader = events.reader(topic, self._last_of(topic))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_reading = True
        """Whether the topic can be read, as far as the last look tells."""
        self.heard = 0
        """Of the entity of the last event that came: as of this anything that it outdates is asked for again,
        for it is there before the event is told."""
        self.sequence = 0
        """Of the entity of the last event that was told."""

    def start(self) -> None:
        """Begins to listen. Anything may have come before: somebody may have kept what that outdates."""
        self._told(None)
        self._thread = threading.Thread(target=self._listen, name="watch")
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._reader.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                events = self._next()
            except (ExchangeError, OSError) as error:
                if self.is_reading:
                    log("events cannot be heard", level=logging.ERROR, topic=self._reader.topic, reason=error)
                self.is_reading = False
                self._told(None)
                self._stop.wait(_LOOK_S)
                continue
            if events:
                self.heard = max(self.heard, *(event.entity.sequence for event in events))
                self._told(events)
                self.sequence = self.heard
            else:
                self._reader.wait(_LOOK_S)

    def _next(self) -> list[Event]:
        if not self.is_reading:
            self._reader.seek(self._last_of(self._reader.topic))
        events = list(_all_of(self._reader.read()))
        if not self.is_reading:
            self.is_reading = True
            self._told(None)  # what was left out
        return events

    def _last_of(self, topic: str) -> int:
        extent = self._log.extent(topic)
        return max(extent.begin, extent.end - 1)


def _all_of(records: Sequence[Record]) -> Iterator[Event]:
    for record in records:
        yield from events_of(record)
