"""The services that are called by RPC: their methods, what each asks and answers, and which side streams.

Document 004's five have exactly its methods; what we add has services of its own. Who serves a method is
another matter: one that nobody serves answers UNIMPLEMENTED.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from exchange.domain.contracts import admin, event_log, execution, identity, marketdata, posttrade, rfq
from exchange.domain.method import Bidirectional, RpcMethod, ServerStreaming, Unary

MARKET_DATA: Final = "MarketDataService"
GET_SNAPSHOT: Final = Unary(
    MARKET_DATA, "GetSnapshot", marketdata.GetSnapshotRequest, marketdata.GetSnapshotReply, idempotent=True
)
GET_HISTORY: Final = Unary(
    MARKET_DATA, "GetHistory", marketdata.GetHistoryRequest, marketdata.GetHistoryReply, idempotent=True
)
STREAM_TICKS: Final = ServerStreaming(
    MARKET_DATA, "StreamTicks", marketdata.StreamTicksRequest, marketdata.MarketTick, idempotent=True
)

TICKS: Final = "TickService"
STREAM_TICK_RUNS: Final = ServerStreaming(
    TICKS, "StreamTickRuns", marketdata.StreamTicksRequest, marketdata.TickRun, idempotent=True
)

BOOKS: Final = "BookService"
GET_ORDER_BOOK: Final = Unary(
    BOOKS, "GetOrderBook", marketdata.GetOrderBookRequest, marketdata.BookUpdate, idempotent=True
)
STREAM_ORDER_BOOK: Final = ServerStreaming(
    BOOKS, "StreamOrderBook", marketdata.StreamOrderBookRequest, marketdata.BookUpdate, idempotent=True
)

PRICES: Final = "PriceService"
GET_MARK_PRICE: Final = Unary(
    PRICES, "GetMarkPrice", marketdata.GetMarkPriceRequest, marketdata.MarkPrice, idempotent=True
)

RFQ: Final = "RFQService"
CREATE_RFQ: Final = Unary(RFQ, "CreateRFQ", rfq.CreateRfqRequest, rfq.RfqState, idempotent=True)
GET_RFQ: Final = Unary(RFQ, "GetRFQ", rfq.GetRfqRequest, rfq.RfqState, idempotent=True)
ACCEPT_QUOTE: Final = Unary(RFQ, "AcceptQuote", rfq.AcceptQuoteRequest, rfq.AcceptQuoteReply, idempotent=True)
CANCEL_RFQ: Final = Unary(RFQ, "CancelRFQ", rfq.CancelRfqRequest, rfq.RfqState, idempotent=True)
STREAM_QUOTES: Final = Bidirectional(RFQ, "StreamQuotes", rfq.ProviderQuote, rfq.ProviderNotice)
WATCH_RFQ: Final = ServerStreaming(RFQ, "WatchRFQ", rfq.WatchRfqRequest, rfq.RfqUpdate, idempotent=True)

EXECUTION: Final = "ExecutionService"
EXECUTE_TRADE: Final = Unary(
    EXECUTION, "ExecuteTrade", execution.ExecuteTradeRequest, execution.TradeState, idempotent=True
)
GET_TRADE: Final = Unary(
    EXECUTION, "GetTrade", execution.GetTradeRequest, execution.TradeState, idempotent=True
)

POST_TRADE: Final = "PostTradeService"
GET_SETTLEMENT: Final = Unary(
    POST_TRADE, "GetSettlement", posttrade.GetSettlementRequest, posttrade.Settlement, idempotent=True
)
LIST_SETTLEMENTS: Final = Unary(
    POST_TRADE,
    "ListSettlements",
    posttrade.ListSettlementsRequest,
    posttrade.ListSettlementsReply,
    idempotent=True,
)
UPDATE_SETTLEMENT_STATUS: Final = Unary(
    POST_TRADE,
    "UpdateSettlementStatus",
    posttrade.UpdateSettlementStatusRequest,
    posttrade.Settlement,
    idempotent=True,
)

ADMIN: Final = "AdminService"
UPSERT_INSTRUMENT: Final = Unary(
    ADMIN, "UpsertInstrument", admin.UpsertInstrumentRequest, admin.InstrumentRecord
)
LIST_INSTRUMENTS: Final = Unary(
    ADMIN, "ListInstruments", admin.ListInstrumentsRequest, admin.ListInstrumentsReply, idempotent=True
)
UPSERT_TENANT: Final = Unary(ADMIN, "UpsertTenant", admin.UpsertTenantRequest, admin.TenantRecord)
LIST_TENANTS: Final = Unary(
    ADMIN, "ListTenants", admin.ListTenantsRequest, admin.ListTenantsReply, idempotent=True
)
SET_LIMITS: Final = Unary(ADMIN, "SetLimits", admin.SetLimitsRequest, admin.LimitSet)
GET_LIMITS: Final = Unary(ADMIN, "GetLimits", admin.GetLimitsRequest, admin.LimitSet, idempotent=True)

OPERATOR: Final = "Operator"
OPEN_ACCOUNT: Final = Unary(
    OPERATOR, "OpenAccount", admin.OpenAccountRequest, admin.AccountRecord, idempotent=True
)
SET_FEES: Final = Unary(OPERATOR, "SetFees", admin.SetFeesRequest, admin.InstrumentFees)
SET_KILL_SWITCH: Final = Unary(
    OPERATOR, "SetKillSwitch", admin.SetKillSwitchRequest, admin.KillSwitch, idempotent=True
)
UPSERT_FEE_SCHEDULE: Final = Unary(
    OPERATOR, "UpsertFeeSchedule", admin.UpsertFeeScheduleRequest, admin.FeeScheduleRecord
)
LIST_FEE_SCHEDULES: Final = Unary(
    OPERATOR,
    "ListFeeSchedules",
    admin.ListFeeSchedulesRequest,
    admin.ListFeeSchedulesReply,
    idempotent=True,
)
UPSERT_PROVIDER: Final = Unary(OPERATOR, "UpsertProvider", admin.UpsertProviderRequest, admin.ProviderRecord)
LIST_PROVIDERS: Final = Unary(
    OPERATOR, "ListProviders", admin.ListProvidersRequest, admin.ListProvidersReply, idempotent=True
)
EXPLAIN: Final = Unary(OPERATOR, "Explain", admin.ExplainRequest, admin.ExplainReply, idempotent=True)

IDENTITY: Final = "IdentityService"
AUTHENTICATE: Final = Unary(
    IDENTITY, "Authenticate", identity.AuthenticateRequest, identity.AuthenticateReply
)
GET_STANDING: Final = Unary(
    IDENTITY, "GetStanding", identity.StandingRequest, identity.StandingReply, idempotent=True
)
OPEN_SESSION: Final = Unary(IDENTITY, "OpenSession", identity.OpenSessionRequest, identity.SessionReply)
GET_SESSION: Final = Unary(IDENTITY, "GetSession", identity.OfSession, identity.SessionReply, idempotent=True)
LIST_SESSIONS: Final = Unary(
    IDENTITY, "ListSessions", identity.OfSession, identity.SessionsReply, idempotent=True
)
END_SESSION: Final = Unary(IDENTITY, "EndSession", identity.EndSessionRequest, identity.IdentityDone)
CHANGE_PASSWORD: Final = Unary(
    IDENTITY, "ChangePassword", identity.ChangePasswordRequest, identity.IdentityDone
)
ISSUE_TOKEN: Final = Unary(IDENTITY, "IssueToken", identity.OfSession, identity.TokenReply, idempotent=True)
GET_SIGNING_KEYS: Final = Unary(
    IDENTITY, "GetSigningKeys", identity.SigningKeysRequest, identity.SigningKeysReply, idempotent=True
)
LIST_API_KEYS: Final = Unary(
    IDENTITY, "ListApiKeys", identity.OfSession, identity.ApiKeysReply, idempotent=True
)
CREATE_API_KEY: Final = Unary(IDENTITY, "CreateApiKey", identity.CreateApiKeyRequest, identity.ApiKeyReply)
ROTATE_API_KEY: Final = Unary(IDENTITY, "RotateApiKey", identity.RotateApiKeyRequest, identity.ApiKeyReply)
REVOKE_API_KEY: Final = Unary(IDENTITY, "RevokeApiKey", identity.RevokeApiKeyRequest, identity.ApiKeyReply)
LIST_USERS: Final = Unary(
    IDENTITY, "ListUsers", identity.ListUsersRequest, identity.ListUsersReply, idempotent=True
)
CREATE_USER: Final = Unary(IDENTITY, "CreateUser", identity.CreateUserRequest, identity.UserReply)

EVENT_LOG: Final = "EventLogService"
TAIL_EVENTS: Final = ServerStreaming(
    EVENT_LOG, "TailEvents", event_log.TailEventsRequest, event_log.LoggedBatch, idempotent=True
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service, the schema that has its messages, and its methods."""

    name: str
    schema: str
    methods: tuple[RpcMethod[Any, Any], ...]


SERVICES: Final = (
    Service(MARKET_DATA, "marketdata/marketdata.capnp", (GET_SNAPSHOT, GET_HISTORY, STREAM_TICKS)),
    Service(TICKS, "marketdata/marketdata.capnp", (STREAM_TICK_RUNS,)),
    Service(BOOKS, "marketdata/marketdata.capnp", (GET_ORDER_BOOK, STREAM_ORDER_BOOK)),
    Service(PRICES, "marketdata/marketdata.capnp", (GET_MARK_PRICE,)),
    Service(
        RFQ,
        "rfq/rfq.capnp",
        (CREATE_RFQ, GET_RFQ, ACCEPT_QUOTE, CANCEL_RFQ, STREAM_QUOTES, WATCH_RFQ),
    ),
    Service(EXECUTION, "execution/execution.capnp", (EXECUTE_TRADE, GET_TRADE)),
    Service(
        POST_TRADE,
        "posttrade/posttrade.capnp",
        (GET_SETTLEMENT, LIST_SETTLEMENTS, UPDATE_SETTLEMENT_STATUS),
    ),
    Service(
        ADMIN,
        "admin/admin.capnp",
        (UPSERT_INSTRUMENT, LIST_INSTRUMENTS, UPSERT_TENANT, LIST_TENANTS, SET_LIMITS, GET_LIMITS),
    ),
    Service(
        OPERATOR,
        "admin/admin.capnp",
        (
            OPEN_ACCOUNT,
            SET_FEES,
            SET_KILL_SWITCH,
            UPSERT_FEE_SCHEDULE,
            LIST_FEE_SCHEDULES,
            UPSERT_PROVIDER,
            LIST_PROVIDERS,
            EXPLAIN,
        ),
    ),
    Service(
        IDENTITY,
        "identity/identity.capnp",
        (
            AUTHENTICATE,
            GET_STANDING,
            OPEN_SESSION,
            GET_SESSION,
            LIST_SESSIONS,
            END_SESSION,
            CHANGE_PASSWORD,
            ISSUE_TOKEN,
            GET_SIGNING_KEYS,
            LIST_API_KEYS,
            CREATE_API_KEY,
            ROTATE_API_KEY,
            REVOKE_API_KEY,
            LIST_USERS,
            CREATE_USER,
        ),
    ),
    Service(EVENT_LOG, "eventlog/eventlog.capnp", (TAIL_EVENTS,)),
)
"""The one table of them."""
