"""Two gateways beside each other, with identity in a process of its own: real processes, killed at will."""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exchange.bus.log.events import events_of
from exchange.bus.topics import TopicTable
from exchange.config import load
from exchange.runtime.publisher import open_log
from exchange.security.sealing import Sealer
from exchange.services.identity.passwords import hashed
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.services.identity.users import Users
from exchange.storage.sql import open_store
from tests.exchange.commands import exchange
from tests.exchange.ports import free_pair, listening
from tests.exchange.running import Up, until
from tests.gateway.door import SELL, open_market
from tests.gateway.metrics import sample
from tests.gateway.signed import Answer, Program, signature

PASSWORD = "a password of theirs 7"  # noqa: S105 (of a test)
NAMES = ("gateway", "gateway-2")
TAKEN_S = 300  # on a machine that stands still now and then


@dataclass
class Two:
    """An exchange with two gateways, and people."""

    up: Up
    ports: tuple[int, int]
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, at: int, who: str, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """One request of a person to one of the gateways; of nobody where that has no token."""
        if token := self.tokens.get(who):
            headers = {"authorization": f"Bearer {token}"} | headers
        return Program(self.ports[at]).ask(method, target, body, **headers)

    def sign_in(self, who: str, at: int = 0, password: str = PASSWORD) -> dict[str, Any]:
        """Who they are from now on."""
        answer = self.ask(at, "", "POST", "/v1/sessions", {"userName": who, "password": password})
        assert answer.status == 201, answer.content
        self.tokens[who] = answer.body["token"]
        opened: dict[str, Any] = answer.body
        return opened

    def pid(self, name: str) -> int:
        """Of a process."""
        found: int = self.up.announcement()["processes"][name]
        return found

    def kill(self, name: str) -> int:
        """At once; its process id."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def back(self, name: str, pid: int) -> None:
        """Waits until one that was killed is there again, and answers."""
        until(lambda: self.up.announcement()["processes"][name] not in {None, pid}, f"{name} stays away")
        for at in range(len(NAMES)):
            until(partial(self.answers, at), f"{name} does not answer")

    def answers(self, at: int) -> bool:
        """Whether a gateway and identity behind it do."""
        try:
            return self.ask(at, "", "GET", "/.well-known/jwks.json").status == 200
        except OSError:
            return False

    def events(self) -> list[tuple[str, str]]:
        """Of identity: type and name, as they were published."""
        settings = load(data_directory=str(self.up.data), environment={})
        with open_log(settings) as log, log.reader("dev.identity.changes.v1", 0) as reader:
            return [
                (event.event_type, event.payload.name)
                for record in reader.read(records_max=10_000)
                for event in events_of(record)
            ]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Under a supervisor, with a market."""
    port = free_pair()
    data = tmp_path_factory.mktemp("two") / "data"
    up = Up.start(
        data, "gateway.enabled=true", f"gateway.port={port}", "gateway.instances=2", "security.audit=false",
        "events.publish=false", "endpoints.metrics=127.0.0.1:0", "gateway.answer_timeout_ms=60000",
        "gateway.demo_user=demo",
    )  # fmt: skip
    try:
        until(up.announcement, "it did not start")
        open_market(data)
        with open_store(data / "stores", "identity", MIGRATIONS) as store:
            users = Users(IdentityStore(store, Sealer(data / "keys"), TopicTable("dev")))
            for name, tenant, roles, accounts in (
                ("ann", 1, ["trader"], [11]),
                ("bob", 1, ["admin"], [12]),
                ("eve", 2, ["trader", "admin"], []),
                ("demo", 1, ["viewer"], [11]),
                ("gone", 1, ["trader"], [11]),
            ):
                users.create(name, tenant, hashed(PASSWORD), roles, accounts)
        made = Two(up, (port, port + 1))
        for at in range(2):
            until(partial(made.answers, at), "a gateway does not answer")
        yield made
    finally:
        up.end()


@pytest.mark.req("B030")
def test_session_of_one_gateway_holds_at_the_other_when_that_is_killed(two: Two) -> None:
    """SIGKILL of either: the session goes on at the other, and at the one that comes back."""
    opened = two.sign_in("ann", at=0)
    assert opened["user"]["scopes"] == ["keys", "read", "session", "trade", "transfer"]
    for dying, other in ((0, 1), (1, 0)):
        pid = two.kill(NAMES[dying])
        assert two.ask(other, "ann", "GET", "/v1/balances").status == 200
        assert two.ask(other, "ann", "GET", "/v1/sessions/current").body["session"]["current"]
        order = two.ask(other, "ann", "POST", "/v1/orders", SELL | {"price": "910.00"})
        assert order.status == 201
        two.back(NAMES[dying], pid)
        looked = two.ask(dying, "ann", "GET", f"/v1/orders/{order.body['orderId']}")
        assert looked.body["orderStatus"] == "open"
        assert two.ask(dying, "ann", "DELETE", "/v1/orders").body["cancelled"] == 1


def _key(two: Two, who: str, name: str, scopes: list[str]) -> dict[str, Any]:
    made = two.ask(0, who, "POST", "/v1/api-keys", {"name": name, "scopes": scopes})
    assert made.status == 201, made.content
    key = made.body["key"]
    return {"key_id": key["keyId"], "algorithm": key["algorithm"], "secret": made.body["secret"]}


@pytest.mark.req("E003")
def test_commands_of_people_are_unary_calls_of_typed_contracts(two: Two) -> None:
    """REST in, one call of the contract to the process of identity; what is of a wrong type goes nowhere."""

    def calls() -> dict[str, float]:
        names = ("OpenSession", "CreateApiKey", "RotateApiKey", "RevokeApiKey", "EndSession")
        paths = {name: f"IdentityService.{name}" for name in names}
        return {
            name: sample(two.up, "exchange_rpc_server_calls", method=path) for name, path in paths.items()
        }

    before = calls()
    two.sign_in("ann")
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["read"])
    wrong = two.ask(0, "ann", "POST", "/v1/api-keys", {"name": 7, "scopes": ["read"]})
    assert (wrong.status, wrong.name) == (400, "INVALID_BODY")
    turned = two.ask(1, "ann", "POST", f"/v1/api-keys/{key['key_id']}/rotate", {})
    assert turned.status == 201, turned.content
    for key_id in (key["key_id"], turned.body["key"]["keyId"]):
        assert two.ask(0, "ann", "DELETE", f"/v1/api-keys/{key_id}").status == 200
    assert two.ask(1, "ann", "DELETE", "/v1/sessions/current").status == 200
    grown = {"OpenSession": 1, "CreateApiKey": 1, "RotateApiKey": 1, "RevokeApiKey": 2, "EndSession": 1}
    until(lambda: calls() == {name: before[name] + more for name, more in grown.items()}, "it was not called")


@pytest.mark.req("B030", "A006")
def test_signed_write_is_taken_by_one_of_two_gateways(two: Two) -> None:
    """Row 50 of the faults: sent to both at once, many times over, one takes each; killed ones, too."""
    two.sign_in("ann")
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["read", "trade"])
    words = (key["algorithm"], key["key_id"], key["secret"])

    def signed(body: bytes) -> dict[str, str]:
        return signature(*words, "POST", "/v1/orders", body) | {"content-type": "application/json"}

    def send(at: int, body: bytes, headers: dict[str, str]) -> Answer:
        return Program(two.ports[at]).send("POST", "/v1/orders", body, headers)

    answers: list[Answer] = []
    taken, deadline = 0, time.monotonic() + TAKEN_S
    with ThreadPoolExecutor(8) as pool:
        while taken < 25:
            assert time.monotonic() < deadline, f"{taken} were taken; of the last one: {answers}"
            body = json.dumps(SELL | {"price": f"{800 + taken}.00"}).encode()
            headers = signed(body)
            answers = list(pool.map(lambda at, b=body, h=headers: send(at % 2, b, h), range(8)))
            if all(answer.is_too_late for answer in answers):
                continue  # the machine stood still for seconds: none may be taken
            found = sorted(answer.status for answer in answers)
            assert found == [201, *[401] * 7], [answer.content for answer in answers]
            refused = {answer.name for answer in answers if answer.status == 401}
            assert refused <= {"REPLAYED", "CLOCK_OUT_OF_WINDOW"}
            taken += 1
    assert two.ask(1, "ann", "DELETE", "/v1/orders").body["cancelled"] == taken

    for dying, other in ((0, 1), (1, 0)):
        body = json.dumps(SELL | {"price": "850.00"}).encode()
        headers = signed(body)
        assert send(dying, body, headers).status == 201
        pid = two.kill(NAMES[dying])
        assert send(other, body, headers).name in {"REPLAYED", "CLOCK_OUT_OF_WINDOW"}
        two.back(NAMES[dying], pid)
        assert send(dying, body, headers).name in {"REPLAYED", "CLOCK_OUT_OF_WINDOW"}
        assert two.ask(other, "ann", "DELETE", "/v1/orders").body["cancelled"] == 1


def test_identity_that_is_killed_takes_nothing_of_before(two: Two) -> None:
    """While it is away nobody comes in and nothing is done; what it had taken is refused, sessions go on."""
    two.sign_in("ann")
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["trade"])
    words = (key["algorithm"], key["key_id"], key["secret"])
    body = json.dumps(SELL | {"price": "860.00"}).encode()
    headers = signature(*words, "POST", "/v1/orders", body) | {"content-type": "application/json"}
    assert Program(two.ports[0]).send("POST", "/v1/orders", body, headers).status == 201
    pid = two.kill("identity")
    fresh = signature(*words, "POST", "/v1/orders", body) | {"content-type": "application/json"}
    first = Program(two.ports[1]).send("POST", "/v1/orders", body, fresh)
    assert (first.status, first.name) in {(503, "UNAVAILABLE"), (401, "CLOCK_OUT_OF_WINDOW")}
    two.back("identity", pid)
    for at in range(2):
        again = Program(two.ports[at]).send("POST", "/v1/orders", body, headers)
        assert again.name == "CLOCK_OUT_OF_WINDOW"
    assert two.ask(1, "ann", "GET", "/v1/sessions/current").status == 200
    assert two.ask(1, "ann", "DELETE", "/v1/orders").body["cancelled"] == 1


def test_what_is_revoked_at_one_gateway_counts_at_none(two: Two) -> None:
    """A session within a second or two, a key at once, a token with its session."""
    two.sign_in("ann")
    ending = two.sign_in("ann", at=1)
    token = two.ask(1, "ann", "POST", "/v1/tokens").body["token"]
    jwt = {"authorization": f"Bearer {token}"}
    assert two.ask(0, "", "GET", "/v1/balances", **jwt).status == 200
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["read"])
    program = Program(two.ports[1], key)
    # Identity takes no signature of its first second.
    until(lambda: program.ask("GET", "/v1/balances").status == 200, "the key does not count")
    assert two.ask(0, "ann", "DELETE", f"/v1/api-keys/{key['key_id']}").status == 200
    assert program.ask("GET", "/v1/balances").name == "KEY_REVOKED"
    assert two.ask(0, "ann", "GET", "/v1/sessions/current").status == 200
    target = f"/v1/sessions/{ending['session']['sessionId']}"
    assert two.ask(1, "ann", "DELETE", target).status == 200
    began = time.monotonic()
    until(lambda: two.ask(0, "ann", "GET", "/v1/limits").status == 401, "the session still counts")
    until(lambda: two.ask(0, "", "GET", "/v1/limits", **jwt).status == 401, "the token still counts")
    assert time.monotonic() - began < 60
    assert two.ask(0, "", "GET", "/v1/limits", **jwt).name == "SESSION_OVER"


def _differs(look: Callable[[], list[str]], before: list[str]) -> bool:
    return look() != before


@pytest.mark.req("E091")
def test_tokens_outlive_one_rotation_of_keys_and_not_two(two: Two) -> None:
    """Two live keys: what the one before signed still counts; the published set has both."""
    two.sign_in("ann")
    jwt = {"authorization": f"Bearer {two.ask(0, 'ann', 'POST', '/v1/tokens').body['token']}"}

    def kids() -> list[str]:
        return [each["kid"] for each in two.ask(1, "", "GET", "/.well-known/jwks.json").body["keys"]]

    for rotation in (1, 2):
        before = kids()
        exchange("identity", "rotate-signing", "--data", str(two.up.data))
        until(partial(_differs, kids, before), "the key did not come")
        assert kids()[1:] == before[:1]
        if rotation == 1:
            assert two.ask(1, "", "GET", "/v1/balances", **jwt).status == 200
    until(lambda: two.ask(1, "", "GET", "/v1/balances", **jwt).status == 401, "the token still counts")
    assert two.ask(0, "", "GET", "/v1/balances", **jwt).name == "BAD_TOKEN"


@pytest.mark.req("B025")
def test_gateways_alone_have_ports(two: Two) -> None:
    """Of all processes of the exchange: beside them only the supervisor's metrics, to this machine alone."""
    announced = two.up.announcement()
    owners = {name: pid for name, pid in announced["processes"].items() if pid}
    owners["supervisor"] = two.up.process.pid
    found = {(name, address, port) for name, pid in owners.items() for address, port in listening(pid)}
    metrics = int(announced["endpoints"]["metrics"].split(":")[2].partition("/")[0])
    assert found == {
        ("gateway", "127.0.0.1", two.ports[0]),
        ("gateway-2", "127.0.0.1", two.ports[1]),
        ("supervisor", "127.0.0.1", metrics),
    }
    assert {"core", "replica", "identity"} <= set(owners)


def test_user_who_is_disabled_may_nothing_more(two: Two) -> None:
    """By the command, while all runs: sessions and keys end, signing in is as for nobody."""
    two.sign_in("gone")
    key = _key(two, "gone", f"bot-{secrets.token_hex(3)}", ["read"])
    words = ("users", "disable", "gone", "--reason", "left", "--data", str(two.up.data))
    exchange(*words)
    until(lambda: two.ask(1, "gone", "GET", "/v1/balances").status == 401, "the session still counts")
    until(lambda: Program(two.ports[0], key).ask("GET", "/v1/balances").status == 401, "the key still counts")
    asked = {"userName": "gone", "password": PASSWORD}
    assert two.ask(0, "", "POST", "/v1/sessions", asked).name == "WRONG_PASSWORD"
    seen = until(lambda: ("UserDisabled", "gone") in two.events() and two.events(), "nobody is told")
    assert {("SessionRevoked", "gone"), ("UserDisabled", "gone")} <= set(seen)
    assert "ApiKeyRevoked" in {name for name, _ in seen}


@pytest.mark.req("B026")
def test_nobody_has_or_hands_on_more_than_they_may(two: Two) -> None:
    """Keys and users of others are not there; a key, and a user, never may more than who made it."""
    for who in ("ann", "bob", "eve"):
        two.sign_in(who)
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["read"])
    for who in ("bob", "eve"):
        for method, target, sent in (
            ("DELETE", f"/v1/api-keys/{key['key_id']}", None),
            ("POST", f"/v1/api-keys/{key['key_id']}/rotate", {}),
            ("DELETE", f"/v1/sessions/{two.sign_in('ann')['session']['sessionId']}", None),
        ):
            answer = two.ask(0, who, method, target, sent)
            assert (answer.status, answer.name) == (404, "UNKNOWN_CREDENTIAL"), (who, target)
        assert key["key_id"] not in two.ask(0, who, "GET", "/v1/api-keys").content.decode()
    names = [each["userName"] for each in two.ask(0, "eve", "GET", "/v1/users").body["users"]]
    assert names == ["eve"]
    assert {"ann", "bob", "demo"} <= {
        each["userName"] for each in two.ask(0, "bob", "GET", "/v1/users?limit=100").body["users"]
    }
    refused = two.ask(0, "ann", "GET", "/v1/users")
    assert (refused.status, refused.name) == (403, "SCOPE_MISSING")
    keys: list[tuple[Any, int, str]] = [
        ({"name": "x", "scopes": ["admin"]}, 400, "INVALID_BODY"),
        ({"name": "x", "scopes": []}, 400, "INVALID_BODY"),
        ({"name": "x", "scopes": ["read"], "accounts": [12]}, 403, "MORE_THAN_OWN"),
        ({"name": "x", "scopes": ["read"], "addresses": ["here"]}, 400, "INVALID_BODY"),
        ({"name": "x", "scopes": ["read"], "algorithm": "ed25519", "publicKey": "00"}, 400, "INVALID_BODY"),
        ({"name": "x", "scopes": ["read"], "expiresAt": "2001-01-01T00:00:00Z"}, 400, "INVALID_BODY"),
        ({"name": "x\n", "scopes": ["read"]}, 400, "INVALID_BODY"),
    ]
    for body, status, name in keys:
        answer = two.ask(0, "ann", "POST", "/v1/api-keys", body)
        assert (answer.status, answer.name) == (status, name), body
    opened = two.ask(1, "", "POST", "/v1/sessions/demo").body
    two.tokens["demo"] = opened["token"]
    assert opened["user"]["scopes"] == ["read", "session"]
    other = two.ask(1, "", "POST", "/v1/sessions/demo").body["session"]["sessionId"]
    assert two.ask(0, "demo", "GET", "/v1/sessions").body["sessions"][0]["current"]
    assert len(two.ask(0, "demo", "GET", "/v1/sessions").body["sessions"]) == 1
    assert two.ask(0, "demo", "DELETE", f"/v1/sessions/{other}").name == "UNKNOWN_CREDENTIAL"
    assert two.ask(0, "demo", "POST", "/v1/api-keys", {"name": "x", "scopes": ["read"]}).status == 403
    change = {"oldPassword": PASSWORD, "newPassword": "another of theirs 8"}
    assert two.ask(0, "demo", "PUT", "/v1/users/me/password", change).name == "SCOPE_MISSING"
    answer = two.ask(
        0, "ann", "POST", "/v1/users", {"userName": "x", "password": PASSWORD, "roles": ["viewer"]}
    )
    assert (answer.status, answer.name) == (403, "SCOPE_MISSING")
    assert two.ask(1, "demo", "POST", "/v1/orders", SELL).name == "SCOPE_MISSING"
    made = f"cid-{secrets.token_hex(3)}"
    people: list[tuple[Any, int, str]] = [
        ({"userName": made, "password": PASSWORD, "roles": ["king"]}, 400, "INVALID_BODY"),
        ({"userName": made, "password": "short", "roles": ["viewer"]}, 422, "WEAK_PASSWORD"),
        ({"userName": made, "password": "password1234", "roles": ["viewer"]}, 422, "WEAK_PASSWORD"),
        ({"userName": "a b", "password": PASSWORD, "roles": ["viewer"]}, 400, "INVALID_BODY"),
        ({"userName": "Ann", "password": PASSWORD, "roles": ["viewer"]}, 409, "NAME_TAKEN"),
        (
            {"userName": made, "password": PASSWORD, "roles": ["viewer"], "accounts": [11]},
            *(403, "MORE_THAN_OWN"),
        ),
    ]
    for body, status, name in people:
        answer = two.ask(0, "bob", "POST", "/v1/users", body)
        assert (answer.status, answer.name) == (status, name), body
    wanted = {"userName": made.upper(), "password": PASSWORD, "roles": ["viewer"]}
    user = two.ask(0, "bob", "POST", "/v1/users", wanted)
    assert user.status == 201
    assert (user.body["userName"], user.body["accounts"], user.body["tenant"]) == (made, [12], 1)
    assert two.sign_in(made, at=1)["user"]["userId"] == user.body["userId"]


def test_browser_signs_in_by_cookie_and_writes_from_own_pages_alone(two: Two) -> None:
    """The cookie is not for scripts, not for other sites; a foreign page can neither write nor sign in."""
    own = f"http://127.0.0.1:{two.ports[0]}"
    body = {"userName": "ann", "password": PASSWORD}
    foreign = two.ask(0, "", "POST", "/v1/sessions", body, origin="http://evil.example")
    assert (foreign.status, foreign.name) == (403, "ORIGIN_NOT_ALLOWED")
    signed_in = two.ask(0, "", "POST", "/v1/sessions", body, origin=own)
    said = signed_in.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(said.split("; "))
    assert "Secure" not in said  # over plain HTTP, to this machine
    cookie = said.partition(";")[0]
    order = SELL | {"price": "870.00"}
    assert two.ask(0, "", "POST", "/v1/orders", order, cookie=cookie).name == "ORIGIN_NOT_ALLOWED"
    assert (
        two.ask(0, "", "POST", "/v1/orders", order, cookie=cookie, origin="http://evil.example").name
        == "ORIGIN_NOT_ALLOWED"
    )
    assert two.ask(0, "", "GET", "/v1/orders/open", cookie=cookie).body["orders"] == []
    assert two.ask(0, "", "POST", "/v1/orders", order, cookie=cookie, origin=own).status == 201
    assert two.ask(0, "", "DELETE", "/v1/orders", cookie=cookie, origin=own).body["cancelled"] == 1
    out = two.ask(0, "", "DELETE", "/v1/sessions/current", cookie=cookie, origin=own)
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (200, True)
    assert two.ask(0, "", "GET", "/v1/orders/open", cookie=cookie).name == "SESSION_OVER"


def test_identity_tells_what_it_looked_at(two: Two) -> None:
    """Logins, credentials, keys, sessions and hashes, in its process; both gateways hear of changes."""

    def of(name: str, **labels: str) -> float:
        return sample(two.up, f"exchange_identity_{name}", **labels)

    def counts() -> list[float]:
        return [
            of("logins", outcome="ok"),
            of("logins", outcome="WRONG_PASSWORD"),
            of("credential_checks", kind="signature", outcome="REPLAYED"),
            of("credential_checks", kind="jwt", outcome="BAD_TOKEN"),
            of("hash_duration_seconds_count"),
        ]

    before = counts()
    two.sign_in("ann")
    wrong = {"userName": "ann", "password": "not the password 7"}
    assert two.ask(1, "", "POST", "/v1/sessions", wrong).name == "WRONG_PASSWORD"
    key = _key(two, "ann", f"bot-{secrets.token_hex(3)}", ["read"])
    headers = signature(key["algorithm"], key["key_id"], key["secret"], "GET", "/v1/balances", b"")
    for at, name in ((0, None), (1, "REPLAYED")):
        answer = Program(two.ports[at]).send("GET", "/v1/balances", b"", headers)
        assert answer.status == 200 if name is None else answer.name == name
    bad = {"authorization": "Bearer e30.e30.e30"}
    assert two.ask(0, "", "GET", "/v1/balances", **bad).name == "BAD_TOKEN"
    until(
        lambda: counts() == [each + grown for each, grown in zip(before, (1, 1, 1, 1, 2), strict=True)],
        "it is not counted",
    )
    assert of("api_keys", status="live") >= 1
    assert of("hashes_under_way") == 0
    until(lambda: of("sessions") >= 1, "no session is counted")
    until(lambda: sample(two.up, "exchange_gateway_changes_heard") == len(NAMES), "changes are not heard")
    assert two.ask(0, "ann", "GET", "/v1/balances").status == 200
    remembered = sample(two.up, "exchange_gateway_tokens", outcome="remembered")
    assert two.ask(0, "ann", "GET", "/v1/balances").status == 200
    until(lambda: sample(two.up, "exchange_gateway_tokens", outcome="remembered") > remembered, "it is not")


def test_flood_of_logins_costs_bounded_work_and_stops_nobody(two: Two) -> None:
    """Some are tried, the others told to wait or that it is too much; others are served meanwhile."""
    two.sign_in("bob")
    stop = threading.Event()
    found: list[tuple[int, str]] = []

    def flood(number: int) -> None:
        while not stop.is_set():
            body = {"userName": f"flood-{number}", "password": "wrong password 77"}
            answer = two.ask(number % 2, "", "POST", "/v1/sessions", body)
            found.append((answer.status, answer.name))

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        served = [two.ask(1, "bob", "GET", "/v1/balances").status for _ in range(50)]
        until(lambda: (429, "LOGIN_TOO_OFTEN") in found, "nobody was told to wait")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(served) <= {200, 429}  # the address, which is the same for all here, has a budget
    assert 200 in served
    assert {name for _, name in found} <= {
        *("WRONG_PASSWORD", "LOGIN_TOO_OFTEN", "OVERLOADED", "RATE_LIMITED"),
        "OUTCOME_UNKNOWN",  # of a machine that is too slow for a hash in five seconds
    }

    def wait_s() -> int:
        body = {"userName": "flood", "password": "wrong password 77"}
        two.ask(0, "", "POST", "/v1/sessions", body)
        waiting = two.ask(0, "", "POST", "/v1/sessions", {"userName": "bob", "password": PASSWORD})
        return int(waiting.headers["retry-after"]) if waiting.status == 429 else 0

    # The address has to wait, whoever it is; so nobody signs in after this test.
    until(lambda: wait_s() >= 1, "an address that fails again and again does not have to wait")


def test_no_secret_is_in_the_log_or_among_the_records(two: Two) -> None:
    """Of passwords, tokens and keys that went through here."""
    records = "".join(path.read_text() for path in (Path(two.up.data) / "audit").rglob("*.log"))
    for secret in (PASSWORD, *two.tokens.values()):
        assert secret not in two.up.log
        assert secret not in records
