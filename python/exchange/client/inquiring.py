"""Asks replicas and services for a client: for one that waits, and for one that is awaited."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final, TypeVar

from exchange.bus.rpc import run_now
from exchange.client.asking import BlockingAsker, ReplicaAsker, WayToReplica, no_replica
from exchange.client.errors import ClientClosed
from exchange.client.loop_thread import LoopThread
from exchange.client.queries import QueryRequests
from exchange.client.questions import Query
from exchange.client.resync import resync
from exchange.client.session import Session
from exchange.client.subscriptions import Subscription

T = TypeVar("T")
S = TypeVar("S")
W = TypeVar("W")
_log = logging.getLogger("exchange.client")
_CLOSED: Final = "the client is closed"


def warn_of_orders(session: Session) -> None:
    """Say that the session's orders may be wrong, as nobody can be asked."""
    _log.warning(
        "session %s missed reports, and no replica is known that could be asked for its orders",
        session.settings.name,
    )


class ThreadInquirer:
    """Asks one replica. Nothing is opened before the first question; whoever asks waits for it by itself.

    Args:
        name: Of the session.
        way: To the replica; None where there is none.
        questions: Makes questions.
    """

    def __init__(self, name: str, way: WayToReplica | None, questions: QueryRequests) -> None:
        self._name = name
        self._way = way
        self._questions = questions
        self._lock = threading.Lock()
        self._asker: BlockingAsker | None = None
        self._closed = threading.Event()
        self._resyncing: list[threading.Thread] = []
        self._streams = LoopThread(f"exchange-streams-{name}")
        self._streaming: ReplicaAsker | None = None

    def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer.

        Raises:
            ServiceUnavailableError, DeadlineExceeded, RpcError: See `RpcClient.call`.
            ClientClosed: It is closed.
        """
        return run_now(query.run(self._there(), timeout_ms))

    def subscribe(self, subscription: Subscription[S, W]) -> W:
        """A stream, once it is entered; it comes over an event loop in a thread.

        Raises:
            ServiceUnavailableError: Nobody is known who could be asked.
        """
        way = self._way
        if way is None:
            raise no_replica()

        async def make() -> S:
            if self._streaming is None:
                self._streaming = ReplicaAsker(way)
            return subscription.start(self._streaming)

        return subscription.waiting(make, self._streams)

    def resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        """Begin to make the session's orders right again; not possible without a replica."""
        if self._way is None:
            warn_of_orders(session)
            return
        thread = threading.Thread(
            target=self._resync, args=(session, lock), name=f"exchange-queries-{self._name}", daemon=True
        )
        with self._lock:
            if self._closed.is_set():
                return
            self._resyncing = [each for each in self._resyncing if each.is_alive()] + [thread]
        thread.start()

    def close(self) -> None:
        """Give up what is under way."""
        with self._lock:
            self._closed.set()
            asker, self._asker = self._asker, None
        if asker is not None:
            asker.close()
        self._streams.close(self._end_streams)
        for thread in self._resyncing:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join()

    async def _end_streams(self) -> None:
        if self._streaming is not None:
            await self._streaming.close()

    def _resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        with suppress(ClientClosed):
            run_now(resync(session, lock, self._there(), self._questions, self._pause))

    async def _pause(self, seconds: float) -> None:
        """Blocks.

        Raises:
            ClientClosed: It is closed meanwhile.
        """
        if self._closed.wait(seconds):
            raise ClientClosed(_CLOSED)

    def _there(self) -> BlockingAsker:
        if self._way is None:
            raise no_replica()
        with self._lock:
            if self._closed.is_set():
                raise ClientClosed(_CLOSED)
            if self._asker is None:
                self._asker = BlockingAsker(self._way)
            return self._asker


class TaskInquirer:
    """Asks one replica on the running loop. Nothing is opened before the first question.

    Args:
        way: To the replica; None where there is none.
        questions: Makes questions.
    """

    def __init__(self, way: WayToReplica | None, questions: QueryRequests) -> None:
        self._way = way
        self._questions = questions
        self._asker: ReplicaAsker | None = None
        self._tasks: set[asyncio.Task[bool]] = set()

    async def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer.

        Raises:
            ServiceUnavailableError, DeadlineExceeded, RpcError: See `RpcClient.call`.
        """
        return await query.run(self._there(), timeout_ms)

    def subscribe(self, subscription: Subscription[S, W]) -> S:
        """A stream, once it is entered.

        Raises:
            ServiceUnavailableError: No market data is known.
        """
        return subscription.start(self._there())

    def resync(self, session: Session) -> None:
        """Begin to make the session's orders right again; not possible without a replica."""
        if self._way is None:
            warn_of_orders(session)
        else:
            task = asyncio.get_running_loop().create_task(
                resync(session, nullcontext(), self._there(), self._questions)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        asker, self._asker = self._asker, None
        if asker is not None:
            await asker.close()

    def _there(self) -> ReplicaAsker:
        if self._way is None:
            raise no_replica()
        if self._asker is None:
            self._asker = ReplicaAsker(self._way)
        return self._asker
