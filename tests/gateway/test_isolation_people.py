"""Routes of people: what a user of another tenant has does not exist; and every route is in such a matrix."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, get_args

import pytest

from exchange.bus.topics import TopicTable
from exchange.client.rest.streams import PRIVATE_CHANNELS, PUBLIC_CHANNELS, Channel
from exchange.security.api_keys import SCOPES
from exchange.security.sealing import Sealer
from exchange.services.gateway.calls import Scope
from exchange.services.gateway.routes import ROUTES
from exchange.services.gateway.stream.channels.table import FEEDS
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.gateway.door import Open
from tests.gateway.running import LARGE, running
from tests.gateway.signed import Answer, Program
from tests.gateway.stream.floor import PASSWORD
from tests.gateway.test_isolation import NOBODYS_ACCOUNT, OF_KEYS

OTHER_PASSWORD: Final = "another password of theirs 8"  # noqa: S105 (of a test)
OF_ONE, OF_TWO = "annabel-of-one", "eva-of-two"


@dataclass(frozen=True)
class Names:
    """What a request names: of another tenant, or of nobody."""

    account: int
    session_id: str
    key_id: str
    user_name: str


Body = Callable[[Names], Any]
NOTHING: Body = lambda _: None  # noqa: E731  # a row of the table below is a line

# Every route that takes a person, with what is sent there. One that is not here fails the test of all routes.
OF_PEOPLE: dict[str, Body] = {
    "GET /v1/sessions": NOTHING,
    "GET /v1/sessions/current": NOTHING,
    "DELETE /v1/sessions/current": NOTHING,
    "DELETE /v1/sessions/{sessionId}": NOTHING,
    "PUT /v1/users/me/password": lambda _: {"oldPassword": OTHER_PASSWORD, "newPassword": PASSWORD},
    "POST /v1/tokens": NOTHING,
    "GET /v1/api-keys": NOTHING,
    "POST /v1/api-keys": lambda names: {
        "name": f"k-{secrets.token_hex(4)}", "scopes": ["read"], "accounts": [names.account],
    },
    "POST /v1/api-keys/{keyId}/rotate": lambda _: {},
    "DELETE /v1/api-keys/{keyId}": NOTHING,
    "GET /v1/users": NOTHING,
    "POST /v1/users": lambda names: {
        "userName": f"u-{secrets.token_hex(4)}", "password": OTHER_PASSWORD, "roles": ["trader"],
        "accounts": [names.account],
    },
    "GET /v1/operator/services": NOTHING,
    "GET /v1/operator/followers": NOTHING,
    "GET /v1/operator/metrics": NOTHING,
    "GET /v1/operator/alerts": NOTHING,
    "GET /v1/operator/audit": NOTHING,
    "POST /v1/operator/audit": NOTHING,
    "GET /v1/operator/dead-letters": NOTHING,
    "GET /v1/operator/limits": NOTHING,
    "GET /v1/operator/kill-switches": NOTHING,
    "POST /v1/operator/kill-switch": lambda names: {
        "scope": "account", "account": names.account, "on": True, "why": "theirs",
    },
}  # fmt: skip
# What everybody may see, or whom nobody is yet: nothing of a tenant is in it.
PUBLIC = {
    *(f"GET /v1/instruments{more}" for more in ("", *(f"/{{symbol}}/{last}" for last in (
        "book", "book/orders", "trades", "candles", "ticker",
    )))),
    "GET /v1/tickers", "GET /v2/tickers", "GET /api/v1/market-data/quotes",
    "GET /api/v1/market-data/orderbooks", "GET /v1/time", "GET /v1/status",
    "POST /v1/sessions", "POST /v1/sessions/demo",
    "GET /.well-known/jwks.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A trader of tenant 1, and who may all that people of tenant 2 may."""
    with running(tmp_path_factory.mktemp("people") / "data", *LARGE) as made:
        with open_store(made.data / "stores", "identity", MIGRATIONS) as store:
            users = Users(IdentityStore(store, Sealer(made.data / "keys"), TopicTable("dev")))
            users.create(OF_ONE, 1, hashed(PASSWORD), ["trader"], [11])
            users.create(OF_TWO, 2, hashed(PASSWORD), ["trader", "admin"], [])
        yield made


@dataclass
class Person:
    """Who has signed in."""

    program: Program
    token: str
    session_id: str

    @classmethod
    def of(cls, door: Open, name: str) -> Person:
        """By the password that all have."""
        program = Program(door.port)
        opened = program.ask("POST", "/v1/sessions", {"userName": name, "password": PASSWORD})
        assert opened.status == 201, opened.content
        return cls(program, opened.body["token"], opened.body["session"]["sessionId"])

    def ask(self, method: str, target: str, body: Any = None) -> Answer:
        """One request by the session."""
        return self.program.ask(method, target, body, authorization=f"Bearer {self.token}")


def test_every_route_and_every_channel_is_in_a_matrix_of_tenants() -> None:
    """One that is added to the tables has to be added to the tests, or this one fails."""
    matrices = [{route.name for route in OF_KEYS}, set(OF_PEOPLE), PUBLIC]
    assert sorted(name for each in matrices for name in each) == sorted(route.name for route in ROUTES)
    for route in ROUTES:
        assert (route.name in PUBLIC) is (route.scope is Scope.PUBLIC)
        assert (route.name in OF_PEOPLE) is (route.scope not in {*SCOPES, Scope.PUBLIC})
    assert set(FEEDS) == set(get_args(Channel)) == {*PRIVATE_CHANNELS, *PUBLIC_CHANNELS}
    assert not set(PRIVATE_CHANNELS) & set(PUBLIC_CHANNELS)


@pytest.mark.parametrize("route", OF_PEOPLE)
def test_what_a_user_of_another_tenant_has_does_not_exist(door: Open, route: str) -> None:
    """Whether something of another tenant is named or of nobody: the same answer, and nothing is changed."""
    one = Person.of(door, OF_ONE)
    made = one.ask("POST", "/v1/api-keys", {"name": f"k-{secrets.token_hex(4)}", "scopes": ["read"]})
    assert made.status == 201, made.content
    key_id = made.body["key"]["keyId"]

    def state() -> list[Any]:
        keys = one.ask("GET", "/v1/api-keys").body["keys"]
        sessions = one.ask("GET", "/v1/sessions").body["sessions"]
        return [
            keys,
            sorted(each["sessionId"] for each in sessions),
            one.ask("GET", "/v1/kill-switch").body["on"],
        ]

    theirs = Names(11, one.session_id, key_id, OF_ONE)
    nobodys = Names(NOBODYS_ACCOUNT, f"{one.session_id[:-4]}0000", f"{key_id[:-4]}0000", "nobody-of-one")
    before = state()
    told = []
    for names in (theirs, nobodys):
        two = Person.of(door, OF_TWO)
        method, path = route.split(" ")
        target = path.replace("{sessionId}", names.session_id).replace("{keyId}", names.key_id)
        answer = two.ask(method, target, OF_PEOPLE[route](names))
        text = answer.content.decode()
        assert not [each for each in (one.session_id, key_id, OF_ONE, one.token) if each in text], text
        told.append((answer.status, answer.body.get("name"), sorted(answer.body)))
    assert told[0] == told[1]
    if "{" in route:
        assert told[0][0] == 404
    if "operator" in route:
        assert told[0][:2] == (403, "SCOPE_MISSING")
    assert state() == before
