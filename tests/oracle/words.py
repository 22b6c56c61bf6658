"""The words of commands and events, and the table of rejects in the order in which they are checked."""

from collections.abc import Mapping
from typing import Any, Final

Command = Mapping[str, Any]
Event = dict[str, Any]

MAX_INT64: Final = 2**63 - 1
MAX_MAGNITUDE: Final = 2**60

SIDES: Final = ("buy", "sell")
TYPES: Final = (
    "limit",
    "market",
    "market_to_limit",
    "stop",
    "stop_limit",
    "trailing_stop",
    "trailing_stop_limit",
    "pegged",
)
TIMES_IN_FORCE: Final = ("day", "gtc", "gtd", "ioc", "fok", "at_open", "at_close")
STP_MODES: Final = ("none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement")
PEGS: Final = ("primary", "midpoint")
TRIGGER_SOURCES: Final = ("last", "quote", "mark")
STOP_WRONG_SIDES: Final = ("reject", "trigger")
BAND_MODES: Final = ("reject", "halt")
PHASES: Final = ("closed", "pre_open", "continuous", "closing_call", "halted", "call_auction")
KINDS: Final = (
    "define_instrument",
    "set_phase",
    "set_reference",
    "set_mark",
    "new",
    "replace",
    "cancel",
    "mass_cancel",
    "advance_time",
    "retire_ids",
)

POST_ONLY: Final = 1
REDUCE_ONLY: Final = 2
HIDDEN: Final = 4
ALL_FLAGS: Final = POST_ONLY | REDUCE_ONLY | HIDDEN

RESTING_TIMES: Final = ("gtc", "day", "gtd")
STOPS: Final = ("stop", "stop_limit", "trailing_stop", "trailing_stop_limit")
TRAILING: Final = ("trailing_stop", "trailing_stop_limit")
MARKETS: Final = ("market", "stop", "trailing_stop")
"""The types that take without a price of their own and never rest in continuous matching."""
CALLS: Final = ("pre_open", "call_auction", "closing_call")

NEXT_PHASES: Final = {
    "closed": ("pre_open",),
    "pre_open": ("continuous", "halted", "closed"),
    "continuous": ("closing_call", "call_auction", "halted", "closed"),
    "call_auction": ("continuous", "closing_call", "halted", "closed"),
    "closing_call": ("halted", "closed"),
    "halted": ("call_auction", "closing_call", "closed"),
}

REJECTS: Final = {
    "unknown_command": 4001,
    "invalid_field": 4002,
    "unknown_instrument": 4003,
    "phase_forbids": 4004,
    "unknown_order": 4005,
    "invalid_qty": 4006,
    "qty_off_step": 4007,
    "price_missing": 4008,
    "invalid_price": 4009,
    "price_off_step": 4010,
    "price_band": 4011,
    "stop_price_missing": 4012,
    "invalid_stop_price": 4013,
    "no_reference": 4014,
    "stop_would_trigger": 4015,
    "invalid_display_qty": 4016,
    "too_many_parts": 4017,
    "invalid_min_qty": 4018,
    "invalid_combination": 4019,
    "invalid_expiry": 4020,
    "notional_overflow": 4021,
    "side_overflow": 4022,
    "invalid_order_id": 4023,
    "duplicate_order_id": 4024,
    "capacity_ids": 4025,
    "capacity_orders": 4026,
    "would_cross": 4027,
    "invalid_definition": 4028,
    "instrument_in_use": 4029,
    "capacity_instruments": 4030,
    "invalid_phase": 4031,
    "invalid_scope": 4032,
}

CANCEL_REASONS: Final = (
    "requested",
    "mass",
    "replaced",
    "ioc",
    "fok",
    "min_qty",
    "no_liquidity",
    "collar",
    "band",
    "halt",
    "self_trade",
)

EVENT_KINDS: Final = (
    "accepted",
    "rejected",
    "trade",
    "refreshed",
    "prevented",
    "canceled",
    "expired",
    "replaced",
    "triggered",
    "repriced",
    "uncrossed",
    "phase_changed",
)


def opposite(side: str) -> str:
    """The other side."""
    return "sell" if side == "buy" else "buy"


def beyond(side: str, price: int, limit: int | None) -> bool:
    """Whether an order of `side` would pay worse than `limit` at `price`. No limit: never."""
    if limit is None:
        return False
    return price > limit if side == "buy" else price < limit


def tighter(side: str, limits: list[int | None]) -> int | None:
    """The one of the limits that binds an order of `side` most, none when there is none."""
    known = [limit for limit in limits if limit is not None]
    if not known:
        return None
    return min(known) if side == "buy" else max(known)
