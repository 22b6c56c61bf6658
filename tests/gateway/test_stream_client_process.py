"""Both clients of streams against a running exchange."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar, cast

import pytest

from exchange.client.rest import errors as e
from exchange.client.rest.credentials import ApiKeyAuth
from exchange.client.stream import (
    BalancesEvent,
    BookEvent,
    CandleEvent,
    Close,
    ConnectedEvent,
    Event,
    ExecutionsEvent,
    OrdersEvent,
    PositionsEvent,
    StreamClient,
    StreamEnded,
    TickerEvent,
    TradesEvent,
    WaitingStreamClient,
)
from exchange.security.signing import hmac_signer
from exchange.services.identity.api_keys import Wanted
from tests.gateway.door import ANN, BOB, EVE, Open
from tests.gateway.rest import auth_of, client_of, door_ms, options
from tests.gateway.running import LARGE, running

WAIT_S = 60.0
K = TypeVar("K")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With ann and bob of tenant 1, bob's key being Ed25519, and eve of tenant 2."""
    with running(tmp_path_factory.mktemp("streams") / "data", *LARGE) as made:
        made.add(ANN, BOB, EVE)
        yield made


def stream_of(door: Open, name: str, port: int | None = None, **more: Any) -> WaitingStreamClient:
    """Of one of them."""
    url = f"http://127.0.0.1:{port or door.port}"
    return WaitingStreamClient(url, auth_of(door.programs[name]), options=options(**more))


def until(stream: WaitingStreamClient, kind: type[K], wanted: Callable[[K], bool] = lambda _: True) -> K:
    """The first event of a kind that is wanted."""
    (found,) = until_all(stream, (kind, wanted))
    return cast(K, found)


def until_all(stream: WaitingStreamClient, *wanted: tuple[type[Any], Callable[[Any], bool]]) -> list[Any]:
    """Of each kind the first event that is wanted, in whatever order they come."""
    end = time.monotonic() + WAIT_S
    seen: list[Event] = []
    found: dict[int, Event] = {}
    while len(found) < len(wanted) and (left := end - time.monotonic()) > 0:
        event = stream.read(left)
        if event is None:
            break
        seen.append(event)
        for place, (kind, is_wanted) in enumerate(wanted):
            if place not in found and isinstance(event, kind) and is_wanted(event):
                found[place] = event
    assert len(found) == len(wanted), f"it was not told; the last events: {seen[-9:]}"
    return [found[place] for place in range(len(wanted))]


@pytest.mark.req("E088")
def test_every_channel_is_told_as_it_is_typed(door: Open) -> None:
    """Snapshots, a trade as both see it, the book as it is over HTTP, money and positions."""
    with stream_of(door, "ann") as ann, client_of(door.bob) as bob, client_of(door.ann) as rest:
        ann.subscribe("ticker", "book", "trades", "candles", symbols=["BTC-USD"])
        ann.subscribe("orders", "executions", "balances", "positions")
        until_all(
            ann, (OrdersEvent, lambda each: each.is_snapshot), (BookEvent, lambda each: each.is_snapshot)
        )
        bob.limit("BTC-USD", "sell", "0.5", "100.00")
        bought = ann.orders.limit("BTC-USD", "buy", "0.2", "100.00", resp_type="FULL")
        assert (bought.order_status, bought.account) == ("filled", 11)
        (execution,) = until(ann, ExecutionsEvent, lambda each: bool(each.executions)).executions
        assert (execution.order_id, execution.last_qty, execution.side) == (bought.order_id, "0.2000", "buy")
    with stream_of(door, "ann") as ann, client_of(door.bob) as bob, client_of(door.ann) as rest:
        ann.subscribe("ticker", "book", "trades", "candles", symbols=["BTC-USD"])
        ann.subscribe("orders", "executions", "balances", "positions")
        trades, candle, positions, balances, _, _ = until_all(
            ann,
            (TradesEvent, lambda each: bool(each.trades)),
            (CandleEvent, lambda each: each.candle.close == "100.00"),
            (PositionsEvent, lambda each: bool(each.positions)),
            (BalancesEvent, lambda each: each.is_snapshot),
            (TickerEvent, lambda each: each.ticker.ask_price == "100.00"),
            (OrdersEvent, lambda each: each.is_snapshot and each.orders == []),
        )
        assert [(each.price, each.qty) for each in trades.trades] == [("100.00", "0.2000")]
        assert candle.interval == "1m"
        assert [each.symbol for each in positions.positions] == ["BTC-USD"]
        assert {each.asset for each in balances.balances} == {"BTC", "USD"}
        more = bob.limit("BTC-USD", "sell", "0.7", "100.50")
        until(ann, BookEvent, lambda each: len(each.book.asks()) == 2)
        told = rest.book("BTC-USD", depth=0)
        assert [(str(each.price), str(each.qty), each.orders) for each in ann.book("BTC-USD").asks()] == [
            (each.price, each.qty, each.orders) for each in told.asks
        ]
        assert ann.book("BTC-USD").best[1] == ann.book("BTC-USD").asks(1)[0]
        bob.cancel(more)
        ann.unsubscribe("book", symbols=["BTC-USD"])
        with pytest.raises(KeyError):
            ann.book("BTC-USD")
        assert ann.ping() < WAIT_S
        assert {each.budget for each in ann.rates()} == {"ip", "key", "tenant"}
        bob.mass_cancel()
        assert (ann.reconnects, ann.gaps) == (0, 0)


def test_orders_are_entered_changed_and_cancelled_on_a_stream(door: Open) -> None:
    """As over HTTP: names, decimals, refusals with their numbers."""
    with stream_of(door, "bob") as bob:
        order = bob.orders.limit("BTC-USD", "sell", Decimal("0.5"), "200.00")
        assert order.leaves_qty == "0.5000"
        changed = bob.orders.replace(order, price="201.00")
        assert (changed.exec_type, changed.price) == ("replaced", "201.00")
        named = bob.orders.replace_named(changed.client_order_id, qty="0.4")
        assert bob.orders.cancel_named(named.client_order_id).exec_type == "canceled"
        with pytest.raises(e.NotFound) as gone:
            bob.orders.cancel(order)
        assert gone.value.name == "UNKNOWN_ORDER"
        with pytest.raises(e.Rejected) as refused:
            bob.orders.limit("BTC-USD", "buy", "900", "9000.00")
        assert refused.value.name == "INSUFFICIENT_FUNDS"
        with pytest.raises(e.InvalidRequest) as wrong:
            bob.orders.new_order("BTC-USD", "sell", "0.00001", "1.00")
        assert wrong.value.name == "BAD_DECIMAL"
        own = f"once-{secrets.token_hex(4)}"
        twice = [bob.orders.limit("BTC-USD", "sell", "0.1", "300.00", client_order_id=own) for _ in range(2)]
        assert [each.duplicate for each in twice] == [False, True]
        assert bob.orders.market("BTC-USD", "sell", "0.1").exec_type == "accepted"
        assert bob.orders.mass_cancel(symbol="BTC-USD", side="sell") == 1


@pytest.mark.req("E080")
def test_market_is_told_to_who_says_nothing_of_himself(door: Open) -> None:
    """At the path of document 004; own channels are not there."""
    with WaitingStreamClient(f"http://127.0.0.1:{door.port}", options=options()) as nobody:
        nobody.subscribe("ticker", "book", symbols=["BTC-USD"])
        until_all(
            nobody, (TickerEvent, lambda each: each.is_snapshot), (BookEvent, lambda each: each.is_snapshot)
        )
        with pytest.raises(e.RestError) as private:
            nobody.subscribe("orders")
        assert private.value.name == "NOT_SUBSCRIBABLE"


class Cutting:
    """Stands before a gateway and hands bytes on; cuts all connections when it is told."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.refuses = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._begin(self._serve)

    def cut(self) -> None:
        """All that are open."""
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def close(self) -> None:
        """It is gone."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for each in self._threads:
            each.join()

    def _begin(self, work: Callable[..., None], *words: Any) -> None:
        thread = threading.Thread(target=work, args=words)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            gateway = socket.create_connection(("127.0.0.1", self._to))
            self._open += [client, gateway]
            self._begin(self._hand_on, client, gateway)
            self._begin(self._hand_on, gateway, client)

    def _hand_on(self, source: socket.socket, to: socket.socket) -> None:
        try:
            while part := source.recv(65_536):
                to.sendall(part)
            to.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            source.close()


@pytest.mark.req("E089")
def test_connection_that_breaks_costs_no_execution(door: Open) -> None:
    """Twenty cuts while orders trade: each execution is told once, the book is the exchange's, by itself."""
    between = Cutting(door.port)
    traded: list[str] = []
    seen: list[str] = []
    try:
        with (
            stream_of(door, "ann", between.port) as ann,
            client_of(door.bob) as bob,
            client_of(door.ann) as rest,
        ):
            ann.subscribe("executions", "orders")
            ann.subscribe("book", symbols=["BTC-USD"])
            until(ann, ExecutionsEvent)
            for number in range(20):
                ann.ping()  # it is connected again
                bob.limit("BTC-USD", "sell", "0.01", "100.00")
                if number % 2:
                    between.refuses = True
                    between.cut()
                made = rest.limit("BTC-USD", "buy", "0.01", "100.00", resp_type="FULL")
                traded += [each.trade_id for each in made.executions]  # type: ignore[union-attr]  # as asked
                between.refuses = False
                if not number % 2:
                    between.cut()
            bob.limit("BTC-USD", "sell", "0.03", "150.00")
            connected = []
            end = time.monotonic() + WAIT_S
            while time.monotonic() < end and not (
                set(traded) <= set(seen)
                and [str(each.price) for each in ann.book("BTC-USD").asks()] == ["150.00"]
            ):
                event = ann.read(1.0)
                if isinstance(event, ExecutionsEvent):
                    seen += [each.trade_id for each in event.executions]
                elif isinstance(event, ConnectedEvent):
                    connected.append(event)
            assert sorted(seen) == sorted(traded)
            assert len(traded) == 20
            assert ann.reconnects >= 20
            assert {each.resumed for each in connected} == {True}
            assert [str(each.price) for each in ann.book("BTC-USD").asks()] == ["150.00"]
            bob.mass_cancel()
    finally:
        between.close()


def test_orders_end_with_their_connection_where_that_is_wished(door: Open) -> None:
    """Cancel on disconnect."""
    with client_of(door.bob) as rest:
        with stream_of(door, "bob", cancel_on_disconnect=True) as bob:
            order = bob.orders.limit("BTC-USD", "sell", "0.1", "400.00")
            assert rest.order(order).order_status == "open"
        end = time.monotonic() + WAIT_S
        while rest.order(order).order_status != "canceled":
            assert time.monotonic() < end
            time.sleep(0.05)


def test_key_that_is_revoked_ends_its_stream(door: Open) -> None:
    """By 4002, which the reader is told; nobody connects again."""
    with door.keys() as keys:
        key, secret = keys.create(Wanted(name="going", tenant=1, scopes=("read",), accounts=(11,)))
        program = door.program(key, secret)
        url = f"http://127.0.0.1:{door.port}"
        with WaitingStreamClient(url, auth_of(program), options=options()) as stream:
            stream.subscribe("orders")
            keys.revoke(key.key_id, "gone")
            with pytest.raises(StreamEnded) as ended:
                list(stream)
        assert ended.value.code is Close.SESSION_ENDED


def test_stream_is_awaited(door: Open) -> None:
    """The asynchronous client, a clock that is a minute behind, two tasks that ask at once."""
    key = door.ann.key
    auth = ApiKeyAuth(key["key_id"], hmac_signer(key["secret"]), lambda: door_ms(door) - 60_000)

    async def run() -> list[type[Event]]:
        url = f"http://127.0.0.1:{door.port}"
        async with StreamClient(url, auth, options=options()) as stream:
            await asyncio.gather(
                stream.subscribe("ticker", symbols=["BTC-USD"]), stream.subscribe("orders"), stream.ping()
            )
            found = []
            async for event in stream:
                found.append(type(event))
                if {TickerEvent, OrdersEvent} <= set(found):
                    return found
        raise AssertionError(found)

    assert asyncio.run(run())[0] is ConnectedEvent


def test_other_tenant_is_told_nothing(door: Open) -> None:
    """Subscribing to its account is as subscribing to one that does not exist; so are its orders."""
    with client_of(door.ann) as ann, stream_of(door, "eve") as eve:
        order = ann.limit("BTC-USD", "buy", "0.1", "1.00")
        refusals = []
        for account in (11, 999):
            with pytest.raises(e.RestError) as refused:
                eve.subscribe("orders", accounts=[account])
            refusals.append(refused.value)
        for which in (order.order_id, "999999"):
            with pytest.raises(e.RestError) as refused:
                eve.orders.cancel(which)
            refusals.append(refused.value)
        for which in (order.client_order_id, "none-1"):
            with pytest.raises(e.RestError) as refused:
                eve.orders.replace_named(which, price="2.00")
            refusals.append(refused.value)
        for theirs, absent in zip(refusals[::2], refusals[1::2], strict=True):
            assert (theirs.number, theirs.problem.message, theirs.details.keys()) == (
                absent.number,
                absent.problem.message,
                absent.details.keys(),
            )
        assert ann.order(order).order_status == "open"
        ann.mass_cancel()
