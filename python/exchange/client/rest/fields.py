"""What may be said of an order beside what it is, by keyword."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from exchange.client.rest import models as m
from exchange.client.rest.asks import Amount, decimal_text, time_text


class BatchFields(TypedDict, total=False):
    """Of an order of a batch; see `exchange.client.rest.models.NewOrder`."""

    type: m.OrderType
    time_in_force: m.TimeInForce | None
    quote_qty: Amount | None
    stop_price: Amount | None
    trail: Amount | None
    peg: m.Peg | None
    offset: Amount | None
    display_qty: Amount | None
    min_qty: Amount | None
    expire_at: datetime | str | None
    post_only: bool
    reduce_only: bool
    hidden: bool
    stp_mode: m.StpMode
    stp_group: int | None
    client_order_id: str | None
    account: int | None


class OrderFields(BatchFields, total=False):
    """Of an order by itself."""

    resp_type: m.RespType


class HistoryFields(TypedDict, total=False):
    """What orders and executions are searched by."""

    order_id: str | int | None
    client_order_id: str | None
    side: m.Side | None
    from_ns: int
    to_ns: int
    oldest_first: bool
    min_sequence: int
    limit: int
    cursor: str | None
    account: int | None


_DECIMALS = ("quote_qty", "stop_price", "trail", "offset", "display_qty", "min_qty")


def as_sent(fields: BatchFields | OrderFields) -> dict[str, object]:
    """With decimals and times as text.

    Raises:
        TypeError, ValueError: See `decimal_text` and `time_text`.
    """
    said: dict[str, object] = dict(fields)
    for name in _DECIMALS:
        if name in said:
            said[name] = decimal_text(name, said[name])  # type: ignore[arg-type]  # it checks
    if "expire_at" in said:
        said["expire_at"] = time_text("expire_at", said["expire_at"])  # type: ignore[arg-type]  # as declared
    return said
