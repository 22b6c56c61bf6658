"""Queries to the replica, the history, market data and admin, and their replies: the messages of their RPC.

`min_seq` is the journal sequence that the reply must have seen (0: any), `sequence` the one that it has seen.
`after` is the last key of the page before (0: the first page), `limit` the most rows (0: as many as the
server gives), `more` says that another page follows. Prices are ticks, quantities lots, money minor units,
times ns.
"""

from typing import Final

from exchange.domain.queries.accounts import (
    AccountRow,
    AccountsReply,
    AccountsRequest,
    BalanceRow,
    BalancesReply,
    BalancesRequest,
    ReservationRow,
    ReservationsReply,
    ReservationsRequest,
)
from exchange.domain.queries.admin import AdminChangeRow, AdminChangesReply, AdminChangesRequest
from exchange.domain.queries.history import (
    HistoryExecutionRow,
    HistoryExecutionsReply,
    HistoryExecutionsRequest,
    HistoryOrderRow,
    HistoryOrdersReply,
    HistoryOrdersRequest,
    HistoryReply,
    HistoryRequest,
    InstrumentScales,
)
from exchange.domain.queries.marketdata import (
    MarketCandleRow,
    MarketCandlesReply,
    MarketCandlesRequest,
    MarketTickerRow,
    MarketTickersReply,
    MarketTickersRequest,
    MarketTradeRow,
    MarketTradesReply,
    MarketTradesRequest,
)
from exchange.domain.queries.matching import (
    AssetRow,
    BookLevelsReply,
    BookLevelsRequest,
    BookOrderRow,
    BookOrdersReply,
    BookOrdersRequest,
    BookTopReply,
    BookTopRequest,
    FillRow,
    InstrumentRow,
    InstrumentsReply,
    InstrumentsRequest,
    LevelRow,
    TradeRow,
    TradesReply,
    TradesRequest,
)
from exchange.domain.queries.orders import (
    OpenOrdersReply,
    OpenOrdersRequest,
    OrderHistoryReply,
    OrderHistoryRequest,
    OrderRow,
    StatusReply,
    StatusRequest,
)
from exchange.domain.queries.risk import (
    LimitRow,
    LimitsReply,
    LimitsRequest,
    PositionRow,
    PositionsReply,
    PositionsRequest,
)
from exchange.domain.queries.settlement import SettlementRow, SettlementsReply, SettlementsRequest

__all__ = [
    "QUERIES",
    "AccountRow",
    "AccountsReply",
    "AccountsRequest",
    "AdminChangeRow",
    "AdminChangesReply",
    "AdminChangesRequest",
    "AssetRow",
    "BalanceRow",
    "BalancesReply",
    "BalancesRequest",
    "BookLevelsReply",
    "BookLevelsRequest",
    "BookOrderRow",
    "BookOrdersReply",
    "BookOrdersRequest",
    "BookTopReply",
    "BookTopRequest",
    "FillRow",
    "HistoryExecutionRow",
    "HistoryExecutionsReply",
    "HistoryExecutionsRequest",
    "HistoryOrderRow",
    "HistoryOrdersReply",
    "HistoryOrdersRequest",
    "HistoryReply",
    "HistoryRequest",
    "InstrumentRow",
    "InstrumentScales",
    "InstrumentsReply",
    "InstrumentsRequest",
    "LevelRow",
    "LimitRow",
    "LimitsReply",
    "LimitsRequest",
    "MarketCandleRow",
    "MarketCandlesReply",
    "MarketCandlesRequest",
    "MarketTickerRow",
    "MarketTickersReply",
    "MarketTickersRequest",
    "MarketTradeRow",
    "MarketTradesReply",
    "MarketTradesRequest",
    "OpenOrdersReply",
    "OpenOrdersRequest",
    "OrderHistoryReply",
    "OrderHistoryRequest",
    "OrderRow",
    "PositionRow",
    "PositionsReply",
    "PositionsRequest",
    "Reply",
    "Request",
    "ReservationRow",
    "ReservationsReply",
    "ReservationsRequest",
    "SettlementRow",
    "SettlementsReply",
    "SettlementsRequest",
    "StatusReply",
    "StatusRequest",
    "TradeRow",
    "TradesReply",
    "TradesRequest",
]

Request = (
    OpenOrdersRequest
    | OrderHistoryRequest
    | BalancesRequest
    | ReservationsRequest
    | PositionsRequest
    | LimitsRequest
    | BookTopRequest
    | BookLevelsRequest
    | BookOrdersRequest
    | TradesRequest
    | InstrumentsRequest
    | AccountsRequest
    | StatusRequest
    | HistoryOrdersRequest
    | HistoryExecutionsRequest
    | MarketTradesRequest
    | SettlementsRequest
    | MarketCandlesRequest
    | MarketTickersRequest
    | AdminChangesRequest
)
Reply = (
    OpenOrdersReply
    | OrderHistoryReply
    | BalancesReply
    | ReservationsReply
    | PositionsReply
    | LimitsReply
    | BookTopReply
    | BookLevelsReply
    | BookOrdersReply
    | TradesReply
    | InstrumentsReply
    | AccountsReply
    | StatusReply
    | HistoryOrdersReply
    | HistoryExecutionsReply
    | MarketTradesReply
    | SettlementsReply
    | MarketCandlesReply
    | MarketTickersReply
    | AdminChangesReply
)

QUERIES: Final[dict[type[Request], type[Reply]]] = {
    OpenOrdersRequest: OpenOrdersReply,
    OrderHistoryRequest: OrderHistoryReply,
    BalancesRequest: BalancesReply,
    ReservationsRequest: ReservationsReply,
    PositionsRequest: PositionsReply,
    LimitsRequest: LimitsReply,
    BookTopRequest: BookTopReply,
    BookLevelsRequest: BookLevelsReply,
    BookOrdersRequest: BookOrdersReply,
    TradesRequest: TradesReply,
    InstrumentsRequest: InstrumentsReply,
    AccountsRequest: AccountsReply,
    StatusRequest: StatusReply,
    HistoryOrdersRequest: HistoryOrdersReply,
    HistoryExecutionsRequest: HistoryExecutionsReply,
    MarketTradesRequest: MarketTradesReply,
    SettlementsRequest: SettlementsReply,
    MarketCandlesRequest: MarketCandlesReply,
    MarketTickersRequest: MarketTickersReply,
    AdminChangesRequest: AdminChangesReply,
}
"""What is asked, and what answers it."""
