"""Events that a handler takes at once: neighbours, of one type of payload."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import accumulate, groupby
from typing import Final, overload

import numpy as np

from exchange.domain.events import Event, EventEnvelope, find_event_type
from exchange.errors import LogRefused
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records, Tenants, joined_rows
from exchange.schema.events import ROW_MESSAGES, EventBatch

_NO_TENANTS: Final[Tenants] = np.zeros(0, np.uint32)
Piece = tuple[EventBatch, int, int]
"""Of a batch: from one event to before another."""


class EventRun(Sequence[Event]):
    """Neighbours in a topic. Those who work on arrays take `rows`; single events are made when asked for.

    Args:
        pieces: Where they are, in order; of several records, where those come from a hot stream.
        payload: The class of all payloads; bytes where the catalogue does not know them.
    """

    def __init__(self, pieces: Sequence[Piece], payload: type) -> None:
        self.pieces = tuple(pieces)
        self.payload = payload
        self._ends = list(accumulate(end - begin for _, begin, end in pieces))

    @property
    def dtype(self) -> np.dtype[np.void] | None:
        """Of `rows`."""
        rows = self.pieces[0][0].rows
        return None if rows is None else rows.rows.dtype

    @property
    def rows(self) -> Records | None:
        """(n,) of `ROW_DTYPES[kind]`, where they come from a hot stream; None: envelopes."""
        found = [batch.rows.rows[begin:end] for batch, begin, end in self.pieces if batch.rows is not None]
        return joined_rows(found) if found else None

    @property
    def trades(self) -> Records:
        """(n,) of `ROW_DTYPES[EventList.TRADES]`: `rows`, or the like of single events (of dead letters)."""
        rows = self.rows
        if rows is not None:
            return rows
        taken = [event.payload for event in self]
        made = np.zeros(len(taken), ROW_DTYPES[EventList.TRADES])
        for row, trade in zip(made, taken, strict=True):
            for item in fields(trade):
                value = getattr(trade, item.name)
                text = isinstance(value, str)
                row[item.name] = value.encode("ascii", "replace") if text else int(value or 0)
        return made

    @property
    def tenants(self) -> Tenants:
        """(n,) of the tenant of each row; (0,) where rows say it themselves, or there are none."""
        found = [batch.rows.tenants[begin:end] for batch, begin, end in self.pieces if batch.rows is not None]
        return np.concatenate(found) if found else _NO_TENANTS

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, at: int) -> Event: ...

    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...

    def __getitem__(self, at: int | slice) -> Event | list[Event]:
        places = range(len(self))[at]
        return [self._event(place) for place in places] if isinstance(places, range) else self._event(places)

    def __iter__(self) -> Iterator[Event]:
        return (batch[at] for batch, begin, end in self.pieces for at in range(begin, end))

    def _event(self, place: int) -> Event:
        piece = bisect_right(self._ends, place)
        batch, _, end = self.pieces[piece]
        return batch[end - self._ends[piece] + place]


def follows(one: EventRun, other: EventRun) -> bool:
    """Whether what comes behind a run can be handled with it: both are rows of the same form."""
    return one.dtype is not None and one.dtype == other.dtype and one.payload is other.payload


def joined(several: Sequence[EventRun]) -> EventRun:
    """All of them as one; each follows the one before it."""
    return EventRun([piece for run in several for piece in run.pieces], several[0].payload)


def runs(batch: EventBatch, begin: int, end: int) -> Iterator[EventRun]:
    """A part of a batch, cut where the payload's type changes."""
    if batch.rows is not None:
        yield EventRun([(batch, begin, end)], ROW_MESSAGES[batch.kind])
        return
    for payload, group in groupby(range(begin, end), lambda at: _payload_of(batch.envelopes[at])):
        places = list(group)
        yield EventRun([(batch, places[0], places[-1] + 1)], payload)


def run_of(envelope: EventEnvelope, stream: int, seq: int) -> EventRun:
    """One event alone."""
    batch = EventBatch(EventList.ENVELOPES, stream, seq, None, (envelope,), b"")
    return EventRun([(batch, 0, 1)], _payload_of(envelope))


def _payload_of(envelope: EventEnvelope) -> type:
    try:
        return find_event_type(envelope.event_type, envelope.event_version).payload
    except LogRefused:
        return bytes
