"""The client of streams lasts: what passes is waited for, the rest is told, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from exchange.client.errors import ClientClosed
from exchange.client.rest import errors as e
from exchange.client.rest import hmac_key
from exchange.client.stream import (
    ConnectedEvent,
    Event,
    StreamClient,
    StreamEnded,
    StreamOptions,
    SubscriptionLostEvent,
    TickerEvent,
    TradesEvent,
    WaitingStreamClient,
)
from exchange.client.stream.connection import Connection
from exchange.errors import ConfigError, GatewayFault
from tests.gateway.test_stream_script import Frame, Peer, events, forever

WAIT_S = 30.0
Script = Callable[[Peer], Awaitable[None]]
Handshake = Callable[[ServerConnection, Request], Response | None]


def played(
    *scripts: Script,
    play: Callable[[StreamClient], Awaitable[Any]],
    handshake: Handshake | None = None,
    timeout_s: float = WAIT_S,
) -> Any:
    """What `play` gives with a client whose connections meet one script each."""

    async def run() -> Any:
        left = list(scripts)

        async def connection(socket: ServerConnection) -> None:
            await left.pop(0)(Peer(socket, len(scripts) - len(left)))

        options = StreamOptions(timeout_s=timeout_s, first_pause_s=0.01, longest_pause_s=0.05)
        async with serve(connection, "127.0.0.1", 0, process_request=handshake) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with asyncio.timeout(WAIT_S):
                client = StreamClient(
                    f"http://127.0.0.1:{port}", hmac_key("gk-1", "5e" * 32), options=options
                )
                async with client:
                    return await play(client)

    return asyncio.run(run())


def problem(fault: GatewayFault, **details: Any) -> Frame:
    """The body of an error."""
    return {
        "code": int(fault), "name": fault.name, "message": "", "transient": fault.transient,
        "details": details, "correlation_id": "",
    }  # fmt: skip


async def leaves(peer: Peer) -> None:
    """A gateway that lets one in, tells of trades, and stops."""
    await peer.welcome()
    await peer.subscribed()
    await peer.update("trades", 1, [], "snapshot", symbol="X")
    await peer.socket.close(1001)


async def trades(client: StreamClient, sequence: int) -> list[Event]:
    """What is read up to that trade."""
    found: list[Event] = []
    while not any(isinstance(each, TradesEvent) and each.sequence == sequence for each in found):
        found.append(await anext(client))
    return found


@pytest.mark.parametrize("status", [408, 425, 429])
def test_handshake_that_is_refused_for_now_is_tried_again(status: int) -> None:
    """As late as the gateway says, by the body or by the header."""
    shaken: list[float] = []

    def handshake(connection: ServerConnection, _: Request) -> Response | None:
        shaken.append(asyncio.get_running_loop().time())
        if len(shaken) != 2:
            return None
        body = json.dumps(problem(GatewayFault.RATE_LIMITED, retryAfterMs=300)) if status == 429 else "later"
        return connection.respond(HTTPStatus(status), body)

    async def again(peer: Peer) -> None:
        await peer.welcome(resumed=True)
        await peer.update("trades", 2, [], symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        await client.subscribe("trades", symbols=["X"])
        return await trades(client, 2)

    assert isinstance(played(leaves, again, play=play, handshake=handshake)[-1], TradesEvent)
    assert len(shaken) == 3
    if status == 429:
        assert shaken[2] - shaken[1] >= 0.3


def test_handshake_that_is_refused_for_good_ends_the_stream() -> None:
    """An origin that may not is no matter of time."""

    def handshake(connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(HTTPStatus.FORBIDDEN, "no")

    async def play(_: StreamClient) -> None:
        raise AssertionError("it was let in")

    with pytest.raises(StreamEnded, match="403 no"):
        played(play=play, handshake=handshake)


def test_subscription_that_is_refused_for_now_is_asked_for_until_it_is_told() -> None:
    """By the same connection, and by the next one where that breaks first, whatever was resumed."""
    asked: list[Frame] = []

    async def refuses(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(3):
            asked.append(await peer.hear("SUBSCRIBE"))
            await peer.say("ERROR", id=asked[-1]["id"], error=problem(GatewayFault.UNAVAILABLE))
        await peer.socket.close(1011)

    async def takes(peer: Peer) -> None:
        await peer.welcome(resumed=True)
        asked.append(await peer.subscribed())
        await peer.update("trades", 9, [], "snapshot", symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        await client.subscribe("trades", symbols=["X"])
        return await trades(client, 9)

    found = played(leaves, refuses, takes, play=play)
    assert not [each for each in found if isinstance(each, SubscriptionLostEvent)]
    assert [(each["channels"], each["instrumentIds"]) for each in asked] == [(["trades"], ["X"])] * 4


def test_subscription_without_an_answer_is_asked_for_again() -> None:
    """An answer that did not come in time is none that says no."""

    async def deaf(peer: Peer) -> None:
        await peer.welcome()
        await peer.hear("SUBSCRIBE")
        await peer.subscribed()
        await peer.update("trades", 9, [], "snapshot", symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        await client.subscribe("trades", symbols=["X"])
        return await trades(client, 9)

    assert played(leaves, deaf, play=play, timeout_s=0.3)


def test_subscription_that_is_refused_for_good_is_told() -> None:
    """The reader learns which and why; the others go on, and it is not asked for by later connections."""
    asked: list[Frame] = []

    async def first(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(2):
            await peer.subscribed()
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(2):
            asked.append(await peer.hear("SUBSCRIBE"))
            fields = {"channels": ["trades"], "instrumentIds": ["X"], "accounts": [], "subscriptions": 1}
            if asked[-1]["channels"] == ["trades"]:
                await peer.say("SUBSCRIBED", id=asked[-1]["id"], **fields)
            else:
                await peer.say("ERROR", id=asked[-1]["id"], error=problem(GatewayFault.NOT_SUBSCRIBABLE))
        await peer.update("trades", 9, [], "snapshot", symbol="X")
        await peer.socket.close(1001)

    async def third(peer: Peer) -> None:
        await peer.welcome()
        asked.append(await peer.subscribed())
        await peer.update("trades", 10, [], "snapshot", symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        await client.subscribe("trades", symbols=["X"])
        await client.subscribe("mark", symbols=["X", "Y"])
        return await trades(client, 10)

    found = played(first, second, third, play=play)
    (lost,) = [each for each in found if isinstance(each, SubscriptionLostEvent)]
    assert (lost.channel, lost.symbols, lost.accounts) == ("mark", ("X", "Y"), ())
    assert isinstance(lost.error, e.RestError)
    assert lost.error.name == "NOT_SUBSCRIBABLE"
    assert [each["channels"] for each in asked] == [["trades"], ["mark"], ["trades"]]


TICK = {
    "symbol": "X", "bidPrice": "1.00", "bidQty": "1", "askPrice": None, "askQty": "0", "lastPrice": None,
    "lastQty": "0", "status": "live", "ageMs": 0, "source": "exchange",
}  # fmt: skip
UNREADABLE = {
    "another kind": {"channel": "ticker", "sequence": "2", "data": TICK | {"bidPrice": {}}},
    "no number": {"channel": "ticker", "sequence": "x", "data": TICK},
    "a book of no numbers": {
        "channel": "book", "sequence": "2",
        "data": {"bids": [["a", "b", 1]], "asks": [], "checksum": 0, "lastSequence": "2"},
    },
    "a book beyond all bounds": {
        "channel": "book", "sequence": "2",
        "data": {"bids": [["9" * 30, "1", 1]], "asks": [], "checksum": 0, "lastSequence": "2"},
    },
    "a known channel without data": {"channel": "ticker", "sequence": "2"},
}  # fmt: skip


@pytest.mark.parametrize("update", UNREADABLE.values(), ids=UNREADABLE)
def test_update_that_cannot_be_read_is_a_broken_connection(update: Frame) -> None:
    """The next one begins with snapshots, and the reader goes on."""

    async def odd(peer: Peer) -> None:
        await peer.welcome()
        await peer.say("UPDATES", at="", updates=[{"symbol": "X", "kind": "snapshot"} | update])
        await forever(peer)

    async def good(peer: Peer) -> None:
        await peer.welcome(resumed=True)
        await peer.update("ticker", 3, TICK, "snapshot", symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        return await events(client, 3)

    assert [type(each) for each in played(odd, good, play=play)] == [
        ConnectedEvent,
        ConnectedEvent,
        TickerEvent,
    ]


def test_what_a_newer_gateway_says_beside_is_passed_over() -> None:
    """Frames of a kind, and updates of a channel, that are not known; new fields. The connection stays."""

    async def newer(peer: Peer) -> None:
        await peer.welcome()
        await peer.say("NOTICE", text="soon")
        told = {"symbol": "X", "kind": "snapshot", "sequence": "2"}
        unknown = [told | {"channel": "funding", "data": 1}, told | {"channel": ["odd"], "data": 1}]
        known = told | {"channel": "ticker", "data": TICK | {"newField": 1}}
        await peer.say("UPDATES", at="", updates=[*unknown, known], more=1)
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        return await events(client, 2)

    connected, ticker = played(newer, play=play)
    assert isinstance(connected, ConnectedEvent)
    assert isinstance(ticker, TickerEvent)
    assert ticker.sequence == 2


def test_reader_hears_of_a_client_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends its task, who reads and who asks do not wait for ever."""

    async def play(client: StreamClient) -> None:
        async def fails(self: Connection) -> None:
            raise LookupError("a mistake of the client")

        assert isinstance(await anext(client), ConnectedEvent)
        monkeypatch.setattr(Connection, "read", fails)
        with pytest.raises(e.OutcomeUnknown):
            await client.orders.limit("X", "buy", "1", "2")
        with pytest.raises(ClientClosed, match="a mistake of the client"):
            await anext(client)
        with pytest.raises(ClientClosed, match="a mistake of the client"):
            await client.ping()

    async def speaks(peer: Peer) -> None:
        await peer.welcome()
        await peer.hear("ORDER")
        await peer.say("HEARTBEAT", serverTime="")
        await forever(peer)

    played(speaks, play=play)


@pytest.mark.parametrize("code", [1001, 4002, 4009, 4011])
def test_order_under_way_when_the_stream_ends_is_unknown(code: int) -> None:
    """Also where it ends for good: the error names the order. Of what is sent later nothing is done."""

    async def ends(peer: Peer) -> None:
        await peer.welcome()
        await peer.hear("ORDER")
        await peer.socket.close(code)

    async def welcomes(peer: Peer) -> None:
        await peer.welcome()
        await forever(peer)

    async def play(client: StreamClient) -> None:
        with pytest.raises(e.OutcomeUnknown) as unknown:
            await client.orders.limit("X", "buy", "1", "2", client_order_id="c-7")
        assert unknown.value.client_order_id == "c-7"
        if code in (4002, 4009):
            await anext(client)
            with pytest.raises(StreamEnded):
                await client.orders.limit("X", "buy", "1", "2")

    played(ends, welcomes, play=play)


@pytest.mark.parametrize("kind", ["PONG", "RESULT"])
def test_order_whose_answer_says_nothing_of_it_is_unknown(kind: str) -> None:
    """An answer of another kind, or one without an order."""

    async def odd(peer: Peer) -> None:
        await peer.welcome()
        asked = await peer.hear("ORDER")
        await peer.say(kind, id=asked["id"], at=None, serverTime="", status=201)
        await forever(peer)

    async def play(client: StreamClient) -> None:
        with pytest.raises(e.OutcomeUnknown) as unknown:
            await client.orders.limit("X", "buy", "1", "2", client_order_id="c-7")
        assert unknown.value.client_order_id == "c-7"

    played(odd, play=play)


@pytest.mark.parametrize("kind", [StreamClient, WaitingStreamClient])
@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "http://", "http://[::1", "http://a:99999", "ftp://a"])
def test_address_that_is_none_is_said_at_once(kind: type[Any], url: str) -> None:
    """Not as a gateway that does not answer; and no thread is left behind."""
    with pytest.raises(ConfigError, match="no address of a gateway"):
        kind(url)


def test_address_of_a_websocket_is_one() -> None:
    """For who has it from elsewhere."""
    StreamClient("ws://127.0.0.1:8080")
    StreamClient("wss://exchange.example")
