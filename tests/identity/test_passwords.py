"""Passwords: which are taken, what a hash costs, how often one may be wrong; that nobody learns names."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from exchange.domain.contracts.identity import OpenSessionRequest
from exchange.errors import GatewayFault
from exchange.services.identity import passwords
from exchange.services.identity.passwords import (
    HASHER,
    HashWorkers,
    checked_password,
    hashed,
    is_outgrown,
    is_password,
    normal,
)
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Sessions
from exchange.services.identity.signing_in import SigningIn
from exchange.services.identity.throttle import ALLOWANCES, LoginThrottle
from exchange.services.identity.users import User, Users
from tests.clock import Clock

GOOD = "correct staple 77 horse"
ANN = User(
    user_id="us-1",
    name="ann",
    tenant=1,
    password=hashed(GOOD),
    roles=frozenset({"trader"}),
    accounts=(),
    created_ms=0,
)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        (GOOD, ""),
        ("x7-Q.p!mZ2kd", ""),
        ("пароль из слов", ""),
        ("twelve chars", ""),
        ("éßôü" + "kqwzmrtb", ""),
        ("a" * 11, "has 12 to 128"),
        ("x7-Q.p!mZ2k", "has 12 to 128"),
        (GOOD * 6, "has 12 to 128"),
        ("password1234", "tried first"),
        ("PassWord 1234", "tried first"),
        ("correct horse battery staple", "tried first"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("abababababababab", "tried first"),
        ("123456789012345", "tried first"),
        ("abcdefghijklmnop", "tried first"),
        ("ann-somebody-ann", ""),
        ("annalisa-and-more", ""),
        ("olivia.olivia1", "user's name"),
    ],
)
def test_password_is_taken_by_length_and_by_not_being_tried_first(password: str, said: str) -> None:
    """NIST 800-63B: no rule of composition; 12 characters, and not one of a list."""
    name = "olivia.olivia" if "olivia" in password else "ann"
    if not said:
        assert checked_password(password, name) == normal(password)
        return
    with pytest.raises(Refused, match=said) as caught:
        checked_password(password, name)
    assert caught.value.fault is GatewayFault.WEAK_PASSWORD
    assert password not in str(caught.value)


def test_hash_is_argon2id_with_the_parameters_of_owasp() -> None:
    """19 MiB, two passes, one lane; salted; the same password from another keyboard is the same."""
    found = extract_parameters(ANN.password)
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 19_456, 2, 1)
    assert hashed(GOOD) != ANN.password
    assert (is_password(ANN.password, GOOD), is_password(ANN.password, GOOD + "!")) == (True, False)
    composed, decomposed = "\u00e9 is a letter", "e\u0301 is a letter"
    assert is_password(hashed(normal(composed)), decomposed)
    assert (is_password("", GOOD), is_password("$argon2id$nonsense", GOOD)) == (False, False)
    small = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    assert (is_outgrown(small), is_outgrown(ANN.password)) == (True, False)


def test_workers_bound_hashes_and_leave_the_loop_free() -> None:
    """Two at once, 32 wait, one more is refused; meanwhile the loop turns."""
    gate, running = threading.Event(), []

    def work() -> int:
        running.append(threading.get_ident())
        gate.wait(60)
        return 7

    async def run() -> tuple[list[Any], int]:
        workers = HashWorkers(2)
        try:
            tasks = [asyncio.create_task(workers.do(work)) for _ in range(40)]
            turns = 0
            while len(running) < 2 or sum(task.done() for task in tasks) < 6:
                await asyncio.sleep(0.001)
                turns += 1
            assert len(running) == 2
            gate.set()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert await workers.do(lambda: 8) == 8
            return found, turns
        finally:
            workers.close()

    found, turns = asyncio.run(run())
    assert found.count(7) == 34
    refused = [each for each in found if isinstance(each, Refused)]
    assert [each.fault for each in refused] == [GatewayFault.OVERLOADED] * 6
    assert turns > 0


def waits(throttle: LoginThrottle, clock: Clock[int], name: str, address: str, tries: int) -> list[int]:
    """How long each of some wrong tries has to wait, s, which it then does."""
    found = []
    for _ in range(tries):
        while True:
            try:
                throttle.begin(name, address)
            except Refused as refused:
                found.append(refused.retry_after_ms // 1_000)
                clock.now += refused.retry_after_ms
            else:
                break
    return found


def test_wrong_passwords_wait_longer_and_longer() -> None:
    """Of a name from an address: five for nothing, then 1, 2, 4 s and so on, a quarter of an hour at most."""
    clock = Clock(1_000_000)
    throttle = LoginThrottle(clock)
    assert waits(throttle, clock, "ann", "192.0.2.7", 5) == []
    assert waits(throttle, clock, "ann", "192.0.2.7", 12) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert waits(throttle, clock, "ann", "192.0.2.9", 4) == []  # from elsewhere
    clock.now += 3_600_000
    assert waits(throttle, clock, "ann", "192.0.2.7", 5) == []  # an hour later


def test_wait_of_an_address_and_of_a_name_is_short() -> None:
    """Others behind an address, and the user whose name somebody tries, are kept out a minute at most."""
    clock = Clock(1_000_000)
    throttle = LoginThrottle(clock)
    for number in range(ALLOWANCES["address"].free):
        assert waits(throttle, clock, f"u{number}", "2001:db8::1", 1) == []
    assert waits(throttle, clock, "other", "2001:db8::2", 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits(throttle, clock, "other-2", "2001:db8:1::2", 1) == []
    for number in range(ALLOWANCES["name"].free):
        assert waits(throttle, clock, "ann", f"198.51.100.{number}", 1) == []
    found = [waits(throttle, clock, "ann", f"203.0.113.{number}", 1) for number in range(8)]
    assert found == [[1], [2], [4], [8], [16], [30], [30], [30]]


def test_right_password_forgives_what_was_wrong_from_there() -> None:
    """Typing it wrong now and then holds nobody up."""
    clock = Clock(1_000_000)
    throttle = LoginThrottle(clock)
    for _ in range(100):
        assert waits(throttle, clock, "ann", "192.0.2.7", 3) == []
        throttle.begin("ann", "192.0.2.7")
        throttle.succeeded("ann", "192.0.2.7")
        clock.now += 3_600_000
    throttle.begin("ann", "192.0.2.7")


def test_tries_at_once_count_each() -> None:
    """Who begins many before the first answer gets as few."""
    throttle = LoginThrottle(Clock(1_000_000))
    begun = 0
    for _ in range(50):
        try:
            throttle.begin("ann", "192.0.2.7")
        except Refused:
            continue
        begun += 1
    assert begun == ALLOWANCES["both"].free


@dataclass
class Known:
    """Users in memory, in place of a store."""

    users: dict[str, User]
    kept: list[str] = field(default_factory=list)

    def find(self, name: str) -> User | None:
        """By name."""
        return self.users.get(name)

    def keep_hash(self, user: User, password: str) -> None:
        """Notes it."""
        self.kept.append(password)
        self.users[user.name] = replace(user, password=password)


def signing_in(known: Known, workers: HashWorkers, demo: str = "") -> SigningIn:
    """With as many tries as one likes."""
    return SigningIn(
        cast(Users, known), cast(Sessions, None), workers, LoginThrottle(time.monotonic_ns), demo
    )


def test_unknown_disabled_and_wrong_are_told_apart_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer and the same work: one hash, with the same parameters."""
    asked: list[str] = []

    def counted(encoded: str, password: str) -> bool:
        asked.append(encoded)
        return is_password(encoded, password)

    monkeypatch.setattr("exchange.services.identity.signing_in.is_password", counted)
    gone = replace(ANN, name="gone", disabled_ms=1)

    async def tried(name: str, password: str) -> str:
        with pytest.raises(Refused) as caught:
            await signing.prove(name, password, "192.0.2.7")
        return f"{caught.value.fault.name} {caught.value.message}"

    workers = HashWorkers(1)
    try:
        signing = signing_in(Known({"ann": ANN, "gone": gone}), workers)
        names = [("ann", "wrong password 77"), ("nobody", GOOD), ("gone", GOOD), ("gone", "wrong")]
        found = {asyncio.run(tried(*name)) for name in names for _ in range(2)}
    finally:
        workers.close()
    assert found == {"WRONG_PASSWORD "}
    assert len(asked) == 2 * len(names)
    forms = {str(extract_parameters(encoded)) for encoded in asked}
    assert len(forms) == 1


def test_hash_of_before_is_replaced_when_its_password_comes() -> None:
    """And only then; by a hash with the parameters of today, of the same password."""
    old = replace(ANN, password=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD))
    known, workers = Known({"ann": old}), HashWorkers(1)
    try:
        signing = signing_in(known, workers)
        with pytest.raises(Refused):
            asyncio.run(signing.prove("ann", "wrong password 77", ""))
        assert known.kept == []
        assert asyncio.run(signing.prove("Ann", GOOD, "")).user_id == "us-1"
        asyncio.run(signing.prove("ann", GOOD, ""))
    finally:
        workers.close()
    (kept,) = known.kept
    assert (is_outgrown(kept), is_password(kept, GOOD)) == (False, True)


def test_demo_is_for_the_user_of_the_settings_alone() -> None:
    """Nobody where there is none, and not one who is disabled."""
    workers = HashWorkers(1)
    try:
        for demo, user in (("", ANN), ("eve", ANN), ("ann", replace(ANN, disabled_ms=1))):
            signing = signing_in(Known({"ann": user}), workers, demo)
            with pytest.raises(Refused) as caught:
                asyncio.run(signing.open(OpenSessionRequest(demo=True)))
            assert caught.value.fault is GatewayFault.UNKNOWN_CREDENTIAL
    finally:
        workers.close()


def test_hash_takes_the_memory_that_bounds_count_on() -> None:
    """What the settings say of workers is true."""
    assert (HASHER.memory_cost, passwords.MEMORY_KIB) == (19 * 1024, 19 * 1024)
