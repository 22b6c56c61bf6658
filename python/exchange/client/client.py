"""The synchronous client: every call waits for its answer, or `submit` does not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, TypeVar

from exchange.bus.curve import KeyPair
from exchange.client.administering import WHY
from exchange.client.book_stream import BookStream
from exchange.client.connecting import check_let_in, parts
from exchange.client.face import Face, Makers
from exchange.client.handles import Handle
from exchange.client.inquiring import ThreadInquirer
from exchange.client.place import Place, endpoints_of
from exchange.client.questions import Query
from exchange.client.records import Records
from exchange.client.reports import ReportStream, StreamWaiter
from exchange.client.requests import Request
from exchange.client.results import Reports
from exchange.client.session import Resync, Session, Settings, State
from exchange.client.streams import ROWS_MAX, Hub
from exchange.client.subscriptions import Subscription
from exchange.client.tables import AdminTable, MarketTable, OrderTable, QuestionTable
from exchange.client.thread_runner import ThreadRunner
from exchange.client.tick_stream import TickStream
from exchange.client.twins import Waits
from exchange.domain.enums import BookView

T = TypeVar("T")
S = TypeVar("S")
W = TypeVar("W")


class Runner(StreamWaiter, Protocol):
    """Drives a session so that callers can wait for it."""

    session: Session
    hub: Hub

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while the session is looked at."""
        ...

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> Handle[T]:
        """Ask."""
        ...

    def close(self) -> None:
        """Log off and close the connection."""
        ...


class Inquirer(Protocol):
    """Asks a replica and waits for it."""

    def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer."""
        ...

    def subscribe(self, subscription: Subscription[S, W]) -> W:
        """A stream, once it is entered."""
        ...

    def resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        """Begin to make the session's orders right again."""
        ...

    def close(self) -> None:
        """Give up what is under way."""
        ...


class Admin(AdminTable, Waits):
    """Commands of operators, and what the admin service knows of them; each waits for its answer.

    with client.admin.because("listing of EUR"):
        client.admin.define_asset(3, "EUR", 2)
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def _send(self, request: Request[T]) -> T:
        if why := WHY.get():
            self.client.ask(self.client.make.administering.explain(request.correlation_id, why))
        return self.client.call(request)


class Questions(QuestionTable, Waits):
    """Questions to the read replica and the history; each waits for its answer."""

    def __init__(self, client: Client) -> None:
        self.client = client


class MarketData(MarketTable, Waits):
    """Questions to market data; each waits for its answer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ticks(self, *instruments: int | str, interval_ms: int = 0) -> TickStream:
        """What instruments show, now and on: `with client.market_data.ticks("BTC-USD") as ticks: ...`.

        Args:
            instruments: Their symbols, or ids that this client knows.
            interval_ms: Between two ticks of an instrument, the newest of those that came; 0: all of them.
        """
        return self.client.subscribe(
            self.client.make.market_data.ticks(*instruments, interval_ms=interval_ms)
        )

    def order_book(self, instrument: int | str, *, view: BookView | str = BookView.LEVELS) -> BookStream:
        """A book as it is, and every change: `with client.market_data.order_book("BTC-USD") as stream: ...`.

        Args:
            instrument: Its symbol, or an id that this client knows.
            view: `levels` (L2), or `orders` (L3).
        """
        return self.client.subscribe(self.client.make.market_data.order_book(instrument, view=view))


class Client(OrderTable, Face, Waits):
    """A session with the exchange, made by `connect` or an embedded one. May be used by many threads.

    Calls give the exchange's answer, rejects included; they raise only where something went wrong on the way:
    RequestTimeout, ClientClosed, LogonRefused, TooManyRequests, WireError.

    Args:
        runner: Drives the session.
        inquirer: Asks a replica.
        makers: Makes the requests.
    """

    def __init__(self, runner: Runner, inquirer: Inquirer, makers: Makers) -> None:
        super().__init__(runner.session, runner.hub, makers, runner.lock)
        self._runner = runner
        self._inquirer = inquirer
        self.admin = Admin(self)
        self.query = Questions(self)
        self.market_data = MarketData(self)
        runner.hub.resync_callbacks.insert(0, self._resync)

    @classmethod
    def connect(
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
    ) -> Client:
        """Connect, log on and wait until the session is active.

        Args:
            endpoint: Of the core: `ipc://...` or `tcp://host:port`; or several, of those that may take its
                place, too: they are tried in turn, and whoever leads lets us in.
            tenant: On whose behalf; 0 is the operator's.
            name: Of the session: the same name takes up where it left. One connection has it at a time.
            user: Who speaks, for the exchange's records.
            account: Used where a request names none.
            queries: Of the read replica, or of several, over which questions are spread; by default the
                `queries.sock` beside the first ipc `orders.sock`.
            history: Likewise of the order history; by default the instances that run there.
            marketdata: Likewise of market data; by default the `marketdata.sock` there.
            admin: Likewise of administration; by default the `admin.sock` there.
            settlement: Likewise of settlement; by default the `settlement.sock` there.
            keys: This client's CURVE keys.
            server_key: The exchange's public key, with `keys`.
            cancel_on_disconnect: The core cancels this session's orders when it is lost.
            after: The last event that an earlier client of this name has seen: reports after it come first.
            heartbeat_ms: A silence of that long ends the connection, which is made again.
            timeout_ms: How long a request or a question may wait for its answer, reconnects included.
            retry_ms: When a request that was not answered is sent again, byte for byte.
            connect_ms: How long all of this may take.
            security_context: For the header of questions to the replica; the connection's rights by default.

        Raises:
            DeadlineExceeded: Nobody let us in within `connect_ms`.
            LogonRefused, SecurityError, ConfigError: They never will.
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
        )
        made = parts(settings, place, account, after)
        runner = ThreadRunner(made.session, made.dealer, made.hub, made.lock)
        inquirer = ThreadInquirer(name, made.way, made.makers.query)
        client = cls(runner, inquirer, made.makers)
        try:
            runner.start()
            runner.wait_for(lambda: made.session.state in (State.ACTIVE, State.CLOSED), connect_ms / 1_000)
            check_let_in(made.session, place.endpoints, connect_ms)
        except BaseException:
            client.close()
            raise
        return client

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> Handle[T]:
        """Send a request, made by `client.make`, without waiting for its answer.

        A request that is sent again keeps its bytes: what was executed is not executed twice.

        Args:
            request: What to ask.
            timeout_ms: How long it may wait for its answer, instead of the client's.
        """
        return self._runner.submit(request, timeout_ms)

    def call(self, request: Request[T], timeout_ms: int | None = None) -> T:
        """Send a request and wait for its answer."""
        return self._runner.submit(request, timeout_ms).result()

    _send = call

    def batch(self, requests: Sequence[Request[T]], timeout_ms: int | None = None) -> list[T]:
        """Send several requests of one family in one frame; their answers, in their order."""
        return self.call(self.make.batch(requests), timeout_ms)

    def submit_array(self, commands: Records, timeout_ms: int | None = None) -> Handle[Reports]:
        """Send an array of order commands; the answers are an array in their order. See `make.array`."""
        return self.submit(self.make.array(commands), timeout_ms)

    def ask(self, query: Query[T], timeout_ms: int | None = None) -> T:
        """Ask the replica."""
        return self._inquirer.ask(query, timeout_ms)

    def subscribe(self, subscription: Subscription[S, W]) -> W:
        """What `market_data.ticks` gives, of a subscription that was made."""
        return self._inquirer.subscribe(subscription)

    def load_instruments(self) -> None:
        """Get to know all instruments and assets: from then on symbols and decimals can be used."""
        self.query.instruments()

    def reports(self, rows_max: int = ROWS_MAX) -> ReportStream:
        """A reader of all reports from now on. Close it, or read it: at most `rows_max` wait for it."""
        shelf, forget = self._shelf(rows_max)
        return ReportStream(self._runner, shelf, forget)

    def close(self) -> None:
        """Log off and close; requests under way get ClientClosed."""
        self._runner.close()
        self._inquirer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resync(self, _: Resync) -> None:
        self._inquirer.resync(self._session, self._lock)
