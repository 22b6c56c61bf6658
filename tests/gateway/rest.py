"""Clients of the gateway: of programs that have a key, of users who sign in, of streams."""

from __future__ import annotations

from typing import Any

from exchange.client.rest import ApiKeyAuth, BearerAuth, RestClient, ed25519_key, hmac_key
from exchange.client.rest.connecting import Options
from exchange.client.stream import StreamOptions
from exchange.security.signing import ED25519
from tests.gateway.door import Open
from tests.gateway.signed import Program

WAIT_S = 60.0
PASSWORD = "correct horse battery"  # noqa: S105 (of users of these tests)


def auth_of(program: Program) -> ApiKeyAuth:
    """Signs with the same key."""
    make = ed25519_key if program.key["algorithm"] == ED25519 else hmac_key
    return make(program.key["key_id"], program.key["secret"])


def client_of(program: Program, port: int | None = None) -> RestClient:
    """Waits."""
    url = f"http://127.0.0.1:{port or program.port}"
    return RestClient(url, auth_of(program), options=Options(name="t", timeout_s=WAIT_S))


def door_ms(door: Open) -> int:
    """The gateway's time."""
    answer: int = door.nobody.ask("GET", "/v1/time").body["timeMs"]
    return answer


def signed_in(door: Open, name: str) -> RestClient:
    """A client of a user's session."""
    url, options = f"http://127.0.0.1:{door.port}", Options(timeout_s=120)
    with RestClient(url, options=options) as nobody:
        token = nobody.open_session(name, PASSWORD).token
    return RestClient(url, BearerAuth(token), options=options)


def options(**more: Any) -> StreamOptions:
    """Patient, and quick to come back."""
    return StreamOptions(name="t", timeout_s=WAIT_S, first_pause_s=0.05, longest_pause_s=0.2, **more)
