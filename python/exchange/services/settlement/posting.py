"""Has the core post what waits, in order; then it is told that these are settled.

rows, from the first that is not posted ──▶ post_trade … ──▶ core ──▶ answers ──▶ progress, postings, outbox

A trade whose answer was lost is asked for again: the core says that it is posted, and its row has the fees.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update

from cmatch.rejects import RejectCode
from exchange.client import AdminAnswer, AsyncClient
from exchange.client.administration import TRADES_MAX
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.resilience import Policy
from exchange.runtime.log import log
from exchange.runtime.outbox import Outbox
from exchange.runtime.service_host import Ground, Way
from exchange.services.settlement.tables import POSTINGS, PROGRESS, TRADES
from exchange.services.settlement.telling import NAME, told_of
from exchange.storage.sql import Transaction

_LOOK_S: Final = 0.05
_LADDER_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
_CONNECT_MS: Final = 2_000
_ANSWER_MS: Final = 10_000


class TradeRefusedError(ExchangeError):
    """The core does not post a trade as its row has it: nothing behind it may be posted."""


class Poster:
    """Posts trades until it is cancelled. Belongs to one event loop; the store is looked at in threads.

    Args:
        ground: Whose store, and the topics.
        core: The way to the core.
        policy: Of the calls there.
    """

    def __init__(self, ground: Ground, core: Way, policy: Policy) -> None:
        self._store = ground.store
        self._outbox = Outbox(NAME, ground.topics)
        self._way = core
        self._policy = policy
        self._consumes = ground.consumes
        self._fail = ground.fail
        self._client: AsyncClient | None = None

    async def run(self) -> None:
        """Tries for ever while the core is away; ends the process where core and rows disagree.

        Of several instances the one that takes events posts.
        """
        failures = 0
        try:
            while True:
                try:
                    did = self._consumes() and await self.step()
                except TradeRefusedError as error:
                    log("settlement stands still", level=logging.ERROR, why=error)
                    self._fail(error)
                    return
                except ExchangeError as error:
                    wait = _LADDER_S[min(failures, len(_LADDER_S) - 1)]
                    failures += 1
                    if failures == 1:
                        log("trades cannot be posted", level=logging.WARNING, why=error)
                    await self.close()
                    await asyncio.sleep(wait)
                    continue
                if failures:
                    log("trades are posted again")
                failures = 0
                if not did:
                    await asyncio.sleep(_LOOK_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Logs off."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def step(self) -> bool:
        """Posts some; whether any waited.

        Raises:
            TradeRefusedError: The core waits for another trade than the rows have.
            ExchangeError: The core, or the store, cannot be had.
        """
        waiting = await asyncio.to_thread(self._waiting)
        if not waiting:
            return False
        client = await self._there()
        request = client.make.admin.post_trades(
            (int(row["trade_id"]), int(row["buyer_fee"]), int(row["seller_fee"])) for row in waiting
        )
        answers = await self._policy.call(lambda _: client.call(request, _ANSWER_MS))
        done = _done(answers)
        if done:
            await asyncio.to_thread(self._settled, waiting[:done], answers[done - 1])
        if done < len(answers):
            refused = answers[done].reject
            trade_id = waiting[done]["trade_id"]
            if refused is not None and refused.code is not None and refused.code.transient:
                raise ServiceUnavailableError(f"trade {trade_id} is not posted: {refused}")
            raise TradeRefusedError(f"the core does not post trade {trade_id}: {refused}")
        return True

    def _waiting(self) -> list[dict[str, Any]]:
        with self._store.read() as tx:
            taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
            if taken <= posted:
                return []
            asked = select(TRADES).where(TRADES.c.trade_id > posted, TRADES.c.at_once == 0)
            found = tx.execute(asked.order_by(TRADES.c.trade_id).limit(TRADES_MAX))
            return [dict(row) for row in found.mappings()]

    def _settled(self, rows: Sequence[dict[str, Any]], last: AdminAnswer) -> None:
        with self._store.begin() as tx:
            self._write(tx, rows, last.sequence, last.timestamp or time.time_ns())

    def _write(self, tx: Transaction, rows: Sequence[dict[str, Any]], sequence: int, settled_at: int) -> None:
        trade_id = int(rows[-1]["trade_id"])
        tx.execute(update(PROGRESS).values(posted=trade_id))
        tx.execute(insert(POSTINGS).values(trade_id=trade_id, sequence=sequence, settled_at=settled_at))
        self._outbox.add(tx, [told_of(row, sequence, settled_at) for row in rows])

    async def _there(self) -> AsyncClient:
        if self._client is None:
            way = self._way
            self._client = await AsyncClient.connect(
                way.endpoint,
                tenant=0,
                name=NAME,
                user=NAME,
                keys=way.keys,
                server_key=way.server_key,
                connect_ms=_CONNECT_MS,
            )
        return self._client


def _done(answers: Sequence[AdminAnswer]) -> int:
    """How many of the first are posted now."""
    for number, answer in enumerate(answers):
        if answer.reject is not None and answer.reject.code is not RejectCode.ALREADY_POSTED:
            return number
    return len(answers)
