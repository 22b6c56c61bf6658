"""Whether who came in still counts: what streams wait for; browsers; and another issuer's keys."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.config.settings import Gateway
from exchange.domain.contracts.identity import AuthenticateRequest
from exchange.errors import GatewayFault, SecurityFault, ServiceUnavailableError
from exchange.resilience import Policies
from exchange.security.principal import Method, Principal
from exchange.services.gateway.authentication import REMEMBERED_S, Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.standing import Standing
from exchange.services.identity.issuer import OtherIssuer
from exchange.services.identity.refused import Refused
from tests.gateway.credentials import AUDIENCE, OTHER, Clock, ec_jwk, identity, jwk, other_token
from tests.gateway.test_authentication import NOW, Source

ANN = Principal(
    tenant=1, subject="us-1", name="ann", method=Method.SESSION, credential_id="se-1", session_id="se-1",
    scopes=frozenset({"read"}),
)  # fmt: skip
KEY = Principal(tenant=1, subject="gk-1", name="bot", method=Method.API_KEY, credential_id="gk-1")
TOKEN = Principal(tenant=1, subject="1/olivia", name="olivia", method=Method.JWT, credential_id="x")


@dataclass
class Says:
    """In the place of identity: who counts no more."""

    gone: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    away: bool = False
    principals: dict[str, Principal] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ended(self, credentials: Sequence[str]) -> tuple[str, ...]:
        """Those of them."""
        self.asked.append(tuple(credentials))
        self.was_asked.set()
        if self.away:
            raise ServiceUnavailableError("away")
        return tuple(each for each in credentials if each in self.gone)

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """Of a token."""
        self.tokens.append(request.token)
        found = self.principals.get(request.token)
        if found is None:
            raise Refusal(GatewayFault.SESSION_OVER)
        return found


def test_stream_learns_that_its_session_or_key_counts_no_more() -> None:
    """Each of those who wait for it, within a second or two; others go on, also while identity is away."""

    async def run() -> list[Any]:
        says = Says(away=True)
        standing = Standing(says)
        keeping = asyncio.create_task(standing.keep())
        with (
            standing.watched(ANN) as one,
            standing.watched(ANN) as two,
            standing.watched(KEY) as key,
            standing.watched(replace(ANN, credential_id="se-2", session_id="se-2")) as other,
            standing.watched(TOKEN) as token,
        ):
            await asyncio.wait_for(says.was_asked.wait(), 60)
            assert not any(each.done() for each in (one, two, key, other, token))
            says.away, says.gone = False, {"se-1", "gk-1", "x"}
            found = [await asyncio.wait_for(each, 60) for each in (one, two, key)]
            assert not other.done()
            assert not token.done()
        keeping.cancel()
        assert set(says.asked[0]) == {"se-1", "se-2", "gk-1"}
        with standing.watched(KEY) as key:
            pass
        assert key.cancelled()
        return found

    over = GatewayFault.SESSION_OVER
    assert asyncio.run(run()) == [over, over, SecurityFault.KEY_REVOKED]


@pytest.mark.parametrize(
    ("principal", "fault"),
    [
        (ANN, GatewayFault.SESSION_OVER),
        (KEY, SecurityFault.KEY_EXPIRED),
        (TOKEN, GatewayFault.TOKEN_EXPIRED),
    ],
)
def test_stream_learns_that_its_time_is_over(principal: Principal, fault: GatewayFault) -> None:
    """By the clock alone, to the moment; nobody is asked."""

    async def run() -> None:
        now_ms = time.time_ns() // 1_000_000
        standing = Standing(Says())
        with standing.watched(replace(principal, expires_ms=now_ms + 200)) as ended:
            assert await asyncio.wait_for(ended, 60) is fault
            assert time.time_ns() // 1_000_000 >= now_ms + 199
        with standing.watched(replace(principal, expires_ms=now_ms)) as ended:
            assert await asyncio.wait_for(ended, 60) is fault

    asyncio.run(run())


def test_token_is_remembered_for_a_second_and_never_beyond_its_end() -> None:
    """So one that was revoked elsewhere counts no longer than that; what was refused is asked again."""
    now_s = 100.0
    says = Says(principals={"xs_1": ANN, "jwt": replace(TOKEN, expires_ms=NOW + 1)})
    clock = Clock(NOW)
    authenticator = Authenticator(says, Browsers(Gateway()), lambda: now_s, clock)

    def asked(token: str) -> int:
        says.tokens.clear()
        try:
            asyncio.run(authenticator.of_token(token, "192.0.2.7"))
        except Refusal as refusal:
            assert refusal.name == "SESSION_OVER"  # noqa: PT017
        return len(says.tokens)

    assert [asked("xs_1"), asked("xs_1")] == [1, 0]
    now_s += REMEMBERED_S
    assert [asked("xs_1"), asked("xs_1")] == [1, 0]
    authenticator.forget()
    assert [asked("xs_1"), asked("xs_2"), asked("xs_2")] == [1, 1, 1]
    assert [asked("jwt"), asked("jwt")] == [1, 0]
    clock.ms += 1
    assert asked("jwt") == 1


def test_stream_is_opened_by_token_or_by_cookie_of_own_pages() -> None:
    """Cross-site WebSocket hijacking: a cookie from a foreign page opens nothing."""
    authenticator = Authenticator(Says(principals={"xs_1": ANN}), Browsers(Gateway()))

    def opened(**headers: str) -> str:
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        try:
            principal = asyncio.run(authenticator.of_handshake(raw, "192.0.2.7"))
        except Refusal as refusal:
            return refusal.name
        return "nobody yet" if principal is None else principal.name

    cookie, host = "exchange_session=xs_1", "exchange.example"
    assert opened(authorization="Bearer xs_1") == "ann"
    assert opened(host=host) == "nobody yet"
    assert opened(cookie=cookie, host=host, origin="https://exchange.example") == "ann"
    assert opened(cookie=cookie, host=host, origin="https://evil.example") == "ORIGIN_NOT_ALLOWED"
    assert opened(cookie=cookie, host=host) == "ORIGIN_NOT_ALLOWED"
    assert opened(authorization="Bearer xs_2") == "SESSION_OVER"
    assert opened(authorization="Basic xs_1") == "MALFORMED_CREDENTIAL"


def test_cookie_is_secure_beyond_this_machine_and_origins_are_of_the_settings() -> None:
    """Over plain HTTP on loopback a browser would not send a Secure one back."""
    inside, outside = (
        Browsers(Gateway()),
        Browsers(Gateway(host="192.0.2.1", origins="https://a.example/ http://b:1")),
    )
    assert b"Secure" not in inside.cookie("t", 60)[1]
    assert outside.cookie("t", 60) == (
        b"set-cookie",
        b"exchange_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure",
    )
    for origin, own in ((b"https://a.example", True), (b"http://b:1", True), (b"http://a.example", False)):
        assert outside.is_own({b"origin": origin, b"host": b"c.example"}) is own
    assert not inside.is_own({b"origin": b"", b"host": b""})
    assert not inside.is_own({b"origin": b"http://", b"host": b""})
    assert outside.token({b"cookie": b"x=1; exchange_session=a=b; exchange_session=c"}) == "a=b"


@contextmanager
def served(keys: dict[str, Any], asked: list[str]) -> Iterator[str]:
    """A key set over HTTP."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = json.dumps(keys).encode()
            self.send_response(200 if keys else 500)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_keys_of_another_issuer_are_fetched_when_they_are_new_and_not_more_often() -> None:
    """A rotation is followed; unknown ids, which anybody can make up, cost one question in 10 s."""
    first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys: dict[str, Any] = {"keys": [jwk(first, "one")]}
    asked: list[str] = []
    now_s = 1_000.0
    with served(keys, asked) as url:
        issuer = OtherIssuer(
            OTHER, url, AUDIENCE, "EdDSA", Policies().of("identity", "issuer"), lambda: now_s
        )

        def says(key: Ed25519PrivateKey, kid: str) -> str:
            try:
                return issuer.principal(other_token(key, kid=kid), kid).name
            except Refused as refused:
                return refused.fault.name

        assert [says(first, "one"), says(first, "one"), len(asked)] == ["olivia", "olivia", 1]
        keys["keys"] = [jwk(first, "one"), jwk(second, "two")]
        assert [says(second, "two"), len(asked)] == ["BAD_TOKEN", 1]
        now_s += 10
        assert [says(second, "two"), len(asked)] == ["olivia", 2]
        assert {says(first, f"made-up-{number}") for number in range(50)} == {"BAD_TOKEN"}
        assert len(asked) == 2
        keys["keys"] = [jwk(second, "two")]
        now_s += 301
        assert [says(first, "one"), says(second, "two"), len(asked)] == ["BAD_TOKEN", "olivia", 3]
        keys.clear()
        now_s += 301
        assert [says(second, "two"), len(asked)] == ["olivia", 4]  # those of before count on
        fresh = OtherIssuer(OTHER, url, AUDIENCE, "EdDSA", Policies().of("identity", "issuer"), lambda: now_s)
        with pytest.raises(Refused) as caught:
            fresh.principal(other_token(second, kid="two"), "two")
        assert caught.value.fault is GatewayFault.UNAVAILABLE


def test_issuer_that_hangs_holds_up_one_thread_alone() -> None:
    """Others go on with the keys that are there."""
    key, asked, now_s = Ed25519PrivateKey.generate(), [""], 1_000.0
    with served({"keys": [jwk(key, "one")]}, asked) as url:
        issuer = OtherIssuer(
            OTHER, url, AUDIENCE, "EdDSA", Policies().of("identity", "issuer"), lambda: now_s
        )
        assert issuer.principal(other_token(key, kid="one"), "one").tenant == 1
        now_s += 301
        with issuer._looking:  # somebody looks, and waits
            assert issuer.principal(other_token(key, kid="one"), "one").tenant == 1
            assert len(asked) == 2
        assert issuer.principal(other_token(key, kid="one"), "one").tenant == 1
        assert len(asked) == 3


def test_algorithm_of_another_issuer_is_that_of_the_settings(tmp_path: Path) -> None:
    """ES256 where they say so; a key of another kind in its set counts for nothing."""
    pair, other = ec.generate_private_key(ec.SECP256R1()), Ed25519PrivateKey.generate()
    (tmp_path / "jwks.json").write_text(
        json.dumps(
            {"keys": [ec_jwk(pair, "ec"), jwk(other, "ed"), {"kty": "oct", "k": "AAAA", "kid": "oct"}]}
        )
    )
    issuer = OtherIssuer(
        OTHER, str(tmp_path / "jwks.json"), AUDIENCE, "ES256", Policies().of("identity", "issuer")
    )
    assert issuer.principal(other_token(pair, kid="ec", algorithm="ES256"), "ec").tenant == 1
    for key, kid, algorithm in ((other, "ed", "EdDSA"), (b"\0\0\0" * 16, "oct", "HS256")):
        with pytest.raises(Refused) as caught:
            issuer.principal(other_token(key, kid=kid, algorithm=algorithm), kid)
        assert caught.value.fault is GatewayFault.BAD_TOKEN


def test_principal_of_another_issuer_is_none_of_ours(tmp_path: Path) -> None:
    """Its name within its tenant; no session, and nothing that a key may not do."""
    with identity(tmp_path, Source([]), Clock(NOW)) as world:
        token = other_token(world.issuer_key, roles=["admin"], accounts=[11], tenant=7)
        found = asyncio.run(world.principal(AuthenticateRequest(token=token)))
    assert replace(found, expires_ms=None) == Principal(
        tenant=7, subject="7/olivia", name="olivia", method=Method.JWT, credential_id="",
        roles=frozenset({"admin"}), scopes=frozenset({"read", "trade", "transfer"}), accounts=(11,),
    )  # fmt: skip
