"""Trades: the last ones, then each as it is logged, none left out.

A reader that cannot follow, or a beat with more than fits, has the last ones again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from exchange.client.instruments import Instrument
from exchange.client.rest import models as m
from exchange.domain import queries as q
from exchange.domain.enums import Side
from exchange.schema.event_rows import Records
from exchange.services.gateway.past import asking
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tail import Listener, Position
from exchange.services.gateway.told import trade_of_row

LAST: Final = 50
_OF_A_BEAT: Final = 1_000
_COLUMNS: Final = ("trade_id", "price", "qty", "taker_side", "auction", "timestamp", "sequence")


def trade_rows(rows: Records, instrument_id: int) -> list[q.MarketTradeRow]:
    """Rows of the log as those of market data."""
    columns = (rows[name].tolist() for name in _COLUMNS)
    return [
        q.MarketTradeRow(
            trade_id=trade_id,
            instrument_id=instrument_id,
            price=price,
            qty=qty,
            taker_side=Side(side) if side else None,
            auction=bool(auction),
            timestamp=timestamp,
            sequence=sequence,
        )
        for trade_id, price, qty, side, auction, timestamp, sequence in zip(*columns, strict=True)
    ]


class TradesFeed(Feed):
    """See the module."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self._instrument: Instrument | None = None
        self._last: deque[m.Trade] = deque(maxlen=LAST)
        self._seen = 0
        self._new_ones: list[m.Trade] = []
        self._held: list[q.MarketTradeRow] = []
        self._anew = asyncio.Event()

    async def follow(self) -> None:
        """See `Feed.follow`."""
        _ = self._source.market
        instrument = self._instrument = await self._source.instrument(self.key.symbol)
        events = self._source.events
        await events.trades.started()
        with events.trades_of(instrument.instrument_id, Listener(self._take_rows, self._anew.set)):
            while True:
                self._held, self._anew = [], asyncio.Event()
                self._seen = -1
                request = q.MarketTradesRequest(instrument_id=instrument.instrument_id, limit=LAST)
                seq = events.trades.position.journal_seq
                reply = await self._source.exchange.upstream.ask(asking(request, q.MarketTradesReply, seq))
                rows = [*reversed(reply.trades)]
                self._last.clear()
                self._last.extend(trade_of_row(row, instrument) for row in rows)
                self._seen = rows[-1].trade_id if rows else 0
                held, self._held = self._held, []
                self._last.extend(trade_of_row(row, instrument) for row in held if row.trade_id > self._seen)
                self._seen = max([self._seen, *(row.trade_id for row in held)])
                self.begin()
                await self._anew.wait()

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self.encoded("snapshot", self._seen, list(self._last))

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        trades, self._new_ones = self._new_ones, []
        return self._update(trades) if trades else None

    def _update(self, trades: list[m.Trade]) -> bytes:
        return self.encoded("update", int(trades[-1].trade_id), trades)

    def _take_rows(self, rows: Records, _: Position) -> None:
        instrument = self._instrument
        if instrument is None:
            return
        found = trade_rows(rows, instrument.instrument_id)
        if self._seen < 0:
            self._held += found
            return
        trades = [trade_of_row(row, instrument) for row in found if row.trade_id > self._seen]
        if not trades:
            return
        self._seen = found[-1].trade_id
        self._last.extend(trades)
        self._new_ones += trades
        if len(self._new_ones) > _OF_A_BEAT:
            self.begin()
        else:
            self.changed(lambda: self._update(trades))
