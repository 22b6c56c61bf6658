"""Has the core post what waits, in order; then it is told that these are settled.

rows, from the first that is not posted ──▶ post_trade … ──▶ core ──▶ answers ──▶ progress, postings, outbox

A trade whose answer was lost is asked for again: the core says that it is posted, and its row has the fees.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from sqlalchemy import insert, select, update

from exchange.client import AdminAnswer, AsyncClient
from exchange.client.ledger import TRADES_MAX
from exchange.client.results import Postings
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.resilience import Policy
from exchange.runtime.log import log
from exchange.runtime.outbox import Outbox
from exchange.runtime.resting import rest_s
from exchange.runtime.service_host import Ground, Way
from exchange.services.settlement.tables import POSTINGS, PROGRESS, TRADES
from exchange.services.settlement.telling import NAME, TOLD, told_of

_LOOK_S: Final = 0.5  # whoever took trades says so
_AT_ONCE: Final = 20 * TRADES_MAX
_LADDER_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
_CONNECT_MS: Final = 2_000
_ANSWER_MS: Final = 10_000


Columns = Mapping[str, Sequence[Any]]
"""Of rows of the table of trades, by name: those of TOLD."""
Part = tuple[int, int]
"""Of these rows: from one to before another."""


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
        self._taken = ground.taken
        self._fail = ground.fail
        self._client: AsyncClient | None = None

    async def run(self) -> None:
        """Tries for ever while the core is away; ends the process where core and rows disagree.

        Of several instances the one that takes events posts.
        """
        failures = 0
        try:
            while True:
                self._taken.clear()
                began = time.monotonic()
                try:
                    posted = await self.step() if self._consumes() else 0
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
                if posted:
                    await asyncio.sleep(rest_s(posted, time.monotonic() - began))
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._taken.wait(), _LOOK_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Logs off."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def step(self) -> int:
        """Posts some; how many waited and are posted now.

        Raises:
            TradeRefusedError: The core waits for another trade than the rows have.
            ExchangeError: The core, or the store, cannot be had.
        """
        waiting = await asyncio.to_thread(self._waiting)
        if not waiting:
            return 0
        ids = waiting["trade_id"]
        client = await self._there()
        parts = [(at, min(at + TRADES_MAX, len(ids))) for at in range(0, len(ids), TRADES_MAX)]
        posted = await self._policy.call(lambda _: self._post(client, waiting, parts))
        good = [
            ((begin, begin + said.done), said)
            for (begin, _), said in _until_refused(parts, posted)
            if said.done
        ]
        if good:
            await asyncio.to_thread(self._settled, waiting, good)
        refused = next(((part, said) for part, said in zip(parts, posted, strict=True) if said.refused), None)
        if refused is not None:
            (begin, _), said = refused
            raise _why(ids[begin + said.done], said.refused)
        return len(ids)

    async def _post(self, client: AsyncClient, rows: Columns, parts: Sequence[Part]) -> list[Postings]:
        """All are sent, in their order, before the first is answered."""
        columns = [rows[name] for name in ("trade_id", "buyer_fee", "seller_fee")]
        requests = [
            client.make.admin.post_trades(*(column[begin:end] for column in columns)) for begin, end in parts
        ]
        return list(await asyncio.gather(*(client.call(request, _ANSWER_MS) for request in requests)))

    def _waiting(self) -> Columns:
        with self._store.read() as tx:
            taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
            if taken <= posted:
                return {}
            asked = select(*(TRADES.c[name] for name in TOLD)).where(
                TRADES.c.trade_id > posted, TRADES.c.at_once == 0
            )
            rows = tx.execute(asked.order_by(TRADES.c.trade_id).limit(_AT_ONCE)).all()
            return dict(zip(TOLD, zip(*rows, strict=True), strict=True)) if rows else {}

    def _settled(self, rows: Columns, posted: Sequence[tuple[Part, Postings]]) -> None:
        """The first of these rows are."""
        counts = [end - begin for (begin, end), _ in posted]
        columns: dict[str, Sequence[Any]] = {name: rows[name][: sum(counts)] for name in TOLD}
        columns["correlation_id"] = [word.encode("ascii", "replace") for word in columns["correlation_id"]]
        told = told_of(
            columns,
            np.repeat([said.sequence for _, said in posted], counts),
            np.repeat([said.timestamp for _, said in posted], counts),
        )
        with self._store.begin() as tx:
            before = tx.execute(select(PROGRESS.c.posted).with_for_update()).scalar_one()
            if before >= columns["trade_id"][0]:
                return  # whoever took events before this instance has noted and told them
            tx.execute(update(PROGRESS).values(posted=columns["trade_id"][-1]))
            tx.execute(
                insert(POSTINGS),
                [
                    {
                        "trade_id": rows["trade_id"][end - 1],
                        "sequence": said.sequence,
                        "settled_at": said.timestamp,
                    }
                    for (_, end), said in posted
                ],
            )
            self._outbox.add_rows(tx, told)

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


def _until_refused(parts: Sequence[Part], posted: Sequence[Postings]) -> Iterator[tuple[Part, Postings]]:
    """What was posted, up to what was not: behind that the core posts nothing, or says so of what it has."""
    for part, said in zip(parts, posted, strict=True):
        yield part, said
        if said.refused is not None:
            return


def _why(trade_id: int, answer: AdminAnswer | None) -> ExchangeError:
    reject = None if answer is None else answer.reject
    if reject is not None and reject.code is not None and reject.code.transient:
        return ServiceUnavailableError(f"trade {trade_id} is not posted: {reject}")
    return TradeRefusedError(f"the core does not post trade {trade_id}: {reject}")
