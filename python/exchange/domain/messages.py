"""The messages of the hot path: what clients send the core, and what it sends back.

They are what the structs of `schema/v1` say, with their array words put together: client ids as text,
transfer ids as one number. A field that was not sent is 0, empty or None. `reject` is a number of RejectCode
(0: none), which may be newer than this program.
"""

from dataclasses import dataclass
from typing import Final

from exchange.domain.enums import (
    AdminAction,
    AnswerFlag,
    BandMode,
    CancelReason,
    CommandList,
    DefinitionField,
    Durability,
    EventKind,
    ExecType,
    FeeMode,
    FollowAction,
    FollowAnswerFlag,
    FollowFlag,
    FollowOutcome,
    InstrumentAction,
    InstrumentKind,
    Judge,
    LedgerAction,
    LedgerField,
    LimitField,
    Liquidity,
    OrderAction,
    OrderField,
    OrderFlag,
    OrderStatus,
    OrderType,
    Peg,
    Phase,
    ReportFlag,
    ReportList,
    Scope,
    SessionAction,
    SessionFlag,
    SessionOutcome,
    ShardFlag,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
    VerdictKind,
)

SCHEMA_VERSION: Final = 1
"""The major version, in every frame. It grows with what an older reader would misunderstand."""

_NO_ANSWER_FLAGS: Final = AnswerFlag(0)
_NO_DEFINITION_FIELDS: Final = DefinitionField(0)
_NO_FOLLOW_ANSWER_FLAGS: Final = FollowAnswerFlag(0)
_NO_FOLLOW_FLAGS: Final = FollowFlag(0)
_NO_LEDGER_FIELDS: Final = LedgerField(0)
_NO_LIMIT_FIELDS: Final = LimitField(0)
_NO_ORDER_FIELDS: Final = OrderField(0)
_NO_ORDER_FLAGS: Final = OrderFlag(0)
_NO_REPORT_FLAGS: Final = ReportFlag(0)
_NO_SESSION_FLAGS: Final = SessionFlag(0)
_NO_SHARD_FLAGS: Final = ShardFlag(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCommand:
    """One wish of the book: ticks, lots, ns. Client ids are up to 40 printable ASCII characters."""

    kind: OrderAction
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    instrument_id: int = 0
    stp_mode: StpMode = StpMode.NONE
    present: OrderField = _NO_ORDER_FIELDS
    account: int = 0
    sent_at: int = 0
    qty: int = 0
    price: int = 0
    order_id: int = 0
    client_order_id: str = ""
    correlation_id: str = ""
    session: int = 0
    flags: OrderFlag = _NO_ORDER_FLAGS
    peg: Peg | None = None
    tenant: int = 0
    verdict: int = 0
    orig_client_order_id: str = ""
    stop_price: int = 0
    trail: int = 0
    offset: int = 0
    display_qty: int = 0
    min_qty: int = 0
    expire_at: int = 0
    stp_group: int = 0
    quote_qty: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCommand:
    """One change of balances; its postings sum to zero. Amounts in minor units, ids of 128 bits."""

    kind: LedgerAction
    present: LedgerField = _NO_LEDGER_FIELDS
    asset: int = 0
    account: int = 0
    counter_account: int = 0
    amount: int = 0
    transfer_id: int = 0
    reservation_id: int = 0
    expected_version: int = 0
    expire_at: int = 0
    sent_at: int = 0
    session: int = 0
    tenant: int = 0
    correlation_id: str = ""
    trade_id: int = 0
    buyer_fee: int = 0
    seller_fee: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentCommand:
    """A definition, or one value of an instrument."""

    kind: InstrumentAction
    present: DefinitionField = _NO_DEFINITION_FIELDS
    instrument_id: int = 0
    asset: int = 0
    base: int = 0
    quote: int = 0
    instrument_kind: InstrumentKind | None = None
    fee_mode: FeeMode | None = None
    symbol: str = ""
    asset_scale: int = 0
    price_scale: int = 0
    qty_scale: int = 0
    phase: Phase | None = None
    maker_rate: int = 0
    taker_rate: int = 0
    price: int = 0
    tick_step: int = 0
    lot_step: int = 0
    min_price: int = 0
    max_price: int = 0
    max_qty: int = 0
    max_notional: int = 0
    max_parts: int = 0
    max_pegs: int = 0
    collar: int = 0
    static_band: int = 0
    dynamic_band: int = 0
    reference: int = 0
    trigger_source: TriggerSource | None = None
    stop_wrong_side: StopWrongSide | None = None
    band_mode: BandMode | None = None
    sent_at: int = 0
    session: int = 0
    tenant: int = 0
    correlation_id: str = ""
    actor: str = ""
    shard: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminCommand:
    """Accounts, limits and switches. A limit that `present` does not name is lifted in that scope."""

    kind: AdminAction
    present: LimitField = _NO_LIMIT_FIELDS
    scope: Scope | None = None
    flag: int = 0
    account: int = 0
    tenant: int = 0
    instrument_id: int = 0
    parent: int = 0
    session: int = 0
    asset: int = 0
    timeout: int = 0
    sent_at: int = 0
    max_order_qty: int = 0
    max_order_notional: int = 0
    max_open_orders: int = 0
    max_position: int = 0
    max_gross_notional: int = 0
    max_net_notional: int = 0
    max_daily_loss: int = 0
    price_collar: int = 0
    order_rate: int = 0
    rate_interval: int = 0
    duplicate_window: int = 0
    haircut: int = 0
    mark: int = 0
    collateral_asset: int = 0
    correlation_id: str = ""
    actor: str = ""
    shard: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """Logon, logoff, heartbeat."""

    kind: SessionAction
    flags: SessionFlag = _NO_SESSION_FLAGS
    heartbeat_ms: int = 0
    last_event_sequence: int = 0
    tenant: int = 0
    schema_version: int = 0
    judge: Judge | None = None
    sent_at: int = 0
    name: str = ""
    user: str = ""
    shard: int = 0
    followed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEvent:
    """One event of a shard's engine: ticks, lots. `present` has bits: 1 price, 2 stop price, 4, 8 the ids."""

    kind: EventKind
    reason: int = 0
    shard: int = 0
    number: int = 0
    answers: int = 0
    instrument_id: int = 0
    flags: ShardFlag = _NO_SHARD_FLAGS
    present: int = 0
    order_id: int = 0
    qty: int = 0
    price: int = 0
    leaves: int = 0
    maker_order_id: int = 0
    maker_leaves: int = 0
    stop_price: int = 0
    side: Side | None = None
    phase: Phase | None = None
    kept: int = 0
    session: int = 0
    tenant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a stage elsewhere says to a proposal: which order it refuses, and up to where it has judged."""

    kind: VerdictKind
    judge: Judge | None = None
    reject: int = 0
    epoch: int = 0
    sequence: int = 0
    proposed_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """One order, from the core itself: by order id, or where that is 0 by client order id."""

    account: int = 0
    order_id: int = 0
    client_order_id: str = ""
    request: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceQuery:
    """One balance, from the core itself."""

    request: int = 0
    account: int = 0
    asset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReport:
    """One side's view of one thing that happened to one order."""

    exec_type: ExecType
    order_status: OrderStatus | None = None
    side: Side | None = None
    reject: int = 0
    instrument_id: int = 0
    session: int = 0
    account: int = 0
    order_id: int = 0
    sequence: int = 0
    event_sequence: int = 0
    timestamp: int = 0
    client_order_id: str = ""
    correlation_id: str = ""
    leaves_qty: int = 0
    cum_qty: int = 0
    price: int = 0
    last_qty: int = 0
    last_price: int = 0
    trade_id: int = 0
    order_qty: int = 0
    fee: int = 0
    fee_asset: int = 0
    liquidity: Liquidity | None = None
    flags: ReportFlag = _NO_REPORT_FLAGS
    stop_price: int = 0
    limit_value: int = 0
    limit_asked: int = 0
    cancel_reason: CancelReason | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a command of the ledger, instruments or administration."""

    family: CommandList
    kind: int = 0
    reject: int = 0
    flags: AnswerFlag = _NO_ANSWER_FLAGS
    session: int = 0
    asset: int = 0
    account: int = 0
    sequence: int = 0
    event_sequence: int = 0
    timestamp: int = 0
    transfer_id: int = 0
    total: int = 0
    reserved: int = 0
    version: int = 0
    detail_value: int = 0
    detail_asked: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAnswer:
    """What became of a session request, or of the session."""

    kind: SessionOutcome
    reject: int = 0
    session: int = 0
    epoch: int = 0
    sequence: int = 0
    durable_sequence: int = 0
    event_sequence: int = 0
    oldest_event_sequence: int = 0
    timestamp: int = 0
    durability: Durability | None = None
    schema_version: int = 0
    max_frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """The answer to an OrderQuery; `sequence` is the journal sequence as of which it holds."""

    request: int = 0
    account: int = 0
    order_id: int = 0
    instrument_id: int = 0
    side: Side | None = None
    type: OrderType | None = None
    time_in_force: TimeInForce | None = None
    order_status: OrderStatus | None = None
    reject: int = 0
    flags: ReportFlag = _NO_REPORT_FLAGS
    order_qty: int = 0
    cum_qty: int = 0
    leaves_qty: int = 0
    price: int = 0
    stop_price: int = 0
    reserved_amount: int = 0
    reserved_asset: int = 0
    client_order_id: str = ""
    sequence: int = 0
    entered_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceState:
    """The answer to a BalanceQuery; amounts in minor units, `reserved` is a part of `total`."""

    request: int = 0
    account: int = 0
    asset: int = 0
    reject: int = 0
    total: int = 0
    reserved: int = 0
    version: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The answer to a frame that could not be read, or was not taken: nothing in it was applied."""

    reject: int = 0
    reason: int = 0
    size: int = 0
    detail_value: int = 0
    detail_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRequest:
    """What a follower asks of a leader or tells it, or an operator a standby."""

    kind: FollowAction
    flags: FollowFlag = _NO_FOLLOW_FLAGS
    sequence: int = 0
    epoch: int = 0
    highest_epoch: int = 0
    sent_at: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowAnswer:
    """What a leader tells a follower, or a standby an operator."""

    kind: FollowOutcome
    reject: int = 0
    flags: FollowAnswerFlag = _NO_FOLLOW_ANSWER_FLAGS
    epoch: int = 0
    sequence: int = 0
    oldest: int = 0
    first_lost: int = 0
    last_lost: int = 0
    timestamp: int = 0


Command = (
    OrderCommand
    | LedgerCommand
    | InstrumentCommand
    | AdminCommand
    | SessionRequest
    | OrderQuery
    | BalanceQuery
    | FollowRequest
    | FollowAnswer
    | ShardEvent
    | Verdict
)
Report = ExecutionReport | Answer | SessionAnswer | OrderState | BalanceState | Refusal

COMMANDS: Final[dict[CommandList, type[Command]]] = {
    CommandList.ORDERS: OrderCommand,
    CommandList.LEDGER: LedgerCommand,
    CommandList.INSTRUMENTS: InstrumentCommand,
    CommandList.ADMINISTRATION: AdminCommand,
    CommandList.SESSIONS: SessionRequest,
    CommandList.ORDER_QUERIES: OrderQuery,
    CommandList.BALANCE_QUERIES: BalanceQuery,
    CommandList.FOLLOW_REQUESTS: FollowRequest,
    CommandList.FOLLOW_ANSWERS: FollowAnswer,
    CommandList.SHARD_EVENTS: ShardEvent,
    CommandList.VERDICTS: Verdict,
}
REPORTS: Final[dict[ReportList, type[Report]]] = {
    ReportList.REPORTS: ExecutionReport,
    ReportList.ANSWERS: Answer,
    ReportList.SESSIONS: SessionAnswer,
    ReportList.ORDER_STATES: OrderState,
    ReportList.BALANCE_STATES: BalanceState,
    ReportList.REFUSALS: Refusal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFrame:
    """Commands of one kind, client to core; in a journal record the header is filled.

    `first_seq` is the journal sequence of the first record, `ts_ns` the journaled time of all,
    `event_digest` is over all events before them (0: not said).
    """

    records: tuple[Command, ...]
    stream: int = 0
    epoch: int = 0
    first_seq: int = 0
    ts_ns: int = 0
    event_digest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFrame:
    """Reports of one kind, core to client; `durability` is what its answers had reached by then."""

    records: tuple[Report, ...]
    durability: Durability | None = None
    epoch: int = 0
    sequence: int = 0
    durable_sequence: int = 0
    ts_ns: int = 0
