"""Clients of the REST API for programs that have a key."""

from __future__ import annotations

from exchange.client.rest import ApiKeyAuth, RestClient, ed25519_key, hmac_key
from exchange.client.rest.connecting import Options
from exchange.security.signing import ED25519
from tests.gateway.door import Open
from tests.gateway.signed import Program

WAIT_S = 60.0


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
