"""Balances and positions of an account: asked of the read replica when something happened to it.

At most ten times a second, with the command that it has to have seen; what is told is what is another.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Final

from exchange.client.rest import models as m
from exchange.domain import queries as q
from exchange.services.gateway.past import asking
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tail import Position
from exchange.services.gateway.told import balance_of_row, position_of_row
from exchange.services.gateway.upstream import Trader

_REST_S: Final = 0.1


class MoneyFeed(Feed):
    """What both have in common."""

    def __init__(self, key: Key, due: Callable[[Feed], None], source: Source) -> None:
        super().__init__(key, due)
        self._source = source
        self._rows: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}
        self._position = Position()
        self._asked = Position()
        self._wake = asyncio.Event()

    async def follow(self) -> None:
        """See `Feed.follow`."""
        events = self._source.events
        await events.orders.started()
        key = self.key
        with events.money_of(key.tenant, key.account, self._touched):
            self._position = events.orders.position
            while True:
                self._wake.clear()
                await self._look()
                await asyncio.sleep(_REST_S)
                await self._wake.wait()

    def snapshot(self) -> bytes:
        """See `Feed.snapshot`."""
        return self.encoded("snapshot", self._asked.event_seq, list(self._rows.values()))

    def take(self) -> bytes | None:
        """See `Feed.take`."""
        changed, self._changed = self._changed, {}
        return self._update(changed) if changed else None

    def _update(self, changed: dict[str, Any]) -> bytes:
        return self.encoded("update", self._asked.event_seq, list(changed.values()))

    @abstractmethod
    async def _ask(self, trader: Trader, min_seq: int) -> dict[str, Any]:
        """What the account has, by name."""

    async def _look(self) -> None:
        asked = self._position
        trader = await self._source.exchange.upstream.trader(self.key.tenant)
        rows = await self._ask(trader, asked.journal_seq)
        known, self._rows, self._asked = self._rows, rows, asked
        if not self.ready:
            self.begin()
            return
        changed = {name: row for name, row in rows.items() if known.get(name) != row}
        if changed:
            self._changed |= changed
            self.changed(lambda: self._update(changed))

    def _touched(self, at: Position) -> None:
        self._position = at
        self._wake.set()


class BalancesFeed(MoneyFeed):
    """By asset."""

    async def _ask(self, trader: Trader, min_seq: int) -> dict[str, m.Balance]:
        request = q.BalancesRequest(account=self.key.account)
        reply = await trader.client.ask(asking(request, q.BalancesReply, min_seq))
        return {row.symbol: balance_of_row(row) for row in reply.balances}


class PositionsFeed(MoneyFeed):
    """By instrument."""

    async def _ask(self, trader: Trader, min_seq: int) -> dict[str, m.Position]:
        request = q.PositionsRequest(account=self.key.account)
        reply = await trader.client.ask(asking(request, q.PositionsReply, min_seq))
        found = {}
        for row in reply.positions:
            instrument = await self._source.exchange.known.by_id(row.instrument_id)
            found[instrument.symbol] = position_of_row(row, instrument)
        return found
