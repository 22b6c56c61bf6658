"""Whatever comes as a token gets a number, never an accident; and only what we signed, whole, is one."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exchange.domain.contracts.identity import AuthenticateRequest, PrincipalRecord
from exchange.schema.codec import decode_message, encode_message
from exchange.services.gateway.identity_link import principal_of
from exchange.services.gateway.refusal import Refusal
from exchange.services.identity.records import principal_record
from exchange.services.identity.refused import Refused
from exchange.services.identity.tokens import LASTS_S, LEEWAY_S
from tests.clock import Clock
from tests.gateway.credentials import Identity, identity, other_token
from tests.gateway.keyring import NOW, Source

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = ("exp", "aud", "iss", "sub", "sid", "scope", "roles", "accounts", "tenant", "jti", "nbf", "iat")
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """With a user of each role."""
    directory: Path = tmp_path_factory.mktemp("tokens")
    with identity(directory, Source([]), Clock(NOW)) as made:
        yield made


def asked(world: Identity, token: str) -> str:
    """Whose a token is, or why it is nobody's."""
    try:
        return asyncio.run(world.principal(AuthenticateRequest(token=token))).name
    except Refusal as refusal:
        return refusal.name


def part(value: Any) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){1,4}", fullmatch=True)
)
@SETTINGS
def test_any_text_as_a_token_is_nobodys(world: Identity, text: str) -> None:
    """With a number."""
    assert asked(world, text) in {"BAD_TOKEN", "SESSION_OVER"}


@given(ANY_JSON, ANY_JSON, st.binary(max_size=64))
@SETTINGS
def test_any_head_and_claims_that_nobody_signed_are_nobodys(
    world: Identity, head: Any, claims: Any, signature: bytes
) -> None:
    """However they are spelt."""
    proof = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert asked(world, f"{part(head)}.{part(claims)}.{proof}") == "BAD_TOKEN"


@given(st.sampled_from(CLAIMS), ANY_JSON)
@example("exp", float("inf"))
@example("nbf", float("-inf"))
@example("iat", float("inf"))
@example("exp", 10**300)
@SETTINGS
def test_any_claim_of_a_trusted_signer_is_taken_or_refused(world: Identity, name: str, value: Any) -> None:
    """What another issuer has signed may be odd: then it is refused, and never more than a key may."""
    claims = jwt.decode(other_token(world.issuer_key), options={"verify_signature": False}) | {name: value}
    # By hand: the library would not sign all of them.
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), world.issuer_key, "EdDSA", {"kid": "other-1"})
    try:
        found = asyncio.run(world.principal(AuthenticateRequest(token=token)))
    except Refusal as refusal:
        assert refusal.name in {"BAD_TOKEN", "TOKEN_EXPIRED"}  # noqa: PT017
        return
    assert found.scopes <= {"read", "trade", "transfer"}
    assert found.tenant > 0
    again = decode_message(PrincipalRecord, encode_message(principal_record(found, 0)))
    assert principal_of(again) == found


@given(st.integers(0, 10_000), st.integers(1, 63))
@SETTINGS
def test_token_that_was_changed_anywhere_is_nobodys(world: Identity, place: int, change: int) -> None:
    """By one character of its alphabet."""
    session, _ = world.open("trader")
    token, _ = world.own.issue(session, world.guard.signing_keys[0], time.time_ns() // 1_000_000)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = place % (len(token) - 1)  # the last one has bits that are not of the signature
    if token[at] == ".":
        return
    other = alphabet[(alphabet.index(token[at]) + change) % 64]
    assert asked(world, token[:at] + other + token[at + 1 :]) == "BAD_TOKEN"


def test_token_lasts_five_minutes_and_never_beyond_its_session(world: Identity) -> None:
    """Clocks may be 5 s apart."""
    session, _ = world.open("trader")
    key, now_ms = world.guard.signing_keys[0], time.time_ns() // 1_000_000
    token, expires_ms = world.own.issue(session, key, now_ms)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == LASTS_S == 300
    assert expires_ms == claims["exp"] * 1_000
    assert LEEWAY_S == 5
    assert (claims["sid"], claims["sub"]) == (session.session_id, session.user.user_id)
    _, ends_ms = world.own.issue(session, key, session.expires_ms - 10_000)
    assert ends_ms <= session.expires_ms
    just = world.own.issue(session, key, now_ms - (LASTS_S + LEEWAY_S - 3) * 1_000)[0]
    assert world.own.read(just, key.kid, [key])["sid"] == session.session_id
    over = world.own.issue(session, key, now_ms - (LASTS_S + LEEWAY_S + 1) * 1_000)[0]
    with pytest.raises(Refused, match="time is over"):
        world.own.read(over, key.kid, [key])
