"""Who may open a stream, how long it lasts, and with which code it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from exchange.services.identity.api_keys import Wanted
from tests.exchange.commands import exchange
from tests.exchange.running import until
from tests.gateway.credentials import other_token
from tests.gateway.door import ANN, EVERY, SELL
from tests.gateway.running import watched
from tests.gateway.signed import Answer, Program
from tests.gateway.stream.floor import MARKET, PASSWORD, SYMBOL, Floor
from tests.gateway.stream.socket import WAIT_S, Stream, logon_of, of_channel

OVER_S = 15


def test_pages_of_other_origins_open_no_stream(door: Floor) -> None:
    """The gateway's own and those of the settings do; programs have none."""
    own = f"http://127.0.0.1:{door.port}"
    for origin, status in (
        (own, 101),
        ("https://desk.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
    ):
        for path in (MARKET, "/v1/stream"):
            try:
                with Stream(door.port, path, origin=origin):
                    found = 101
            except InvalidStatus as answered:
                found = answered.response.status_code
            assert found == status, (origin, path)
    with pytest.raises(InvalidStatus) as refused, Stream(door.port, "/v1/gossip"):
        pass
    assert refused.value.response.status_code == 404


def test_who_does_not_log_on_is_closed(door: Floor) -> None:
    """4003 after five seconds, whatever else they said; 4001 after three logons that count for nothing."""
    with Stream(door.port) as silent, Stream(door.port) as asks:
        answer = asks.ask("SUBSCRIBE", channels=["orders"])
        assert answer["error"]["name"] == "NO_CREDENTIAL"
        assert asks.ask("PING")["type"] == "PONG"
        assert (silent.wait_closed(), asks.wait_closed()) == (4003, 4003)
    with Stream(door.port) as wrong:
        for _ in range(3):
            answer = wrong.ask("LOGON", token="st-none")  # noqa: S106
            assert answer["error"]["code"] // 100 == 91
        assert wrong.wait_closed() == 4001
    with Stream(door.port) as forged:
        said = forged.say("LOGON", apiKey=door.ann.key["key_id"], timestamp=1, nonce="n", signature="00")
        answer = forged.until(lambda frame: frame.get("id") == said)
        assert answer["error"]["name"] == "CLOCK_OUT_OF_WINDOW"
    with Stream(door.port, additional_headers={"authorization": "Bearer st-none"}) as stream:
        assert stream.wait_closed() == 4001


def test_stream_takes_no_token_from_its_address_and_compresses_nothing(door: Floor) -> None:
    """What is in an address is in logs; what is compressed may be small here and large there."""
    token = door.session("zoe")
    address = f"ws://127.0.0.1:{door.port}/v1/stream?token={token}&access_token={token}"
    with connect(address, open_timeout=WAIT_S, compression="deflate") as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        socket.send('{"op": "SUBSCRIBE", "id": "1", "channels": ["orders"]}')
        answer = json.loads(socket.recv(WAIT_S))
        assert (answer["id"], answer["error"]["name"]) == ("1", "NO_CREDENTIAL")
    assert token not in door.up.log


def test_frames_that_are_none_close_the_stream(door: Floor) -> None:
    """4004 after twenty; 1009 where one is larger than 64 KiB; each is answered until then."""
    with Stream(door.port, MARKET) as stream:
        for at in range(20):
            stream.socket.send(("{", "[1]", "no word", '{"op":7}', b"\x00")[at % 5])
        assert stream.wait_closed() == 4004
        assert sum(frame["type"] == "ERROR" for frame in stream.frames) == 20
    with Stream(door.port, MARKET) as stream:
        stream.socket.send("{" + " " * 65_536)
        assert stream.wait_closed() == 1009
    with Stream(door.port, MARKET) as stream:  # and others go on
        stream.hear()
        assert stream.ask("SUBSCRIBE", instrumentIds=[SYMBOL])["type"] == "SUBSCRIBED"


def test_key_that_is_revoked_ends_its_streams(door: Floor) -> None:
    """4002 within seconds, at both gateways; streams of other keys go on; one too many is 4010."""
    door.add(Wanted(name="brief", tenant=1, scopes=EVERY, accounts=(11,)))
    streams = [door.stream("brief", at) for at in (0, 0, 0, 1)]
    try:
        with Stream(door.port) as fourth, door.stream("ann") as other:
            fourth.say("LOGON", **logon_of(door.programs["brief"]))
            assert fourth.wait_closed() == 4010
            with door.keys() as keys:
                keys.revoke(door.programs["brief"].key["key_id"], "test")
            assert [stream.wait_closed() for stream in streams] == [4002] * 4
            assert other.ask("PING")["type"] == "PONG"
    finally:
        for stream in streams:
            stream.close()


@pytest.mark.req("E094")
def test_session_that_ends_and_rights_that_change_end_streams_at_both_gateways(door: Floor) -> None:
    """4002 by a sign-out or a new password elsewhere; 4011 by other roles, which the next logon has."""
    here, there, other = (door.session("mia", at) for at in (0, 1, 1))

    def scopes_of(*streams: Stream) -> list[list[str]]:
        return [
            stream.ask("LOGON", token=token)["scopes"]
            for stream, token in zip(streams, (there, other), strict=True)
        ]

    with ExitStack() as opened:

        def pair() -> tuple[Stream, Stream]:
            one, two = (opened.enter_context(Stream(door.port + at)) for at in (0, 1))
            return one, two

        first, zoe = (opened.enter_context(Stream(door.port + at)) for at in (1, 0))
        for stream, token in ((first, here), (zoe, door.session("zoe"))):
            assert stream.ask("LOGON", token=token)["type"] == "WELCOME"
        streams, scopes = pair(), ["keys", "read", "session", "trade", "transfer"]
        assert scopes_of(*streams) == [scopes] * 2
        out = Program(door.port).ask("DELETE", "/v1/sessions/current", authorization=f"Bearer {here}")
        assert (out.status, first.wait_closed()) == (200, 4002)
        for role, now_scopes in (("viewer", ["keys", "read", "session"]), ("trader", scopes)):
            exchange("users", "roles", "mia", "--role", role, "--data", str(door.data))
            assert [each.wait_closed() for each in streams] == [4011] * 2
            streams = pair()
            assert scopes_of(*streams) == [now_scopes] * 2
        change = {"oldPassword": PASSWORD, "newPassword": PASSWORD + "!"}
        said = {"authorization": f"Bearer {there}"}
        assert Program(door.port).ask("PUT", "/v1/users/me/password", change, **said).status == 200
        assert [each.wait_closed() for each in streams] == [4002] * 2
        assert zoe.ask("PING")["type"] == "PONG"


@pytest.mark.req("E094")
def test_stream_ends_with_the_token_that_opened_it(door: Floor) -> None:
    """A JWT of another issuer, and a key, to the moment; a JWT that is over opens none."""

    def is_known(token: str) -> bool:
        with Stream(door.port, additional_headers={"authorization": f"Bearer {token}"}) as stream:
            return bool(stream.until(lambda frame: True)["type"] == "WELCOME")

    # Who comes while the first token has the keys of its issuer looked for is told to come again.
    until(lambda: is_known(other_token(door.issuer)), "the keys of the issuer do not come")
    now_s = int(time.time())
    door.add(Wanted(name="short", tenant=1, scopes=("read",), expires_ms=(now_s + OVER_S) * 1_000))
    token = other_token(door.issuer, exp=now_s + OVER_S)
    with (
        Stream(door.port, additional_headers={"authorization": f"Bearer {token}"}) as by_token,
        Stream(door.port + 1, subprotocols=["exchange.v1", f"bearer.{token}"]) as there,
        door.stream("short") as by_key,
    ):
        for stream in (by_token, there):
            welcome = stream.until(lambda frame: True)
            assert (welcome["type"], welcome["scopes"]) == ("WELCOME", ["read", "trade", "transfer"])
        assert [each.wait_closed() for each in (by_token, there, by_key)] == [4002] * 3
        assert time.time() >= now_s + OVER_S

    def late() -> bool:
        with Stream(door.port, additional_headers={"authorization": f"Bearer {token}"}) as stream:
            return stream.wait_closed() == 4001 and stream.frames[-1]["error"]["name"] == "TOKEN_EXPIRED"

    until(late, "it opens streams")  # clocks may be 5 s apart; until then it ends at once


def test_requests_beyond_the_budget_close_the_stream(door: Floor) -> None:
    """RATE_LIMITED is answered; a hundred more of these than of others are 4005, and others go on."""
    with door.stream("ann") as stream:
        with suppress(ConnectionClosed):  # before all was said
            for _ in range(4_000):
                stream.say("PING")
        assert stream.wait_closed() == 4005
        names = [frame["error"]["name"] for frame in stream.frames if frame["type"] == "ERROR"]
        assert set(names) == {"RATE_LIMITED"}
        assert len(names) >= 100
    until(lambda: door.answers(0), "the budget does not come back")


@pytest.mark.req("E086")
def test_session_has_one_stream(door: Floor) -> None:
    """By a token in the first frame, a header, a subprotocol or the cookie; a newer one takes its place."""
    own = f"http://127.0.0.1:{door.port}"
    body = {"userName": "zoe", "password": PASSWORD}
    opened: Answer = Program(door.port).ask("POST", "/v1/sessions", body, origin=own)
    assert opened.status == 201
    token, cookie = opened.body["token"], opened.headers["set-cookie"].partition(";")[0]
    with Stream(door.port) as first:
        welcome = first.ask("LOGON", token=token)
        assert (welcome["type"], welcome["tenant"], welcome["accounts"]) == ("WELCOME", 1, [11])
        told = first.ask("SUBSCRIBE", channels=["orders", "balances"])
        assert (told["accounts"], told["subscriptions"]) == ([11], 2)
        with Stream(door.port, additional_headers={"authorization": f"Bearer {token}"}) as second:
            assert (second.until(lambda frame: True)["type"], first.wait_closed()) == ("WELCOME", 4009)
            with Stream(door.port, subprotocols=["exchange.v1", f"bearer.{token}"]) as third:
                assert third.socket.subprotocol == "exchange.v1"
                assert (third.until(lambda frame: True)["type"], second.wait_closed()) == ("WELCOME", 4009)
                with Stream(door.port, origin=own, additional_headers={"cookie": cookie}) as fourth:
                    assert (fourth.until(lambda frame: True)["type"], third.wait_closed()) == (
                        "WELCOME",
                        4009,
                    )
                    order = fourth.ask("ORDER", order=SELL | {"price": "140.00"})
                    assert (order["status"], order["order"]["account"]) == (201, 11)
                    assert fourth.ask("MASS_CANCEL")["cancelled"] == 1
                    out = Program(door.port).ask(
                        "DELETE", "/v1/sessions/current", authorization=f"Bearer {token}"
                    )
                    assert out.status == 200
                    assert fourth.wait_closed() == 4002


def test_market_data_that_dies_is_a_new_snapshot(door: Floor) -> None:
    """A gap upstream: ticks are stale meanwhile, and the book begins anew for those who have it."""
    with Stream(door.port, MARKET) as stream:
        stream.ask("SUBSCRIBE", channels=["book", "ticker"], instrumentIds=[SYMBOL])
        for channel in ("book", "ticker"):
            stream.update(of_channel(channel))
        stream.frames.clear()
        door.kill("marketdata")
        stream.update(lambda each: each["channel"] == "ticker" and each["data"]["status"] == "stale")
        anew = stream.update(lambda each: each["channel"] == "book")
        assert anew["kind"] == "snapshot"
        placed = door.ann.ask("POST", "/v1/orders", SELL | {"price": "333.00"}).body["orderId"]
        change = stream.update(lambda each: each["channel"] == "book" and each["kind"] == "update")
        assert change["data"]["asks"] == [["333.00", "0.5000", 1]]
        assert door.ann.ask("DELETE", f"/v1/orders/{placed}").status == 200

        def is_live() -> bool:
            stream.listen(0.2)
            return bool(stream.updates("ticker")[-1]["data"]["status"] == "live")

        until(is_live, "the ticker stays stale")


def test_gateway_that_dies_costs_no_event(door: Floor) -> None:
    """After SIGKILL the other gateway tells what was missed; the one that was killed comes back."""
    with door.stream("ann", at=1) as stream:
        token = stream.ask("SUBSCRIBE", channels=["orders"])["resumeToken"]
        stream.update(lambda each: each["kind"] == "snapshot")
        first = door.ann.ask("POST", "/v1/orders", SELL | {"price": "200.00"}).body["orderId"]
        told = stream.update(lambda each: each["kind"] == "update")
        door.kill("gateway-2")
        second = door.ann.ask("POST", "/v1/orders", SELL | {"price": "201.00"}).body["orderId"]
    resume = {"token": token, "sequence": told["sequence"]}
    with door.stream("ann", resume=resume) as stream:
        # Either it was missed, and is told before the snapshot; or the log has it only now, and it follows.
        stream.update(lambda each: each["kind"] == "snapshot")
        stream.update(lambda each: each["kind"] == "update")
        live: set[str] = set()
        for update in stream.updates("orders"):
            rows = {row["orderId"] for row in update["data"]}
            live = rows if update["kind"] == "snapshot" else live | rows
            assert update["kind"] == "snapshot" or rows == {second}
        assert live == {first, second}
    assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 2
    until(lambda: door.answers(1), "the second gateway stays away")


def test_gateway_that_stops_says_so(tmp_path: Path) -> None:
    """SIGTERM is 1001 for its streams, whoever is logged on."""
    with watched(tmp_path / "data") as (up, door):
        door.add(ANN)
        with Stream(door.port) as stream, Stream(door.port, MARKET) as market:
            assert stream.log_on(door.ann)["type"] == "WELCOME"
            market.until(lambda frame: frame["type"] == "WELCOME")
            os.kill(up.announcement()["processes"]["gateway"], signal.SIGTERM)
            assert [each.wait_closed() for each in (stream, market)] == [1001] * 2
