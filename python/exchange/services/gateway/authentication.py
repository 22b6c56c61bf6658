"""Who asks: by a signature's four headers, a Bearer token, or a browser's cookie; identity says whose it is.

A signature is asked for each time, for its nonce counts once. What a token stands for is remembered, and
counts no more as soon as a later change of it is told; while nothing is heard of changes, for a second.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from exchange.domain.contracts.identity import AuthenticateRequest, SignedRequest
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.security.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.standing import Standing

ASKED_S: Final = 1.0
"""How long a token is remembered, and how often identity is asked, while nothing is heard of changes."""
_REMEMBERED_MAX: Final = 10_000
_NONCE_BYTES_MAX: Final = 40
_TIMESTAMP_BYTES_MAX: Final = 16
_TOKEN_BYTES_MAX: Final = 4_096
_BEARER: Final = b"bearer "

_KEY, _TIME, _NONCE, _SIGNATURE = (
    name.encode("ascii") for name in (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
)
Headers = Mapping[bytes, bytes]


class Identifies(Protocol):
    """What says whose a request is: `exchange.services.gateway.identity_link.IdentityLink` is one."""

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """Whose it is, or a Refusal."""
        ...


class Authenticator:
    """Says who asks. Of one event loop.

    Args:
        identity: Says whose a credential is.
        browsers: Cookies and origins.
        standing: Says what is outdated.
        now_s: A steady clock.
        now_ms: Unix time.
    """

    def __init__(
        self,
        identity: Identifies,
        browsers: Browsers,
        standing: Standing,
        now_s: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._identity = identity
        self._browsers = browsers
        self._standing = standing
        self._now_s = now_s
        self._now_ms = now_ms
        self._remembered: dict[bytes, tuple[Principal, float]] = {}
        self.tokens = {"remembered": 0, "asked": 0}
        self.remembers_s = ASKED_S
        """How long a token is remembered: longer where changes are heard."""

    async def principal_of(
        self, method: str, target: bytes, headers: Headers, body: bytes, address: str
    ) -> Principal:
        """Who sent a request.

        Args:
            method: In capitals.
            target: Path and query, as they came.
            headers: By lower-case name.
            body: All of it.
            address: Where it came from.

        Raises:
            Refusal: Nobody that may.
        """
        is_signed = _KEY in headers or _SIGNATURE in headers
        bearer = headers.get(b"authorization")
        if is_signed and bearer is not None:
            raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, "a request is signed, or has a token")
        if is_signed:
            signed = _signed(method, target, headers, body)
            return await self._identity.principal(AuthenticateRequest(signed=signed, address=address))
        if bearer is not None:
            return await self.of_token(_token_of(bearer), address)
        token = self._browsers.token(headers)
        if not token:
            raise Refusal(
                GatewayFault.NO_CREDENTIAL, f"the header {KEY_HEADER} is missing, and there is no token"
            )
        self._browsers.check_write(method, headers)
        return await self.of_token(token, address)

    async def of_handshake(self, headers: Headers, address: str) -> Principal | None:
        """Who opens a stream, by a Bearer token or a cookie; None: nobody says so yet.

        A cookie counts from the gateway's own pages alone: a stream is as good as a write.

        Raises:
            Refusal: Nobody that may.
        """
        if (bearer := headers.get(b"authorization")) is not None:
            return await self.of_token(_token_of(bearer), address)
        if not (token := self._browsers.token(headers)):
            return None
        self._browsers.check_write("CONNECT", headers)
        return await self.of_token(token, address)

    async def of_token(self, token: str, address: str) -> Principal:
        """Whose a token is: of a session, or a JWT.

        Raises:
            Refusal: SESSION_OVER, BAD_TOKEN, TOKEN_EXPIRED.
        """
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        found, now_s = self._remembered.get(name), self._now_s()
        if found is not None and now_s - found[1] < self.remembers_s:
            principal = found[0]
            if principal.counts(self._now_ms()) and not self._standing.is_outdated(principal):
                self.tokens["remembered"] += 1
                return principal
        self.tokens["asked"] += 1
        principal = await self._identity.principal(AuthenticateRequest(token=token, address=address))
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[name] = (principal, now_s)
        return principal

    def forget(self) -> None:
        """Something ended here: what is remembered is asked for again."""
        self._remembered.clear()


def _token_of(header: bytes) -> str:
    if not header.lower().startswith(_BEARER) or len(header) > _TOKEN_BYTES_MAX:
        raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, "authorization is not Bearer and a token")
    token = header[len(_BEARER) :].strip()
    if not token.isascii() or not token:
        raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, "authorization is not Bearer and a token")
    return token.decode("ascii")


def _signed(method: str, target: bytes, headers: Headers, body: bytes) -> SignedRequest:
    """What the four headers say."""
    try:
        key_id, timestamp = headers[_KEY], headers[_TIME]
        nonce, signature = headers[_NONCE], headers[_SIGNATURE]
    except KeyError as error:
        missing = error.args[0].decode("ascii")
        raise Refusal(GatewayFault.NO_CREDENTIAL, f"the header {missing} is missing") from None
    if not (timestamp.isdigit() and len(timestamp) <= _TIMESTAMP_BYTES_MAX):
        raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, f"{TIMESTAMP_HEADER} is no number of ms")
    if not (0 < len(nonce) <= _NONCE_BYTES_MAX and nonce.isascii() and nonce.decode("ascii").isprintable()):
        raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, f"{NONCE_HEADER} is not 1 to 40 characters")
    try:
        proof = bytes.fromhex(signature.decode("ascii"))
    except ValueError:
        raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, f"{SIGNATURE_HEADER} is no hexadecimal") from None
    return SignedRequest(
        key_id=key_id.decode("latin-1"),
        timestamp=timestamp,
        nonce=nonce,
        method=method,
        target=target,
        body_sha256=hashlib.sha256(body).digest(),
        signature=proof,
    )
