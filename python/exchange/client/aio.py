"""The asynchronous client: the calls of `Client`, to be awaited, within one event loop."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Concatenate, ParamSpec, Protocol, Self, TypeVar

from exchange.bus.curve import KeyPair
from exchange.client.administering import WHY, Administering, because
from exchange.client.administration import AdminRequests
from exchange.client.asking import ReplicaAsker, WayToReplica, no_replica
from exchange.client.book_stream import AsyncBookStream
from exchange.client.connecting import check_let_in, parts
from exchange.client.core_queries import CoreQueries
from exchange.client.errors import ClientClosed
from exchange.client.face import Face, Makers
from exchange.client.inquiring import warn_of_orders
from exchange.client.loop_runner import AsyncHandle, LoopRunner
from exchange.client.market import MarketRequests
from exchange.client.ordering import OrderRequests
from exchange.client.place import Place, endpoints_of
from exchange.client.queries import Query, QueryRequests
from exchange.client.records import Records
from exchange.client.requests import Request
from exchange.client.results import ExecutionReport, Reports
from exchange.client.resync import resync
from exchange.client.session import Resync, Session, Settings, State
from exchange.client.streams import ROWS_MAX, Hub, Shelf
from exchange.client.subscriptions import Subscription
from exchange.client.tick_stream import AsyncTickStream
from exchange.domain.enums import BookView

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
W = TypeVar("W")


class AsyncRunner(Protocol):
    """Drives a session within an event loop."""

    session: Session
    hub: Hub

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Ask."""
        ...

    async def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109  # as its synchronous twin
        """Wait until something that the session changes is so, at most `timeout` seconds; whether it is."""
        ...

    async def close(self) -> None:
        """Log off and close the connection."""
        ...


class AsyncInquirer(Protocol):
    """Asks a replica."""

    async def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer."""
        ...

    def subscribe(self, subscription: Subscription[S, W]) -> S:
        """A stream, once it is entered."""
        ...

    def resync(self, session: Session) -> None:
        """Begin to make the session's orders right again."""
        ...

    async def close(self) -> None:
        """Give up what is under way."""
        ...


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


def _orders(
    make: Callable[Concatenate[OrderRequests, P], Request[T]],
) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return client.submit(make(client.make.orders, *args, **kwargs))

    return method


def _core(
    make: Callable[Concatenate[CoreQueries, P], Request[T]],
) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return client.submit(make(client.make.core, *args, **kwargs))

    return method


def _admin(
    make: Callable[Concatenate[AdminRequests, P], Request[T]],
) -> Callable[Concatenate[AsyncAdmin, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(admin: AsyncAdmin, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        client = admin.client
        request = make(client.make.admin, *args, **kwargs)
        return _explained(client, request, why) if (why := WHY.get()) else client.submit(request)

    return method


async def _explained(client: AsyncClient, request: Request[T], why: str) -> T:
    await client.ask(client.make.administering.explain(request.correlation_id, why))
    return await client.submit(request)


def _desk(
    make: Callable[Concatenate[Administering, P], Query[T]],
) -> Callable[Concatenate[AsyncAdmin, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(admin: AsyncAdmin, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return admin.client.ask(make(admin.client.make.administering, *args, **kwargs))

    return method


def _query(
    make: Callable[Concatenate[QueryRequests, P], Query[T]],
) -> Callable[Concatenate[AsyncQuestions, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(questions: AsyncQuestions, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return questions.client.ask(make(questions.client.make.query, *args, **kwargs))

    return method


def _market(
    make: Callable[Concatenate[MarketRequests, P], Query[T]],
) -> Callable[Concatenate[AsyncMarketData, P], Awaitable[T]]:
    @functools.wraps(make)
    def method(market: AsyncMarketData, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return market.client.ask(make(market.client.make.market_data, *args, **kwargs))

    return method


class AsyncAdmin:
    """Commands of operators, and what the admin service knows of them, to be awaited.

    One that is explained (`because`) is sent when it is awaited.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    define_asset = _admin(AdminRequests.define_asset)
    define_instrument = _admin(AdminRequests.define_instrument)
    set_phase = _admin(AdminRequests.set_phase)
    assign_shard = _admin(AdminRequests.assign_shard)
    set_mark = _admin(AdminRequests.set_mark)
    set_reference = _admin(AdminRequests.set_reference)
    open_account = _admin(AdminRequests.open_account)
    deposit = _admin(AdminRequests.deposit)
    withdraw = _admin(AdminRequests.withdraw)
    transfer = _admin(AdminRequests.transfer)
    reserve = _admin(AdminRequests.reserve)
    post = _admin(AdminRequests.post)
    void = _admin(AdminRequests.void)
    set_limits = _admin(AdminRequests.set_limits)
    kill = _admin(AdminRequests.kill)
    set_countdown = _admin(AdminRequests.set_countdown)
    set_stage = _admin(AdminRequests.set_stage)
    set_collateral = _admin(AdminRequests.set_collateral)
    set_policy = _admin(AdminRequests.set_policy)
    set_solo = _admin(AdminRequests.set_solo)
    set_settlement = _admin(AdminRequests.set_settlement)
    post_trades = _admin(AdminRequests.post_trades)
    changes = _desk(Administering.changes)
    instruments = _desk(Administering.instruments)
    tenants = _desk(Administering.tenants)
    providers = _desk(Administering.providers)
    fee_schedules = _desk(Administering.fee_schedules)
    limits = _desk(Administering.limits)
    upsert_instrument = _desk(Administering.upsert_instrument)
    upsert_tenant = _desk(Administering.upsert_tenant)
    upsert_provider = _desk(Administering.upsert_provider)
    upsert_fee_schedule = _desk(Administering.upsert_fee_schedule)
    set_fees = _desk(Administering.set_fees)
    explain = _desk(Administering.explain)
    because = staticmethod(because)


class AsyncQuestions:
    """Questions to the read replica, to be awaited."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    open_orders = _query(QueryRequests.open_orders)
    order_history = _query(QueryRequests.order_history)
    order = _query(QueryRequests.order)
    balances = _query(QueryRequests.balances)
    reservations = _query(QueryRequests.reservations)
    positions = _query(QueryRequests.positions)
    limits = _query(QueryRequests.limits)
    top = _query(QueryRequests.top)
    book = _query(QueryRequests.book)
    book_orders = _query(QueryRequests.book_orders)
    trades = _query(QueryRequests.trades)
    instruments = _query(QueryRequests.instruments)
    accounts = _query(QueryRequests.accounts)
    status = _query(QueryRequests.status)
    past_orders = _query(QueryRequests.past_orders)
    past_executions = _query(QueryRequests.past_executions)
    settlements = _query(QueryRequests.settlements)
    settlement_progress = _query(QueryRequests.settlement_progress)


class AsyncMarketData:
    """Questions to market data, to be awaited."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    candles = _market(MarketRequests.candles)
    ticker = _market(MarketRequests.ticker)
    tickers = _market(MarketRequests.tickers)
    trades = _market(MarketRequests.trades)
    mark_price = _market(MarketRequests.mark_price)

    def ticks(self, *instruments: int | str, interval_ms: int = 0) -> AsyncTickStream:
        """As of `MarketData`: `async with client.market_data.ticks("BTC-USD") as ticks: ...`."""
        return self.client.subscribe(
            self.client.make.market_data.ticks(*instruments, interval_ms=interval_ms)
        )

    def order_book(self, instrument: int | str, *, view: BookView | str = BookView.LEVELS) -> AsyncBookStream:
        """As of `MarketData`: `async with client.market_data.order_book("BTC-USD") as stream: ...`."""
        return self.client.subscribe(self.client.make.market_data.order_book(instrument, view=view))


class AsyncReportStream(AsyncIterator[ExecutionReport]):
    """All reports of a session from the moment it was made: `ReportStream`, to be awaited."""

    def __init__(self, runner: AsyncRunner, shelf: Shelf, forget: Callable[[], None]) -> None:
        self._runner = runner
        self._shelf = shelf
        self._forget = forget
        self._batch: Iterator[ExecutionReport] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExecutionReport:
        """The next report; raises as `ReportStream.__next__`."""
        while True:
            for report in self._batch:
                return report
            batch = await self.take()
            if batch is None:
                raise StopAsyncIteration
            self._batch = iter(batch)

    async def take(self, timeout: float | None = None) -> Reports | None:  # noqa: ASYNC109  # as its synchronous twin
        """All reports of the next frame: see `ReportStream.take`."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            batch = self._shelf.take()
            if batch is not None:
                return batch
            if self._shelf.ended:
                if isinstance(self._shelf.why, ClientClosed):
                    return None
                raise self._shelf.why
            left = None if until is None else max(0.0, until - time.monotonic())
            if not await self._runner.wait_for(lambda: self._shelf.ready, left):
                return None

    def close(self) -> None:
        """Take no more."""
        self._forget()
        self._shelf.end(ClientClosed("the reader was closed"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Face):
    """A session with the exchange within an event loop. Every call gives what `Client`'s does, to be awaited.

    A call has been sent when it returns; awaiting it waits for the answer. To ask many at once, await later.

    Args:
        runner: Drives the session.
        inquirer: Asks a replica.
        makers: Makes the requests.
    """

    def __init__(self, runner: AsyncRunner, inquirer: AsyncInquirer, makers: Makers) -> None:
        super().__init__(runner.session, runner.hub, makers, nullcontext())
        self._runner = runner
        self._inquirer = inquirer
        self.admin = AsyncAdmin(self)
        self.query = AsyncQuestions(self)
        self.market_data = AsyncMarketData(self)
        runner.hub.resync_callbacks.insert(0, self._resync)

    @classmethod
    async def connect(
        cls,
        endpoint: str | Sequence[str],
        *,
        tenant: int,
        name: str,
        user: str,
        account: int | None = None,
        queries: str | Sequence[str] | None = None,
        history: str | Sequence[str] | None = None,
        marketdata: str | Sequence[str] | None = None,
        admin: str | Sequence[str] | None = None,
        settlement: str | Sequence[str] | None = None,
        keys: KeyPair | None = None,
        server_key: str | None = None,
        cancel_on_disconnect: bool = False,
        after: int = 0,
        heartbeat_ms: int = 3_000,
        timeout_ms: int = 5_000,
        retry_ms: int = 1_000,
        connect_ms: int = 5_000,
        security_context: str | None = None,
    ) -> AsyncClient:
        """Connect, log on and wait until the session is active: see `Client.connect`."""
        settings = Settings(
            name,
            user,
            tenant,
            cancel_on_disconnect,
            heartbeat_ms=heartbeat_ms,
            timeout_ms=timeout_ms,
            retry_ms=retry_ms,
        )
        place = Place(
            endpoints_of(endpoint),
            endpoints_of(queries),
            endpoints_of(history),
            keys,
            server_key,
            security_context,
            endpoints_of(marketdata),
            endpoints_of(admin),
            endpoints_of(settlement),
        )
        made = parts(settings, place, account, after)
        runner = LoopRunner(made.session, made.dealer, made.hub)
        client = cls(runner, TaskInquirer(made.way, made.makers.query), made.makers)
        try:
            runner.start()
            await runner.wait_for(
                lambda: made.session.state in (State.ACTIVE, State.CLOSED), connect_ms / 1_000
            )
            check_let_in(made.session, place.endpoints, connect_ms)
        except BaseException:
            await client.close()
            raise
        return client

    new_order = _orders(OrderRequests.new_order)
    limit = _orders(OrderRequests.limit)
    market = _orders(OrderRequests.market)
    stop = _orders(OrderRequests.stop)
    replace = _orders(OrderRequests.replace)
    cancel = _orders(OrderRequests.cancel)
    mass_cancel = _orders(OrderRequests.mass_cancel)
    order = _core(CoreQueries.order)
    balance = _core(CoreQueries.balance)

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Send a request; its answer can be awaited, now or later. See `Client.submit`."""
        return self._runner.submit(request, timeout_ms)

    async def call(self, request: Request[T], timeout_ms: int | None = None) -> T:
        """Send a request and wait for its answer."""
        return await self._runner.submit(request, timeout_ms)

    async def batch(self, requests: Sequence[Request[T]], timeout_ms: int | None = None) -> list[T]:
        """Send several requests of one family in one frame; their answers, in their order."""
        return await self.call(self.make.batch(requests), timeout_ms)

    def submit_array(self, commands: Records, timeout_ms: int | None = None) -> AsyncHandle[Reports]:
        """Send an array of order commands; the answers are an array in their order. See `make.array`."""
        return self.submit(self.make.array(commands), timeout_ms)

    async def ask(self, query: Query[T], timeout_ms: int | None = None) -> T:
        """Ask the replica."""
        return await self._inquirer.ask(query, timeout_ms)

    def subscribe(self, subscription: Subscription[S, W]) -> S:
        """What `market_data.ticks` gives, of a subscription that was made."""
        return self._inquirer.subscribe(subscription)

    async def load_instruments(self) -> None:
        """Get to know all instruments and assets: from then on symbols and decimals can be used."""
        await self.query.instruments()

    def reports(self, rows_max: int = ROWS_MAX) -> AsyncReportStream:
        """A reader of all reports from now on. Close it, or read it: at most `rows_max` wait for it."""
        shelf, forget = self._shelf(rows_max)
        return AsyncReportStream(self._runner, shelf, forget)

    async def close(self) -> None:
        """Log off and close; requests under way get ClientClosed."""
        await self._runner.close()
        await self._inquirer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _resync(self, _: Resync) -> None:
        self._inquirer.resync(self._session)
