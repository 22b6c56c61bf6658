"""The asynchronous client: the calls of `Client`, to be awaited, within one event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import nullcontext
from typing import Protocol, Self, TypeVar

from exchange.bus.curve import KeyPair
from exchange.client.administering import WHY
from exchange.client.book_stream import AsyncBookStream
from exchange.client.connecting import check_let_in, parts
from exchange.client.face import Face, Makers
from exchange.client.inquiring import TaskInquirer
from exchange.client.loop_runner import AsyncHandle, LoopRunner
from exchange.client.place import Place, endpoints_of
from exchange.client.questions import Query
from exchange.client.records import Records
from exchange.client.reports import AsyncReportStream, AsyncStreamWaiter
from exchange.client.requests import Request
from exchange.client.results import Reports
from exchange.client.session import Resync, Session, Settings, State
from exchange.client.streams import ROWS_MAX, Hub
from exchange.client.subscriptions import Subscription
from exchange.client.tables import AdminTable, MarketTable, OrderTable, QuestionTable
from exchange.client.tick_stream import AsyncTickStream
from exchange.client.twins import Awaited
from exchange.domain.enums import BookView

T = TypeVar("T")
S = TypeVar("S")
W = TypeVar("W")


class AsyncRunner(AsyncStreamWaiter, Protocol):
    """Drives a session within an event loop."""

    session: Session
    hub: Hub

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Ask."""
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


class AsyncAdmin(AdminTable, Awaited):
    """Commands of operators, and what the admin service knows of them, to be awaited.

    One that is explained (`because`) is sent when it is awaited.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    def _send(self, request: Request[T]) -> Awaitable[T]:
        return self._explained(request, why) if (why := WHY.get()) else self.client.submit(request)

    async def _explained(self, request: Request[T], why: str) -> T:
        await self.client.ask(self.client.make.administering.explain(request.correlation_id, why))
        return await self.client.submit(request)


class AsyncQuestions(QuestionTable, Awaited):
    """Questions to the read replica, to be awaited."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client


class AsyncMarketData(MarketTable, Awaited):
    """Questions to market data, to be awaited."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    def ticks(self, *instruments: int | str, interval_ms: int = 0) -> AsyncTickStream:
        """As of `MarketData`: `async with client.market_data.ticks("BTC-USD") as ticks: ...`."""
        return self.client.subscribe(
            self.client.make.market_data.ticks(*instruments, interval_ms=interval_ms)
        )

    def order_book(self, instrument: int | str, *, view: BookView | str = BookView.LEVELS) -> AsyncBookStream:
        """As of `MarketData`: `async with client.market_data.order_book("BTC-USD") as stream: ...`."""
        return self.client.subscribe(self.client.make.market_data.order_book(instrument, view=view))


class AsyncClient(OrderTable, Face, Awaited):
    """A session with the exchange within an event loop. Every call gives what `Client`'s does, to be awaited.

    A call is sent in the turn of the event loop in which it is made, together with the others of that turn;
    awaiting it waits for the answer. To ask many at once, await later.

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
        realtime_priority: int = 0,
    ) -> AsyncClient:
        """Connect, log on and wait until the session is active: see `Client.connect`.

        The event loop's thread is the caller's; that which moves the session's bytes for it has
        `realtime_priority`, 1 to 99 by SCHED_FIFO, where the system allows it; 0: none.
        """
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
            realtime_priority,
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

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Send a request; its answer can be awaited, now or later. See `Client.submit`."""
        return self._runner.submit(request, timeout_ms)

    _send = submit

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
