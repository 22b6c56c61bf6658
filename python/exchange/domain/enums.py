"""The words of the exchange, with the numbers of the wire; those of the matching core are its own.

Where a message has ``X | None``, None is the wire's 0: nothing was said.
"""

from cmatch.enums import (
    BandMode,
    DefinitionField,
    EventKind,
    Flag,
    OrderFlag,
    OrderType,
    Peg,
    Phase,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
    Word,
)
from cmatch.frames import CommandList, FrameFault, ReportList
from cmatch.rejects import RejectCode

__all__ = [
    "AdminAction",
    "AnswerFlag",
    "BandMode",
    "BookAction",
    "BookUpdateKind",
    "BookView",
    "CancelReason",
    "CommandList",
    "DefinitionField",
    "Durability",
    "EventKind",
    "ExecType",
    "FeeMode",
    "FollowAction",
    "FollowAnswerFlag",
    "FollowFlag",
    "FollowOutcome",
    "FrameFault",
    "InstrumentAction",
    "InstrumentKind",
    "Judge",
    "LedgerAction",
    "LedgerField",
    "LimitField",
    "LimitKind",
    "Liquidity",
    "OrderAction",
    "OrderField",
    "OrderFlag",
    "OrderStatus",
    "OrderType",
    "Peg",
    "Phase",
    "PriceSourceState",
    "QuoteAction",
    "QuoteNotice",
    "RejectCode",
    "ReportFlag",
    "ReportList",
    "RfqStatus",
    "RfqUpdateKind",
    "Scope",
    "SessionAction",
    "SessionFlag",
    "SessionOutcome",
    "SettlementStatus",
    "ShardFlag",
    "Side",
    "StopWrongSide",
    "StpMode",
    "TailStart",
    "TimeInForce",
    "TradeStatus",
    "TriggerSource",
    "VerdictKind",
]


class OrderAction(Word):
    """What an order command wishes."""

    NEW_ORDER = 1
    REPLACE = 2
    CANCEL = 3
    MASS_CANCEL = 4


class OrderField(Flag):
    """Bits of `present` in an order command: which optional fields carry a value."""

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
    """Of a replace only: a new order has one, or QUOTE_QTY."""
    INSTRUMENT = 1 << 10
    """Of a mass cancel only, as the next two."""
    ACCOUNT = 1 << 11
    SIDE = 1 << 12
    QUOTE_QTY = 1 << 13


class LedgerAction(Word):
    """What a ledger command wishes."""

    DEPOSIT = 1
    WITHDRAW = 2
    TRANSFER = 3
    RESERVE = 4
    POST = 5
    VOID_HOLD = 6
    POST_TRADE = 7


class LedgerField(Flag):
    """Bits of `present` in a ledger command."""

    VERSION = 1 << 0
    EXPIRY = 1 << 1


class InstrumentAction(Word):
    """What an instrument command wishes."""

    DEFINE_ASSET = 1
    DEFINE_INSTRUMENT = 2
    SET_PHASE = 3
    SET_REFERENCE = 4
    SET_MARK = 5
    ASSIGN_SHARD = 6


class InstrumentKind(Word):
    """What is traded."""

    SPOT = 1


class FeeMode(Word):
    """Which asset a fee is taken in; received: base from a buyer, quote from a seller."""

    RECEIVED = 1
    QUOTE = 2
    BASE = 3


class AdminAction(Word):
    """What an administrative command wishes."""

    OPEN_ACCOUNT = 1
    SET_LIMITS = 2
    KILL = 3
    OPEN_SESSION = 4
    LOSE_SESSION = 5
    SET_COUNTDOWN = 6
    TICK = 7
    SET_STAGE = 8
    SET_COLLATERAL = 9
    SET_POLICY = 10
    SET_SOLO = 11
    PROMOTE = 12
    SET_SETTLEMENT = 13


class Scope(Word):
    """What a kill switch is for."""

    VENUE = 1
    TENANT = 2
    ACCOUNT = 3
    INSTRUMENT = 4


class LimitField(Flag):
    """Bits of `present` in a set_limits: an absent limit is lifted in that scope."""

    ORDER_QTY = 1 << 0
    ORDER_NOTIONAL = 1 << 1
    OPEN_ORDERS = 1 << 2
    POSITION = 1 << 3
    GROSS_NOTIONAL = 1 << 4
    NET_NOTIONAL = 1 << 5
    DAILY_LOSS = 1 << 6
    COLLAR = 1 << 7
    ORDER_RATE = 1 << 8
    DUPLICATE_WINDOW = 1 << 9


class LimitKind(Word):
    """A limit, in the order of the bits of LimitField."""

    ORDER_QTY = 1
    ORDER_NOTIONAL = 2
    OPEN_ORDERS = 3
    POSITION = 4
    GROSS_NOTIONAL = 5
    NET_NOTIONAL = 6
    DAILY_LOSS = 7
    COLLAR = 8
    ORDER_RATE = 9
    DUPLICATE_WINDOW = 10


class ExecType(Word):
    """FIX ExecType (150), by name: what just happened."""

    ACCEPTED = 1
    REJECTED = 2
    TRADE = 3
    CANCELED = 4
    EXPIRED = 5
    REPLACED = 6
    TRIGGERED = 7
    RESTATED = 8
    CANCEL_REJECTED = 9
    DONE = 10


class OrderStatus(Word):
    """FIX OrdStatus (39), by name: what the order is now."""

    PENDING_NEW = 1
    OPEN = 2
    PARTIALLY_FILLED = 3
    FILLED = 4
    CANCELED = 5
    EXPIRED = 6
    REJECTED = 7
    SUSPENDED = 8


class Liquidity(Word):
    """Whether an execution made or took."""

    MAKER = 1
    TAKER = 2
    AUCTION = 3


class ReportFlag(Flag):
    """Bits of an execution report's flags."""

    PRICE = 1 << 0
    STOP_PRICE = 1 << 1
    DUPLICATE = 1 << 2
    LIMIT = 1 << 3
    KEPT = 1 << 4
    UNPOSTED = 1 << 5


class AnswerFlag(Flag):
    """Bits of an answer's flags."""

    DUPLICATE = 1 << 0
    BALANCE = 1 << 1
    DETAIL = 1 << 2


class CancelReason(Word):
    """Why an order ended: the core's reasons, then the venue's."""

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
    KILL = 101
    DISCONNECT = 102
    COUNTDOWN = 103
    QUEUE_TTL = 104


class ShardFlag(Flag):
    """Bits of a shard event's flags."""

    LAST = 1 << 0
    """Of what the engine made of one command."""


class Judge(Word):
    """A stage that says of new and replaced orders whether they may enter."""

    ACCOUNTS = 1
    RISK = 2


class VerdictKind(Word):
    """What a verdict says; judged: of all orders up to its sequence, those not refused may enter."""

    REFUSED = 1
    JUDGED = 2


class SessionAction(Word):
    """What a session request wishes."""

    LOGON = 1
    LOGOFF = 2
    HEARTBEAT = 3


class SessionFlag(Flag):
    """Bits of a session request's flags."""

    CANCEL_ON_DISCONNECT = 1 << 0


class SessionOutcome(Word):
    """What a session answer says; resync: what was asked for is gone, query instead."""

    WELCOME = 1
    REFUSED = 2
    HEARTBEAT = 3
    RESYNC = 4
    BYE = 5


class Durability(Word):
    """How safe what is answered was when it was answered."""

    PROCESS = 1
    DISK = 2
    REPLICA = 3


class FollowAction(Word):
    """What a follower wishes; promote is for a standby, fence for a leader that was one."""

    FOLLOW = 1
    ACKNOWLEDGE = 2
    LEAVE = 3
    PROMOTE = 4
    FENCE = 5


class FollowFlag(Flag):
    """Bits of a follow request's flags."""

    STANDBY = 1 << 0
    ACCEPT_LOSS = 1 << 1


class FollowOutcome(Word):
    """What a leader tells a follower; behind: the rest is in the journal's files."""

    STREAMING = 1
    BEHIND = 2
    AHEAD = 3
    DIVERGED = 4
    HEARTBEAT = 5
    FENCED = 6
    PROMOTED = 7
    REFUSED = 8


class FollowAnswerFlag(Flag):
    """Bits of a follow answer's flags.

    In sync: the standby has all that was acknowledged. Waits: no answer leaves before it has what it answers.
    """

    IN_SYNC = 1 << 0
    WAITS = 1 << 1


class RfqStatus(Word):
    """How far a request for quote is."""

    OPEN = 1
    ACCEPTED = 2  # a quote was accepted, and its provider may still look
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    REJECTED = 6  # the provider declined at its last look


class RfqUpdateKind(Word):
    """What happened to a request for quote."""

    STATE = 1  # how it is now: the first of every watch
    NEW_QUOTE = 2
    QUOTE_WITHDRAWN = 3
    ACCEPTED = 4
    FILLED = 5
    CANCELLED = 6
    EXPIRED = 7
    REJECTED = 8


class QuoteAction(Word):
    """What a liquidity provider does."""

    QUOTE = 1  # a new one, or another in place of that with the same quoteId
    WITHDRAW = 2
    CONFIRM = 3  # last look: taken
    DECLINE = 4  # last look: not taken


class QuoteNotice(Word):
    """What a liquidity provider is told."""

    WANTED = 1  # a request for quote to answer
    CLOSED = 2  # no quotes are taken any more
    LAST_LOOK = 3  # a quote was accepted: confirm or decline it
    FILLED = 4
    REFUSED = 5  # the quote was not taken; reason says why


class TradeStatus(Word):
    """How far a requested trade is."""

    PENDING = 1  # risk decides, or a quote's provider may still look
    WORKING = 2  # an order of it is in the book
    EXECUTED = 3
    REJECTED = 4
    CANCELLED = 5  # what was not executed; see cumQty


class SettlementStatus(Word):
    """How far the settlement of a trade is."""

    PENDING = 1
    CONFIRMED = 2
    SETTLED = 3
    FAILED = 4
    CANCELLED = 5


class TailStart(Word):
    """Where a tail of the event log begins."""

    OLDEST = 1
    NEWEST = 2  # what comes from now on, and `back` records before
    OFFSET = 3
    TIME = 4


class BookView(Word):
    """How much of a book is shown."""

    LEVELS = 1
    ORDERS = 2


class BookUpdateKind(Word):
    """What an update of a book is."""

    SNAPSHOT = 1
    DELTA = 2


class BookAction(Word):
    """What a delta does to an order."""

    ADD = 1
    SET = 2
    REMOVE = 3


class PriceSourceState(Word):
    """What a source of an index is good for now."""

    USED = 1
    ABSENT = 2
    STALE = 3
    OUTLIER = 4
