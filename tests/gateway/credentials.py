"""Every kind of credential, good and bad: identity as it is, with its store, and tokens of three issuers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from exchange.bus.topics import TopicTable
from exchange.domain.contracts.identity import AuthenticateRequest
from exchange.errors import GatewayFault
from exchange.resilience import Policies
from exchange.security.principal import Principal
from exchange.security.sealing import Sealer
from exchange.security.user_roles import USER_ROLES, delegable, session_scopes
from exchange.services.gateway.identity_link import principal_of, refusal_of
from exchange.services.identity.guard import Guard
from exchange.services.identity.issuer import OtherIssuer
from exchange.services.identity.passwords import hashed
from exchange.services.identity.records import principal_record
from exchange.services.identity.refused import Refused
from exchange.services.identity.replay import Keyring, KeySource, SignedRequests
from exchange.services.identity.sessions import Session, Sessions
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.tokens import OwnTokens, SigningKeys
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.clock import Clock

HOUR_MS = 3_600_000
AUDIENCE = "exchange"
OTHER = "https://issuer.example"


@dataclass
class Identity:
    """Identity without its process; in the place of the gateway's way to it."""

    store: IdentityStore
    users: Users
    sessions: Sessions
    signing: SigningKeys
    own: OwnTokens
    guard: Guard
    issuer_key: Ed25519PrivateKey

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """As the link says it."""
        try:
            if request.signed is not None:
                found = self.guard.signer_of(request.signed, request.address)
            else:
                found = await self.guard.bearer_of(request.token)
        except Refused as refused:
            raise refusal_of(refused.record) from None
        return principal_of(principal_record(found, self.guard.as_of))

    def open(self, name: str) -> tuple[Session, str]:
        """A session of a user."""
        return self.sessions.open(self.users.named(name), "192.0.2.7", "test")


@contextmanager
def identity(directory: Path, source: KeySource, clock: Clock[int], url: str = "") -> Iterator[Identity]:
    """With a user of each role, and a key set of another issuer."""
    (directory / "keys").mkdir(mode=0o700, exist_ok=True)
    with open_store(url or str(directory / "stores"), "identity", MIGRATIONS) as opened:
        store = IdentityStore(opened, Sealer(directory / "keys"), TopicTable("dev"), clock)
        users, signing = Users(store), SigningKeys(store)
        sessions = Sessions(store, HOUR_MS, 8 * HOUR_MS)
        for role in USER_ROLES:
            users.create(role, 1, hashed("a password of theirs 7"), [role])
        issuer_key = Ed25519PrivateKey.generate()
        (directory / "jwks.json").write_text(json.dumps({"keys": [jwk(issuer_key, "other-1")]}))
        keyring = Keyring(source)
        own = OwnTokens("identity.dev", AUDIENCE)
        other = OtherIssuer(
            OTHER, str(directory / "jwks.json"), AUDIENCE, "EdDSA", Policies().of("identity", "issuer")
        )
        guard = Guard(store, keyring, SignedRequests(keyring, 0, clock), sessions, signing, own, other)
        guard.look()
        yield Identity(store, users, sessions, signing, own, guard, issuer_key)


def jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, Any]:
    """Its public half."""
    return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig", "alg": "EdDSA"}


def other_token(key: Any, *, kid: str = "other-1", algorithm: str = "EdDSA", **changed: Any) -> str:
    """A token of the other issuer; a claim that is None is left out."""
    now_s = int(time.time())
    claims: dict[str, Any] = {
        "iss": OTHER, "aud": AUDIENCE, "sub": "olivia", "exp": now_s + 300, "iat": now_s,
        "tenant": 1, "roles": ["trader"],
    }  # fmt: skip
    said = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(said, key, algorithm, {"kid": kid})


@dataclass(frozen=True)
class Credential:
    """What a request carries, and what it is worth.

    Args:
        name: For people.
        headers: Of the request.
        scopes: What it may do.
        refused: Why it may nothing, where that is so.
        status: With which HTTP status then.
        is_cookie: Writes by it need an Origin, which it does not have.
    """

    name: str
    headers: dict[str, str]
    scopes: frozenset[str] = frozenset()
    refused: str = ""
    status: int = 401
    is_cookie: bool = False


def tokens(world: Identity) -> list[Credential]:
    """Of sessions by header and by cookie, and JWTs."""
    every: list[Credential] = []

    def bearer(name: str, token: str, scopes: Any = (), refused: GatewayFault | None = None) -> None:
        every.append(
            Credential(
                name,
                {"authorization": f"Bearer {token}"},
                frozenset(scopes),
                "" if refused is None else refused.name,
            )
        )

    def cookie(name: str, token: str, origin: str, scopes: Any, *, foreign: bool) -> None:
        headers = {"cookie": f"a=b; exchange_session={token}; c=d", "host": "exchange.example:8080"}
        headers |= {"origin": origin} if origin else {}
        every.append(Credential(name, headers, frozenset(scopes), is_cookie=foreign))

    for role in USER_ROLES:
        _, token = world.open(role)
        bearer(f"session of {role}", token, session_scopes([role]))
    _, token = world.open("admin")
    admin = session_scopes(["admin"])
    cookie("cookie, own origin", token, "http://exchange.example:8080", admin, foreign=False)
    cookie("cookie, own origin by TLS", token, "https://exchange.example:8080", admin, foreign=False)
    cookie("cookie, no origin", token, "", admin, foreign=True)
    for origin in (
        "http://evil.example", "null", "http://exchange.example", "http://exchange.example:8081",
        "http://exchange.example:8080.evil.example", "http://exchange.example:8080@evil.example",
        "ftp://exchange.example:8080",
    ):  # fmt: skip
        cookie(f"cookie, origin {origin}", token, origin, admin, foreign=True)
    over, bad, late = GatewayFault.SESSION_OVER, GatewayFault.BAD_TOKEN, GatewayFault.TOKEN_EXPIRED
    revoked, token = world.open("trader")
    world.sessions.end(revoked.user, revoked.session_id, "test")
    bearer("session, revoked", token, refused=over)
    every.append(Credential("cookie, revoked", {"cookie": f"exchange_session={token}"}, refused=over.name))
    bearer("session, unknown", "xs_" + "A" * 43, refused=over)
    session, _ = world.open("trader")
    key, now_ms = world.guard.signing_keys[0], time.time_ns() // 1_000_000
    good, _ = world.own.issue(session, key, now_ms)
    bearer("JWT", good, delegable(["trader"]))
    bearer("JWT, expired", world.own.issue(session, key, now_ms - HOUR_MS)[0], refused=late)
    bearer("JWT, forged", good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB"), refused=bad)
    bearer(
        "JWT, another audience", OwnTokens("identity.dev", "x").issue(session, key, now_ms)[0], refused=bad
    )
    bearer(
        "JWT, another issuer", OwnTokens("identity.x", AUDIENCE).issue(session, key, now_ms)[0], refused=bad
    )
    unknown = replace(key, kid="sk-0")
    bearer("JWT, unknown kid", world.own.issue(session, unknown, now_ms)[0], refused=bad)
    claims = jwt.decode(good, options={"verify_signature": False})
    head = {"kid": key.kid}
    bearer("JWT, alg none", jwt.encode(claims, "", "none", head), refused=bad)
    public = key.public.public_bytes_raw().hex()
    bearer("JWT, HS256 by the public key", jwt.encode(claims, public, "HS256", head), refused=bad)
    ecdsa = ec.generate_private_key(ec.SECP256R1())
    bearer("JWT, ES256", jwt.encode(claims, ecdsa, "ES256", head), refused=bad)
    for name in ("exp", "aud", "iss", "sub"):
        less = {each: value for each, value in claims.items() if each != name}
        bearer(f"JWT without {name}", jwt.encode(less, key.private, "EdDSA", head), refused=bad)
    bearer("JWT, no kid", jwt.encode(claims, key.private, "EdDSA"), refused=bad)
    more = claims | {"scope": "read trade admin keys session"}
    bearer("JWT that wants more", jwt.encode(more, key.private, "EdDSA", head), {"read", "trade"})
    ended, _ = world.own.issue(revoked, key, now_ms)
    bearer("JWT of a revoked session", ended, refused=over)
    theirs = world.issuer_key
    bearer("JWT of the other issuer", other_token(theirs), delegable(["trader"]))
    bearer("their JWT, by scope", other_token(theirs, roles=None, scope="read admin"), {"read"})
    bearer("their JWT, less by scope", other_token(theirs, scope="read"), {"read"})
    bearer("their JWT, unknown role", other_token(theirs, roles=["king"]), ())
    for name, changed, fault in (
        ("expired", {"exp": int(time.time()) - 60}, late),
        ("another audience", {"aud": "x"}, bad),
        ("no tenant", {"tenant": None}, bad),
        ("tenant 0", {"tenant": 0}, bad),
        ("tenant as text", {"tenant": "1"}, bad),
        ("tenant true", {"tenant": True}, bad),
        ("accounts as text", {"accounts": "11"}, bad),
        ("roles as text", {"roles": "admin"}, bad),
        ("scope as number", {"scope": 7}, bad),
        ("no sub", {"sub": None}, bad),
        ("unknown kid", {"kid": "other-9"}, bad),
    ):
        bearer(f"their JWT, {name}", other_token(theirs, **changed), refused=fault)
    bearer("their JWT, another key", other_token(Ed25519PrivateKey.generate()), refused=bad)
    bearer("their JWT, ES256", other_token(ecdsa, algorithm="ES256"), refused=bad)
    bearer("no token", "anything", refused=bad)
    bearer("dots", "a.b.c", refused=bad)
    every.append(
        Credential("Basic", {"authorization": "Basic YTpi"}, refused=GatewayFault.MALFORMED_CREDENTIAL.name)
    )
    every.append(
        Credential("empty cookie", {"cookie": "exchange_session="}, refused=GatewayFault.NO_CREDENTIAL.name)
    )
    return every


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    """The public half of a pair of ES256."""
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig", "alg": "ES256"}
