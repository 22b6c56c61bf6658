"""TradeSettled: what is told of settled trades, held against their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from sqlalchemy import func, select

from exchange.bus.log.interface import Batch
from exchange.errors import WireError
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.places import Places
from exchange.runtime.audit.published import records_of
from exchange.schema.event_rows import Records, decode_rows
from exchange.services.settlement.tables import POSTINGS, TRADES
from exchange.services.settlement.telling import TOLD, told_of
from exchange.storage.sql import Transaction, ascii_texts
from exchange.storage.sql.outbox import last_sequence, outgoing

_NAME: Final = "posttrade.settlement"
_ALL: Final = 1 << 30


def hold_told(tx: Transaction, places: Places, posted: int, check: Check) -> None:
    """Holds what the log has, and what is on its way there, against the rows: each settled trade once.

    What retention removed is passed over.

    Args:
        tx: A view of the store.
        places: The log.
        posted: Up to which trade all are settled.
        check: Takes what is wrong.
    """
    topic = places.topics.full_name(_NAME)
    end, extent = last_sequence(tx, topic), places.events.extent(topic)
    number, last = (None, 0) if extent.begin else (1, 0)
    for first_seq, payload in _payloads(tx, places, topic, check):
        try:
            rows = decode_rows(payload).rows
        except WireError as error:
            check.find(f"{_NAME}: events from {first_seq} on cannot be read: {error}")
            return
        if first_seq > end:
            break  # told after the store was looked at
        if number is None:
            number, last = first_seq, int(rows["trade_id"][0]) - 1
        if first_seq != number:
            check.find(f"{_NAME}: events {number} to {first_seq - 1} are missing")
            last = int(rows["trade_id"][0]) - 1
        last = _compare(tx, rows, last, check)
        number = first_seq + len(rows)
    if number is None:  # all of it was removed
        return
    if number <= end:
        check.find(f"{_NAME}: events {number} to {end} are missing")
        return
    waiting = select(func.count()).where(TRADES.c.trade_id > last, TRADES.c.trade_id <= posted)
    if count := int(tx.execute(waiting).scalar_one()):
        check.find(f"{_NAME}: {count} trades behind {last} are settled, which is not told")


def _payloads(tx: Transaction, places: Places, topic: str, check: Check) -> Iterator[tuple[int, bytes]]:
    """Frames by the number of their first event: those of the log, then those that it does not have yet."""
    end = 0
    for record in records_of(places.events, topic, check):
        batch: Batch = record.batch
        end = batch.last_seq
        yield batch.first_seq, batch.payload
    for waits in outgoing(tx, topic, _ALL, _ALL):
        if waits.first_seq > end:
            yield waits.first_seq, waits.payload


def _compare(tx: Transaction, rows: Records, last: int, check: Check) -> int:
    """Holds events against the rows of trades behind the last one; the last trade that they tell of."""
    end = int(rows["trade_id"][-1])
    c = TRADES.c
    asked = select(*(c[name] for name in TOLD), c.at_once, c.sequence)
    of = (c.trade_id > last, c.trade_id <= end)
    found = tx.execute(asked.where(*of).order_by(c.trade_id)).all()
    if [row.trade_id for row in found] != rows["trade_id"].tolist():
        ids = np.array([row.trade_id for row in found], np.int64)
        apart = np.setxor1d(ids, rows["trade_id"].astype(np.int64))
        which = f"such as {apart[0]}" if len(apart) else "in another order"
        check.find(f"{_NAME}: trades {last + 1} to {end} are others than the rows have, {which}")
        return end
    want = _made(tx, found)
    for at in np.flatnonzero(_bare(want) != _bare(rows)).tolist():
        check.find(f"{_NAME}: trade {found[at].trade_id} is told otherwise than its row is")
    return end


def _made(tx: Transaction, found: Any) -> Records:
    """What these rows are told as."""
    columns = {name: [getattr(row, name) for row in found] for name in TOLD}
    columns["correlation_id"] = [word.encode("ascii", "replace") for word in columns["correlation_id"]]
    p = POSTINGS.c
    first, last = found[0].trade_id, found[-1].trade_id
    beyond = select(func.min(p.trade_id)).where(p.trade_id >= last).scalar_subquery()
    asked = select(POSTINGS).where(p.trade_id >= first, p.trade_id <= func.coalesce(beyond, last))
    postings = tx.execute(asked.order_by(p.trade_id)).all()
    covers = np.searchsorted([row.trade_id for row in postings], columns["trade_id"])
    when = [
        (row.sequence, row.traded_at)
        if row.at_once
        else (postings[at].sequence, postings[at].settled_at)
        if at < len(postings)
        else (0, 0)
        for row, at in zip(found, covers.tolist(), strict=True)
    ]
    sequence, settled_at = (np.array(each, np.int64) for each in zip(*when, strict=True))
    return told_of(columns, sequence, settled_at).rows


def _bare(rows: Records) -> Any:
    """(n,) of bytes that are equal where rows are. What is no ASCII is replaced in a row, and may be told."""
    names = [name for name in rows.dtype.names or () if name != "correlation_id"]
    texts = [word.replace("\ufffd", "?") for word in ascii_texts(rows["correlation_id"].tolist())]
    return np.array(
        [repr((values, text)) for values, text in zip(rows[names].tolist(), texts, strict=True)], object
    )
