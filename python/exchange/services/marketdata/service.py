"""Market data: every trade, candles of them, and what a market did in 24 hours.

Reads   execution.trades, posttrade.settlement
Writes  marketdata.ticks, marketdata.books, marketdata.bars
Owns    a row a trade, and a row a candle of each interval in which something was traded.
Holds   the rows are a fold of the log: whoever takes it again from its start has the same ones.
"""

from exchange.bus.rpc.dispatch import DispatchLimits
from exchange.domain.events import TradeExecuted, TradeSettled
from exchange.domain.queries import MarketCandlesRequest, MarketTickersRequest, MarketTradesRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.marketdata.queries import candles, tickers, trades
from exchange.services.marketdata.serving import serve
from exchange.services.marketdata.store import take_settlements, take_trades
from exchange.services.marketdata.tables import MIGRATIONS

SPEC = ServiceSpec(
    name="marketdata",
    reads=("execution.trades", "posttrade.settlement"),
    writes=("marketdata.ticks", "marketdata.books", "marketdata.bars"),
    tables=MIGRATIONS,
    handlers={TradeExecuted: take_trades, TradeSettled: take_settlements},
    queries={
        MarketTradesRequest: trades,
        MarketCandlesRequest: candles,
        MarketTickersRequest: tickers,
    },
    serve=serve,
    needs=("matching",),
    limits=DispatchLimits(calls_max=8_192, peer_calls_max=4_096),  # a gateway has two streams an instrument
)
