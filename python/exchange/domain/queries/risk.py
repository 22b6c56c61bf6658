"""Positions, and the limits that bind an account."""

from dataclasses import dataclass

from exchange.domain.enums import LimitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """A position, with the live orders that may change it."""

    instrument_id: int = 0
    position: int = 0
    open_buy_qty: int = 0
    open_sell_qty: int = 0
    open_orders: int = 0
    gross_notional: int = 0
    net_notional: int = 0
    daily_result: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """A limit and where it was set; `interval` in ns, of an order rate."""

    kind: LimitKind | None = None
    account: int = 0
    instrument_id: int = 0
    value: int = 0
    interval: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsRequest:
    """Every position of an account."""

    min_seq: int = 0
    account: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsReply:
    """Positions, by instrument."""

    sequence: int = 0
    positions: tuple[PositionRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsRequest:
    """The limits that bind an account."""

    min_seq: int = 0
    account: int = 0
    instrument_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsReply:
    """Limits."""

    sequence: int = 0
    limits: tuple[LimitRow, ...] = ()
