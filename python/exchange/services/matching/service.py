"""Matching: orders meet at the maker's price, the best price first, then the oldest order.

Reads   core.commands, core.limits      Writes  core.trades
Owns    books, instruments with their phases, trades.
Holds   no book is crossed in continuous trading; in = filled + resting + cancelled, in lots.
"""

from exchange.domain.queries import (
    BookLevelsRequest,
    BookOrdersRequest,
    BookTopRequest,
    InstrumentsRequest,
    TradesRequest,
)
from exchange.runtime.spec import ServiceSpec
from exchange.services.matching.queries import (
    book_levels,
    book_orders,
    book_top,
    instruments,
    trades,
)

SPEC = ServiceSpec(
    name="matching",
    reads=("core.commands", "core.limits"),
    writes=("core.trades",),
    queries={
        BookTopRequest: book_top,
        BookLevelsRequest: book_levels,
        BookOrdersRequest: book_orders,
        TradesRequest: trades,
        InstrumentsRequest: instruments,
    },
    needs=("risk",),
)
