"""What a service does with events, within one transaction: its handlers, and what they return."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from exchange.domain.events import DeadLetter, Entity, Event, EventEnvelope
from exchange.domain.events.catalogue import DEAD_LETTER, TEXT_BYTES_MAX
from exchange.errors import WireError
from exchange.observability.correlation import correlated
from exchange.runtime.event_run import EventRun
from exchange.runtime.outbox import Outbox, ToldRows
from exchange.runtime.spec import ServiceSpec
from exchange.storage.sql import Transaction
from exchange.storage.sql.dead_letters import DeadLetters, LetterContent, Reason

_UNKNOWN: Final = "unknown"
_ERROR_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in the log."""

    topic: str
    offset: int
    stream: int
    seq: int


class Handling:
    """Hands events to a service's handlers, and what cannot be handed to its dead letters.

    Args:
        spec: The service.
        version: Of this program.
        outbox: Of the service.
        letters: Of the service.
        now_ns: The time, ns since 1970.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        version: str,
        outbox: Outbox,
        letters: DeadLetters,
        now_ns: Callable[[], int],
    ) -> None:
        self._spec = spec
        self._version = version
        self._outbox = outbox
        self._letters = letters
        self._now_ns = now_ns

    def handle(self, tx: Transaction, run: EventRun) -> None:
        """One stretch of events; a type without a handler is passed over."""
        handler = self._spec.handlers.get(run.payload)
        if handler is None:
            return
        with ExitStack() as scope:
            if len(run) == 1:  # more than one are of as many requests
                scope.enter_context(correlated(run[0].correlation_id, run[0].tenant_id))
            told = handler(tx, run)
            if isinstance(told, ToldRows):
                self._outbox.add_rows(tx, told)
            elif told is not None:
                self._outbox.add(tx, told)

    def set_aside(
        self,
        tx: Transaction,
        place: Place,
        envelope: EventEnvelope,
        why: tuple[Reason, str],
        attempts: int,
    ) -> None:
        """An event goes to the dead letters: here, and to the topic of them."""
        reason, error = why
        letter = LetterContent(
            topic=place.topic,
            offset=place.offset,
            stream=place.stream,
            seq=place.seq,
            envelope=envelope,
            reason=reason,
            error=error[:_ERROR_MAX],
            attempts=attempts,
            consumer_version=self._version,
            failed_at=self._now_ns(),
        )
        self._letters.add(tx, letter)
        try:
            self._outbox.add(tx, [self._event(letter, envelope.payload)])
        except WireError:  # with all that is around it, it is too large: the letter here has all of it
            self._outbox.add(tx, [self._event(letter, b"")])

    def _event(self, letter: LetterContent, payload: bytes) -> Event:
        of = letter.envelope
        return Event(
            event_id="",
            event_type=DEAD_LETTER.name,
            event_version=DEAD_LETTER.version,
            occurred_at=letter.failed_at,
            producer=self._spec.name,
            tenant_id=_said(of.tenant_id),
            correlation_id=_said(of.correlation_id),
            causation_id=_said(of.event_id),
            entity=Entity(entity_type=_said(of.entity.entity_type), entity_id=_said(of.entity.entity_id)),
            payload=DeadLetter(
                original=replace(of, payload=payload),
                topic=letter.topic,
                offset=letter.offset,
                consumer_group=self._spec.name,
                consumer_version=letter.consumer_version,
                reason=str(letter.reason),
                error=letter.error,
                attempts=letter.attempts,
                failed_at=letter.failed_at,
            ),
        )


def _said(text: str) -> str:
    """What an event says, or that it does not: what is wrong with it may be just that."""
    return (
        text
        if text.isprintable() and 0 < len(text.encode("utf-8", "replace")) <= TEXT_BYTES_MAX
        else _UNKNOWN
    )
