"""What was proved before a change counts no more behind it; an expiry outlives a rotation. Both databases."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from exchange.bus.topics import TopicTable
from exchange.domain.contracts.identity import OpenSessionRequest
from exchange.errors import GatewayFault, SecurityError, SecurityFault
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.passwords import HashWorkers, hashed
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Sessions
from exchange.services.identity.signing_in import SigningIn
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS, USERS
from exchange.services.identity.throttle import LoginThrottle
from exchange.services.identity.users import User, Users, end_sessions
from exchange.storage.sql import open_store

PASSWORD = "a password of theirs 7"  # noqa: S105 (of a test)
_WANTED = Wanted(name="other", tenant=1, scopes=("read",))


class World:
    """A store of identity with one user."""

    def __init__(self, store: IdentityStore) -> None:
        self.store = store
        self.users, self.keys = Users(store), ApiKeys(store)
        self.sessions = Sessions(store, 1_800_000, 43_200_000)
        self.ann = self.users.create("ann", 1, "hash-1", ["trader"])

    def key(self, expires_ms: int | None = None) -> str:
        """The id of a key of hers."""
        wanted = Wanted(
            name="bot", tenant=1, scopes=("read",), user_id=self.ann.user_id, expires_ms=expires_ms
        )
        return self.keys.create(wanted)[0].key_id


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[World]:
    """With the tables of identity."""
    (tmp_path / "keys").mkdir(mode=0o700)
    with open_store(store_url, "identity", MIGRATIONS) as opened:
        yield World(IdentityStore(opened, Sealer(tmp_path / "keys"), TopicTable("dev")))


def refusal(act: Callable[[], object]) -> str:
    """How it is refused; empty where it is not."""
    try:
        act()
    except (Refused, SecurityError) as refused:
        return "" if refused.fault is None else refused.fault.name
    return ""


def test_session_of_a_password_that_was_changed_meanwhile_is_not_opened(world: World) -> None:
    """Nor that of a user who was disabled; the new password opens one."""
    world.users.set_password(world.ann.user_id, "hash-2")
    assert refusal(lambda: world.sessions.open(world.ann, "", "")) == "WRONG_PASSWORD"
    now = world.users.named("ann")
    session, _ = world.sessions.open(now, "", "")
    assert session.user == now
    world.users.disable("ann", "left")
    assert refusal(lambda: world.sessions.open(now, "", "")) == "WRONG_PASSWORD"
    assert refusal(lambda: world.sessions.open(replace(now, user_id="us-none"), "", "")) == "WRONG_PASSWORD"


@pytest.mark.parametrize("what", ["password", "disabled"])
def test_session_that_is_opened_while_a_change_is_under_way_waits_for_it(world: World, what: str) -> None:
    """Else it would be there behind the change, which did not see it; so it is with keys."""
    values = {"password": "hash-2"} if what == "password" else {"disabled_ms": 1}
    key_id, found = world.key(), list[str]()
    acts: list[Callable[[], object]] = [lambda: world.sessions.open(world.ann, "", "")]
    if what == "disabled":
        acts.append(lambda: world.keys.rotate(key_id))
        acts.append(lambda: world.keys.create(replace(_WANTED, user_id=world.ann.user_id)))
    tasks = [threading.Thread(target=lambda act=act: found.append(refusal(act))) for act in acts]
    with world.store.change() as change:
        change.tx.execute(update(USERS).where(USERS.c.user_id == world.ann.user_id).values(**values))
        end_sessions(change, world.ann, "of the test", "ann")
        for task in tasks:
            task.start()
        time.sleep(0.3)
    for task in tasks:
        task.join()
    wanted = ["WRONG_PASSWORD"] if what == "password" else ["SESSION_OVER"] * 2 + ["WRONG_PASSWORD"]
    assert sorted(found) == wanted
    assert world.sessions.of_user(world.ann.user_id) == []
    assert [each.key_id for each in world.keys.all()] == [key_id]


def test_password_is_changed_by_the_one_that_counts(world: World) -> None:
    """Whoever proved the one before changes nothing, so two changes at once are one."""
    world.users.set_password(world.ann.user_id, "hash-2", proved="hash-1")
    again = refusal(lambda: world.users.set_password(world.ann.user_id, "hash-3", proved="hash-1"))
    assert again == "WRONG_PASSWORD"
    assert world.users.named("ann").password == "hash-2"  # noqa: S105


def test_key_of_a_user_who_was_disabled_is_neither_made_nor_replaced(world: World) -> None:
    """As its user's session is over."""
    key_id = world.key()
    with world.store.change() as change:  # in the moment between the two parts of a disabling
        change.tx.execute(update(USERS).where(USERS.c.user_id == world.ann.user_id).values(disabled_ms=1))
    assert refusal(lambda: world.keys.rotate(key_id)) == "SESSION_OVER"
    assert refusal(lambda: world.keys.create(replace(_WANTED, user_id=world.ann.user_id))) == "SESSION_OVER"
    assert [each.key_id for each in world.keys.all()] == [key_id]


def test_key_that_takes_anothers_place_expires_with_it(world: World) -> None:
    """A rotation prolongs nothing, and what has expired has no successor."""
    expires_ms = world.store.now_ms() + 60_000
    new, _ = world.keys.rotate(world.key(expires_ms))
    assert (new.expires_ms, world.keys.find(new.key_id).expires_ms) == (expires_ms, expires_ms)
    world.keys.now_ms = world.store.now_ms = lambda: expires_ms
    with pytest.raises(SecurityError) as caught:
        world.keys.rotate(new.key_id)
    assert caught.value.fault is SecurityFault.KEY_EXPIRED


def test_sign_in_whose_password_is_changed_while_it_is_proved_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change comes between the proof and the session."""
    world.users.set_password(world.ann.user_id, hashed(PASSWORD))
    opened = world.sessions.open

    def late(user: User, address: str, client: str) -> object:
        world.users.set_password(user.user_id, "hash-9")
        return opened(user, address, client)

    workers = HashWorkers(1)
    try:
        signing = SigningIn(world.users, world.sessions, workers, LoginThrottle(time.monotonic_ns), "")
        asked = OpenSessionRequest(user_name="ann", password=PASSWORD)
        assert asyncio.run(signing.open(asked))[0].user.name == "ann"
        monkeypatch.setattr(world.sessions, "open", late)
        with pytest.raises(Refused) as caught:
            asyncio.run(signing.open(asked))
    finally:
        workers.close()
    assert caught.value.fault is GatewayFault.WRONG_PASSWORD
    assert world.sessions.of_user(world.ann.user_id) == []
