"""The client of the gateway's streams, to be awaited."""

from __future__ import annotations

import asyncio
import logging
import random
import struct
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from exchange.client.errors import BookParted, ClientClosed
from exchange.client.rest import streams as s
from exchange.client.rest.connecting import checked_url
from exchange.client.rest.credentials import ApiKeyAuth, BearerAuth
from exchange.client.rest.errors import RestError
from exchange.client.stream.book import StreamBook
from exchange.client.stream.closing import StreamEnded
from exchange.client.stream.connection import Broken, Connection, Reply, StreamOptions
from exchange.client.stream.entry import OrderEntry
from exchange.client.stream.events import (
    BookEvent,
    ConnectedEvent,
    Event,
    SubscriptionLostEvent,
    account_of,
    event_of,
)
from exchange.client.stream.mailbox import Mailbox
from exchange.client.stream.wanted import Subscriptions
from exchange.errors import ExchangeError, ServiceUnavailableError, WireError

_log = logging.getLogger("exchange.client")
_AGAIN_S: Final = 1.0
_LATER_S_MAX: Final = 60.0
"""No gateway is obeyed for longer that says when to come again."""


class StreamClient:
    """One stream of one gateway, over as many connections as it takes. Belongs to one event loop.

    Entered, it is connected. It is read by ``async for``, by one reader; what its reader is too slow for is
    conflated or dropped as `exchange.client.stream.events` says, and never grows. Where the connection
    breaks, or nothing is heard of the gateway for three heartbeats, it connects again, is told what it was
    told before, and own orders and executions of in between; a `ConnectedEvent` says so.

    Args:
        url: Of the gateway: `http://127.0.0.1:8080`.
        auth: Who asks; None: public channels alone.
        options: See `StreamOptions`.

    Raises:
        ConfigError: The address is none.
    """

    def __init__(
        self, url: str, auth: ApiKeyAuth | BearerAuth | None = None, *, options: StreamOptions | None = None
    ) -> None:
        self._url = checked_url(url, "ws", "wss")
        self._auth = auth
        self._options = options = options or StreamOptions()
        self._mailbox = Mailbox(options.events_max)
        self._subscriptions = Subscriptions()
        self._books: dict[str, StreamBook] = {}
        self._parted: set[str] = set()  # books that wait for a snapshot
        self._owed: list[s.Subscribe] = []  # what is wanted, and asked for again, and not told yet
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._ended: Exception | None = None
        self._last: Exception | None = None  # why there is no connection
        self._resume_token = ""
        self._sequence = 0
        self._background: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self.orders = OrderEntry(self._ask_now, options.name, options.account)
        """Enters, changes and cancels orders."""
        self.reconnects = 0
        """How often the connection broke."""
        self.gaps = 0
        """How often a book had to begin anew."""

    async def subscribe(
        self,
        *channels: s.Channel,
        symbols: list[str] | None = None,
        accounts: list[int] | None = None,
        interval: s.Interval = "1m",
        raw: bool = False,
    ) -> None:
        """Be told of channels, from a snapshot on.

        Args:
            channels: Which.
            symbols: Of public channels.
            accounts: Of private ones; None: all that the key may use.
            interval: Of candles.
            raw: Every change at once; else ten times a second.

        Raises:
            RestError: The gateway refuses it.
            ServiceUnavailableError: It does not answer.
        """
        frame = _frame(s.Subscribe, channels, symbols, accounts, interval)
        frame.raw = raw

        def take(told: s.Subscribed) -> None:
            self._subscriptions.add(frame, told)
            self._hold(told)

        await self._ask(frame, s.Subscribed, take)

    async def unsubscribe(
        self,
        *channels: s.Channel,
        symbols: list[str] | None = None,
        accounts: list[int] | None = None,
        interval: s.Interval = "1m",
    ) -> None:
        """Be told of them no more.

        Raises:
            RestError: See `subscribe`.
            ServiceUnavailableError: See `subscribe`.
        """
        frame = _frame(s.Unsubscribe, channels, symbols, accounts, interval)

        def take(told: s.Unsubscribed) -> None:
            self._subscriptions.remove(frame, told)
            self._hold(told)
            if "book" in told.channels:
                for symbol in told.instrument_ids:
                    self._books.pop(symbol, None)

        await self._ask(frame, s.Unsubscribed, take)

    def book(self, symbol: str) -> StreamBook:
        """A book that was subscribed to.

        Raises:
            KeyError: It was not, or nothing of it came yet.
        """
        return self._books[symbol]

    async def ping(self) -> float:
        """How long the gateway takes to answer, in seconds."""
        began = time.monotonic()
        await self._ask(s.Ping(), s.Pong)
        return time.monotonic() - began

    async def rates(self) -> list[s.Budget]:
        """What is left of budgets."""
        budgets = (await self._ask(s.Rates(), s.Result)).budgets
        return budgets if isinstance(budgets, list) else []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event.

        Raises:
            StreamEnded: The gateway ended the stream for good.
            RestError: The credential does not count any more.
            ClientClosed: The client was closed, or failed.
        """
        return await self._mailbox.get()

    async def open(self) -> None:
        """Connect, and keep connected.

        Raises:
            RestError: They are not let in.
            StreamEnded: The gateway does not take it.
            ServiceUnavailableError: Nobody answers in time.
        """
        self._task = asyncio.create_task(self._run())
        await self._until_connected()

    async def close(self) -> None:
        """Leave."""
        self._end(ClientClosed("the stream was closed by its user"))
        tasks = [*self._background, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self) -> None:
        """Until it is over; whoever reads or waits hears of it, whatever ended it."""
        try:
            await self._connections()
        except BaseException as error:
            if isinstance(error, Exception):
                _log.exception("a stream client failed")
            self._end(ClientClosed(f"the stream client failed: {error!r}"))
            raise

    async def _connections(self) -> None:
        """One after the other."""
        pause_s = self._options.first_pause_s
        while self._ended is None:
            began, later_s = time.monotonic(), 0.0
            try:
                await self._one_connection()
            except (ServiceUnavailableError, RestError) as error:
                if isinstance(error, RestError) and not error.transient:
                    self._end(error)
                    return
                _log.warning("a stream broke: %s", error)
                self._last = error
                later_s = min((error.retry_after_ms or 0) / 1_000, _LATER_S_MAX)
            except ExchangeError as error:
                self._end(error)
                return
            if time.monotonic() - began > self._options.longest_pause_s:
                pause_s = self._options.first_pause_s
            jitter = random.uniform(0.5, 1.0)  # noqa: S311  # lest all come at once
            await asyncio.sleep(later_s + pause_s * jitter)
            pause_s = min(2 * pause_s, self._options.longest_pause_s)

    async def _one_connection(self) -> None:
        """From its handshake to its end, which it raises."""
        path = s.MARKET_PATH if self._auth is None else s.STREAM_PATH
        connection = await Connection.open(self._url, path, self._options)
        ended: Exception = Broken("the connection was left")
        try:
            welcome = await self._entered(connection)
            self._begin(connection, welcome)
            async for update in connection.updates():
                self._take(connection, update)
        except Exception as error:
            # Who waits for an answer is told of the stream, not of what is wrong with this program.
            ended = error if isinstance(error, ExchangeError) else Broken(f"the client failed: {error!r}")
            raise
        finally:
            if self._connection is connection:
                self._connection = None
                self._connected.clear()
                self.reconnects += 1
            await connection.close(ended)

    async def _entered(self, connection: Connection) -> s.Welcome:
        if self._auth is None:
            told = await connection.read()
            if not isinstance(told, s.Welcome):
                raise WireError(f"expected WELCOME, the gateway said {type(told).__name__}")
            return connection.welcomed(told)
        token = self._resume_token
        return await connection.log_on(
            self._auth,
            cancel_on_disconnect=self._options.cancel_on_disconnect,
            resume=s.Resume(token=token, sequence=str(self._sequence)) if token else None,
        )

    def _begin(self, connection: Connection, welcome: s.Welcome) -> None:
        resumed = welcome.resumed is True
        self._hold(welcome)
        self._connection = connection
        self._parted = set(self._books)
        event = ConnectedEvent(
            connection_id=welcome.connection_id, resumed=resumed, reconnects=self.reconnects
        )
        self._mailbox.put(event)
        self._connected.set()
        again, self._owed = self._owed if resumed else self._subscriptions.frames(), []
        for frame in again:
            self._spawn(self._subscribe_again(connection, frame))

    def _take(self, connection: Connection, update: s.Update) -> None:
        """What cannot be read is told by the next connection."""
        try:
            self._understand(connection, update)
        except (msgspec.ValidationError, ValueError, ArithmeticError, struct.error) as error:
            raise Broken(f"an update of {update.channel} cannot be read: {error}") from error

    def _understand(self, connection: Connection, update: s.Update) -> None:
        is_snapshot = update.kind == "snapshot"
        data = msgspec.convert(update.data, s.DATA[update.channel][0 if is_snapshot else 1])
        if account_of(update):
            self._sequence = max(self._sequence, int(update.sequence))
        if isinstance(data, s.BookSnapshot | s.BookDelta):
            self._take_book(connection, str(update.symbol), data, int(update.sequence))
        else:
            self._mailbox.put(event_of(update, data))

    def _take_book(
        self, connection: Connection, symbol: str, data: s.BookSnapshot | s.BookDelta, sequence: int
    ) -> None:
        book = self._books.setdefault(symbol, StreamBook(symbol))
        is_snapshot = isinstance(data, s.BookSnapshot)
        if not is_snapshot and symbol in self._parted:
            return
        try:
            if isinstance(data, s.BookSnapshot):
                book.begin(data)
                self._parted.discard(symbol)
            else:
                book.change(data)
        except BookParted as error:
            _log.warning("a book begins anew: %s", error)
            self.gaps += 1
            self._parted.add(symbol)
            raw = self._subscriptions.is_raw("book", symbol)
            frame = s.Subscribe(channels=["book"], instrument_ids=[symbol], raw=raw)
            self._spawn(self._subscribe_again(connection, frame, _AGAIN_S if is_snapshot else 0.0))
            return
        self._mailbox.put(BookEvent(symbol=symbol, book=book, sequence=sequence, is_snapshot=is_snapshot))

    async def _subscribe_again(
        self, connection: Connection, frame: s.Subscribe, pause_s: float = 0.0
    ) -> None:
        """For what is wanted, until it is told or refused for good. The next connection asks for the rest."""
        self._owed.append(frame)
        next_pause_s = self._options.first_pause_s
        while True:
            await asyncio.sleep(pause_s)
            if connection is not self._connection:
                return
            if not self._subscriptions.trim(frame):
                break
            try:
                await connection.ask(frame, s.Subscribed, self._hold)
                break
            except (ServiceUnavailableError, RestError) as error:
                if isinstance(error, Broken) or connection is not self._connection:
                    return
                if isinstance(error, RestError) and not error.transient:
                    self._lose(frame, error)
                    break
                _log.warning("a subscription to %s has to wait: %s", ", ".join(frame.channels), error)
                pause_s = next_pause_s + min((error.retry_after_ms or 0) / 1_000, _LATER_S_MAX)
                next_pause_s = min(2 * next_pause_s, self._options.longest_pause_s)
            except ExchangeError as error:
                if connection is self._connection:
                    self._lose(frame, error)
                break
        if frame in self._owed:
            self._owed.remove(frame)

    def _lose(self, frame: s.Subscribe, error: ExchangeError) -> None:
        (channel,) = frame.channels
        _log.warning("a subscription to %s is lost: %s", channel, error)
        self._subscriptions.drop(frame)
        if channel == "book":
            for symbol in frame.instrument_ids:
                self._books.pop(symbol, None)
        lost = SubscriptionLostEvent(
            channel=channel,
            symbols=tuple(frame.instrument_ids),
            accounts=tuple(frame.accounts),
            error=error,
        )
        self._mailbox.put(lost)

    async def _ask(
        self, frame: s.Ask, kind: type[Reply], take: Callable[[Reply], None] = lambda _: None
    ) -> Reply:
        """The answer to what changes nothing but this stream: asked again where a connection breaks."""
        while True:
            connection = await self._until_connected()
            try:
                return await connection.ask(frame, kind, take)
            except Broken:
                await asyncio.sleep(0)

    async def _ask_now(self, frame: s.Ask) -> s.Result:
        """The answer to a request about orders: an old one is worse than none, so nobody waits to send it.

        Raises:
            Broken: It was sent, and there is no answer that can be read.
        """
        if self._ended is not None:
            raise self._ended
        if self._connection is None:
            raise ServiceUnavailableError("the stream is not connected now; nothing was sent")
        try:
            return await self._connection.ask(frame, s.Result)
        except (StreamEnded, WireError) as error:
            raise Broken(str(error)) from error

    async def _until_connected(self) -> Connection:
        try:
            async with asyncio.timeout(self._options.timeout_s):
                while self._ended is None:
                    await self._connected.wait()
                    if self._connection is not None:
                        return self._connection
                    await asyncio.sleep(0)
        except TimeoutError:
            raise ServiceUnavailableError(f"no stream in time: {self._last}") from None
        raise self._ended

    def _hold(self, told: s.Welcome | s.Subscribed) -> None:
        if isinstance(told.resume_token, str):
            self._resume_token = told.resume_token

    def _end(self, error: Exception) -> None:
        if self._ended is None:
            self._ended = error
            self._mailbox.end(error)
            self._connected.set()  # who waits for a connection is told

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._spawned)

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a stream client failed", exc_info=error)
            self._end(ClientClosed(f"the stream client failed: {error!r}"))


F = TypeVar("F", bound=s.Subscribe)


def _frame(
    kind: type[F],
    channels: tuple[s.Channel, ...],
    symbols: list[str] | None,
    accounts: list[int] | None,
    interval: s.Interval,
) -> F:
    return kind(
        channels=list(channels), instrument_ids=symbols or [], accounts=accounts or [], interval=interval
    )
