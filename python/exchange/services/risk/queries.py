"""Positions, and the limits that bind."""

from __future__ import annotations

import numpy as np

from exchange.domain.enums import LimitKind
from exchange.domain.queries import (
    LimitRow,
    LimitsReply,
    LimitsRequest,
    PositionRow,
    PositionsReply,
    PositionsRequest,
)
from exchange.runtime.caller import Caller
from exchange.services.risk.ports import RiskPort


def positions(ports: RiskPort, request: PositionsRequest, caller: Caller) -> PositionsReply:
    """Every position of an account, by instrument."""
    caller.require(ports, request.account)
    rows = tuple(_position(record) for record in ports.positions(request.account))
    return PositionsReply(sequence=ports.sequence, positions=rows)


def limits(ports: RiskPort, request: LimitsRequest, caller: Caller) -> LimitsReply:
    """The limits that bind an account in an instrument, each from its most specific scope."""
    caller.require(ports, request.account)
    rows = tuple(
        LimitRow(
            kind=kind,
            account=request.account,
            instrument_id=request.instrument_id,
            value=int(record[kind.name.lower()]),
            interval=int(record["rate_interval"]) if kind is LimitKind.ORDER_RATE else 0,
        )
        for record in ports.limits(request.account, request.instrument_id)
        for kind in LimitKind
        if int(record["present"]) >> (int(kind) - 1) & 1
    )
    return LimitsReply(sequence=ports.sequence, limits=rows)


def _position(record: np.void) -> PositionRow:
    cost = int(record["cost"])
    buys, sells = int(record["open_buy_notional"]), int(record["open_sell_notional"])
    return PositionRow(
        instrument_id=int(record["instrument_id"]),
        position=int(record["qty"]),
        open_buy_qty=int(record["open_buy_lots"]),
        open_sell_qty=int(record["open_sell_lots"]),
        open_orders=int(record["live_orders"]),
        gross_notional=abs(cost + int(record["unrealised"])) + buys + sells,
        net_notional=cost + int(record["unrealised"]),
        daily_result=int(record["realised"]) + int(record["unrealised"]) - int(record["base_of_day"]),
    )
