"""The trades of the journal as its fold makes them, for the board; what lies before them is in the store."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import numpy as np
from sqlalchemy import select

from exchange.domain.queries import MarketTradeRow
from exchange.errors import ExchangeError
from exchange.runtime.log import log
from exchange.schema.event_rows import TRADE_DTYPE, Records, joined_rows, rows_at
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.queries import last_trades
from exchange.services.marketdata.tables import PROGRESS
from exchange.storage.sql import Store

_AGAIN_S: Final = 0.25


class TradeFeed:
    """Shows a board the trades of a fold. Belongs to one event loop.

    A fold begins with a snapshot. What was traded last before that is known by the store, as soon as it has
    all of it; until then the last trade of each instrument is held back.

    Args:
        store: Where last trades are.
        board: What is shown.
    """

    def __init__(self, store: Store, board: Board) -> None:
        self._store = store
        self._board = board
        self._before = 0
        self._held: Records | None = np.zeros(0, TRADE_DTYPE)
        self._begun = asyncio.Event()

    def begin(self, before: int, lasts: Records) -> None:
        """A fold begins behind that trade; it comes to these last ones, and tells what follows."""
        self._before, self._held = before, lasts
        self._begun.set()

    def traded(self, trades: Records) -> None:
        """What follows: (n,) of TRADE_DTYPE."""
        if self._held is None:
            self._board.traded(trades)
        else:
            self._held = last_of_each(joined_rows([self._held, trades]))

    async def run(self) -> None:
        """Shows what is held back when it may be shown, until it is cancelled."""
        while True:
            await self._begun.wait()
            self._begun.clear()
            while self._held is not None:
                if self._board.last_trade < self._before and not await self._read():
                    await asyncio.sleep(_AGAIN_S)
                    continue
                held, self._held = self._held, None
                self._board.traded(held)

    async def _read(self) -> bool:
        """Whether the board knows now what was traded last before the fold."""
        try:
            trade_id, lasts = await asyncio.to_thread(self._lasts)
        except ExchangeError as error:
            log("last trades cannot be read", level=logging.WARNING, why=error)
            return False
        if trade_id < self._before:
            return False
        self._board.begin(lasts)
        return True

    def _lasts(self) -> tuple[int, dict[int, MarketTradeRow]]:
        with self._store.read() as tx:
            return int(tx.execute(select(PROGRESS.c.trade_id)).scalar_one()), last_trades(tx)


def last_of_each(trades: Records) -> Records:
    """The last trade of each instrument, in their order."""
    _, behind = np.unique(trades["instrument_id"][::-1], return_index=True)
    return rows_at(trades, np.sort(len(trades) - 1 - behind))
