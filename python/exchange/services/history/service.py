"""History: every order and every execution, as rows that can be searched.

Reads   orders.lifecycle      Writes  nothing
Owns    a row an order, with what has become of it, and a row an execution.
Holds   the rows are a fold of the log: whoever takes it again from its start has the same ones.
"""

from exchange.domain.messages import Answer, ExecutionReport
from exchange.domain.queries import HistoryExecutionsRequest, HistoryOrdersRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.history.naming import named
from exchange.services.history.queries import executions, orders
from exchange.services.history.store import note_answers, take_reports
from exchange.services.history.tables import MIGRATIONS

SPEC = ServiceSpec(
    name="history",
    reads=("orders.lifecycle",),
    tables=MIGRATIONS,
    handlers={ExecutionReport: take_reports, Answer: note_answers},
    queries={HistoryOrdersRequest: orders, HistoryExecutionsRequest: executions},
    around=named,
    needs=("orders",),
)
