"""Executions as they come in: to callbacks, and to readers of bounded patience."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from exchange.client.errors import ClientClosed, ReportsLost
from exchange.client.results import Reports
from exchange.client.session import Event, Resync, State
from exchange.client.underway import Pending
from exchange.errors import ExchangeError

T = TypeVar("T")

ROWS_MAX: Final = 262_144


class Shelf:
    """Reports that wait for one reader, as many as fit. May be used by two threads.

    Args:
        rows_max: How many may wait; when there are more the oldest are dropped and the reader is told.
    """

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Reports | ReportsLost] = deque()
        self._rows_max = rows_max
        self._rows = 0
        self._taken = 0
        self.why: ExchangeError = ClientClosed("the reader was closed")
        self._over = False

    def put(self, reports: Reports) -> None:
        """More of them."""
        with self._lock:
            if self._over or not len(reports):
                return
            if self._rows and self._rows + len(reports) > self._rows_max:
                self._waiting.clear()
                self._rows = 0
                upto = int(reports.rows["event_sequence"][0]) - 1
                self._waiting.append(ReportsLost(self._taken, upto, "nobody took them in time"))
            self._waiting.append(reports)
            self._rows += len(reports)

    def lost(self, lost: ReportsLost) -> None:
        """Reports that the core no longer has."""
        with self._lock:
            if not self._over:
                self._waiting.append(lost)

    def end(self, why: ExchangeError) -> None:
        """There will be no more."""
        with self._lock:
            if not self._over:
                self._over = True
                self.why = why

    @property
    def ready(self) -> bool:
        """Whether `take` has something to give, or the end is reached."""
        return bool(self._waiting) or self._over

    @property
    def ended(self) -> bool:
        """Whether all was taken and no more will come."""
        return self._over and not self._waiting

    def take(self) -> Reports | None:
        """The next reports; None where none wait now.

        Raises:
            ReportsLost: Some were missed between those taken before and those taken next.
        """
        with self._lock:
            if not self._waiting:
                return None
            item = self._waiting.popleft()
            if isinstance(item, ReportsLost):
                raise item
            self._rows -= len(item)
            self._taken = int(item.rows["event_sequence"][-1])
            return item


class Hub:
    """Hands on what a session took in: reports to all who want them, answers to who asked.

    Callbacks are called in the order in which things happened, and what they raise goes to `on_error`. What
    is to end the thread or the program, as `SystemExit` is, passes through when all was handed on.
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self.report_callbacks: list[Callable[[Reports], None]] = []
        self.state_callbacks: list[Callable[[State], None]] = []
        self.resync_callbacks: list[Callable[[Resync], None]] = []
        self.shelves: list[Shelf] = []
        self._on_error = on_error

    def dispatch(self, events: Sequence[Event], end: ExchangeError | None) -> None:
        """Hand on. `end` is why the session has ended, where it has."""
        last: BaseException | None = None
        for event in events:
            try:
                self._hand_on(event, end)
            except BaseException as error:  # noqa: BLE001  # whoever waits for what comes behind it has to hear
                last = error
        if last is not None:
            raise last

    def call(self, callbacks: Sequence[Callable[[T], None]], event: T) -> None:
        """Call each of them."""
        last: BaseException | None = None
        for callback in tuple(callbacks):
            try:
                callback(event)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # must not stop the session
                self._on_error(error)
            except BaseException as error:  # noqa: BLE001  # raised when the others were called
                last = error
        if last is not None:
            raise last

    def _hand_on(self, event: Event, end: ExchangeError | None) -> None:
        if isinstance(event, Pending):
            event.resolve(event)
        elif isinstance(event, Reports):
            for shelf in tuple(self.shelves):
                shelf.put(event)
            self.call(self.report_callbacks, event)
        elif isinstance(event, Resync):
            for shelf in tuple(self.shelves):
                shelf.lost(ReportsLost(event.after, event.upto, "the core no longer has them"))
            self.call(self.resync_callbacks, event)
        else:
            if event is State.CLOSED and end is not None:
                for shelf in tuple(self.shelves):
                    shelf.end(end)
            self.call(self.state_callbacks, event)
