"""Whether who came in still counts: what streams wait for; browsers; and another issuer's keys."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client.rest.closing import Close
from exchange.config.settings import Gateway
from exchange.domain.contracts.identity import AuthenticateRequest, StandingReply
from exchange.domain.events import Entity, Event, IdentityChanged
from exchange.errors import GatewayFault, ServiceUnavailableError
from exchange.resilience import Policies
from exchange.security.principal import Method, Principal
from exchange.services.gateway.authentication import ASKED_S, Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.changes import Changes
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.standing import Standing
from exchange.services.identity.issuer import OtherIssuer
from exchange.services.identity.refused import Refused
from tests.clock import Clock
from tests.gateway.credentials import AUDIENCE, OTHER, ec_jwk, identity, jwk, other_token
from tests.gateway.keyring import NOW, Source

ANN = Principal(
    tenant=1, subject="us-1", name="ann", method=Method.SESSION, credential_id="se-1", session_id="se-1",
    user_id="us-1", scopes=frozenset({"read"}),
)  # fmt: skip
KEY = Principal(tenant=1, subject="gk-1", name="bot", method=Method.API_KEY, credential_id="gk-1")
TOKEN = Principal(tenant=1, subject="1/olivia", name="olivia", method=Method.JWT, credential_id="x")


def change(sequence: int, name: str, subject: str, user: str = "") -> Event:
    """A change of identity, as it is published."""
    return Event(
        event_id="", event_type=name, event_version=1, occurred_at=0, producer="identity", tenant_id="1",
        correlation_id="c", causation_id="c",
        entity=Entity(entity_type="x", entity_id=subject, sequence=sequence),
        payload=IdentityChanged(subject_id=subject, user_id=user),
    )  # fmt: skip


@dataclass
class Says:
    """In the place of identity: who counts no more, and how many changes there were."""

    gone: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)
    away: bool = False
    changes: int = 0
    principals: dict[str, Principal] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    async def standing(self, credentials: Sequence[str]) -> StandingReply:
        """Those of them."""
        self.asked.append(sorted(credentials))
        if self.away:
            raise ServiceUnavailableError("away")
        return StandingReply(
            ended=tuple(each for each in credentials if each in self.gone), changes=self.changes
        )

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """Of a token."""
        self.tokens.append(request.token)
        found = self.principals.get(request.token)
        if found is None:
            raise Refusal(GatewayFault.SESSION_OVER)
        return found


@dataclass
class Heard:
    """In the place of a watch of the log."""

    is_reading: bool = True
    sequence: int = 0


BOT = replace(KEY, subject="gk-2", credential_id="gk-2", user_id="us-1")
OWN = replace(ANN, method=Method.JWT, credential_id="x-1", session_id="se-3")
BEN = replace(ANN, subject="us-2", user_id="us-2", credential_id="se-2", session_id="se-2")
EVERYBODY = {"ann": ANN, "ben": BEN, "key": KEY, "bot": BOT, "own": OWN, "token": TOKEN}
OVER, OTHER_RIGHTS = Close.SESSION_ENDED, Close.RIGHTS_CHANGED


@pytest.mark.parametrize(
    ("name", "subject", "ends"),
    [
        ("SessionRevoked", "se-1", {"ann": OVER}),
        ("ApiKeyRevoked", "gk-2", {"bot": OVER}),
        ("ApiKeyRevoked", "gk-1", {"key": OVER}),
        ("UserDisabled", "us-1", {"ann": OVER, "bot": OVER, "own": OVER}),
        ("UserRolesSet", "us-1", {"ann": OTHER_RIGHTS, "bot": OTHER_RIGHTS, "own": OTHER_RIGHTS}),
        ("SigningKeyRevoked", "sk-1", {"own": OVER}),
        ("UserFrozen", "us-2", {"ben": OTHER_RIGHTS}),  # newer than this gateway: who it is about comes anew
        ("PasswordChanged", "us-1", {}),
        ("SessionOpened", "se-4", {}),
        ("ApiKeyCreated", "gk-3", {}),
    ],
)
def test_stream_ends_by_the_change_that_concerns_it(name: str, subject: str, ends: dict[str, Close]) -> None:
    """And no other; so does one that begins later by what was known before the change, and no newer one."""

    async def run() -> None:
        standing = Standing()
        standing.tell([change(6, "UserCreated", "us-9")])
        with ExitStack() as opened:
            found = {
                who: opened.enter_context(standing.watched(replace(each, as_of=6)))
                for who, each in EVERYBODY.items()
            }
            standing.tell([change(7, name, subject), change(7, "SessionRevoked", "se-2")])  # the last is old
            assert {who: each.result() for who, each in found.items() if each.done()} == ends
        for who, each in EVERYBODY.items():
            for as_of, outdated in ((6, who in ends), (7, False), (8, False)):
                principal = replace(each, as_of=as_of)
                assert standing.is_outdated(principal) is outdated, (who, as_of)
                with standing.watched(principal) as ended:
                    assert ended.done() is outdated
                assert not ended.done() or ended.cancelled() or ended.result() is OTHER_RIGHTS
        assert standing.credentials == []

    asyncio.run(run())


def test_change_that_was_not_told_has_everybody_come_in_anew() -> None:
    """A number is missing: nobody knows whom it concerned. Another issuer's token is no matter of ours."""

    async def run() -> None:
        standing = Standing()
        standing.tell([change(5, "UserCreated", "us-9")])
        with standing.watched(replace(ANN, as_of=5)) as ann, standing.watched(TOKEN) as token:
            standing.tell([change(7, "UserCreated", "us-8")])
            assert (ann.result(), token.done()) == (OTHER_RIGHTS, False)
        assert [standing.is_outdated(replace(BEN, as_of=at)) for at in (5, 6, 7)] == [True, False, False]

    asyncio.run(run())


def test_changes_that_are_kept_are_bounded() -> None:
    """What the oldest of them concerned is not known any more: who came in before it is outdated."""
    standing = Standing()
    standing.tell([change(1 + at, "SessionRevoked", f"se-{100 + at}") for at in range(5_000)])
    assert standing.sequence == 5_000
    assert len(standing._recent) == 4_096
    found = [standing.is_outdated(replace(ANN, as_of=at)) for at in (0, 903, 904, 4_999)]
    assert found == [True, True, False, False]


def test_identity_is_asked_while_changes_are_not_heard() -> None:
    """Each second, who counts no more; a token is remembered as long. Else once in ten seconds."""

    async def run() -> None:
        now_s, heard = 100.0, Heard()
        says, standing = Says(), Standing()
        authenticator = Authenticator(says, Browsers(Gateway()), standing)
        changes = Changes(says, standing, authenticator, 1_800.0, lambda: now_s)

        async def look() -> tuple[bool, list[str], float]:
            says.asked.clear()
            await changes.look(heard)
            return changes.is_current, says.asked[0], authenticator.remembers_s

        every = ["gk-1", "se-1"]
        with standing.watched(ANN) as ann, standing.watched(KEY) as key:
            assert await look() == (True, every, 10.0)
            now_s += 9
            assert await look() == (True, [], 10.0)
            now_s += 1
            assert await look() == (True, every, 10.0)
            says.changes = 1  # committed, and not published yet
            assert await look() == (True, [], 10.0)
            assert await look() == (False, every, 1.0)
            assert await look() == (False, every, 1.0)
            heard.sequence = 1
            assert await look() == (True, [], 10.0)
            heard.is_reading = False
            assert await look() == (False, every, 1.0)
            heard.is_reading, says.away = True, True
            assert await look() == (False, [], 1.0)
            assert not ann.done()
            says.away, says.gone, heard.is_reading = False, {"se-1"}, False
            assert await look() == (False, every, 1.0)
            assert (ann.result(), key.done()) == (Close.SESSION_ENDED, False)

    asyncio.run(run())


def test_session_that_may_idle_for_a_moment_alone_is_asked_for_in_time() -> None:
    """A quarter of what it may idle: whoever is remembered, or on a stream, uses it."""

    async def run() -> None:
        says, standing, now_s = Says(), Standing(), 100.0
        authenticator = Authenticator(says, Browsers(Gateway()), standing)
        changes = Changes(says, standing, authenticator, 8.0, lambda: now_s)
        with standing.watched(ANN):
            for _ in range(3):
                await changes.look(Heard())
                now_s += 1.0
        assert authenticator.remembers_s == 2.0
        assert says.asked == [["se-1"], [], ["se-1"]]

    asyncio.run(run())


@pytest.mark.parametrize("principal", [ANN, KEY, TOKEN])
def test_stream_learns_that_its_time_is_over(principal: Principal) -> None:
    """By the clock alone, to the moment; nobody is asked."""

    async def run() -> None:
        now_ms = time.time_ns() // 1_000_000
        standing = Standing()
        with standing.watched(replace(principal, expires_ms=now_ms + 200)) as ended:
            assert await asyncio.wait_for(ended, 60) is Close.SESSION_ENDED
            assert time.time_ns() // 1_000_000 >= now_ms + 199
        with standing.watched(replace(principal, expires_ms=now_ms)) as ended:
            assert await asyncio.wait_for(ended, 60) is Close.SESSION_ENDED

    asyncio.run(run())


def test_token_is_remembered_until_it_is_outdated_or_at_its_end() -> None:
    """For a second where nothing is heard of changes; what was refused is asked again."""
    now_s = 100.0
    says = Says(principals={"xs_1": ANN, "jwt": replace(TOKEN, expires_ms=NOW + 1)})
    clock, standing = Clock(NOW), Standing()
    authenticator = Authenticator(says, Browsers(Gateway()), standing, lambda: now_s, clock)

    def asked(token: str) -> int:
        says.tokens.clear()
        try:
            asyncio.run(authenticator.of_token(token, "192.0.2.7"))
        except Refusal as refusal:
            assert refusal.name == "SESSION_OVER"  # noqa: PT017
        return len(says.tokens)

    assert [asked("xs_1"), asked("xs_1")] == [1, 0]
    now_s += ASKED_S
    assert [asked("xs_1"), asked("xs_1")] == [1, 0]
    authenticator.forget()
    assert [asked("xs_1"), asked("xs_2"), asked("xs_2")] == [1, 1, 1]
    authenticator.remembers_s = 10.0
    now_s += 9.0
    assert asked("xs_1") == 0
    standing.tell([change(1, "UserRolesSet", "us-2"), change(2, "SessionRevoked", "se-2")])
    assert asked("xs_1") == 0
    standing.tell([change(3, "UserRolesSet", "us-1")])
    assert [asked("xs_1"), asked("xs_1")] == [1, 1]  # what it says is still from before
    says.principals["xs_1"] = replace(ANN, as_of=3)
    assert [asked("xs_1"), asked("xs_1")] == [1, 0]
    assert [asked("jwt"), asked("jwt")] == [1, 0]
    clock.now += 1
    assert asked("jwt") == 1


def test_stream_is_opened_by_token_or_by_cookie_of_own_pages() -> None:
    """Cross-site WebSocket hijacking: a cookie from a foreign page opens nothing."""
    authenticator = Authenticator(Says(principals={"xs_1": ANN}), Browsers(Gateway()), Standing())

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
    assert replace(found, expires_ms=None, as_of=0) == Principal(
        tenant=7, subject="7/olivia", name="olivia", method=Method.JWT, credential_id="",
        roles=frozenset({"admin"}), scopes=frozenset({"read", "trade", "transfer"}), accounts=(11,),
    )  # fmt: skip
