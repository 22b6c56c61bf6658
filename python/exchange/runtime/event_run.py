"""Events of one record that a handler takes at once: neighbours, of one type of payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, overload

import numpy as np

from exchange.domain.events import Event, EventEnvelope, find_event_type
from exchange.errors import LogRefused
from exchange.schema.event_rows import EventList, Records, Tenants
from exchange.schema.events import ROW_MESSAGES, EventBatch

_NO_TENANTS: Final[Tenants] = np.zeros(0, np.uint32)


class EventRun(Sequence[Event]):
    """A stretch of a batch. Those who work on arrays take `rows`; single events are made when asked for.

    Args:
        batch: The record's.
        begin: Of its first event in the batch.
        end: After its last one.
        payload: The class of all payloads; bytes where the catalogue does not know them.
    """

    def __init__(self, batch: EventBatch, begin: int, end: int, payload: type) -> None:
        self._batch = batch
        self._begin = begin
        self._end = end
        self.payload = payload

    @property
    def rows(self) -> Records | None:
        """(n,) of `ROW_DTYPES[kind]`, where they come from a hot stream; None: envelopes."""
        rows = self._batch.rows
        return None if rows is None else rows.rows[self._begin : self._end]

    @property
    def tenants(self) -> Tenants:
        """(n,) of the tenant of each row; (0,) where rows say it themselves, or there are none."""
        rows = self._batch.rows
        return _NO_TENANTS if rows is None else rows.tenants[self._begin : self._end]

    def __len__(self) -> int:
        return self._end - self._begin

    @overload
    def __getitem__(self, at: int) -> Event: ...

    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...

    def __getitem__(self, at: int | slice) -> Event | list[Event]:
        places = range(self._begin, self._end)[at]
        if isinstance(places, range):
            return [self._batch[place] for place in places]
        return self._batch[places]

    def __iter__(self) -> Iterator[Event]:
        return (self._batch[at] for at in range(self._begin, self._end))


def runs(batch: EventBatch, begin: int, end: int) -> Iterator[EventRun]:
    """A part of a batch, cut where the payload's type changes."""
    if batch.rows is not None:
        yield EventRun(batch, begin, end, ROW_MESSAGES[batch.kind])
        return
    for payload, group in groupby(range(begin, end), lambda at: _payload_of(batch.envelopes[at])):
        places = list(group)
        yield EventRun(batch, places[0], places[-1] + 1, payload)


def run_of(envelope: EventEnvelope, stream: int, seq: int) -> EventRun:
    """One event alone."""
    batch = EventBatch(EventList.ENVELOPES, stream, seq, None, (envelope,), b"")
    return EventRun(batch, 0, 1, _payload_of(envelope))


def _payload_of(envelope: EventEnvelope) -> type:
    try:
        return find_event_type(envelope.event_type, envelope.event_version).payload
    except LogRefused:
        return bytes
