"""Who may come in: signatures, their time, their nonces, and the state of keys."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.config.settings import Gateway
from exchange.domain.contracts.identity import AuthenticateRequest
from exchange.errors import GatewayFault, SecurityFault
from exchange.security.api_keys import ApiKey
from exchange.security.principal import Principal
from exchange.security.signing import ED25519, HMAC_SHA256, new_ed25519
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.identity_link import principal_of, refusal_of
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.standing import Standing
from exchange.services.identity.records import principal_record
from exchange.services.identity.refused import Refused
from exchange.services.identity.replay import AHEAD_MS, WINDOW_MS, Keyring, SeenOnce, SignedRequests
from tests.gateway.keyring import KEY, NOW, SECRET, Source
from tests.gateway.signed import signature

HOUR_MS = 3_600_000


@dataclass
class Door:
    """An authenticator with a clock that is set by hand."""

    keys: list[ApiKey]
    now_ms: int = NOW
    began_ms: int = NOW - 3_600_000

    def __post_init__(self) -> None:
        keyring = Keyring(Source(self.keys))
        keyring.look()
        self._signed = SignedRequests(keyring, self.began_ms, lambda: self.now_ms)
        self._authenticator = Authenticator(self, Browsers(Gateway()), Standing())

    async def principal(self, request: AuthenticateRequest) -> Principal:
        """In the place of identity, of which it has what is about signatures."""
        assert request.signed is not None
        try:
            key = self._signed.key_of(request.signed, request.address)
        except Refused as refused:
            raise refusal_of(refused.record) from None
        return principal_of(principal_record(key.principal, 0))

    def signed(self, **changed: object) -> dict[str, str]:
        """Headers of a request."""
        said: dict[str, object] = {"at_ms": self.now_ms, "body": b"{}", "secret": SECRET} | changed
        algorithm = str(said.pop("algorithm", HMAC_SHA256))
        secret, body = str(said.pop("secret")), said.pop("body")
        assert isinstance(body, bytes)
        at_ms = said["at_ms"]
        assert isinstance(at_ms, int)
        return signature(algorithm, "gk-1", secret, "POST", "/v1/orders?a=1", body, at_ms=at_ms)

    def says(
        self,
        headers: dict[str, str],
        *,
        method: str = "POST",
        target: bytes = b"/v1/orders?a=1",
        body: bytes = b"{}",
        address: str = "192.0.2.7",
    ) -> str:
        """The name of the key, or of why it was refused."""
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        try:
            # Nothing here waits, so the coroutine is at its end when it is sent on once.
            self._authenticator.principal_of(method, target, raw, body, address).send(None)
        except StopIteration as done:
            principal: Principal = done.value
            return principal.name
        except Refusal as refusal:
            return refusal.name
        raise AssertionError("it waited")


@pytest.mark.parametrize("algorithm", [HMAC_SHA256, ED25519])
def test_signature_counts_for_the_very_request_alone(algorithm: str) -> None:
    """Method, path, query, body, timestamp and nonce are all in it; a bit less is none."""
    private, public = new_ed25519()
    secret = SECRET if algorithm == HMAC_SHA256 else private
    verifier = KEY.verifier if algorithm == HMAC_SHA256 else bytes.fromhex(public)
    door = Door([replace(KEY, algorithm=algorithm, verifier=verifier)])
    headers = door.signed(algorithm=algorithm, secret=secret)
    wrong = GatewayFault.WRONG_SIGNATURE.name
    assert door.says(headers, method="PUT") == wrong
    assert door.says(headers, target=b"/v1/orders?a=2") == wrong
    assert door.says(headers, target=b"/v1/orders") == wrong
    assert door.says(headers, body=b"{ }") == wrong
    assert door.says(headers | {"x-api-timestamp": str(NOW + 1)}) == wrong
    assert door.says(headers | {"x-api-nonce": "other"}) == wrong
    last = headers["x-api-signature"][-1]
    assert (
        door.says(
            headers | {"x-api-signature": headers["x-api-signature"][:-1] + ("0" if last != "0" else "1")}
        )
        == wrong
    )
    assert door.says(headers | {"x-api-signature": ""}) == wrong
    assert door.says(headers) == "ann"


def test_signature_counts_within_its_window_and_never_before_the_process() -> None:
    """Row 37 of the faults: 5 s back, 1 s ahead; what an earlier process may have taken is refused."""
    door = Door([KEY])
    clock = GatewayFault.CLOCK_OUT_OF_WINDOW.name
    for offset, expected in (
        (-WINDOW_MS - 1, clock), (-WINDOW_MS, "ann"), (0, "ann"), (AHEAD_MS, "ann"), (AHEAD_MS + 1, clock),
    ):  # fmt: skip
        assert door.says(door.signed(at_ms=NOW + offset)) == expected, offset
    before = [Door([KEY], began_ms=NOW - ago).says(door.signed(at_ms=NOW)) for ago in (0, AHEAD_MS)]
    assert before == [clock, "ann"]


def test_signature_is_taken_once_of_a_hundred_thousand_times() -> None:
    """Row 37 of the faults, whenever it comes again: at once, throughout its window, and after it."""
    door = Door([KEY])
    headers = door.signed()
    answers = [door.says(headers)]
    for attempt in range(100_000):
        door.now_ms = NOW + attempt // 10
        answers.append(door.says(headers))
    assert answers[0] == "ann"
    assert len(answers) == 100_001
    assert set(answers[1:]) == {GatewayFault.REPLAYED.name, GatewayFault.CLOCK_OUT_OF_WINDOW.name}


def test_none_of_a_hundred_thousand_replays_of_many_signatures_is_taken() -> None:
    """Two thousand requests within a window, each taken once; then all of them again, fifty times."""
    door = Door([KEY])
    headers = []
    for attempt in range(2_000):
        door.now_ms = NOW + attempt
        headers.append(door.signed())
        assert door.says(headers[-1]) == "ann"
    answers: Counter[str] = Counter()
    for round_ in range(50):
        door.now_ms = NOW + 2_000 + 200 * round_
        answers.update(map(door.says, headers))
    assert answers.total() == 100_000
    assert set(answers) == {GatewayFault.REPLAYED.name, GatewayFault.CLOCK_OUT_OF_WINDOW.name}


def test_nonces_are_remembered_as_long_as_their_requests_could_come_again() -> None:
    """At any two times that are at most a window apart, by any key."""
    for first in range(0, 14_000, 500):
        for gap in (1, 500, WINDOW_MS, WINDOW_MS + AHEAD_MS):
            seen = SeenOnce()
            seen.note("other", b"begin", NOW, NOW)
            assert seen.note("gk-1", b"n", NOW + first, NOW + first)
            assert not seen.note("gk-1", b"n", NOW + first, NOW + first + gap), (first, gap)
            assert seen.note("gk-2", b"n", NOW + first, NOW + first + gap)


def test_clock_that_is_set_back_takes_nothing_again_and_goes_on() -> None:
    """Rows 36 and 37 of the faults: an hour forward and back; what is signed then is taken, once."""
    door = Door([KEY])
    before = door.signed()
    assert door.says(before) == "ann"
    ahead = []
    for step in range(0, 30_000, 3_000):
        door.now_ms = NOW + HOUR_MS + step
        ahead.append(door.signed())
        assert door.says(ahead[-1]) == "ann"
    clock = {GatewayFault.CLOCK_OUT_OF_WINDOW.name, GatewayFault.REPLAYED.name}
    for later in (0, 3_000, 9_000):
        door.now_ms = NOW + later
        assert door.says(before) in clock
        assert door.says(door.signed(at_ms=NOW + 1_000 + later)) == "ann"
    door.now_ms = NOW + HOUR_MS + 3_000  # where it was before
    assert {door.says(each) for each in ahead} <= clock
    door.now_ms = NOW + HOUR_MS + 60_000
    assert door.says(door.signed()) == "ann"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [-2 * HOUR_MS, -HOUR_MS, -7_000, -1_000, 0, 1, 999, 4_000, 6_000, 13_000, HOUR_MS]
            ),
            st.integers(-6, 2),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_no_signature_is_taken_twice_whatever_the_clock_does(moves: list[tuple[int, int]]) -> None:
    """All that were ever signed come again at each step: each is taken once at most."""
    door = Door([KEY], began_ms=0)
    headers: list[dict[str, str]] = []
    taken: Counter[int] = Counter()
    for by_ms, offset_s in moves:
        door.now_ms = max(door.now_ms + by_ms, HOUR_MS)
        headers.append(door.signed(at_ms=door.now_ms + 1_000 * offset_s))
        taken.update(at for at, each in enumerate(headers) if door.says(each) == "ann")
    assert not taken or max(taken.values()) == 1


def test_clock_that_was_set_back_for_long_does_not_fill_the_memory() -> None:
    """Generations follow each other there as anywhere."""
    seen = SeenOnce()
    assert seen.note("gk-1", b"ahead", NOW + HOUR_MS, NOW + HOUR_MS)
    for second in range(600):
        now_ms = NOW + 1_000 * second
        assert seen.note("gk-1", b"%d" % second, now_ms, now_ms)
    assert len(seen._new.nonces) + len(seen._old.nonces) <= 14
    assert len(seen._forgotten) <= 16


@pytest.mark.parametrize(
    ("changed", "address", "expected"),
    [
        ({}, "192.0.2.7", "ann"),
        ({"replaced_by": "gk-2"}, "192.0.2.7", "ann"),
        ({"revoked_ms": NOW - 1}, "192.0.2.7", SecurityFault.KEY_REVOKED.name),
        ({"expires_ms": NOW}, "192.0.2.7", SecurityFault.KEY_EXPIRED.name),
        ({"expires_ms": NOW + 1}, "192.0.2.7", "ann"),
        ({"addresses": ("192.0.2.0/24",)}, "192.0.2.7", "ann"),
        (
            {"addresses": ("198.51.100.0/24", "2001:db8::/32")},
            "192.0.2.7",
            GatewayFault.ADDRESS_NOT_ALLOWED.name,
        ),
        ({"addresses": ("2001:db8::/32",)}, "2001:db8::1", "ann"),
        ({"addresses": ("192.0.2.0/24",)}, "", GatewayFault.ADDRESS_NOT_ALLOWED.name),
        ({"key_id": "gk-other"}, "192.0.2.7", SecurityFault.UNKNOWN_KEY.name),
    ],
)
def test_key_counts_by_its_state_and_address(changed: dict[str, object], address: str, expected: str) -> None:
    """Two live keys at a rotation; revoked, expired, from elsewhere, unknown."""
    door = Door([replace(KEY, **changed)])  # type: ignore[arg-type]
    assert door.says(door.signed(), address=address) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"x-api-timestamp": "1e3"}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-timestamp": "٣"}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-timestamp": "1" * 17}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-nonce": ""}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-nonce": "n" * 41}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-signature": "zz"}, GatewayFault.MALFORMED_CREDENTIAL),
        ({"x-api-key": "é"}, SecurityFault.UNKNOWN_KEY),
    ],
)
def test_header_that_cannot_be_read_is_told(changed: dict[str, str], expected: GatewayFault) -> None:
    """With the number of it; never an accident."""
    door = Door([KEY])
    assert door.says(door.signed() | changed) == expected.name


def test_header_that_is_missing_is_told() -> None:
    """Each of the four."""
    door = Door([KEY])
    for name in door.signed():
        headers = door.signed()
        del headers[name]
        assert door.says(headers) == GatewayFault.NO_CREDENTIAL.name
