"""How settlement takes trades: each is a row, with what its sides are charged."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import select, update

from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun
from exchange.runtime.outbox import ToldRows
from exchange.services.settlement.charging import charge
from exchange.services.settlement.tables import PROGRESS, TRADES
from exchange.services.settlement.telling import TOLD, told_of
from exchange.storage.sql import RowInsert, Transaction

_NAMES: Final = tuple(column.name for column in TRADES.columns)
_INSERT: Final = RowInsert(TRADES)


def take_trades(tx: Transaction, events: EventRun) -> ToldRows | None:
    """Trades are rows; of those that the venue had posted itself, it is told that they are settled.

    Raises:
        InvalidEvent: One comes behind a later one.
        ServiceUnavailableError: An instrument has not come yet.
    """
    trades = events.trades
    taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
    first, last = int(trades["trade_id"][0]), int(trades["trade_id"][-1])
    if first <= taken:
        raise InvalidEvent(f"trade {first} is late: settlement has those up to {taken}")
    at_once = trades["unposted"] == 0
    columns = charge(tx, trades) | {
        "at_once": at_once.astype(np.int64),
        "traded_at": trades["timestamp"],
        "correlation_id": np.char.decode(trades["correlation_id"], "ascii", "replace"),
    }
    # By buyer, for the sake of that index: whose rows come together change a page of it once.
    order = np.argsort(columns["buyer"], kind="stable")
    found = [(columns[name] if name in columns else trades[name])[order] for name in _NAMES]
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    _INSERT.run(tx, rows)
    settled = np.flatnonzero(at_once).tolist()
    posted = max(posted, int(trades["trade_id"][settled[-1]]) if settled else 0)
    tx.execute(update(PROGRESS).values(trade_id=last, posted=posted))
    if not settled:
        return None
    told = {name: columns[name] if name in columns else trades[name] for name in TOLD}
    told["correlation_id"] = trades["correlation_id"]
    return told_of(
        {name: column[at_once] for name, column in told.items()},
        trades["sequence"][at_once],
        trades["timestamp"][at_once],
    )
