"""Why a command is refused: one table, append-only. ``python -m cmatch.reject_page`` makes a page of it."""

from enum import IntEnum
from typing import Self


class RejectCode(IntEnum):
    """Why a command was refused. Numbers never change; the first check that fails, in their order, answers.

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
