"""The history of what administrators changed, a page at a time."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, select

from exchange.domain.queries import AdminChangeRow, AdminChangesReply, AdminChangesRequest
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller, page
from exchange.services.admin.store import sequence_of
from exchange.services.admin.tables import CHANGES, REASONS
from exchange.storage.sql import Transaction

_MOST: Final = 1_000


def changes(tx: Transaction, request: AdminChangesRequest, caller: Caller) -> AdminChangesReply:
    """Changes and refusals of a span of time, of one thing or all.

    Raises:
        RpcError: PERMISSION_DENIED: the caller is no operator.
    """
    if caller.tenant != OPERATOR:
        raise RpcError(RpcStatus.PERMISSION_DENIED, "what administrators changed is the operator's to see")
    c = CHANGES.c
    names = ("entity_type", "entity_id", "who", "correlation_id")
    wanted = [c[name] == said for name in names if (said := getattr(request, name))]
    if request.from_ns:
        wanted.append(c.changed_at >= request.from_ns)
    if request.to_ns:
        wanted.append(c.changed_at < request.to_ns)
    if request.refused:
        wanted.append(c.reject != 0)
    key = c.change_id
    if request.after:
        wanted.append(key > request.after if request.oldest_first else key < request.after)
    limit = page(request.limit, _MOST)
    told = CHANGES.outerjoin(
        REASONS, and_(REASONS.c.correlation_id == c.correlation_id, c.why == "")
    )  # who sets a record says why with it
    asked = select(CHANGES, func.coalesce(REASONS.c.reason, c.why).label("told")).select_from(told)
    found = tx.execute(
        asked.where(*wanted).order_by(key if request.oldest_first else key.desc()).limit(limit + 1)
    ).all()
    return AdminChangesReply(
        sequence=sequence_of(tx), changes=tuple(map(_row, found[:limit])), more=len(found) > limit
    )


def _row(row: Any) -> AdminChangeRow:
    values = {column.name: getattr(row, column.name) for column in CHANGES.columns}
    return AdminChangeRow(**{**values, "why": row.told})
