"""Risk: no order reaches a book without its limits; a refusal names the limit, its value and what was asked.

Reads   core.commands, core.executions, core.balances      Writes  core.limits
Owns    limits by scope, positions, kill switches.
Holds   open quantities are the sums over live orders; a kill switch stays on until it is lifted.
"""

from exchange.domain.queries import LimitsRequest, PositionsRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.risk.queries import limits, positions

SPEC = ServiceSpec(
    name="risk",
    reads=("core.commands", "core.executions", "core.balances"),
    writes=("core.limits",),
    queries={PositionsRequest: positions, LimitsRequest: limits},
    needs=("accounts",),
)
