"""Symbols in what the history is asked, symbols and scales in what it answers: rows have numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from exchange.domain.queries import (
    AssetRow,
    HistoryExecutionsReply,
    HistoryExecutionsRequest,
    HistoryOrdersReply,
    HistoryOrdersRequest,
    InstrumentScales,
)
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError

Asked = HistoryOrdersRequest | HistoryExecutionsRequest
Answered = HistoryOrdersReply | HistoryExecutionsReply


class Names(Protocol):
    """What knows instruments and assets: `exchange.runtime.reference.Reference` does."""

    def instruments(self, ids: set[int]) -> tuple[InstrumentScales, ...]:
        """Those of these ids."""
        ...

    def assets(self, ids: set[int]) -> tuple[AssetRow, ...]:
        """Likewise of assets."""
        ...

    def instrument_id(self, symbol: str) -> int | None:
        """The instrument of a symbol."""
        ...


def named(names: Names, request: Asked, ask: Callable[[Asked], Answered]) -> Answered:
    """The answer to a question, with what its rows name.

    Rows come without names where these cannot be had now: an answer is worth more than its decimals.

    Raises:
        RpcError: NOT_FOUND: there is no instrument of that symbol.
        ServiceUnavailableError: Nobody can say whether there is.
    """
    if request.symbol and not request.instrument_id:
        found = names.instrument_id(request.symbol)
        if found is None:
            raise RpcError(RpcStatus.NOT_FOUND, f"instrument {request.symbol!r} is not known")
        request = replace(request, instrument_id=found)
    reply = ask(request)
    if isinstance(reply, HistoryOrdersReply):
        traded, paid = {row.instrument_id for row in reply.orders}, set[int]()
    else:
        traded = {row.instrument_id for row in reply.executions}
        paid = {row.fee_asset for row in reply.executions if row.fee_asset}
    with suppress(ServiceUnavailableError):
        instruments = names.instruments(traded)
        ids = paid.union(*((each.base, each.quote) for each in instruments))
        return replace(reply, instruments=instruments, assets=names.assets(ids))
    return reply
