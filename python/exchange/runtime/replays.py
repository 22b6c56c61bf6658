"""Dead letters on their way back: those that somebody asked for, and those that wait behind no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import DBAPIError

from exchange.errors import ErrorClass, class_of
from exchange.resilience import Clock
from exchange.runtime.event_run import run_of, runs
from exchange.runtime.handling import Handling
from exchange.runtime.intake import UNREADABLE
from exchange.runtime.log import log
from exchange.runtime.patience import Patience
from exchange.schema.events import decode_events
from exchange.storage.sql import Kept, Store, StoreUnavailable, Transaction
from exchange.storage.sql.dead_letters import DeadLetters, Letter, LetterStatus, Reason

LOOK_S: Final = 0.25
"""How often it is looked whether somebody asked for a replay."""


class Replays:
    """Hands dead letters to the handlers again, in the order of each entity. One thread.

    A letter has its effect in the transaction in which it becomes `replayed`: so once, however often it is
    asked for. It has the same patience as an event of the log; then it is `dead` again.

    Args:
        service: Whose they are.
        store: Of the service.
        handling: What is done with events.
        clock: The time.
        now_ns: The time, ns since 1970.
    """

    def __init__(
        self, service: str, store: Store, handling: Handling, clock: Clock, now_ns: Callable[[], int]
    ) -> None:
        self._service = service
        self._store = store
        self._handling = handling
        self._clock = clock
        self._now_ns = now_ns
        self._letters = DeadLetters(service)
        self._due = Kept(store, self._letters.due)
        self._next_look = 0.0
        self._letter = 0
        self.tries = Patience(clock)
        self.hold = Patience(clock)

    @property
    def wait_s(self) -> float:
        """How long until there may be something to do."""
        return max(self.tries.wait_s, self.hold.wait_s, self._next_look - self._clock.now(), 0.0)

    def step(self) -> bool:
        """Tries one letter, where one is due; whether it came any further."""
        if self.wait_s > 0:
            return False
        try:
            letter = self._due.get()
            if letter is None:
                self._next_look = self._clock.now() + LOOK_S
                return False
            if letter.letter != self._letter:
                self._letter = letter.letter
                self.tries.succeeded()
            self._try(letter)
        except (StoreUnavailable, DBAPIError) as error:  # its own rows: `_try` has what a handler raises
            self.hold.failed(error)
            return False
        return True

    def _try(self, letter: Letter) -> None:
        try:
            with self._store.begin() as tx:
                found = self._letters.find(tx, letter.letter, lock=True)
                if found is None or found.status not in {LetterStatus.REPLAY, LetterStatus.BEHIND}:
                    return  # decided otherwise just now
                self._handle(tx, letter)
                self._letters.taken(tx, letter.letter, self._service, self._now_ns())
        except Exception as error:  # noqa: BLE001 (of a handler: any)
            self._failed(letter, error)
        else:
            self.tries.succeeded()
            self.hold.succeeded()
            log("dead letter taken", service=self._service, letter=letter.letter)

    def _handle(self, tx: Transaction, letter: Letter) -> None:
        if letter.envelope.event_type == UNREADABLE:
            batch = decode_events(letter.envelope.payload, letter.stream, letter.seq)
            for run in runs(batch, 0, len(batch)):
                self._handling.handle(tx, run)
        else:
            self._handling.handle(tx, run_of(letter.envelope, letter.stream, letter.seq))

    def _failed(self, letter: Letter, error: Exception) -> None:
        kind = class_of(error)
        if kind is ErrorClass.DEPENDENCY_DOWN:
            self.hold.failed(error)
            return
        if kind is ErrorClass.TRANSIENT and not self.tries.exhausted:
            self.tries.failed(error)
            return
        reason = Reason.VALIDATION if kind is ErrorClass.VALIDATION else Reason.EXHAUSTED
        why = (reason, f"{type(error).__name__}: {error}")
        with self._store.begin() as tx:
            self._letters.failed(tx, letter, self._service, why, self.tries.failures + 1, self._now_ns())
        self.tries.succeeded()
        log("dead letter failed again", level=logging.ERROR, service=self._service, letter=letter.letter)
