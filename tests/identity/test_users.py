"""Users and sessions in their store, on both databases: made, found, narrowed, ended; what is told of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from exchange.bus.topics import TopicTable
from exchange.errors import ConfigError, GatewayFault
from exchange.schema.events import decode_events
from exchange.security.key_records import KeyStatus
from exchange.security.sealing import Sealer
from exchange.security.user_roles import USER_ROLES, delegable, scopes_of, session_scopes
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Sessions
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import METADATA, MIGRATIONS
from exchange.services.identity.tokens import SigningKeys
from exchange.services.identity.users import Users
from exchange.storage.sql import Store, StoreUnavailable, open_store
from exchange.storage.sql.outbox import outgoing

NOW = 1_800_000_000_000
IDLE, LONGEST = 1_800_000, 43_200_000
TOPIC = "dev.identity.changes.v1"


@dataclass
class World:
    """A store of identity, with a clock that is set by hand."""

    opened: Store
    store: IdentityStore
    now_ms: int = NOW

    def __post_init__(self) -> None:
        self.users, self.keys = Users(self.store), ApiKeys(self.store)
        self.sessions, self.signing = Sessions(self.store, IDLE, LONGEST), SigningKeys(self.store)

    def told(self) -> list[tuple[str, str, str]]:
        """Events that wait in the outbox: type, name, reason."""
        with self.opened.read() as tx:
            batches = outgoing(tx, TOPIC, 1_000, 2**22)
        events = [
            event
            for batch in batches
            for event in decode_events(batch.payload, batch.stream, batch.first_seq)
        ]
        return [(event.event_type, event.payload.name, event.payload.reason) for event in events]

    def is_over(self, token: str) -> bool:
        """Whether a session's token counts no more."""
        try:
            self.sessions.by_token(token)
        except Refused as refused:
            return refused.fault is GatewayFault.SESSION_OVER
        return False


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[World]:
    """With the tables of identity."""
    (tmp_path / "keys").mkdir(mode=0o700)
    made: list[World] = []
    with open_store(store_url, "identity", MIGRATIONS) as opened:
        store = IdentityStore(
            opened, Sealer(tmp_path / "keys"), TopicTable("dev"), lambda: made[0].now_ms if made else NOW
        )
        made.append(World(opened, store))
        yield made[0]


def test_tables_are_those_of_the_code(world: World) -> None:
    """Each column, and whether it may be empty."""
    found = inspect(world.opened.engine)
    for name, table in METADATA.tables.items():
        if name == "revision":
            continue
        columns = {each["name"]: each["nullable"] for each in found.get_columns(name)}
        keys = {each.name for each in table.primary_key}
        wanted = {each.name: bool(each.nullable) for each in table.columns if each.name not in keys}
        assert {each: empty for each, empty in columns.items() if each not in keys} == wanted, name


def test_user_through_its_life(world: World) -> None:
    """Made, found in any case, given roles and a password, disabled; each change counted and told."""
    ann = world.users.create("Ann@Example.com", 7, "hash-1", ["trader", "viewer"], [12, 11, 11])
    assert ann == world.users.find("ANN@example.COM")
    assert (ann.name, ann.accounts, ann.disabled_ms) == ("ann@example.com", (11, 12), None)
    with pytest.raises(Refused) as caught:
        world.users.create("ann@example.com", 8, "hash-2", ["viewer"])
    assert caught.value.fault is GatewayFault.NAME_TAKEN
    other = world.users.set_roles(ann.name, ["viewer"], [12])
    assert (other.roles, other.accounts) == (frozenset({"viewer"}), (12,))
    _, first = world.sessions.open(ann, "192.0.2.7", "test")
    _, second = world.sessions.open(ann, "192.0.2.8", "test")
    world.users.set_password(ann.user_id, "hash-3")
    assert world.users.named(ann.name).password == "hash-3"  # noqa: S105
    assert (world.is_over(first), world.is_over(second)) == (True, True)
    _, third = world.sessions.open(world.users.named(ann.name), "", "")
    key, _ = world.keys.create(Wanted(name="bot", tenant=7, scopes=("read",), user_id=ann.user_id))
    gone = world.users.disable(ann.name, "left")
    assert (gone.disabled_ms, gone.reason, world.is_over(third)) == (NOW, "left", True)
    revoked = world.keys.find(key.key_id)
    assert (revoked.status(NOW), revoked.verifier) == (KeyStatus.REVOKED, b"")
    assert [each for each in world.told() if each[0] != "SessionOpened"] == [
        ("UserCreated", ann.name, ""),
        ("UserRolesSet", ann.name, ""),
        ("SessionRevoked", ann.name, "the password was changed"),
        ("SessionRevoked", ann.name, "the password was changed"),
        ("PasswordChanged", ann.name, ""),
        ("ApiKeyCreated", "bot", ""),
        ("SessionRevoked", ann.name, "the user was disabled"),
        ("ApiKeyRevoked", "bot", "its user was disabled"),
        ("UserDisabled", ann.name, "left"),
    ]
    with pytest.raises(Refused, match="there is no user nobody"):
        world.users.disable("nobody", "x")
    with pytest.raises(Refused, match="there is no user nobody"):
        world.users.set_roles("nobody", ["viewer"])


@pytest.mark.parametrize(
    ("name", "tenant", "roles", "said"),
    [
        ("", 1, ["viewer"], "is no name"),
        ("a b", 1, ["viewer"], "is no name"),
        ("-a", 1, ["viewer"], "is no name"),
        ("å", 1, ["viewer"], "is no name"),
        ("a" * 41, 1, ["viewer"], "is no name"),
        ("a", 0, ["viewer"], "tenant is 0"),
        ("a", 2**32, ["viewer"], "tenant is"),
        ("a", 1, [], "roles are none"),
        ("a", 1, ["king"], "expected some of viewer, trader, operator, admin"),
    ],
)
def test_user_that_can_be_none_is_refused(
    world: World, name: str, tenant: int, roles: list[str], said: str
) -> None:
    """With what was expected; nothing is kept or told of it."""
    with pytest.raises(ConfigError, match=said):
        world.users.create(name, tenant, "hash", roles)
    assert (world.users.all(), world.told()) == ([], [])


def test_users_come_in_pages_of_their_tenant(world: World) -> None:
    """By name, from behind one on."""
    for name, tenant in (("cid", 1), ("ann", 1), ("eve", 2), ("bob", 1)):
        world.users.create(name, tenant, "hash", ["viewer"])
    assert [each.name for each in world.users.all()] == ["ann", "bob", "cid", "eve"]
    assert [each.name for each in world.users.all(1, most=2)] == ["ann", "bob"]
    assert [each.name for each in world.users.all(1, "bob")] == ["cid"]


def test_session_ends_by_idling_by_age_or_by_hand(world: World) -> None:
    """Used within its idle time it lasts to its end, and not a moment longer."""
    ann = world.users.create("ann", 1, "hash", ["trader"])
    session, token = world.sessions.open(ann, "192.0.2.7", "a\nb" + "x" * 200)
    assert (session.client[:2], len(session.client)) == ("ab", 120)
    world.now_ms = NOW + IDLE - 1
    assert world.sessions.by_token(token).session_id == session.session_id
    world.now_ms += IDLE
    assert world.is_over(token)
    world.now_ms = NOW
    _, token = world.sessions.open(ann, "", "")
    while world.now_ms < NOW + LONGEST:
        assert not world.is_over(token), world.now_ms
        world.now_ms += IDLE // 2
    assert world.is_over(token)
    assert world.sessions.of_user(ann.user_id) == []
    _, token = world.sessions.open(ann, "", "")
    eve = world.users.create("eve", 1, "hash", ["trader"])
    (live,) = world.sessions.of_user(ann.user_id)
    with pytest.raises(Refused) as caught:
        world.sessions.end(eve, live.session_id, "eve")
    assert caught.value.fault is GatewayFault.UNKNOWN_CREDENTIAL
    assert not world.is_over(token)
    world.sessions.end(ann, live.session_id, "ann")
    assert world.is_over(token)
    assert world.is_over("xs_none")


def test_session_counts_where_nothing_can_be_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk those who are in go on; that they are used is not noted."""
    ann = world.users.create("ann", 1, "hash", ["trader"])
    session, token = world.sessions.open(ann, "", "")

    def full() -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(world.store, "begin", full)
    world.now_ms += IDLE - 1
    assert world.sessions.by_token(token).session_id == session.session_id
    world.now_ms += 1
    assert world.is_over(token)


def test_session_of_everybody_hands_nothing_on(world: World) -> None:
    """It may what its user may, and end itself."""
    demo = world.users.create("demo", 1, "hash", ["trader"])
    sessions = Sessions(world.store, IDLE, LONGEST, "Demo")
    session, token = sessions.open(demo, "", "")
    assert session.scopes == sessions.by_token(token).scopes == {"read", "trade", "transfer", "session"}
    assert world.sessions.by_token(token).scopes == session_scopes(["trader"])


def test_sessions_that_count_no_more_are_said_of_any_number(world: World) -> None:
    """As a stream asks, which keeps the others from idling."""
    ann = world.users.create("ann", 1, "hash", ["trader"])
    ids = [world.sessions.open(ann, "", "")[0].session_id for _ in range(4)]
    world.sessions.end(ann, ids[1], "ann")
    asked = [*ids, "se-none", *(f"se-{n}" for n in range(600))]
    assert world.sessions.ended(asked) == [ids[1], *asked[4:]]
    for _ in range(8):
        world.now_ms += IDLE // 2
        assert world.sessions.ended(ids) == [ids[1]]
    world.now_ms += IDLE
    assert world.sessions.ended(ids) == ids


def test_tokens_and_secrets_are_not_in_the_store(world: World) -> None:
    """Of a session there is a hash, of a key that signs its sealed half."""
    ann = world.users.create("ann", 1, "hash", ["trader"])
    _, token = world.sessions.open(ann, "", "")
    private = world.signing.all()[0].private.private_bytes_raw()
    with world.opened.read() as tx:
        sessions = str(tx.execute(text("SELECT * FROM sessions")).all())
        keys = tx.execute(text("SELECT private FROM signing_keys")).scalars().all()
    assert token not in sessions
    assert hashlib.sha256(token.encode()).hexdigest() in sessions
    assert all(private not in bytes(each) for each in keys)
    assert token not in repr(world.sessions.by_token(token))


def test_key_may_what_its_user_may_now(world: World) -> None:
    """Roles and accounts that are taken from a user are taken from the keys, and come back with them."""
    ann = world.users.create("ann", 1, "hash", ["trader"], [11, 12])
    key, _ = world.keys.create(
        Wanted(name="bot", tenant=1, scopes=("read", "trade"), accounts=(11, 12), user_id=ann.user_id)
    )

    def now() -> tuple[set[str], tuple[int, ...]]:
        found = world.keys.find(key.key_id)
        return set(found.scopes), found.accounts

    assert now() == ({"read", "trade"}, (11, 12))
    world.users.set_roles("ann", ["viewer"])
    assert now() == ({"read"}, (11, 12))
    world.users.set_roles("ann", ["trader"], [12, 13])
    assert now() == ({"read", "trade"}, (12,))
    world.users.set_roles("ann", ["trader"], [13])
    assert now() == (set(), (13,))  # no account of it is left, and none is not all
    world.users.set_roles("ann", ["trader"], [])
    assert now() == ({"read", "trade"}, (11, 12))


def test_two_signing_keys_count_and_the_newest_signs(world: World) -> None:
    """The first is made when it is needed; of three the oldest is gone."""
    (first,) = world.signing.all()
    world.signing.rotate("test")
    second, again = world.signing.all()
    assert (again.kid, second.kid != first.kid) == (first.kid, True)
    world.signing.rotate("test")
    third, before = world.signing.all()
    assert (before.kid, {third.kid} & {first.kid, second.kid}) == (second.kid, set())
    assert [(event, reason) for event, _, reason in world.told()] == [
        ("SigningKeyCreated", "the first one"),
        ("SigningKeyCreated", "test"),
        ("SigningKeyCreated", "test"),
        ("SigningKeyRevoked", "test"),
    ]


def test_change_that_fails_is_neither_counted_nor_told(world: World) -> None:
    """One transaction: state, count and event."""
    world.users.create("ann", 1, "hash", ["trader"])
    before, told = world.store.revision, world.told()

    def fail() -> None:
        with world.store.change() as change:
            change.tell("UserDisabled", "us-1", 1, of="ann")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (world.store.revision, world.told()) == (before, told)


@given(st.lists(st.sampled_from([*USER_ROLES, "king"])))
@settings(deadline=None)
def test_roles_allow_what_each_of_them_does_and_hand_on_no_more(roles: list[str]) -> None:
    """Scopes are a union; what is handed on is of them, and never makes keys or users."""
    union = set().union(*(USER_ROLES.get(role, frozenset()) for role in roles))
    assert scopes_of(roles) == union
    assert delegable(roles) == union & {"read", "trade", "transfer"}
    assert session_scopes(roles) == union | {"session", "keys"}
