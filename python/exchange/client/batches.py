"""Many orders in one request: a list of requests, or an array of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cmatch.frames import ORDER_COMMAND_DTYPE, set_text
from exchange.client.ids import Names
from exchange.client.records import Records, joined
from exchange.client.requests import Request
from exchange.client.results import Reports, admin_answer, report
from exchange.domain.enums import CommandList, OrderAction


def combine(requests: Sequence[Request[Any]]) -> Request[list[Any]]:
    """One request of several of one family: one frame where they fit, applied in this order, each answered.

    Raises:
        ValueError: None at all, or of several families.
    """
    families = {request.family for request in requests}
    if len(families) != 1:
        raise ValueError(
            "a batch has one request or more, all about orders or all of one kind of administration"
        )
    learners = [request.done for request in requests]

    def read(rows: Records, durability: Sequence[int]) -> list[Any]:
        if rows.dtype.names is not None and "exec_type" in rows.dtype.names:
            return [report(row, level) for row, level in zip(rows.tolist(), durability, strict=True)]
        return [admin_answer(row, level) for row, level in zip(rows, durability, strict=True)]

    def done(answers: list[Any]) -> None:
        for learn, answer in zip(learners, answers, strict=True):
            if learn is not None:
                learn(answer)

    if any(len(request) != 1 for request in requests):
        raise ValueError("a batch is made of single requests, not of batches")
    return Request(
        families.pop(),
        np.concatenate([request.rows for request in requests]),
        read,
        [key for request in requests for key in request.keys],
        [own for request in requests for own in request.ids],
        [kind for request in requests for kind in request.kinds],
        [account for request in requests for account in request.accounts],
        done,
    )


def of_array(rows: Records, names: Names, account: int | None) -> Request[Reports]:
    """A request of an array of order commands; the array is copied.

    What is zero is filled in: `kind` with new_order, `account` with the client's, `sent_at` with now, client
    order ids and correlation ids with new ones.

    Args:
        rows: Array of shape (n,), n >= 1, and dtype `cmatch.frames.ORDER_COMMAND_DTYPE`.
        names: Makes ids.
        account: The client's.

    Raises:
        TypeError: Another dtype, or no account.
        ValueError: Another shape.
    """
    if rows.dtype != ORDER_COMMAND_DTYPE:
        raise TypeError("commands must be an array of cmatch.frames.ORDER_COMMAND_DTYPE")
    if rows.ndim != 1 or not len(rows):
        raise ValueError(f"commands must have one dimension and a row, not shape {rows.shape}")
    rows = np.array(rows)
    rows["kind"][rows["kind"] == 0] = int(OrderAction.NEW_ORDER)
    nobodys = rows["account"] == 0
    if nobodys.any():
        if account is None:
            raise TypeError("account is needed: give it in every row, or to connect()")
        rows["account"][nobodys] = account
    unsent = rows["sent_at"] == 0
    if unsent.any():
        rows["sent_at"][unsent] = names.sent_at()
    for name, make in (
        ("client_order_id", names.client_order_ids),
        ("correlation_id", names.correlation_ids),
    ):
        unnamed = rows[f"{name}_head"] == b""
        if unnamed.any():
            part = rows[unnamed]
            set_text(part, name, make(len(part)))
            rows[unnamed] = part

    def read(answers: Records, durability: Sequence[int]) -> Reports:
        return Reports(answers, min(durability))

    return Request(
        CommandList.ORDERS,
        rows,
        read,
        joined(rows, "correlation_id"),
        joined(rows, "client_order_id"),
        rows["kind"].tolist(),
        rows["account"].tolist(),
    )
