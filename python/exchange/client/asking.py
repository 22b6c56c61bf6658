"""The way to a replica over RPC, and a thread with an event loop for those who have none."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from exchange.bus.context import new_context
from exchange.bus.rpc import (
    NO_CONTEXT,
    BalancedChannel,
    MessageStream,
    Metadata,
    RpcClient,
    SocketChannel,
    Stub,
)
from exchange.client.errors import ClientClosed
from exchange.client.ids import Names
from exchange.client.place import Place
from exchange.client.queries import method_of
from exchange.domain import queries as q
from exchange.domain.contracts import STREAM_TICKS
from exchange.domain.contracts.marketdata import MarketTick, StreamTicksRequest
from exchange.errors import ServiceUnavailableError
from exchange.resilience import Policies
from exchange.runtime.registry import BEAT_S, Registry
from exchange.schema.codec import decode_message, encode_message

T = TypeVar("T")


class ReplicaAsker:
    """Asks read replicas, the history and market data. Belongs to the asyncio loop in which it is made.

    Every call carries the four headers. Where a service has several instances, calls are spread over those
    that are well; who hosts the history the registry says, where it can be read.

    Args:
        place: Where they are.
        names: Makes correlation ids.
        tenant: On whose behalf; `user` who.
        seen: The last journal sequence of which the client saw an answer.
        timeout_ms: How long a question waits for its answer where it says nothing of it.
    """

    def __init__(
        self,
        place: Place,
        names: Names,
        tenant: int,
        user: str,
        seen: Callable[[], int],
        timeout_ms: int,
    ) -> None:
        self._place = place
        self._names = names
        self._tenant = str(tenant)
        self._user = user
        self._seen = seen
        self._security_context = place.security_context or NO_CONTEXT
        self._timeout_ms = timeout_ms
        self._context = new_context()
        policies = Policies()
        self._replica: RpcClient | None = None
        if place.replicas:
            channel = BalancedChannel(self._connect, place.replicas)
            self._replica = RpcClient(channel, policies.of("client", "replica"))
        self._history: RpcClient | None = None
        self._instances: Instances | None = None
        if place.histories:
            channel = BalancedChannel(self._connect, place.histories)
            self._history = RpcClient(channel, policies.of("client", "history"))
            if place.registry is not None:
                self._instances = Instances(place.registry, "history", channel)
        self._marketdata: RpcClient | None = None
        if place.markets:
            channel = BalancedChannel(self._connect, place.markets)
            self._marketdata = RpcClient(channel, policies.of("client", "marketdata"))

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._seen()

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """The reply to one request; it is asked again where nobody answered, as questions change nothing."""
        method = method_of(request)
        payload = await self._who_answers(method).call(
            method,
            encode_message(request),
            metadata=self._metadata(),
            timeout_ms=timeout_ms or self._timeout_ms,
            repeatable=True,
        )
        return decode_message(q.QUERIES[type(request)], payload)

    def ticks(self, request: StreamTicksRequest) -> MessageStream[StreamTicksRequest, MarketTick]:
        """Ticks of market data, until it is left."""
        return Stub(self._market_client()).stream(STREAM_TICKS, request, metadata=self._metadata())

    def _metadata(self) -> Metadata:
        return Metadata(self._names.correlation_id(), self._tenant, self._user, self._security_context)

    def _market_client(self) -> RpcClient:
        if self._marketdata is None:
            raise ServiceUnavailableError(
                "no market data is known: give its endpoint to connect(..., marketdata=...);"
                " an exchange has it where market_data.enabled is true"
            )
        return self._marketdata

    def _who_answers(self, method: str) -> RpcClient:
        if method.startswith("marketdata."):
            return self._market_client()
        if not method.startswith("history."):
            if self._replica is None:
                raise no_replica()
            return self._replica
        if self._history is None:
            raise ServiceUnavailableError(
                "no history is known: give its endpoint to connect(..., history=...);"
                " an exchange keeps one where history.enabled is true"
            )
        if self._instances is not None:
            self._instances.look()
        return self._history

    def _connect(self, endpoint: str) -> SocketChannel:
        place = self._place
        return SocketChannel(self._context, endpoint, keys=place.keys, server_public=place.server_key)

    async def close(self) -> None:
        """Give up what is under way."""
        for client in (self._replica, self._history, self._marketdata):
            if client is not None:
                await client.close()
        self._context.destroy(linger=0)


class Instances:
    """Keeps a channel to those that the registry says host a service.

    Args:
        registry: Who lives, by heartbeats.
        service: Which.
        channel: The way to them.
        clock: A steady clock, seconds.
    """

    def __init__(
        self,
        registry: Registry,
        service: str,
        channel: BalancedChannel,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._service = service
        self._channel = channel
        self._clock = clock
        self._due = 0.0

    def look(self) -> None:
        """Looks who is there, once in as long as a heartbeat takes; called with every question."""
        if self._clock() >= self._due:
            self._due = self._clock() + BEAT_S
            self._channel.update(self._registry.endpoints(self._service))


def no_replica() -> ServiceUnavailableError:
    """What a question gets where no replica is known."""
    return ServiceUnavailableError("no replica is known: give its endpoint to connect(..., queries=...)")


class LoopThread:
    """An event loop in a thread of its own, started when it is first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._started(work)).result()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine there; what it raises is lost, so it should not."""
        asyncio.run_coroutine_threadsafe(work, self._started(work))

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what runs there, run `last`, end the thread. Nothing is done where nothing was started."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return

        async def end() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()

        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _started(self, work: Coroutine[Any, Any, Any]) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                work.close()
                raise ClientClosed("the client is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return self._loop
