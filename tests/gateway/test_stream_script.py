"""The client of streams against a gateway that does what a test says: what breaks, and what comes after."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from exchange.client.rest import errors as e
from exchange.client.rest import hmac_key
from exchange.client.rest.credentials import ApiKeyAuth
from exchange.client.stream import (
    BookEvent,
    ConnectedEvent,
    Event,
    StreamClient,
    StreamEnded,
    StreamOptions,
    TradesEvent,
)
from exchange.errors import GatewayFault, ServiceUnavailableError

Frame = dict[str, Any]
WAIT_S = 60.0
KEY = "5e" * 32
OPTIONS = StreamOptions(name="t", timeout_s=WAIT_S, first_pause_s=0.01, longest_pause_s=0.05)


class Peer:
    """The gateway's side of one connection."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self.socket = socket
        self.number = number

    async def hear(self, op: str) -> Frame:
        """The next frame, which is such a one."""
        frame: Frame = json.loads(await self.socket.recv())
        assert frame["op"] == op, frame
        return frame

    async def say(self, kind: str, **fields: Any) -> None:
        """A frame."""
        await self.socket.send(json.dumps({"type": kind} | fields))

    async def welcome(self, *, resumed: bool = False, heartbeat_ms: int = 600_000) -> Frame:
        """After a logon, which is given."""
        logon = await self.hear("LOGON")
        await self.say(
            "WELCOME", id=logon["id"], connectionId=f"c-{self.number}", serverTime="",
            heartbeatMs=heartbeat_ms, tenant=1, accounts=[11], scopes=["read"],
            resumeToken=f"token-{self.number}", resumed=resumed,
        )  # fmt: skip
        return logon

    async def subscribed(self) -> Frame:
        """After a subscription, which is given; its token counts calls."""
        asked = await self.hear("SUBSCRIBE")
        await self.say(
            "SUBSCRIBED", id=asked["id"], channels=asked["channels"],
            instrumentIds=asked.get("instrumentIds", []), accounts=asked.get("accounts", []), subscriptions=1,
            resumeToken=f"token-{self.number}-{asked['id']}",
        )  # fmt: skip
        return asked

    async def update(self, channel: str, sequence: int, data: Any, kind: str = "update", **of: Any) -> None:
        """One update."""
        told = {"channel": channel, "kind": kind, "sequence": str(sequence), "data": data} | of
        await self.say("UPDATES", at="", updates=[told])

    async def empty_book(self, sequence: int) -> None:
        """A snapshot."""
        data = {"bids": [], "asks": [], "checksum": zlib.crc32(b""), "lastSequence": str(sequence)}
        await self.update("book", sequence, data, "snapshot", symbol="X")

    async def no_change(self, first: int, last: int) -> None:
        """A change of an empty book that changes nothing."""
        data = {
            "bids": [], "asks": [], "checksum": zlib.crc32(b""), "firstSequence": str(first),
            "lastSequence": str(last),
        }  # fmt: skip
        await self.update("book", last, data, symbol="X")


Script = Callable[[Peer], Awaitable[None]]
Play = Callable[[StreamClient], Awaitable[Any]]


def against(*scripts: Script, play: Play, auth: ApiKeyAuth | None = None) -> Any:
    """Plays with a client whose connections meet one script each; what `play` gives."""

    async def run() -> Any:
        left = list(scripts)
        failed: list[BaseException] = []

        async def connection(socket: ServerConnection) -> None:
            try:
                await left.pop(0)(Peer(socket, len(scripts) - len(left)))
            except AssertionError as error:
                failed.append(error)

        async with serve(connection, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            key = auth or hmac_key("gk-1", KEY)
            async with asyncio.timeout(WAIT_S):
                async with StreamClient(f"http://127.0.0.1:{port}", key, options=OPTIONS) as client:
                    found = await play(client)
            assert failed == []
            return found

    return asyncio.run(run())


async def events(client: StreamClient, count: int) -> list[Event]:
    """The next ones."""
    return [await anext(client) for _ in range(count)]


async def forever(peer: Peer) -> None:
    """Nothing more is said."""
    await peer.socket.wait_closed()


@pytest.mark.req("E088")
def test_gap_in_a_book_begins_it_anew() -> None:
    """What does not join is not applied; the book is asked for again, as it was, and goes on."""
    asked: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        asked.append(await peer.subscribed())
        await peer.empty_book(5)
        await peer.no_change(6, 6)
        await peer.no_change(8, 8)  # 7 is missing
        await peer.no_change(9, 9)  # which joins nothing that the client has
        asked.append(await peer.subscribed())
        await peer.empty_book(9)
        await peer.no_change(10, 12)
        await forever(peer)

    async def play(client: StreamClient) -> tuple[list[tuple[int, bool]], int, int]:
        await client.subscribe("book", symbols=["X"], raw=True)
        found: list[tuple[int, bool]] = []
        while not found or found[-1][0] < 12:
            event = await anext(client)
            if isinstance(event, BookEvent):
                found.append((event.sequence, event.is_snapshot))
        return found, client.gaps, client.book("X").sequence

    found, gaps, sequence = against(script, play=play)
    assert (gaps, sequence) == (1, 12)
    assert found[-1][0] == 12
    assert {number for number, _ in found} <= {5, 6, 9, 12}
    assert [(each["channels"], each["instrumentIds"], each["raw"]) for each in asked] == [
        (["book"], ["X"], True)
    ] * 2


@pytest.mark.req("E089")
def test_new_connection_takes_up_where_the_old_one_was() -> None:
    """With the last token and the largest sequence of what was its own; nothing is asked for again."""
    logons: list[Frame] = []

    async def first(peer: Peer) -> None:
        logons.append(await peer.welcome())
        await peer.subscribed()
        await peer.update("orders", 41, [], "snapshot", account=11)
        await peer.update("balances", 44, [], account=11)
        await peer.socket.close(1001)

    async def second(peer: Peer) -> None:
        logons.append(await peer.welcome(resumed=True))
        await peer.update("orders", 45, [], account=11)
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        await client.subscribe("orders", "balances")
        found = [await anext(client)]
        while getattr(found[-1], "sequence", 0) < 45:
            found.append(await anext(client))
        return found

    found = against(first, second, play=play)
    assert [each for each in found if isinstance(each, ConnectedEvent)] == [
        ConnectedEvent(connection_id="c-1", resumed=False, reconnects=0),
        ConnectedEvent(connection_id="c-2", resumed=True, reconnects=1),
    ]
    assert "resume" not in logons[0]
    assert logons[1]["resume"] == {"token": "token-1-2", "sequence": "44"}
    assert logons[0]["nonce"] != logons[1]["nonce"]


@pytest.mark.req("E089")
@pytest.mark.parametrize("refuses", [True, False])
def test_what_was_not_taken_up_is_subscribed_to_again(refuses: bool) -> None:
    """Whether the gateway says that the token is bad, or only that nothing was resumed."""
    again: list[Frame] = []

    async def first(peer: Peer) -> None:
        await peer.welcome()
        await peer.subscribed()
        await peer.socket.close(1011)

    async def second(peer: Peer) -> None:
        if refuses:
            logon = await peer.hear("LOGON")
            fault = GatewayFault.BAD_RESUME_TOKEN
            problem = {
                "code": int(fault), "name": fault.name, "message": "", "transient": False, "details": {},
                "correlation_id": "",
            }  # fmt: skip
            await peer.say("ERROR", id=logon["id"], error=problem)
            await peer.say(
                "WELCOME",
                id=logon["id"],
                connectionId="c-2",
                serverTime="",
                heartbeatMs=600_000,
                resumed=False,
            )
        else:
            await peer.welcome()
        again.append(await peer.subscribed())
        await peer.update("trades", 9, [], "snapshot", symbol="X")
        await forever(peer)

    async def play(client: StreamClient) -> Event:
        await client.subscribe("trades", symbols=["X"])
        while True:
            event = await anext(client)
            if isinstance(event, TradesEvent):
                return event

    assert against(first, second, play=play).sequence == 9
    assert [(each["channels"], each["instrumentIds"]) for each in again] == [(["trades"], ["X"])]


def test_silence_is_a_broken_connection() -> None:
    """No heartbeat for three of its beats: another connection is made. Heartbeats keep one."""

    async def silent(peer: Peer) -> None:
        await peer.welcome(heartbeat_ms=100)
        for _ in range(8):
            await asyncio.sleep(0.1)
            await peer.say("HEARTBEAT", serverTime="")
        await forever(peer)

    async def speaks(peer: Peer) -> None:
        await peer.welcome()
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        began = asyncio.get_running_loop().time()
        found = await events(client, 2)
        assert asyncio.get_running_loop().time() - began > 0.8
        return found

    found = against(silent, speaks, play=play)
    assert [each.connection_id for each in found if isinstance(each, ConnectedEvent)] == ["c-1", "c-2"]


def test_order_whose_answer_is_lost_is_unknown_and_not_sent_again() -> None:
    """The error names it. While there is no connection nothing is sent."""
    asked: list[Frame] = []

    async def first(peer: Peer) -> None:
        await peer.welcome()
        asked.append(await peer.hear("ORDER"))
        await peer.socket.close(1011)

    async def second(peer: Peer) -> None:
        await peer.welcome()
        await forever(peer)

    async def play(client: StreamClient) -> str:
        with pytest.raises(e.OutcomeUnknown) as unknown:
            await client.orders.limit("X", "buy", "1", "2", client_order_id="c-7")
        with pytest.raises(ServiceUnavailableError, match="nothing was sent"):
            await client.orders.limit("X", "buy", "1", "2")
        found = await events(client, 2)
        assert isinstance(found[1], ConnectedEvent)
        return unknown.value.client_order_id

    assert against(first, second, play=play) == "c-7"
    assert asked[0]["order"] == {
        "symbol": "X", "side": "buy", "qty": "1", "price": "2", "clientOrderId": "c-7",
    }  # fmt: skip


@pytest.mark.parametrize("code", [4001, 4002, 4004, 4009, 4010])
def test_stream_that_the_gateway_ends_for_good_is_over(code: int) -> None:
    """The reader is told why, once it has read what came before; nobody connects again."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.update("trades", 1, [], "snapshot", symbol="X")
        await peer.socket.close(code, "why")

    async def play(client: StreamClient) -> StreamEnded:
        connected, trades = await events(client, 2)
        assert (type(connected), type(trades)) == (ConnectedEvent, TradesEvent)
        with pytest.raises(StreamEnded) as ended:
            await anext(client)
        with pytest.raises(StreamEnded):
            await client.ping()
        with pytest.raises(StreamEnded):
            await client.orders.mass_cancel()
        return ended.value

    ended = against(script, play=play)
    assert (ended.number, ended.reason) == (code, "why")


def test_clock_is_learned_by_the_first_logon() -> None:
    """The second is signed by the gateway's time."""
    auth = ApiKeyAuth("gk-1", lambda _: "00", lambda: 1_000_000)
    times: list[str] = []

    async def script(peer: Peer) -> None:
        logon = await peer.hear("LOGON")
        times.append(logon["timestamp"])
        fault = GatewayFault.CLOCK_OUT_OF_WINDOW
        problem = {
            "code": int(fault), "name": fault.name, "message": "", "transient": True,
            "details": {"serverTimeMs": 1_042_000}, "correlation_id": "",
        }  # fmt: skip
        await peer.say("ERROR", id=logon["id"], error=problem)
        times.append((await peer.welcome())["timestamp"])
        await forever(peer)

    async def play(client: StreamClient) -> list[Event]:
        return await events(client, 1)

    against(script, play=play, auth=auth)
    assert times == ["1000000", "1042000"]


def test_credential_that_counts_for_nothing_is_raised_where_it_is_entered() -> None:
    """As over HTTP, at once."""

    async def script(peer: Peer) -> None:
        logon = await peer.hear("LOGON")
        problem = {
            "code": 8201, "name": "UNKNOWN_KEY", "message": "", "transient": False, "details": {},
            "correlation_id": "",
        }  # fmt: skip
        await peer.say("ERROR", id=logon["id"], error=problem)
        await forever(peer)

    async def play(_: StreamClient) -> None:
        raise AssertionError("it was let in")

    with pytest.raises(e.NotAuthenticated) as refused:
        against(script, play=play)
    assert refused.value.name == "UNKNOWN_KEY"


def test_nobody_there_is_said_in_time() -> None:
    """Where no first connection is made."""

    async def run() -> None:
        options = StreamOptions(timeout_s=0.5, first_pause_s=0.01, longest_pause_s=0.05)
        async with StreamClient("http://127.0.0.1:9", options=options):
            raise AssertionError("it was let in")

    with pytest.raises(ServiceUnavailableError, match="no stream in time"):
        asyncio.run(run())
