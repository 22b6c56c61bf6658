"""Settlement: what each trade costs, by schedule and volume, and that both sides are paid, once.

Reads   admin.changes, admin.records, execution.trades      Writes  posttrade.settlement
Owns    a row a trade, with its fees and whether it is posted; volumes of accounts by day.
Holds   trades are posted in their order, each once, with the fees of its row; what is posted is told.
"""

from exchange.domain.events import FeeScheduleSet, TradeExecuted
from exchange.domain.messages import InstrumentCommand
from exchange.domain.queries import SettlementsRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.settlement.queries import settlements
from exchange.services.settlement.reference import take_definitions, take_schedules
from exchange.services.settlement.serving import serve
from exchange.services.settlement.store import take_trades
from exchange.services.settlement.tables import MIGRATIONS

SPEC = ServiceSpec(
    name="settlement",
    reads=("admin.changes", "admin.records", "execution.trades"),  # definitions before what is traded
    writes=("posttrade.settlement",),
    tables=MIGRATIONS,
    handlers={
        TradeExecuted: take_trades,
        InstrumentCommand: take_definitions,
        FeeScheduleSet: take_schedules,
    },
    queries={SettlementsRequest: settlements},
    serve=serve,
    needs=("orders",),
)
