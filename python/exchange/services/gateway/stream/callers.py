"""Who is on a stream, as its handshake or its logon says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from exchange.client.rest import streams as s
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.security.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.refusal import Refusal

Headers = Mapping[bytes, bytes]
SUBPROTOCOL: Final = "exchange.v1"
_BEARER: Final = "bearer."
_AUTHORIZATION: Final = b"authorization"
_SIGNED: Final = tuple(
    name.encode("ascii") for name in (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
)
_TARGET: Final = s.STREAM_PATH.encode("ascii")


async def by_handshake(
    authenticator: Authenticator, headers: Headers, subprotocols: Sequence[str], address: str
) -> Principal | None:
    """Who opens a stream, by a header, a subprotocol or a cookie; None: they log on later.

    Raises:
        Refusal: Nobody that may.
    """
    if _SIGNED[0] in headers:
        return _reads(await authenticator.principal_of("GET", _TARGET, headers, b"", address))
    said = dict(headers)
    for name in subprotocols:
        if name.startswith(_BEARER):
            said.setdefault(_AUTHORIZATION, b"Bearer " + name.removeprefix(_BEARER).encode("latin-1"))
    found = await authenticator.of_handshake(said, address)
    return None if found is None else _reads(found)


async def by_logon(authenticator: Authenticator, frame: s.Logon, address: str) -> Principal:
    """Who logs on, by a token, or by a key that signs `GET /v1/stream`.

    Raises:
        Refusal: Nobody that may; NO_CREDENTIAL, SCOPE_MISSING.
    """
    if frame.token:
        principal = await authenticator.of_token(frame.token, address)
    else:
        said = (frame.api_key, str(frame.timestamp), frame.nonce, frame.signature)
        if not all(said):
            raise Refusal(
                GatewayFault.NO_CREDENTIAL, "expected a token, or apiKey, timestamp, nonce and signature"
            )
        headers = {name: text.encode("latin-1", "replace") for name, text in zip(_SIGNED, said, strict=True)}
        principal = await authenticator.principal_of("GET", _TARGET, headers, b"", address)
    return _reads(principal, trades=frame.cancel_on_disconnect)


def _reads(principal: Principal, *, trades: bool = False) -> Principal:
    """Somebody who may be on a stream."""
    for scope in ("read", "trade") if trades else ("read",):
        if scope not in principal.scopes:
            raise Refusal(GatewayFault.SCOPE_MISSING, details={"needs": scope})
    return principal
