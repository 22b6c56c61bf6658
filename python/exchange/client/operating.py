"""What requests of operators have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from exchange.client.ids import Names
from exchange.client.instruments import Directory
from exchange.client.records import Records
from exchange.client.requests import LAYOUTS, Request, checked_id
from exchange.client.results import AdminAnswer, admin_answer
from exchange.domain.enums import CommandList


def first_answer(rows: Records, durability: Sequence[int]) -> AdminAnswer:
    """The answer of a request with one record."""
    return admin_answer(rows[0], durability[0])


class OperatorRequests:
    """Makes requests of operators; nothing is sent. Numbers and words are as in `OrderRequests`.

    Args:
        names: Makes ids.
        directory: Converts decimals and symbols, and learns what is defined here.
        actor: Who asks, for the records of who changed what.
        account: Used by ledger requests that name none.
    """

    def __init__(self, names: Names, directory: Directory, actor: str, account: int | None) -> None:
        self._names = names
        self._directory = directory
        self._actor = actor.encode("ascii")
        self._account = account

    def _request(
        self,
        family: CommandList,
        correlation_id: str | None,
        done: Callable[[AdminAnswer], None] | None,
        fields: dict[str, Any],
    ) -> Request[AdminAnswer]:
        names = self._names
        correlation = (
            names.correlation_id() if correlation_id is None else checked_id("correlation_id", correlation_id)
        )
        key = correlation.encode("ascii")
        fields |= {"sent_at": names.sent_at(), "correlation_id": key}
        layout = LAYOUTS[family]
        return Request(family, layout.rows(layout.pack(fields)), first_answer, [key], done=done)
