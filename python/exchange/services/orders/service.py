"""Orders: every command gets its place in the journal before anything happens, and every order its answer.

Reads   core.commands         Writes  core.executions
Owns    the sequence, the journal, client order ids, and what has become of every order.
Holds   an acknowledged order is in the journal once; sequences have no gap; the same request has one answer.
"""

from exchange.domain.queries import OpenOrdersRequest, OrderHistoryRequest, StatusRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.orders.queries import open_orders, order_history, status

SPEC = ServiceSpec(
    name="orders",
    reads=("core.commands",),
    writes=("core.executions",),
    queries={OpenOrdersRequest: open_orders, OrderHistoryRequest: order_history, StatusRequest: status},
    needs=("accounts", "risk", "matching"),
)
