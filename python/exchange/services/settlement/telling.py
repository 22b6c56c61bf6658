"""TradeSettled, of a row of the table of trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from exchange.domain.events import Entity, Event, TradeSettled, event_id
from exchange.domain.events.catalogue import TRADE_SETTLED

NAME: Final = "settlement"
_TRADES_STREAM: Final = 2  # of execution.trades (exchange.bus.topics): the matching service's
_COPIED: Final = (
    "trade_id", "instrument_id", "price", "qty", "buyer", "seller", "buyer_tenant", "seller_tenant", "cost",
    "goods", "buyer_fee", "seller_fee", "buyer_fee_asset", "seller_fee_asset", "traded_at",
)  # fmt: skip


def told_of(row: Mapping[str, Any], sequence: int, settled_at: int) -> Event:
    """The event of a trade that is posted.

    Args:
        row: Of the table of trades.
        sequence: Of the command that posted it.
        settled_at: When, ns since 1970.
    """
    trade_id = int(row["trade_id"])
    cause = event_id(int(row["traded_at"]), _TRADES_STREAM, trade_id)
    return Event(
        event_id="",
        event_type=TRADE_SETTLED.name,
        event_version=TRADE_SETTLED.version,
        occurred_at=settled_at,
        producer=NAME,
        tenant_id="*",
        correlation_id=str(row["correlation_id"]) or cause,
        causation_id=cause,
        entity=Entity(entity_type=TRADE_SETTLED.entity, entity_id=str(trade_id)),
        payload=TradeSettled(
            sequence=sequence, settled_at=settled_at, **{name: int(row[name]) for name in _COPIED}
        ),
    )
