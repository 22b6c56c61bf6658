"""The words of the matching core as IntEnums, with the numbers of the wire.

Wherever one is an argument its number and its lower-case name do as well: ``Side.BUY``, ``1``, ``"buy"``.
"""

from enum import IntEnum, IntFlag

from cmatch.rejects import RejectCode

__all__ = [
    "BandMode",
    "CancelReason",
    "CommandField",
    "CommandKind",
    "DefinitionField",
    "EventField",
    "EventKind",
    "L3Action",
    "OrderFlag",
    "OrderPlace",
    "OrderStatus",
    "OrderType",
    "Peg",
    "Phase",
    "RejectCode",
    "Side",
    "StopWrongSide",
    "StpMode",
    "TimeInForce",
    "TriggerSource",
]


class Word(IntEnum):
    """An IntEnum that prints as the word it is."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __str__(self) -> str:
        return self._name_.lower()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class Flag(IntFlag):
    """An IntFlag that prints as its words."""

    def __str__(self) -> str:
        return "|".join(flag.name.lower() for flag in type(self) if flag in self and flag.name) or "none"


class Side(Word):
    """Of an order; bid and ask are the sides of a book."""

    BUY = 1
    SELL = 2


class OrderType(Word):
    """What an order does when it comes."""

    LIMIT = 1
    MARKET = 2
    MARKET_TO_LIMIT = 3
    STOP = 4
    STOP_LIMIT = 5
    TRAILING_STOP = 6
    TRAILING_STOP_LIMIT = 7
    PEGGED = 8


class TimeInForce(Word):
    """How long an order lives."""

    DAY = 1
    GTC = 2
    GTD = 3
    IOC = 4
    FOK = 5
    AT_OPEN = 6
    AT_CLOSE = 7


class StpMode(Word):
    """Self-trade prevention: what happens when an incoming order meets one of its own."""

    NONE = 0
    CANCEL_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class Peg(Word):
    """What a pegged order follows: its own side's best price, or the middle."""

    PRIMARY = 1
    MIDPOINT = 2


class TriggerSource(Word):
    """What triggers an instrument's stops: trades, the best displayed prices, or the mark."""

    LAST = 1
    QUOTE = 2
    MARK = 3


class StopWrongSide(Word):
    """What becomes of a stop that would trigger at once."""

    REJECT = 1
    TRIGGER = 2


class BandMode(Word):
    """What becomes of an order that would trade beyond a price band."""

    REJECT = 1
    HALT = 2


class Phase(Word):
    """Of an instrument. In pre_open, closing_call and call_auction orders rest and nothing matches."""

    CLOSED = 1
    PRE_OPEN = 2
    CONTINUOUS = 3
    CLOSING_CALL = 4
    HALTED = 5
    CALL_AUCTION = 6


class OrderFlag(Flag):
    """Bits of an order's flags."""

    POST_ONLY = 1
    REDUCE_ONLY = 2
    HIDDEN = 4


class CommandKind(Word):
    """What a command wishes."""

    DEFINE_INSTRUMENT = 1
    SET_PHASE = 2
    SET_REFERENCE = 3
    SET_MARK = 4
    NEW_ORDER = 5
    REPLACE = 6
    CANCEL = 7
    MASS_CANCEL = 8
    ADVANCE_TIME = 9
    RETIRE_IDS = 10


class EventKind(Word):
    """What an event says happened."""

    ACCEPTED = 1
    REJECTED = 2
    TRADE = 3
    REFRESHED = 4
    PREVENTED = 5
    CANCELED = 6
    EXPIRED = 7
    REPLACED = 8
    TRIGGERED = 9
    REPRICED = 10
    UNCROSSED = 11
    PHASE_CHANGED = 12


class CancelReason(Word):
    """Why an order, or the rest of it, was canceled."""

    REQUESTED = 1
    MASS = 2
    REPLACED = 3
    IOC = 4
    FOK = 5
    MIN_QTY = 6
    NO_LIQUIDITY = 7
    COLLAR = 8
    BAND = 9
    HALT = 10
    SELF_TRADE = 11


class OrderPlace(Word):
    """Where a live order is: in the book, or waiting for something."""

    RESTING = 1
    MARKET_QUEUE = 2
    WAITING_STOP = 3
    WAITING_CLOSE = 4
    WAITING_PEG = 5


class L3Action(Word):
    """What an L3 delta does to the order it names."""

    ADD = 1
    SET = 2
    REMOVE = 3


class OrderStatus(Word):
    """What an order is after a call, in the words of FIX OrdStatus (39).

    A waiting stop, peg or at_close order is NEW, as on FIX venues: ``engine.order(id).place`` tells more.
    """

    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    EXPIRED = 6
    ACCEPTED = 7
    """Of a command that has no order, such as set_phase: it took effect."""

    @property
    def fix(self) -> str | None:
        """The value of FIX tag 39; None for ACCEPTED, which is no status of an order."""
        return {1: "0", 2: "1", 3: "2", 4: "4", 5: "8", 6: "C"}.get(self)


class CommandField(Flag):
    """Bits of ``present`` in COMMAND_DTYPE: which optional fields carry a value."""

    PRICE = 1 << 0
    STOP_PRICE = 1 << 1
    TRAIL = 1 << 2
    PEG = 1 << 3
    OFFSET = 1 << 4
    DISPLAY_QTY = 1 << 5
    MIN_QTY = 1 << 6
    EXPIRE_AT = 1 << 7
    STP_GROUP = 1 << 8
    QTY = 1 << 9
    """Of replace only: a new order always has one."""
    INSTRUMENT = 1 << 10
    """Of mass_cancel only, as the next two."""
    ACCOUNT = 1 << 11
    SIDE = 1 << 12


class DefinitionField(Flag):
    """Bits of ``present`` in DEFINITION_DTYPE."""

    COLLAR = 1 << 0
    STATIC_BAND = 1 << 1
    DYNAMIC_BAND = 1 << 2
    REFERENCE = 1 << 3


class EventField(Flag):
    """Bits of ``present`` in EVENT_DTYPE."""

    PRICE = 1 << 0
    STOP_PRICE = 1 << 1
    ORDER_ID = 1 << 2
    INSTRUMENT = 1 << 3
