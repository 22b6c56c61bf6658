"""Why a command is refused: one table, append-only. ``python -m cmatch.reject_page`` makes a page of it."""

from enum import IntEnum
from typing import Self


class RejectCode(IntEnum):
    """Why a command was refused. Numbers never change; of the 4xxx the first that fails, in order, answers.

    1xxx sessions and requests, 2xxx accounts and ledger, 3xxx risk, 4xxx matching.

    Each member has:

    - ``meaning``: one sentence for a person;
    - ``transient``: may the same command succeed later, when the market or the engine has moved on;
    - ``http_status``: what a web gateway answers with;
    - ``fix_reason``: FIX OrdRejReason (103) of a refused order;
    - ``fix_cancel_reason``: FIX CxlRejReason (102) of a refused cancel or replace.
    """

    meaning: str
    transient: bool
    http_status: int
    fix_reason: int
    fix_cancel_reason: int

    def __new__(
        cls,
        number: int,
        meaning: str,
        transient: bool,
        http_status: int,
        fix_reason: int,
        fix_cancel_reason: int,
    ) -> Self:
        """Make a member of one row of the table."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        code.transient = transient
        code.http_status = http_status
        code.fix_reason = fix_reason
        code.fix_cancel_reason = fix_cancel_reason
        return code

    def __repr__(self) -> str:
        return f"RejectCode.{self.name}"

    def __str__(self) -> str:
        return self.name.lower()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    BAD_FRAME = 1001, "The bytes are no frame: nothing in them was looked at.", False, 400, 99, 99
    FRAME_TOO_LARGE = 1002, "The frame is longer than 64 KiB.", False, 413, 99, 99
    UNSUPPORTED_VERSION = 1003, "The frame's schema version is not spoken here.", False, 400, 99, 99
    NOT_LOGGED_ON = 1004, "The connection has no session: log on first.", True, 401, 99, 99
    BAD_CLIENT_ORDER_ID = 1005, "A client order id is 1 to 40 printable ASCII characters.", False, 422, 99, 99
    BAD_CORRELATION_ID = 1006, "A correlation id is up to 40 printable ASCII characters.", False, 422, 99, 99
    SESSION_THROTTLED = 1007, "The session sends faster than it may.", True, 429, 99, 99
    QUEUE_FULL = 1008, "A stage is away or behind, and no more orders wait for it.", True, 503, 2, 2
    READ_ONLY = 1009, "Nothing can be journaled now, so nothing is accepted.", True, 503, 2, 2
    DUPLICATE_ID_DIFFERENT = 1010, "The client order id named another request.", False, 409, 6, 6
    TOO_OLD = 1011, "sent_at is older than what is remembered of the account.", False, 410, 4, 99
    TIMESTAMP_OUT_OF_WINDOW = 1012, "sent_at is more than 5 s ahead of the core.", False, 400, 99, 99
    NOT_PERMITTED = 1013, "The session may not do this.", False, 403, 99, 99
    SLOW_CONSUMER = 1014, "The session does not read what it is sent.", True, 503, 99, 99
    RESYNC_REQUIRED = 1015, "What was missed is no longer kept: ask for the state instead.", True, 410, 99, 99
    CAPACITY_SESSIONS = 1016, "There are as many sessions as there may be.", True, 503, 99, 99
    CAPACITY_CLIENT_IDS = 1017, "No more requests can be remembered.", True, 503, 2, 2
    REPLACED_SESSION = 1018, "Another connection logged on under this name.", False, 409, 99, 99
    NOT_LEADER = 1019, "This core follows another: ask that one.", True, 503, 2, 2
    NO_REPLICA = 1020, "No standby is in sync, and answers have to wait for one.", True, 503, 2, 2
    STALE_EPOCH = 1021, "Another core has taken over the lead.", False, 409, 99, 99
    NOT_IN_SYNC = 1022, "This standby may lack what the leader has acknowledged.", False, 409, 99, 99
    DISK_NEARLY_FULL = 1023, "Little room is left to journal in: no new orders.", True, 503, 2, 2
    UNKNOWN_ACCOUNT = 2001, "No account of this tenant has this id.", False, 404, 15, 99
    INSUFFICIENT_FUNDS = 2002, "Less is available than would be reserved.", False, 422, 3, 99
    UNKNOWN_ASSET = 2003, "No asset has this id.", False, 404, 99, 99
    INVALID_AMOUNT = 2004, "An amount is at least 1.", False, 422, 99, 99
    INVALID_TRANSFER_ID = 2005, "A transfer id is never 0.", False, 422, 99, 99
    TRANSFER_ID_DIFFERENT = 2006, "The transfer id named another request.", False, 409, 99, 99
    VERSION_CONFLICT = 2007, "The balance changed since that version was read.", False, 409, 99, 99
    UNKNOWN_RESERVATION = 2008, "No reservation of this account has this id.", False, 404, 99, 99
    ALREADY_POSTED = 2009, "The reservation, or trade, was posted.", False, 409, 99, 99
    ALREADY_VOIDED = 2010, "The reservation was voided.", False, 409, 99, 99
    RESERVATION_EXPIRED = 2011, "The reservation expired.", False, 409, 99, 99
    POST_EXCEEDS_RESERVED = 2012, "More would be posted than is reserved.", False, 422, 99, 99
    BALANCE_OVERFLOW = 2013, "A balance would leave 64 bits.", False, 422, 99, 99
    SAME_ACCOUNT = 2014, "Giver and receiver are one account.", False, 422, 99, 99
    ACCOUNT_EXISTS = 2015, "The account is open with another tenant or parent.", False, 409, 99, 99
    ASSET_EXISTS = 2016, "The asset is defined otherwise.", False, 409, 99, 99
    INVALID_SYMBOL = 2017, "A symbol is 1 to 24 of A-Z, 0-9 and -./_.", False, 422, 99, 99
    INVALID_COLLATERAL = 2018, "Haircut 0 to 10^9, mark at least 0, asset known.", False, 422, 99, 99
    INVALID_ACCOUNT = 2019, "Account and tenant are above 0, a parent has no parent.", False, 422, 99, 99
    INVALID_ASSET = 2020, "An asset is above 0 and has at most 18 decimals.", False, 422, 99, 99
    CAPACITY_ACCOUNTS = 2021, "There are as many accounts as there may be.", True, 503, 99, 99
    CAPACITY_ASSETS = 2022, "There are as many assets as there may be.", True, 503, 99, 99
    CAPACITY_BALANCES = 2023, "There are as many balances as there may be.", True, 503, 2, 99
    CAPACITY_TRANSFERS = 2024, "No more transfers can be remembered.", True, 503, 99, 99
    CAPACITY_RESERVATIONS = 2025, "There are as many reservations as there may be.", True, 503, 99, 99
    ACCOUNTS_UNAVAILABLE = 2026, "The accounts stage is away, or too late.", True, 503, 2, 2
    UNEXPECTED_TRADE = 2027, "Trades are posted in their order, and another one is next.", False, 409, 99, 99
    FEE_OUT_OF_BOUNDS = (
        2028,
        "The fee, or rebate, is more than the order reserved.",
        False,
        422,
        99,
        99,
    )
    TRADES_NOT_POSTED = 2029, "Trades wait to be posted: who settles does not change now.", True, 409, 99, 99
    SETTLEMENT_BEHIND = 2030, "Too many trades wait to be settled: no new orders.", True, 503, 2, 2
    SYMBOL_TAKEN = 2031, "Another asset, or instrument, has this symbol.", False, 409, 99, 99
    KILLED = 3001, "A kill switch is on that covers the order.", True, 403, 2, 2
    MAX_ORDER_QTY = 3002, "The order is larger than the limit, in lots.", False, 422, 3, 99
    MAX_ORDER_NOTIONAL = 3003, "The order is worth more than the limit.", False, 422, 3, 99
    MAX_OPEN_ORDERS = 3004, "The account has as many orders in the instrument as it may.", False, 422, 3, 99
    MAX_POSITION = 3005, "The position could become larger than the limit.", False, 422, 3, 99
    MAX_GROSS_NOTIONAL = 3006, "Position and orders could be worth more than the limit.", False, 422, 3, 99
    MAX_NET_NOTIONAL = 3007, "One side could be worth more than the limit.", False, 422, 3, 99
    MAX_DAILY_LOSS = 3008, "The account lost as much today as it may.", False, 422, 3, 99
    PRICE_COLLAR = 3009, "The price is further from the reference than the limit.", False, 422, 16, 8
    ORDER_RATE = 3010, "The account sends orders faster than the limit.", True, 429, 99, 99
    DUPLICATE_ORDER = 3011, "The same order was accepted a moment ago.", False, 409, 6, 6
    REDUCE_ONLY = 3012, "The order would do more than reduce the position.", False, 422, 99, 99
    INVALID_LIMIT = 3013, "A limit is out of range, or a rate has no interval.", False, 422, 99, 99
    CAPACITY_POSITIONS = 3014, "There are as many positions as there may be.", True, 503, 2, 99
    RISK_UNAVAILABLE = 3015, "The risk stage is away, too late, or failed at the order.", True, 503, 2, 2
    RISK_REFUSED = 3016, "The risk stage does not approve the order.", False, 422, 99, 99
    UNKNOWN_COMMAND = 4001, "No command has this kind.", False, 400, 99, 99
    INVALID_FIELD = 4002, "An enum or flag is out of range, or a needed field is absent.", False, 400, 99, 99
    UNKNOWN_INSTRUMENT = 4003, "No instrument has this id.", True, 404, 1, 99
    PHASE_FORBIDS = 4004, "The instrument's phase does not take this.", True, 409, 2, 2
    UNKNOWN_ORDER = 4005, "No live order of this account and book has this id.", False, 404, 5, 1
    INVALID_QTY = 4006, "The quantity is below 1 or above max_qty.", False, 422, 13, 99
    QTY_OFF_STEP = 4007, "The quantity is no multiple of lot_step.", False, 422, 13, 99
    PRICE_MISSING = 4008, "This type of order needs a price.", False, 422, 99, 99
    INVALID_PRICE = 4009, "The price is outside min_price to max_price.", False, 422, 99, 99
    PRICE_OFF_STEP = 4010, "The price is no multiple of tick_step.", False, 422, 18, 18
    PRICE_BAND = 4011, "The limit is beyond the price band.", True, 422, 16, 8
    STOP_PRICE_MISSING = 4012, "A stop needs a stop price, a trailing stop a trail.", False, 422, 99, 99
    INVALID_STOP_PRICE = 4013, "A stop price, trail or offset is out of range or step.", False, 422, 99, 99
    NO_REFERENCE = 4014, "A trailing stop has no trigger price to start from yet.", True, 409, 99, 99
    STOP_WOULD_TRIGGER = 4015, "The stop is on the wrong side: it would trigger at once.", True, 422, 99, 99
    INVALID_DISPLAY_QTY = 4016, "The shown part is below 1, above qty or off lot_step.", False, 422, 13, 99
    TOO_MANY_PARTS = 4017, "The iceberg would show more than max_parts parts.", False, 422, 13, 99
    INVALID_MIN_QTY = 4018, "The least part is below 1, above qty or off lot_step.", False, 422, 13, 99
    INVALID_COMBINATION = 4019, "These fields do not go with this type and time in force.", False, 422, 11, 99
    INVALID_EXPIRY = 4020, "A gtd order needs an expire_at later than the clock.", False, 422, 99, 99
    NOTIONAL_OVERFLOW = 4021, "Price times quantity is above max_notional.", False, 422, 3, 99
    SIDE_OVERFLOW = 4022, "The side's open quantity would exceed 2^63 - 1 lots.", True, 422, 3, 99
    INVALID_ORDER_ID = 4023, "An order id is never 0.", False, 422, 99, 99
    DUPLICATE_ORDER_ID = 4024, "The order id was used before.", False, 409, 6, 6
    CAPACITY_IDS = 4025, "max_order_ids ids are remembered: retire_ids frees some.", True, 503, 0, 2
    CAPACITY_ORDERS = 4026, "max_orders orders live, or max_pegs pegged ones.", True, 503, 0, 2
    WOULD_CROSS = 4027, "A post-only order would take.", True, 409, 99, 99
    INVALID_DEFINITION = 4028, "The definition contradicts itself or a bound.", False, 422, 99, 99
    INSTRUMENT_IN_USE = 4029, "An order of the instrument lives: not to be defined anew.", True, 409, 99, 99
    CAPACITY_INSTRUMENTS = 4030, "max_instruments instruments are defined.", False, 503, 0, 99
    INVALID_PHASE = 4031, "The phase does not lead there.", True, 409, 99, 99
    INVALID_SCOPE = 4032, "A mass cancel needs an instrument or an account.", False, 422, 99, 99
    ENGINE_UNAVAILABLE = 4033, "Matching is away, and such an order does not wait.", True, 503, 2, 2
    UNKNOWN_SHARD = 4034, "No shard has this number, or the session is none of its.", False, 404, 99, 99
    UNEXPECTED_SHARD_EVENT = 4035, "The event is not the one that follows in its shard.", False, 409, 99, 99
    INVALID_SHARD_EVENT = 4036, "What a shard sent does not follow from its orders.", False, 422, 99, 99
