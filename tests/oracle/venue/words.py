"""The words of the venue's commands, reports and answers in the order of their numbers, and its rejects."""

from typing import Final

from tests.oracle import words as matching

FAMILIES: Final = ("orders", "ledger", "instruments", "administration")
SHARD_EVENTS: Final = "shard_events"
"""The family of what shards send, whose kinds are those of the engine's events."""
ORDER_ACTIONS: Final = ("new", "replace", "cancel", "mass_cancel")
LEDGER_ACTIONS: Final = ("deposit", "withdraw", "transfer", "reserve", "post", "void_hold", "post_trade")
INSTRUMENT_ACTIONS: Final = (
    "define_asset",
    "define_instrument",
    "set_phase",
    "set_reference",
    "set_mark",
    "assign_shard",
)
ADMIN_ACTIONS: Final = (
    "open_account",
    "set_limits",
    "kill",
    "open_session",
    "lose_session",
    "set_countdown",
    "tick",
    "set_stage",
    "set_collateral",
    "set_policy",
    "set_solo",
    "promote",
    "set_settlement",
)
ACTIONS: Final = {
    "orders": ORDER_ACTIONS,
    "ledger": LEDGER_ACTIONS,
    "instruments": INSTRUMENT_ACTIONS,
    "administration": ADMIN_ACTIONS,
}
INSTRUMENT_KINDS: Final = ("spot",)
FEE_MODES: Final = ("received", "quote", "base")
SCOPES: Final = ("venue", "tenant", "account", "instrument")
LIMITS: Final = (
    "max_order_qty",
    "max_order_notional",
    "max_open_orders",
    "max_position",
    "max_gross_notional",
    "max_net_notional",
    "max_daily_loss",
    "price_collar",
    "order_rate",
    "duplicate_window",
)
EXEC_TYPES: Final = (
    "accepted",
    "rejected",
    "trade",
    "canceled",
    "expired",
    "replaced",
    "triggered",
    "restated",
    "cancel_rejected",
    "done",
)
ORDER_STATUSES: Final = (
    "pending_new",
    "open",
    "partially_filled",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "suspended",
)
LIQUIDITIES: Final = ("maker", "taker", "auction")
VENUE_CANCEL_REASONS: Final = {"kill": 101, "disconnect": 102, "countdown": 103, "queue_ttl": 104}
CANCEL_REASONS: Final = {
    word: number for number, word in enumerate(matching.CANCEL_REASONS, 1)
} | VENUE_CANCEL_REASONS

REJECTS: Final = {
    "bad_client_order_id": 1005,
    "bad_correlation_id": 1006,
    "queue_full": 1008,
    "duplicate_id_different": 1010,
    "too_old": 1011,
    "timestamp_out_of_window": 1012,
    "not_logged_on": 1004,
    "capacity_sessions": 1016,
    "capacity_client_ids": 1017,
    "unknown_account": 2001,
    "insufficient_funds": 2002,
    "unknown_asset": 2003,
    "invalid_amount": 2004,
    "invalid_transfer_id": 2005,
    "transfer_id_different": 2006,
    "version_conflict": 2007,
    "unknown_reservation": 2008,
    "already_posted": 2009,
    "already_voided": 2010,
    "reservation_expired": 2011,
    "post_exceeds_reserved": 2012,
    "balance_overflow": 2013,
    "same_account": 2014,
    "account_exists": 2015,
    "asset_exists": 2016,
    "invalid_symbol": 2017,
    "invalid_collateral": 2018,
    "invalid_account": 2019,
    "invalid_asset": 2020,
    "capacity_accounts": 2021,
    "capacity_assets": 2022,
    "capacity_balances": 2023,
    "capacity_transfers": 2024,
    "capacity_reservations": 2025,
    "accounts_unavailable": 2026,
    "unexpected_trade": 2027,
    "fee_out_of_bounds": 2028,
    "trades_not_posted": 2029,
    "settlement_behind": 2030,
    "symbol_taken": 2031,
    "killed": 3001,
    "max_order_qty": 3002,
    "max_order_notional": 3003,
    "max_open_orders": 3004,
    "max_position": 3005,
    "max_gross_notional": 3006,
    "max_net_notional": 3007,
    "max_daily_loss": 3008,
    "price_collar": 3009,
    "order_rate": 3010,
    "duplicate_order": 3011,
    "reduce_only": 3012,
    "invalid_limit": 3013,
    "capacity_positions": 3014,
    "risk_unavailable": 3015,
    "risk_refused": 3016,
    **matching.REJECTS,
    "engine_unavailable": 4033,
    "unknown_shard": 4034,
    "unexpected_shard_event": 4035,
    "invalid_shard_event": 4036,
}
"""Those that the venue itself can answer with; the sessions before it have more."""

PASSING: Final = frozenset(
    {
        "unknown_command",
        "invalid_field",
        "bad_client_order_id",
        "bad_correlation_id",
        "unknown_account",
        "duplicate_id_different",
        "too_old",
        "timestamp_out_of_window",
        "killed",
        "order_rate",
        "engine_unavailable",
        "queue_full",
        "accounts_unavailable",
        "risk_unavailable",
        "settlement_behind",
        *(word for word in REJECTS if word.startswith("capacity")),
    }
)
"""Those that say "not now", or nothing about a request that could be known: they are not remembered."""

HOUSE_EXTERNAL: Final = 2**64 - 1
HOUSE_FEES: Final = 2**64 - 2
MIN_INT64: Final = -(2**63)
MAX_INT64: Final = 2**63 - 1
MAX_SUPPLY: Final = 2**62
"""Of an asset: what external owes at most: no trade and no rebate can put more than 64 bits in a hand."""
MAX_MAGNITUDE: Final = matching.MAX_MAGNITUDE
MAX_SHARDS: Final = 1_024
MAX_UNIT: Final = 10**18
RATE_ONE: Final = 10**9
"""What a rate or a haircut of 1 is."""
SECOND: Final = 10**9
DAY: Final = 86_400 * SECOND
FUTURE: Final = 5 * SECOND
"""How far a client's clock may be ahead."""
REMEMBERED_FOR: Final = 600 * SECOND
REMEMBERED_IDS: Final = 65_536
FORGOTTEN_AT_ONCE: Final = 4_096

POLICY_ALL: Final = 0
POLICY_RESERVE: Final = 1
POLICY_NEITHER: Final = 2

ALL_ORDER_FIELDS: Final = (1 << 14) - 1
ALL_LEDGER_FIELDS: Final = 3
ALL_DEFINITION_FIELDS: Final = 15
ALL_LIMIT_FIELDS: Final = (1 << 10) - 1


def fits(amount: int) -> bool:
    """Whether a number fits 64 bits."""
    return MIN_INT64 <= amount <= MAX_INT64


def is_house(account: int) -> bool:
    """Whether an account is the venue's own."""
    return account >= HOUSE_FEES
