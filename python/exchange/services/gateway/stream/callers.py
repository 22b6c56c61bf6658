"""Who is on a stream: how they prove it, and whether that still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from exchange.client.rest import streams as s
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.security.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.refusal import Refusal

Headers = Mapping[bytes, bytes]
SUBPROTOCOL: Final = "exchange.v1"
SESSION_COOKIE: Final = b"exchange_session"
_BEARER: Final = "bearer."
_SIGNED: Final = tuple(
    name.encode("ascii") for name in (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
)
_AUTHORIZATION: Final = b"authorization"
_COOKIE: Final = b"cookie"
_TARGET: Final = s.STREAM_PATH.encode("ascii")


def origins_of(text: str) -> frozenset[str]:
    """Those that the setting `gateway.origins` names."""
    return frozenset(each.strip().rstrip("/").lower() for each in text.split(",") if each.strip())


def is_own_origin(headers: Headers) -> bool:
    """Whether a page of the gateway itself asks."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    return (
        bool(origin)
        and urlsplit(origin).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
    )


def may_ask(headers: Headers, origins: frozenset[str]) -> bool:
    """Whether a page may open a stream: one of ours, or of those that are named. Programs have no origin."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    return is_own_origin(headers) or origin.decode("latin-1").rstrip("/").lower() in origins


def handshake_credential(headers: Headers, subprotocols: list[str]) -> dict[bytes, bytes]:
    """Headers of the handshake that say who asks; empty: they log on later.

    A cookie counts for pages of the gateway itself alone: other ones have it sent without having it.
    """
    if _AUTHORIZATION in headers:
        return {_AUTHORIZATION: headers[_AUTHORIZATION]}
    for name in subprotocols:
        if name.startswith(_BEARER):
            return {_AUTHORIZATION: b"Bearer " + name.removeprefix(_BEARER).encode("latin-1")}
    if _SIGNED[0] in headers:
        return {name: headers[name] for name in _SIGNED if name in headers}
    cookie = headers.get(_COOKIE, b"")
    if SESSION_COOKIE + b"=" in cookie and is_own_origin(headers):
        return {_COOKIE: cookie}
    return {}


def logon_credential(frame: s.Logon) -> dict[bytes, bytes]:
    """Likewise, of a logon.

    Raises:
        Refusal: NO_CREDENTIAL.
    """
    if frame.token:
        return {_AUTHORIZATION: f"Bearer {frame.token}".encode("latin-1", "replace")}
    said = (frame.api_key, str(frame.timestamp), frame.nonce, frame.signature)
    if not all(said):
        raise Refusal(
            GatewayFault.NO_CREDENTIAL, "expected a token, or apiKey, timestamp, nonce and signature"
        )
    return {name: text.encode("latin-1", "replace") for name, text in zip(_SIGNED, said, strict=True)}


async def caller_of(
    authenticator: Authenticator, credential: Headers, address: str, scopes: Sequence[str] = ("read",)
) -> Principal:
    """Who they are. What is signed is `GET /v1/stream`, whatever is asked for later.

    Raises:
        Refusal: Nobody that may.
    """
    principal = await authenticator.principal_of("GET", _TARGET, credential, b"", address)
    for scope in scopes:
        if scope not in principal.scopes:
            raise Refusal(GatewayFault.SCOPE_MISSING, details={"needs": scope})
    return principal
