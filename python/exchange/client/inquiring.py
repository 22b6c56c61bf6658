"""Asks a replica for a client that waits: the calls run on an event loop in a thread of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from exchange.bus.rpc import MessageStream
from exchange.client.asking import LoopThread, ReplicaAsker, no_replica
from exchange.client.market import TickStream
from exchange.client.queries import Query, QueryRequests
from exchange.client.resync import resync
from exchange.client.session import Session
from exchange.domain.contracts.marketdata import MarketTick, StreamTicksRequest

T = TypeVar("T")
_log = logging.getLogger("exchange.client")


def warn_of_orders(session: Session) -> None:
    """Say that the session's orders may be wrong, as nobody can be asked."""
    _log.warning(
        "session %s missed reports, and no replica is known that could be asked for its orders",
        session.settings.name,
    )


class ThreadInquirer:
    """Asks one replica. Nothing is started before the first question.

    Args:
        name: Of the session.
        make: Makes the asker, on the loop; None where there is no replica.
        questions: Makes questions.
    """

    def __init__(self, name: str, make: Callable[[], ReplicaAsker] | None, questions: QueryRequests) -> None:
        self._make = make
        self._questions = questions
        self._loop = LoopThread(f"exchange-queries-{name}")
        self._asker: ReplicaAsker | None = None

    def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer.

        Raises:
            ServiceUnavailableError, DeadlineExceeded, RpcError: See `RpcClient.call`.
        """
        if self._make is None:
            raise no_replica()
        return self._loop.run(self._run(query, timeout_ms))

    def ticks(self, request: StreamTicksRequest) -> TickStream:
        """Ticks of market data, once it is entered.

        Raises:
            ServiceUnavailableError: No replica is known.
        """

        async def make() -> MessageStream[StreamTicksRequest, MarketTick]:
            return self._there().ticks(request)

        return TickStream(make, self._loop)

    def resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        """Begin to make the session's orders right again; not possible without a replica."""
        if self._make is None:
            warn_of_orders(session)
        else:
            self._loop.start(self._resync(session, lock))

    def close(self) -> None:
        """Give up what is under way."""
        self._loop.close(self._end)

    async def _run(self, query: Query[T], timeout_ms: int | None) -> T:
        return await query.run(self._there(), timeout_ms)

    async def _resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        await resync(session, lock, self._there(), self._questions)

    async def _end(self) -> None:
        if self._asker is not None:
            await self._asker.close()

    def _there(self) -> ReplicaAsker:
        if self._make is None:
            raise no_replica()
        if self._asker is None:
            self._asker = self._make()
        return self._asker
