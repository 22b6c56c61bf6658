"""How the history takes events: rows of one stretch, written by three statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Final

import numpy as np
from sqlalchemy import update

from exchange.domain.messages import ExecutionReport
from exchange.runtime.event_run import EventRun
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records, Tenants
from exchange.services.history.folding import fold
from exchange.services.history.tables import EXECUTIONS, ORDERS, PROGRESS
from exchange.storage.sql import RowInsert, Transaction

CHANGED: Final = (
    "order_status", "order_qty", "cum_qty", "leaves_qty", "price", "stop_price", "type", "time_in_force",
    "reject", "cancel_reason", "updated_at", "sequence",
)  # fmt: skip
ADDED: Final = ("fills", "notional_high", "notional_low")
_RENAMES: Final = (
    ", orig_client_order_id = COALESCE(orders.orig_client_order_id, orders.client_order_id),"
    " client_order_id = excluded.client_order_id"
)
_CHANGES: Final = ", ".join(
    [f"{name} = excluded.{name}" for name in CHANGED]
    + [f"{name} = orders.{name} + excluded.{name}" for name in ADDED]
)
_UPDATE: Final = f" ON CONFLICT (order_id) DO UPDATE SET {_CHANGES}"
_ORDERS: Final = RowInsert(ORDERS, _UPDATE)
_RENAMED: Final = RowInsert(ORDERS, _UPDATE + _RENAMES)
_EXECUTIONS: Final = RowInsert(EXECUTIONS)


def take_reports(tx: Transaction, events: EventRun) -> None:
    """Orders are what their last report says, executions come to what is there."""
    if events.rows is None:
        reports, tenants = _as_rows(events)
    else:
        reports, tenants = events.rows, events.tenants
    folded = fold(reports, tenants)
    for statement, rows in (
        (_ORDERS, folded.orders),
        (_RENAMED, folded.renamed),
        (_EXECUTIONS, folded.executions),
    ):
        statement.run(tx, rows)
    _note(tx, int(reports["sequence"][-1]))


def note_answers(tx: Transaction, events: EventRun) -> None:
    """Of answers it keeps only how far the history is."""
    rows = events.rows
    _note(tx, events[-1].payload.sequence if rows is None else int(rows["sequence"][-1]))


def _note(tx: Transaction, sequence: int) -> None:
    tx.execute(update(PROGRESS).where(PROGRESS.c.sequence < sequence).values(sequence=sequence))


def _as_rows(events: Iterable[object]) -> tuple[Records, Tenants]:
    """Single events, as a dead letter that is tried again is one, as rows of the hot stream."""
    taken = list(events)
    rows = np.zeros(len(taken), ROW_DTYPES[EventList.REPORTS])
    known = set(rows.dtype.names or ())
    for row, event in zip(rows, taken, strict=True):
        report: ExecutionReport = event.payload  # type: ignore[attr-defined]
        for item in fields(report):
            value = getattr(report, item.name)
            if item.name in known:
                row[item.name] = int(value or 0)
            else:
                said = value.encode("ascii", "replace")
                row[f"{item.name}_head"], row[f"{item.name}_tail"] = said[:16], said[16:]
    tenants = np.array([int(event.tenant_id) for event in taken], np.uint32)  # type: ignore[attr-defined]
    return rows, tenants
