"""Who asks: a key that signs each request, or a token. Any client of httpx takes either as its `auth`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx
import msgspec

from exchange.client.rest.models import Problem
from exchange.errors import GatewayFault
from exchange.security.signing import (
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Signer,
    ed25519_signer,
    hmac_signer,
    signed_text,
)

_NONCE_BYTES: Final = 12
_decode: Final = msgspec.json.Decoder(Problem).decode


class ApiKeyAuth(httpx.Auth):
    """Signs requests with an API key. Where the clock is wrong it learns by how much, and signs once more.

    Args:
        key_id: Names the key: `gk-...`.
        signer: Signs for it; see `hmac_key` and `ed25519_key`.
        now_ms: Unix time in milliseconds.
    """

    requires_request_body = True
    requires_response_body = True

    def __init__(
        self, key_id: str, signer: Signer, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self.key_id = key_id
        self.clock_offset_ms = 0
        """What was added to this machine's time, as the gateway's is ahead of it."""
        self._signer = signer
        self._now_ms = now_ms

    def headers(self, method: str, target: bytes, body: bytes) -> dict[str, str]:
        """The four headers of a request.

        Args:
            method: In capitals.
            target: Path with query, byte for byte as it is sent.
            body: All of it.
        """
        timestamp = str(self._now_ms() + self.clock_offset_ms)
        nonce = secrets.token_hex(_NONCE_BYTES)
        text = signed_text(
            timestamp.encode("ascii"), nonce.encode("ascii"), method.encode("ascii"), target, body
        )
        return {
            KEY_HEADER: self.key_id,
            TIMESTAMP_HEADER: timestamp,
            NONCE_HEADER: nonce,
            SIGNATURE_HEADER: self._signer(text),
        }

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Of httpx: signs, and signs once more by the gateway's clock where it says that ours is wrong."""
        self._sign(request)
        response = yield request
        if self._learns(response):
            self._sign(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        request.headers.update(self.headers(request.method, request.url.raw_path, request.content))

    def _learns(self, response: httpx.Response) -> bool:
        if response.status_code != GatewayFault.CLOCK_OUT_OF_WINDOW.http_status:
            return False
        try:
            return self.learns(_decode(response.content))
        except msgspec.DecodeError:
            return False

    def learns(self, problem: Problem) -> bool:
        """Takes the gateway's time where it refused a signature for ours; whether it did."""
        server_ms = problem.details.get("serverTimeMs")
        if problem.code != GatewayFault.CLOCK_OUT_OF_WINDOW or not isinstance(server_ms, int):
            return False
        self.clock_offset_ms = server_ms - self._now_ms()
        return True

    def __repr__(self) -> str:
        return f"<ApiKeyAuth {self.key_id}>"


def hmac_key(key_id: str, secret: str) -> ApiKeyAuth:
    """An HMAC-SHA256 key.

    Args:
        key_id: As `exchange apikeys create` printed it.
        secret: Likewise, in hexadecimal.

    Raises:
        ValueError: The secret is no hexadecimal.
    """
    try:
        return ApiKeyAuth(key_id, hmac_signer(secret))
    except ValueError:  # which would not say of what
        raise ValueError(
            f"the secret of key {key_id} is not hexadecimal: expected what 'exchange apikeys create' printed"
        ) from None


def ed25519_key(key_id: str, private_key: str) -> ApiKeyAuth:
    """An Ed25519 key.

    Args:
        key_id: As `exchange apikeys create` printed it.
        private_key: Its 32 bytes in hexadecimal, which never leave this program.

    Raises:
        ValueError: It is none.
    """
    try:
        return ApiKeyAuth(key_id, ed25519_signer(private_key))
    except ValueError:
        raise ValueError(
            f"the private key of {key_id} is not 32 bytes in hexadecimal:"
            " expected what 'exchange apikeys create' printed, or what its owner made"
        ) from None


class BearerAuth(httpx.Auth):
    """Says who asks by a token.

    Args:
        token: Of a session, or a JWT; or what gives it, asked for each request.
    """

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    @property
    def token(self) -> str:
        """As it is now."""
        return self._token() if callable(self._token) else self._token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Of httpx."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request

    def __repr__(self) -> str:
        return "<BearerAuth>"
