"""How settlement takes trades: each is a row, with what its sides are charged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import bindparam, insert, select, text, update

from exchange.errors import ExchangeError, InvalidEvent, ServiceUnavailableError
from exchange.runtime.event_run import EventRun
from exchange.runtime.outbox import ToldRows
from exchange.schema.event_rows import Records
from exchange.services.settlement.charging import charge
from exchange.services.settlement.tables import PROGRESS, SIDES, TRADES
from exchange.services.settlement.telling import TOLD, told_of
from exchange.storage.sql import RowInsert, Transaction, ascii_texts

_NAMES: Final = tuple(column.name for column in TRADES.columns)
_INSERT: Final = RowInsert(TRADES)
_ADDED: Final = TRADES.c.trade_id >= bindparam("first")
# In the order of the key: what an account has of the trades goes to one place.
_ADD_SIDES: Final = insert(SIDES).from_select(
    [SIDES.c.account, SIDES.c.trade_id],
    select(TRADES.c.buyer, TRADES.c.trade_id)
    .where(_ADDED)
    .union(select(TRADES.c.seller, TRADES.c.trade_id).where(_ADDED))
    .order_by(text("1"), text("2")),
)


def take_trades(tx: Transaction, events: EventRun) -> ToldRows | None:
    """Trades are rows; of those that the venue had posted itself, it is told that they are settled.

    None is left out, nor set aside among the dead letters: nobody would be paid for it. Where one is missing,
    or cannot be taken for whatever reason, all stand still, and that is said until they can go on.

    Raises:
        InvalidEvent: It was taken before.
        ServiceUnavailableError: An instrument or a trade has not come yet, or a trade cannot be taken.
    """
    trades = events.trades
    try:
        return _take(tx, trades)
    except ExchangeError:
        raise
    except Exception as error:
        first, last = int(trades["trade_id"][0]), int(trades["trade_id"][-1])
        raise ServiceUnavailableError(
            f"trades {first} to {last} cannot be taken: {type(error).__name__}: {error}"
        ) from error


def _take(tx: Transaction, trades: Records) -> ToldRows | None:
    # The poster writes there, too: what it said meanwhile would be taken back.
    taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted).with_for_update()).one()
    first, last = int(trades["trade_id"][0]), int(trades["trade_id"][-1])
    if first <= taken:
        raise InvalidEvent(f"trade {first} is late: settlement has those up to {taken}")
    _check_whole(trades["trade_id"], int(taken))
    at_once = trades["unposted"] == 0
    columns = charge(tx, trades) | {
        "at_once": at_once.astype(np.int64),
        "traded_at": trades["timestamp"],
    }
    found = [columns[name] if name in columns else trades[name] for name in _NAMES]
    _INSERT.run(tx, list(zip(*(_values(column) for column in found), strict=True)))
    tx.execute(_ADD_SIDES, {"first": first})
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


def _check_whole(trade_ids: npt.NDArray[Any], taken: int) -> None:
    """Each is the next one; the very first may be any, as the service may be switched on late."""
    before = np.concatenate([[taken or int(trade_ids[0]) - 1], trade_ids[:-1]]).astype(np.int64)
    gaps = np.flatnonzero(trade_ids.astype(np.int64) != before + 1)
    if len(gaps):
        at = int(gaps[0])
        raise ServiceUnavailableError(
            f"trade {trade_ids[at]} comes behind trade {before[at]}: those between are missing, perhaps"
            " among the dead letters"
        )


def _values(column: npt.NDArray[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    return ascii_texts(values) if column.dtype.kind == "S" else values
