"""Accounts: the one truth about money. Every change is a posting that sums to zero, under an id of its own.

Reads   core.commands, core.executions      Writes  core.balances
Owns    accounts, balances, reservations, transfer ids.
Holds   available + reserved = total, none of them negative; together they hold what came in.
"""

from exchange.domain.queries import AccountsRequest, BalancesRequest, ReservationsRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.accounts.queries import accounts, balances, reservations

SPEC = ServiceSpec(
    name="accounts",
    reads=("core.commands", "core.executions"),
    writes=("core.balances",),
    queries={BalancesRequest: balances, ReservationsRequest: reservations, AccountsRequest: accounts},
)
