"""What a stretch of execution reports comes to: rows of orders and of executions. A pure function of arrays.

The rules are those of the replica's own history (`src/cmatch/venue/history.cpp`), which has an order's last
report stand for it: a report says what the order is after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Table

from cmatch.rejects import RejectCode
from exchange.domain.enums import ExecType, ReportFlag
from exchange.runtime.caller import OPERATOR
from exchange.schema.event_rows import Records, Tenants, rows_at
from exchange.services.history.tables import EXECUTIONS, ORDERS
from exchange.storage.sql import ascii_texts

Values = tuple[Any, ...]
"""Of a row, in the order of its table's columns."""

# What changes an order, or enters it; a refused cancel and the answer to a mass cancel do not.
_CHANGES: Final = np.array(
    [int(kind) for kind in ExecType if kind not in {ExecType.CANCEL_REJECTED, ExecType.DONE}],
    np.uint16,
)
_NAMELESS: Final = np.uint64(1 << 63)  # above every order id, so that each rejected order stands for itself
_LAST_SAYS: Final = (
    "order_status", "order_qty", "cum_qty", "leaves_qty", "type", "time_in_force", "reject", "cancel_reason",
    "sequence",
)  # fmt: skip
_EXECUTION: Final = (
    "trade_id", "order_id", "account", "instrument_id", "side", "liquidity", "order_status", "last_qty",
    "last_price", "cum_qty", "leaves_qty", "fee", "fee_asset", "timestamp", "sequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows to write, in the order of their keys.

    Args:
        orders: As if each were new; `fills` and notional are what was added.
        renamed: Likewise, of those that a replace gave another client order id.
        executions: New ones.
    """

    orders: list[Values]
    renamed: list[Values]
    executions: list[Values]


def fold(reports: Records, tenants: Tenants) -> Folded:
    """What becomes of orders by a stretch of reports, in their order.

    Args:
        reports: (n,) of ROW_DTYPES[EventList.REPORTS].
        tenants: (n,), whose each is.
    """
    mine = np.isin(reports["exec_type"], _CHANGES) & (reports["flags"] & int(ReportFlag.DUPLICATE) == 0)
    # Who named an account that is not theirs, or none, is not to be found among its orders.
    unknown = reports["reject"] == int(RejectCode.UNKNOWN_ACCOUNT)
    tenants = np.where(unknown, np.uint32(OPERATOR), tenants)
    reports, tenants = rows_at(reports, mine), tenants[mine]
    if not len(reports):
        return Folded([], [], [])
    trades = reports["exec_type"] == int(ExecType.TRADE)
    orders, is_renamed = _orders(reports, tenants, trades)
    executions = _executions(rows_at(reports, trades), tenants[trades])
    if not any(is_renamed):
        return Folded(orders, [], executions)
    return Folded(
        [row for row, other in zip(orders, is_renamed, strict=True) if not other],
        [row for row, other in zip(orders, is_renamed, strict=True) if other],
        executions,
    )


def _orders(
    reports: Records, tenants: Tenants, trades: npt.NDArray[np.bool_]
) -> tuple[list[Values], list[bool]]:
    """A row an order, by the place of its first report; and whether a replace renamed it."""
    ids = reports["order_id"]
    keys = np.where(ids > 0, ids, reports["event_sequence"].astype(np.uint64) | _NAMELESS)
    _, firsts, of = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(firsts))  # of each key, among the first reports
    of, count = rank[of.reshape(-1)], len(firsts)
    firsts = np.sort(firsts)
    lasts = np.zeros(count, np.intp)
    lasts[of] = np.arange(len(reports))  # the last one that is written stays
    first, last = rows_at(reports, firsts), rows_at(reports, lasts)

    notional = reports["last_qty"][trades] * reports["last_price"][trades]
    high, low = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(high, of[trades], notional >> 32)
    np.add.at(low, of[trades], notional & 0xFFFF_FFFF)
    replaced = reports["exec_type"] == int(ExecType.REPLACED)
    named = firsts.copy()
    named[of[replaced]] = np.flatnonzero(replaced)
    renamed = np.zeros(count, np.bool_)
    renamed[of[replaced]] = True
    entered = np.isin(first["exec_type"], [int(ExecType.ACCEPTED), int(ExecType.REJECTED)])

    original: list[str | None] = [None] * count
    if renamed.any():
        for at in np.flatnonzero(renamed & entered).tolist():
            (original[at],) = texts(first[at : at + 1], "client_order_id")
    columns: dict[str, list[Any]] = {
        "entered_sequence": _signed(first["event_sequence"]),
        "order_id": _given(_signed(first["order_id"]), first["order_id"] != 0),
        "client_order_id": texts(rows_at(reports, named), "client_order_id"),
        "orig_client_order_id": original,
        "tenant": tenants[firsts].tolist(),
        "account": _signed(first["account"]),
        "instrument_id": first["instrument_id"].tolist(),
        "side": first["side"].tolist(),
        "price": _given(last["price"].tolist(), last["flags"] & int(ReportFlag.PRICE) != 0),
        "stop_price": _given(last["stop_price"].tolist(), last["flags"] & int(ReportFlag.STOP_PRICE) != 0),
        "fills": np.bincount(of[trades], minlength=count).tolist(),
        "notional_high": high.tolist(),
        "notional_low": low.tolist(),
        "entered_at": first["timestamp"].tolist(),
        "updated_at": last["timestamp"].tolist(),
        "correlation_id": texts(first, "correlation_id"),
        **{name: _signed(last[name]) for name in _LAST_SAYS},
    }
    return _rows(ORDERS, columns), renamed.tolist()


def _executions(reports: Records, tenants: Tenants) -> list[Values]:
    columns: dict[str, list[Any]] = {
        "exec_id": _signed(reports["event_sequence"]),
        "client_order_id": texts(reports, "client_order_id"),
        "tenant": tenants.tolist(),
        "correlation_id": texts(reports, "correlation_id"),
        **{name: _signed(reports[name]) for name in _EXECUTION},
    }
    return _rows(EXECUTIONS, columns)


def texts(rows: Records, name: str) -> list[str]:
    """A text whose head and tail are fields of their own. What is no ASCII, or 0, is replaced."""
    return ascii_texts(np.char.add(rows[f"{name}_head"], rows[f"{name}_tail"]).tolist())


def _signed(numbers: npt.NDArray[Any]) -> list[int]:
    """As columns of 64 bits have them."""
    found: list[int] = numbers.astype(np.int64).tolist()
    return found


def _given(values: list[int], is_there: npt.NDArray[np.bool_]) -> list[int | None]:
    """Values, None in the place of one that is not there."""
    if is_there.all():
        return list(values)
    return [value if there else None for value, there in zip(values, is_there.tolist(), strict=True)]


def _rows(of: Table, columns: dict[str, list[Any]]) -> list[Values]:
    return list(zip(*(columns[column.name] for column in of.columns), strict=True))
