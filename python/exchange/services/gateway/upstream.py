"""The ways into the exchange: a session with the core for each tenant, and one asker for what all may see.

A session belongs to a tenant, and the core and the replica refuse it every account that is another tenant's.
So a mistake in the gateway cannot reach past the tenant of the key, which one session that may act for all
could. Several tenants are several connections; their orders meet in the core's next batch all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from exchange.client import AsyncClient
from exchange.client.asking import WayToReplica
from exchange.client.errors import RequestTimeout
from exchange.client.ids import Names
from exchange.client.inquiring import TaskInquirer
from exchange.client.instruments import Directory
from exchange.client.place import Place
from exchange.client.queries import QueryRequests
from exchange.client.questions import Query
from exchange.client.requests import Request
from exchange.client.results import ExecutionReport, Reports
from exchange.client.session import State
from exchange.client.subscriptions import Subscription
from exchange.errors import ExchangeError, GatewayFault
from exchange.observability.health import Status
from exchange.resilience import Policies
from exchange.services.gateway.refusal import Refusal

T = TypeVar("T")
S = TypeVar("S")
W = TypeVar("W")
USER = "gateway"


@dataclass(frozen=True, slots=True)
class Route:
    """How a gateway reaches its exchange.

    Args:
        place: Where that is.
        name: Of its sessions, one a tenant.
        timeout_ms: How long an answer may take.
        connect_ms: How long a new session may take.
        policies: Of this process, for what is asked on behalf of all. Each session has its own, as a tenant
            that uses up what it may ask must not open the breaker of the others.
    """

    place: Place
    name: str
    timeout_ms: int
    connect_ms: int
    policies: Policies


class Trader:
    """A tenant's session. Reports of orders whose request waits for them are put by.

    Args:
        client: The session.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self._wanted: dict[tuple[int, str], list[ExecutionReport]] = {}
        self._under_way: set[str] = set()
        client.on_reports(self._take)

    @property
    def is_active(self) -> bool:
        """Whether the core hears it."""
        return self.client.state is State.ACTIVE

    async def send(self, correlation_id: str, make: Callable[[str], Request[T]], own: str) -> T:
        """The answer to a request.

        The session tells answers apart by correlation ids, so a second request that comes with one that is
        under way gets another for itself.

        Args:
            correlation_id: Of the caller.
            make: Makes the request with the one that it gets.
            own: Its client order id, or whatever makes it the same request when it is sent again; or empty.

        Raises:
            Refusal: OUTCOME_UNKNOWN: no answer came in time.
        """
        if correlation_id in self._under_way:
            correlation_id = self.client.make.names.correlation_id()
        request = make(correlation_id)
        self._under_way.add(correlation_id)
        try:
            return await self.client.submit(request)
        except RequestTimeout as error:
            details = {"clientOrderId": own} if own else {}
            raise Refusal(GatewayFault.OUTCOME_UNKNOWN, details=details) from error
        finally:
            self._under_way.discard(correlation_id)

    async def ask(self, request: Request[T]) -> T:
        """The answer to a question to the core.

        Raises:
            Refusal: UNAVAILABLE: none came in time.
        """
        try:
            return await self.client.submit(request)
        except RequestTimeout as error:
            raise Refusal(GatewayFault.UNAVAILABLE) from error

    def reports_of(self, account: int, client_order_id: str) -> Collected:
        """Collects those of an order while the block runs."""
        return Collected(self._wanted, (account, client_order_id))

    def _take(self, reports: Reports) -> None:
        if not self._wanted:
            return
        for report in reports:
            found = self._wanted.get((report.account, report.client_order_id))
            if found is not None:
                found.append(report)


class Collected:
    """Those of one order, from when it is entered until it is left."""

    def __init__(self, wanted: dict[tuple[int, str], list[ExecutionReport]], key: tuple[int, str]) -> None:
        self._wanted = wanted
        self._key = key
        self.found: list[ExecutionReport] = []

    def __enter__(self) -> Self:
        self.found = self._wanted.setdefault(self._key, [])
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted.pop(self._key, None)


class Upstream:
    """All ways of one gateway. Belongs to the event loop in which it is made.

    Args:
        route: How the exchange is reached.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self.directory = Directory()
        self.questions = questions = QueryRequests(self.directory, None)
        names = Names(route.name, time.time_ns)
        way = WayToReplica(route.place, names, 0, USER, lambda: 0, route.timeout_ms, route.policies)
        self._public = TaskInquirer(way, questions)
        self._traders: dict[int, asyncio.Task[Trader]] = {}

    @property
    def needs(self) -> dict[str, Status]:
        """How the core is, as far as sessions tell: nobody has asked for it before the first one."""
        traders = [task.result() for task in self._traders.values() if task.done() and not task.exception()]
        away = any(not trader.is_active for trader in traders)
        return {"orders": Status.DEGRADED if away else Status.HEALTHY} if traders else {}

    @property
    def sessions(self) -> int:
        """How many tenants have one."""
        return sum(task.done() for task in self._traders.values())

    async def ask(self, query: Query[T]) -> T:
        """Ask what everybody may see.

        Raises:
            TransportError: See `RpcClient.call`.
        """
        return await self._public.ask(query, self._route.timeout_ms)

    def subscribe(self, subscription: Subscription[S, W]) -> S:
        """A stream of what everybody may see, once it is entered.

        Raises:
            ServiceUnavailableError: No market data is known.
        """
        return self._public.subscribe(subscription)

    async def trader(self, tenant: int, *, heard: bool = True) -> Trader:
        """The session of a tenant, opened by its first request.

        Args:
            tenant: Whose.
            heard: Whether the core has to hear it now; who asks read models alone does without.

        Raises:
            Refusal: UNAVAILABLE: the core does not hear it now; nothing was sent.
        """
        task = self._traders.get(tenant)
        if task is None:
            task = asyncio.create_task(self._connect(tenant))
            self._traders[tenant] = task
        try:
            trader = task.result() if task.done() else await asyncio.shield(task)
        except ExchangeError as error:
            self._forget(tenant, task)
            raise Refusal(GatewayFault.UNAVAILABLE, f"the exchange does not answer: {error}") from error
        if trader.client.state is State.CLOSED:
            self._forget(tenant, task)
            return await self.trader(tenant, heard=heard)
        if heard and not trader.is_active:
            raise Refusal(GatewayFault.UNAVAILABLE)
        return trader

    @asynccontextmanager
    async def operator(self, user: str) -> AsyncIterator[AsyncClient]:
        """A session of the venue's own, in whose name the records have what is sent, while the block runs.

        Raises:
            Refusal: UNAVAILABLE: the core does not let it in; nothing was sent.
        """
        try:
            client = await self._session(0, f"{self._route.name}-operator", user)
        except ExchangeError as error:
            raise Refusal(GatewayFault.UNAVAILABLE, f"the exchange does not answer: {error}") from error
        try:
            yield client
        finally:
            await client.close()

    async def close(self) -> None:
        """Log off everywhere."""
        tasks, self._traders = list(self._traders.values()), {}
        for task in tasks:
            if task.done() and task.exception() is None:
                await task.result().client.close()
            else:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._public.close()

    def _forget(self, tenant: int, task: asyncio.Task[Trader]) -> None:
        if self._traders.get(tenant) is task:
            del self._traders[tenant]

    async def _connect(self, tenant: int) -> Trader:
        return Trader(await self._session(tenant, self._route.name, USER))

    async def _session(self, tenant: int, name: str, user: str) -> AsyncClient:
        route, place = self._route, self._route.place
        return await AsyncClient.connect(
            place.endpoints,
            tenant=tenant,
            name=name,
            user=user,
            queries=place.replicas,
            history=place.history,
            marketdata=place.marketdata,
            admin=place.admin,
            keys=place.keys,
            server_key=place.server_key,
            timeout_ms=route.timeout_ms,
            connect_ms=route.connect_ms,
            realtime_priority=place.realtime_priority,
        )
