"""A program that signs its requests, with nothing but the standard library's HTTP."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from exchange.security.signing import (
    HMAC_SHA256,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    ed25519_signer,
    hmac_signer,
    signed_text,
)

_SIGNED_MOST = 3


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """As data."""
        return json.loads(self.content)

    @property
    def name(self) -> str:
        """Of the error."""
        said: str = self.body["name"]
        return said

    @property
    def is_too_late(self) -> bool:
        """Whether its timestamp was too old when it was looked at: nothing was done, sign it anew."""
        return self.status == 401 and self.name == "CLOCK_OUT_OF_WINDOW"


def signature(
    algorithm: str,
    key_id: str,
    secret: str,
    method: str,
    target: str,
    body: bytes,
    *,
    at_ms: int | None = None,
) -> dict[str, str]:
    """The four headers."""
    signer = (hmac_signer if algorithm == HMAC_SHA256 else ed25519_signer)(secret)
    timestamp = str(time.time_ns() // 1_000_000 if at_ms is None else at_ms).encode("ascii")
    nonce = secrets.token_hex(8).encode("ascii")
    text = signed_text(timestamp, nonce, method.encode("ascii"), target.encode("ascii"), body)
    return {
        KEY_HEADER: key_id,
        TIMESTAMP_HEADER: timestamp.decode("ascii"),
        NONCE_HEADER: nonce.decode("ascii"),
        SIGNATURE_HEADER: signer(text),
    }


@dataclass
class Program:
    """Speaks for a key; without one it signs nothing."""

    port: int
    key: dict[str, Any] = field(default_factory=dict)

    def headers(self, method: str, target: str, content: bytes) -> dict[str, str]:
        """Of a request."""
        said = {"content-type": "application/json"} if content else {}
        if self.key:
            words = (self.key["algorithm"], self.key["key_id"], self.key["secret"])
            said |= signature(*words, method, target, content)
        return said

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """One request over a connection of its own; signed anew where the machine stood still meanwhile."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for _ in range(_SIGNED_MOST - 1):
            answer = self.send(method, target, content, self.headers(method, target, content) | named)
            if not (self.key and answer.is_too_late):
                return answer
        return self.send(method, target, content, self.headers(method, target, content) | named)

    def send(self, method: str, target: str, content: bytes, headers: dict[str, str]) -> Answer:
        """Likewise, with these headers alone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, content or None, headers)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read())
        finally:
            connection.close()
