"""The way to replicas and services over RPC: for an event loop, and for threads that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from exchange.bus.context import new_context
from exchange.bus.rpc import (
    NO_CONTEXT,
    BalancedChannel,
    BlockingBalancedChannel,
    BlockingChannel,
    BlockingClient,
    MessageStream,
    Metadata,
    RpcClient,
    SocketChannel,
    Stub,
)
from exchange.client.ids import Names
from exchange.client.place import Place
from exchange.client.questions import method_of
from exchange.domain import queries as q
from exchange.domain.method import ServerStreaming, Unary
from exchange.errors import ServiceUnavailableError
from exchange.observability.correlation import current_correlation
from exchange.resilience import Policies, Policy
from exchange.runtime.registry import BEAT_S, Registry
from exchange.schema.codec import decode_message, encode_message

C = TypeVar("C", RpcClient, BlockingClient)
Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class _Callee:
    """Who answers methods that begin so: where it is, by which policy, and what is said where it is not."""

    methods: tuple[str, ...]
    at: Callable[[Place], tuple[str, ...]]
    of: Callable[[Policies], Policy]
    unknown: str


_HISTORY: Final = _Callee(
    ("history.",),
    lambda place: place.histories,
    lambda policies: policies.of("client", "history"),
    "no history is known: give its endpoint to connect(..., history=...);"
    " an exchange keeps one where history.enabled is true",
)
_CALLEES: Final = (
    _Callee(
        ("marketdata.", "MarketDataService.", "TickService.", "BookService.", "PriceService."),
        lambda place: place.markets,
        lambda policies: policies.of("client", "marketdata"),
        "no market data is known: give its endpoint to connect(..., marketdata=...);"
        " an exchange has it where market_data.enabled is true",
    ),
    _Callee(
        ("admin.", "AdminService.", "Operator."),
        lambda place: place.admins,
        lambda policies: policies.of("client", "admin"),
        "no administration is known: give its endpoint to connect(..., admin=...);"
        " an exchange has it where admin.enabled is true",
    ),
    _Callee(
        ("settlement.",),
        lambda place: place.settlements,
        lambda policies: policies.of("client", "settlement"),
        "no settlement is known: give its endpoint to connect(..., settlement=...);"
        " an exchange has it where settlement.enabled is true",
    ),
    _HISTORY,
    _Callee(
        ("",),  # all others
        lambda place: place.replicas,
        lambda policies: policies.of("client", "replica"),
        "no replica is known: give its endpoint to connect(..., queries=...)",
    ),
)


@dataclass(frozen=True, slots=True)
class WayToReplica:
    """Where questions go, and what all of them carry.

    Args:
        place: Where those are who answer.
        names: Makes correlation ids.
        tenant: On whose behalf; `user` who.
        seen: The last journal sequence of which the client saw an answer.
        timeout_ms: How long a question waits for its answer where it says nothing of it.
        policies: Whose edges questions keep to; its own where none are given.
    """

    place: Place
    names: Names
    tenant: int
    user: str
    seen: Callable[[], int]
    timeout_ms: int
    policies: Policies = field(default_factory=Policies)

    def metadata(self) -> Metadata:
        """The four headers of one question; what is asked for a request has that one's correlation id."""
        current = current_correlation()
        correlation_id = self.names.correlation_id() if current is None else current.correlation_id
        context = self.place.security_context or NO_CONTEXT
        return Metadata(correlation_id, str(self.tenant), self.user, context)


class ReplicaAsker:
    """Asks read replicas, the history and market data. Belongs to the asyncio loop in which it is made.

    Where a service has several instances, calls are spread over those that are well; who hosts the history
    the registry says, where it can be read.
    """

    def __init__(self, way: WayToReplica) -> None:
        self._way = way
        self._context = new_context()
        self._clients = _Clients[RpcClient](
            way.place,
            lambda names: BalancedChannel(self._connect, names),
            lambda channel, callee: RpcClient(channel, callee.of(way.policies)),
        )

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._way.seen()

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """The reply to one request; it is asked again where nobody answered, as questions change nothing."""
        payload = await self._payload(method_of(request), encode_message(request), timeout_ms)
        return decode_message(q.QUERIES[type(request)], payload)

    async def call(self, method: Unary[Q, R], request: Q, timeout_ms: int | None) -> R:
        """The reply of a method of a contract; asked again where that is allowed."""
        payload = await self._payload(method.path, encode_message(request), timeout_ms, method.idempotent)
        return decode_message(method.reply, payload)

    async def _payload(
        self, method: str, payload: bytes, timeout_ms: int | None, repeatable: bool = True
    ) -> bytes:
        return await self._clients.of(method).call(
            method,
            payload,
            metadata=self._way.metadata(),
            timeout_ms=timeout_ms or self._way.timeout_ms,
            repeatable=repeatable,
        )

    def stream(self, method: ServerStreaming[Q, R], request: Q) -> MessageStream[Q, R]:
        """What a method of market data answers, until it is left.

        Raises:
            ServiceUnavailableError: No market data is known.
        """
        stub = Stub(self._clients.of(method.path))
        return stub.stream(method, request, metadata=self._way.metadata())

    def _connect(self, endpoint: str) -> SocketChannel:
        place = self._way.place
        return SocketChannel(self._context, endpoint, keys=place.keys, server_public=place.server_key)

    async def close(self) -> None:
        """Give up what is under way."""
        for client in self._clients.all:
            await client.close()
        self._context.destroy(linger=0)


class BlockingAsker:
    """`ReplicaAsker` for threads that wait; any number of them. To be run by `run_now`: it never suspends."""

    def __init__(self, way: WayToReplica) -> None:
        self._way = way
        self._context = new_context()
        self._clients = _Clients[BlockingClient](
            way.place,
            lambda names: BlockingBalancedChannel(self._connect, names),
            lambda channel, callee: BlockingClient(channel, callee.of(way.policies)),
        )

    @property
    def seen(self) -> int:
        """The last journal sequence of which the client saw an answer."""
        return self._way.seen()

    async def ask(self, request: q.Request, timeout_ms: int | None) -> q.Reply:
        """See `ReplicaAsker.ask`."""
        payload = self._payload(method_of(request), encode_message(request), timeout_ms)
        return decode_message(q.QUERIES[type(request)], payload)

    async def call(self, method: Unary[Q, R], request: Q, timeout_ms: int | None) -> R:
        """See `ReplicaAsker.call`."""
        payload = self._payload(method.path, encode_message(request), timeout_ms, method.idempotent)
        return decode_message(method.reply, payload)

    def _payload(self, method: str, payload: bytes, timeout_ms: int | None, repeatable: bool = True) -> bytes:
        return self._clients.of(method).call(
            method,
            payload,
            metadata=self._way.metadata(),
            timeout_ms=timeout_ms or self._way.timeout_ms,
            repeatable=repeatable,
        )

    def _connect(self, endpoint: str) -> BlockingChannel:
        place = self._way.place
        return BlockingChannel(self._context, endpoint, keys=place.keys, server_public=place.server_key)

    def close(self) -> None:
        """Give up what is under way."""
        for client in self._clients.all:
            client.close()
        self._context.destroy(linger=0)


class Balanced(Protocol):
    """What spreads calls over instances."""

    def update(self, instances: Collection[str]) -> None:
        """These are there now."""
        ...


B = TypeVar("B", bound=Balanced)


class _Clients(Generic[C]):
    """Who answers which question."""

    def __init__(
        self,
        place: Place,
        channel_to: Callable[[Collection[str]], B],
        client_over: Callable[[B, _Callee], C],
    ) -> None:
        self._clients: dict[_Callee, C] = {}
        self._instances: Instances | None = None
        for callee in _CALLEES:
            if endpoints := callee.at(place):
                channel = channel_to(endpoints)
                self._clients[callee] = client_over(channel, callee)
                if callee is _HISTORY and place.registry is not None:
                    self._instances = Instances(place.registry, "history", channel)

    @property
    def all(self) -> Collection[C]:
        """Those that there are."""
        return self._clients.values()

    def of(self, method: str) -> C:
        """Who answers a method.

        Raises:
            ServiceUnavailableError: Nobody is known who does.
        """
        callee = next(each for each in _CALLEES if method.startswith(each.methods))
        client = self._clients.get(callee)
        if client is None:
            raise ServiceUnavailableError(callee.unknown)
        if callee is _HISTORY and self._instances is not None:
            self._instances.look()
        return client


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
        channel: Balanced,
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
    return ServiceUnavailableError(_CALLEES[-1].unknown)
