"""Payloads that are events' own: prices in ticks, quantities in lots, money in minor units, times in ns.

Others are messages of `exchange.domain.messages`.
"""

from dataclasses import dataclass, field

from exchange.domain.enums import Side
from exchange.domain.events.envelope import EventEnvelope


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeExecuted:
    """A match of two orders, once; in an auction (1) the seller stands in the taker's place."""

    trade_id: int = 0
    sequence: int = 0
    timestamp: int = 0
    price: int = 0
    qty: int = 0
    taker_order_id: int = 0
    maker_order_id: int = 0
    taker_account: int = 0
    maker_account: int = 0
    taker_fee: int = 0
    maker_fee: int = 0
    instrument_id: int = 0
    taker_tenant: int = 0
    maker_tenant: int = 0
    taker_fee_asset: int = 0
    maker_fee_asset: int = 0
    taker_side: Side | None = None
    auction: int = 0
    correlation_id: str = ""
    maker_leaves_qty: int = 0
    taker_leaves_qty: int = 0
    unposted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a consumer could not take: from which topic and offset, who, why, how often it tried."""

    original: EventEnvelope = field(default_factory=EventEnvelope)
    topic: str = ""
    offset: int = 0
    consumer_group: str = ""
    consumer_version: str = ""
    reason: str = ""
    error: str = ""
    attempts: int = 0
    failed_at: int = 0
