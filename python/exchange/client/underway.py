"""Requests that wait for their answers: which report or answer belongs to which, and which get none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import numpy as np

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange.client.records import Records, as_bytes, some_of
from exchange.client.requests import ANSWERED_IN, Request
from exchange.domain.enums import CommandList, ExecType, OrderAction, ReportFlag, ReportList
from exchange.errors import ExchangeError

# New orders of which nothing was heard, that are remembered.
_UNANSWERED_MAX: Final = 10_000
_DUPLICATE: Final = int(ReportFlag.DUPLICATE)
_NEW_ORDER: Final = int(OrderAction.NEW_ORDER)

_NAMED: Final = some_of(
    EXECUTION_REPORT_DTYPE,
    *("correlation_id_head", "correlation_id_tail", "client_order_id_head", "client_order_id_tail"),
    *("exec_type", "flags"),
)

# What answers a request; anything else with its correlation id is a consequence.
_ANSWERED_BY: Final[dict[int, frozenset[int]]] = {
    _NEW_ORDER: frozenset({ExecType.ACCEPTED, ExecType.REJECTED}),
    int(OrderAction.REPLACE): frozenset(
        {ExecType.REPLACED, ExecType.CANCELED, ExecType.CANCEL_REJECTED, ExecType.REJECTED}
    ),
    int(OrderAction.CANCEL): frozenset({ExecType.CANCELED, ExecType.CANCEL_REJECTED, ExecType.REJECTED}),
    int(OrderAction.MASS_CANCEL): frozenset({ExecType.DONE, ExecType.CANCEL_REJECTED, ExecType.REJECTED}),
}


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits for its answers, and who waits for it. Times in ns of the session's clock.

    Args:
        ticket: Counts the requests of a session.
        resolve: Called when all is answered, or has failed.
        answers: One record for each that was asked, where it is answered.
        sent_by: The number of the connection by which it was sent last; 0 before.
        failure: Why there will be no answer.
    """

    ticket: int
    request: Request[Any]
    resolve: Callable[[Pending], None]
    asked_at: int
    deadline: int
    missing: int
    durability: list[int]
    answered: bytearray
    answers: Records = field(init=False)
    sent_by: int = 0
    failure: ExchangeError | None = None

    def take(self, rows: Records, at: list[int], places: list[int], durability: int) -> bool:
        """Answers: those of `rows` at `at` to what was asked at `places`. Whether that was all."""
        if len(self.answered) == 1:
            self.answers = rows[at[0] : at[0] + 1]
        else:
            if self.missing == len(self.answered):
                self.answers = np.zeros(len(self.answered), rows.dtype)
            as_bytes(self.answers)[places] = as_bytes(rows)[at]
        for place in places:
            self.durability[place] = durability
            self.answered[place] = 1
        self.missing -= len(places)
        return not self.missing


class Underway:
    """All requests of a session that wait; `commands` counts them. O(1) an answer. Not thread-safe."""

    def __init__(self) -> None:
        self.commands = 0
        self._waiting: dict[bytes, list[tuple[Pending, int]]] = {}
        self._pending: dict[int, Pending] = {}
        self._tickets = count(1)
        self._unanswered: OrderedDict[tuple[int, bytes], None] = OrderedDict()

    def add(
        self, request: Request[Any], resolve: Callable[[Pending], None], now: int, deadline: int
    ) -> Pending:
        """One more."""
        size = len(request.keys)
        pending = Pending(
            next(self._tickets), request, resolve, now, deadline, size, [0] * size, bytearray(size)
        )
        for place, key in enumerate(request.keys):
            self._waiting.setdefault(key, []).append((pending, place))
        self._pending[pending.ticket] = pending
        self.commands += size
        return pending

    def find(self, ticket: int) -> Pending | None:
        """The request of a ticket; None where it waits no more."""
        return self._pending.get(ticket)

    def all(self) -> list[Pending]:
        """All that wait, in the order in which they were asked."""
        return list(self._pending.values())

    def reports(self, rows: Records, durability: int) -> list[Pending]:
        """Take the answers among reports; gives the requests that are answered with them."""
        waiting = self._waiting
        found: dict[int, tuple[Pending, list[int], list[int]]] = {}
        for at, (head, tail, own_head, own_tail, exec_type, flags) in enumerate(rows.view(_NAMED).tolist()):
            key = head + tail
            if key in waiting:
                repeated = bool(flags & _DUPLICATE)
                answered = self._asked_by(key, exec_type, own_head + own_tail, repeated=repeated)
                if answered is not None:
                    self._take(found, answered, key, at)
        return self._taken(found, rows, durability)

    def answers(self, kind: ReportList, rows: Records, keys: list[bytes], durability: int) -> list[Pending]:
        """Take answers to whatever else; gives the requests that are answered with them."""
        found: dict[int, tuple[Pending, list[int], list[int]]] = {}
        for at, key in enumerate(keys):
            for candidate in self._waiting.get(key, ()):
                if ANSWERED_IN[candidate[0].request.family] == kind:
                    self._take(found, candidate, key, at)
                    break
        return self._taken(found, rows, durability)

    def fail(self, pending: Pending, failure: ExchangeError) -> None:
        """There will be no answer."""
        request = pending.request
        for place, key in enumerate(request.keys):
            if not pending.answered[place]:
                self._forget((pending, place), key)
                if request.family is CommandList.ORDERS and request.kinds[place] == _NEW_ORDER:
                    self._unanswered[request.accounts[place], request.ids[place]] = None
        while len(self._unanswered) > _UNANSWERED_MAX:
            self._unanswered.popitem(last=False)
        self.commands -= pending.missing
        pending.missing = 0
        pending.failure = failure
        del self._pending[pending.ticket]

    def is_unanswered(self, account: int, client_order_id: str) -> bool:
        """Whether a new order of this id was asked for and nothing was heard of it."""
        return (account, client_order_id.encode("ascii")) in self._unanswered

    def _asked_by(
        self, key: bytes, exec_type: int, own_id: bytes, *, repeated: bool
    ) -> tuple[Pending, int] | None:
        """Of those with this correlation id, who gets this report as an answer."""
        found: tuple[Pending, int] | None = None
        for candidate in self._waiting.get(key, ()):
            pending, place = candidate
            if pending.request.family is not CommandList.ORDERS:
                continue
            action = pending.request.kinds[place]
            if not repeated and exec_type not in _ANSWERED_BY.get(action, frozenset()):
                continue
            if own_id == pending.request.ids[place]:
                return candidate
            if action != _NEW_ORDER and found is None:
                found = candidate  # the report names the order, not the request
        return found

    def _take(
        self,
        found: dict[int, tuple[Pending, list[int], list[int]]],
        candidate: tuple[Pending, int],
        key: bytes,
        at: int,
    ) -> None:
        pending, place = candidate
        self._forget(candidate, key)
        _, rows, places = found.setdefault(pending.ticket, (pending, [], []))
        rows.append(at)
        places.append(place)

    def _taken(
        self, found: dict[int, tuple[Pending, list[int], list[int]]], rows: Records, durability: int
    ) -> list[Pending]:
        whole = []
        for pending, at, places in found.values():
            self.commands -= len(places)
            if pending.take(rows, at, places, durability):
                del self._pending[pending.ticket]
                whole.append(pending)
        return whole

    def _forget(self, candidate: tuple[Pending, int], key: bytes) -> None:
        candidates = self._waiting[key]
        if len(candidates) == 1:
            del self._waiting[key]
        else:
            candidates.remove(candidate)
