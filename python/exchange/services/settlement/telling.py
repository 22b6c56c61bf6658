"""TradeSettled, of rows of the table of trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from exchange.runtime.outbox import ToldRows
from exchange.schema.event_rows import ROW_DTYPES, EventList

NAME: Final = "settlement"
TOLD: Final = (
    "trade_id", "instrument_id", "price", "qty", "buyer", "seller", "buyer_tenant", "seller_tenant", "cost",
    "goods", "buyer_fee", "seller_fee", "buyer_fee_asset", "seller_fee_asset", "traded_at", "correlation_id",
)  # fmt: skip
"""Columns of the table of trades that are told."""


def told_of(columns: Mapping[str, npt.ArrayLike], sequence: npt.ArrayLike, settled_at: Any) -> ToldRows:
    """What is told of trades that are posted.

    Args:
        columns: (n,) by name: those of TOLD.
        sequence: Of the command that posted them; one for all, or (n,).
        settled_at: When, ns since 1970; one for all, or (n,).
    """
    rows = np.zeros(len(np.asarray(columns["trade_id"])), ROW_DTYPES[EventList.SETTLEMENTS])
    for name in TOLD:
        rows[name] = np.asarray(columns[name])  # accounts lose the sign of their columns
    rows["sequence"], rows["settled_at"] = sequence, settled_at
    return ToldRows(EventList.SETTLEMENTS, rows, int(np.max(settled_at)))
