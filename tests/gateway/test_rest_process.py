"""Both clients of the gateway against a running exchange: every route, and what goes wrong between them."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from exchange.client.rest import ApiKeyAuth, AsyncRestClient, RestClient
from exchange.client.rest import errors as e
from exchange.client.rest.connecting import Options
from exchange.errors import ServiceUnavailableError
from exchange.observability.correlation import correlated
from exchange.security.signing import hmac_signer
from tests.exchange.running import until
from tests.gateway.door import ANN, BOB, EVE, Open
from tests.gateway.rest import WAIT_S, auth_of, client_of, door_ms
from tests.gateway.running import running
from tests.gateway.signed import Program


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With ann and bob of tenant 1, bob's key being Ed25519, and eve of tenant 2."""
    with running(tmp_path_factory.mktemp("rest") / "data") as made:
        made.add(ANN, BOB, EVE)
        yield made


class Blocking:
    """An `AsyncRestClient` that is waited for, so that one test drives both."""

    def __init__(self, program: Program) -> None:
        self._loop = asyncio.new_event_loop()
        url = f"http://127.0.0.1:{program.port}"
        self._client = AsyncRestClient(url, auth_of(program), options=Options(name="t", timeout_s=WAIT_S))
        self.make = self._client.make

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **words: Any) -> Any:
            made = getattr(self._client, name)(*args, **words)
            if inspect.isasyncgen(made):
                return self._loop.run_until_complete(_all(made))
            return self._loop.run_until_complete(made)

        return call

    def __enter__(self) -> RestClient:
        return cast(RestClient, self)

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


async def _all(rows: Any) -> list[Any]:
    return [row async for row in rows]


@pytest.mark.parametrize("kind", [client_of, Blocking])
def test_every_call_is_answered_as_it_is_typed(door: Open, kind: Callable[[Program], Any]) -> None:
    """An order's life, money, lists, and the market, by both clients and both kinds of key."""
    with kind(door.bob) as bob, kind(door.ann) as ann:
        sold = bob.limit("BTC-USD", "sell", Decimal("0.5"), "100.00")
        assert (sold.account, sold.exec_type, sold.leaves_qty) == (12, "accepted", "0.5000")
        bought = ann.new_order("BTC-USD", "buy", "0.2", "100.00", resp_type="FULL")
        assert (bought.order_status, [each.last_price for each in bought.executions]) == (
            "filled",
            ["100.00"],
        )
        assert bob.order(sold).cum_qty == "0.2000"
        assert bob.order_named(sold.client_order_id).order_id == sold.order_id
        changed = bob.replace(sold, price="101.00")
        assert (changed.exec_type, changed.price) == ("replaced", "101.00")
        named = bob.replace_named(changed.client_order_id, price="102.00", new_client_order_id=None)
        assert [each.price for each in bob.each_open_order(symbol="BTC-USD", limit=1)] == ["102.00"]
        assert bob.cancel_named(named.client_order_id).exec_type == "canceled"
        with pytest.raises(e.NotFound) as gone:
            bob.cancel(sold.order_id)
        assert (gone.value.number, gone.value.name) == (4005, "UNKNOWN_ORDER")
        batch = bob.new_orders(
            [bob.make.batch_order("BTC-USD", "sell", "0.1", f"{price}.00") for price in (200, 201)]
        )
        assert [each.status for each in batch.results] == [201, 201]
        assert bob.mass_cancel(side="sell").cancelled == 2
        until(lambda: len(list(bob.each_order(order_status="canceled", limit=2))) >= 3, "no history")
        (executed,) = until(
            lambda: list(ann.each_execution(order_id=bought.order_id)), "the history did not come"
        )
        assert (executed.last_qty, executed.liquidity) == ("0.2000", "taker")

        alone = bob.market("BTC-USD", "sell", "0.1", resp_type="RESULT")
        assert (alone.order_status, alone.cum_qty) == ("canceled", "0.0000")

        moved = ann.transfer("USD", "1.5", 12)
        assert (moved.to_account, moved.duplicate) == (12, False)
        assert {each.asset for each in ann.balances().balances} == {"BTC", "USD"}
        assert [each.symbol for each in ann.positions().positions] == ["BTC-USD"]
        assert ann.limits().account == 11
        assert [each.symbol for each in ann.instruments().instruments] == ["BTC-USD"]
        assert ann.book("BTC-USD").symbol == ann.book_by_order("BTC-USD").symbol == "BTC-USD"
        assert ann.orderbook("BTC-USD", depth=1).bids == []
        assert ann.quote("BTC-USD").bid_price is None
        trade = until(lambda: list(ann.each_trade("BTC-USD", limit=1)), "market data did not come")[-1]
        assert trade.price == "100.00"
        assert ann.candles("BTC-USD", "1m").interval == "1m"
        assert ann.ticker("BTC-USD").last_price == "100.00"
        assert [each.symbol for each in ann.tickers().tickers] == ["BTC-USD"]
        assert ann.server_time().time_ms > 0
        assert ann.status().status == "up"


def test_clock_that_is_wrong_is_set_by_the_gateway(door: Open) -> None:
    """A minute behind: the first request is answered, and the next needs no second try."""
    key = door.ann.key
    auth = ApiKeyAuth(key["key_id"], hmac_signer(key["secret"]), lambda: door_ms(door) - 60_000)
    with RestClient(f"http://127.0.0.1:{door.port}", auth, options=Options(timeout_s=WAIT_S)) as client:
        assert client.balances().account == 11
        assert abs(auth.clock_offset_ms - 60_000) < 30_000
        learned = auth.clock_offset_ms
        assert client.balances().account == 11
        assert auth.clock_offset_ms == learned


def test_correlation_and_budgets_are_those_of_the_gateway(door: Open) -> None:
    """The id of the block is that of the error; what is left falls by the weight of the route."""
    with client_of(door.eve) as eve, correlated("eve-corr-1"):
        with pytest.raises(e.NotFound) as refused:
            eve.order(1)
        assert refused.value.correlation_id == "eve-corr-1"
        eve.balances()
        assert eve.budgets.key is not None
        assert 0 < eve.budgets.key.remaining < eve.budgets.key.limit
        eve.mass_cancel()
        assert eve.budgets.cancels is not None
        assert eve.budgets.cancels.limit > eve.budgets.key.limit
        eve.server_time()
        assert eve.budgets.address is not None


class Losing:
    """Stands before a gateway and hands connections on, but loses the answers of the first requests."""

    def __init__(self, port: int, loses: int) -> None:
        self.loses = loses
        self.requests = 0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """It is gone."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._to)) as gateway:
                self._one(client, gateway)

    def _one(self, client: socket.socket, gateway: socket.socket) -> None:
        """A request a connection."""
        request = client.recv(65_536)
        while request.partition(b"\r\n\r\n")[2] == b"" and b"content-length" in request.lower():
            request += client.recv(65_536)
        self.requests += 1
        gateway.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        answer = b""
        while part := gateway.recv(65_536):
            answer += part
        if self.requests > self.loses:
            client.sendall(answer)


@pytest.fixture
def losing(door: Open) -> Iterator[Callable[[int], Losing]]:
    """Makes such a one."""
    made: list[Losing] = []

    def make(loses: int) -> Losing:
        made.append(Losing(door.port, loses))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_order_whose_answers_are_lost_is_entered_once(door: Open, losing: Callable[[int], Losing]) -> None:
    """Two answers of the gateway are lost: the third is that of the first request, a duplicate."""
    with client_of(door.bob) as bob:
        bob.mass_cancel()
    between = losing(2)
    with client_of(door.bob, between.port) as bob:
        order = bob.limit("BTC-USD", "sell", "0.1", "500.00")
        assert (order.duplicate, between.requests) == (True, 3)
    with client_of(door.bob) as bob:
        assert [each.order_id for each in bob.each_open_order()] == [order.order_id]
        bob.mass_cancel()


def test_money_whose_answers_are_lost_is_moved_once(door: Open, losing: Callable[[int], Losing]) -> None:
    """By the key that the client made."""
    with client_of(door.ann) as ann, client_of(door.ann, losing(1).port) as far:
        before = {each.asset: Decimal(each.total) for each in ann.balances().balances}
        assert far.transfer("USD", "2.5", 12).duplicate
        after = {each.asset: Decimal(each.total) for each in ann.balances().balances}
        assert before["USD"] - after["USD"] == Decimal("2.5")


def test_order_whose_outcome_nobody_tells_is_looked_up(door: Open, losing: Callable[[int], Losing]) -> None:
    """The error names it; it is there."""
    with client_of(door.bob, losing(99).port) as far, pytest.raises(e.OutcomeUnknown) as unknown:
        far.limit("BTC-USD", "sell", "0.1", "501.00")
    with client_of(door.bob) as bob:
        order = bob.order_named(unknown.value.client_order_id)
        assert (order.order_status, order.price) == ("open", "501.00")
        bob.cancel(order)


def test_gateway_that_is_not_there_is_no_unknown_outcome(door: Open) -> None:
    """Nothing was sent, so nothing was done."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with client_of(door.bob, port) as bob, pytest.raises(ServiceUnavailableError) as away:
        bob.limit("BTC-USD", "sell", "0.1", "501.00")
    assert isinstance(away.value.__cause__, httpx.ConnectError)
