"""A running exchange with two gateways: programs of two tenants, and a person with a password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.bus.topics import TopicTable
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import Wanted
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.exchange.ports import free_pair
from tests.exchange.running import Up, until
from tests.gateway.credentials import OTHER, jwk
from tests.gateway.door import ANN, BOB, EVE, EVERY, open_market
from tests.gateway.signed import Program
from tests.gateway.stream.floor import PASSWORD, Floor


@pytest.fixture(scope="package")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """Under a supervisor, with market data and an index."""
    port = free_pair()
    data = tmp_path_factory.mktemp("streams") / "data"
    issuer, jwks = Ed25519PrivateKey.generate(), data.with_name("jwks.json")
    jwks.write_text(json.dumps({"keys": [jwk(issuer, "other-1")]}))
    up = Up.start(
        data, "gateway.enabled=true", f"gateway.port={port}", "gateway.instances=2", "security.audit=false",
        "gateway.answer_timeout_ms=60000", "gateway.streams_per_key=3", "gateway.stream_subscriptions_max=12",
        "gateway.stream_bytes_max=65536", "gateway.origins=https://desk.example", "market_data.enabled=true",
        "market_data.index=BTC-USD=static:100.00", "market_data.index_sources_min=1",
        "endpoints.metrics=127.0.0.1:0", "gateway.connections_per_ip_max=200",
        "gateway.key_per_s=100", "gateway.key_burst=600", f"identity.issuer={OTHER}", f"identity.jwks={jwks}",
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        open_market(data)
        made = Floor(data, port, up=up, issuer=issuer)
        with open_store(data / "stores", "identity", MIGRATIONS) as store:
            users = Users(IdentityStore(store, Sealer(data / "keys"), TopicTable("dev")))
            for who in ("zoe", "mia"):
                users.create(who, 1, hashed(PASSWORD), ["trader"], [11])
        made.add(
            ANN, BOB, EVE,
            Wanted(name="free", tenant=2, scopes=EVERY),
            Wanted(name="looker", tenant=1, scopes=("read",), accounts=(11,)),
            Wanted(name="many", tenant=1, scopes=EVERY, accounts=(11, 12)),
        )  # fmt: skip
        yield made
    finally:
        up.end()


@pytest.fixture
def clean(door: Floor) -> None:
    """Nobody has an order when a test begins."""
    for program in (door.ann, door.bob, door.eve):
        until(partial(_cancel, program), "orders stay")


def _cancel(program: Program) -> bool:
    return program.ask("DELETE", "/v1/orders").status == 200
