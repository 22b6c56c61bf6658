"""Signed requests: the key counts, the time is near, the signature is right, the nonce is new. In one step.

What an attacker can make wrong costs nothing that lasts: a key that is not known is looked up in memory, and
a nonce is remembered only of a request that its key has signed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from exchange.domain.contracts.identity import SignedRequest
from exchange.errors import GatewayFault, SecurityFault
from exchange.security.api_keys import ApiKey
from exchange.security.key_records import KeyStatus
from exchange.security.signing import text_to_sign
from exchange.services.identity.refused import Refused

WINDOW_MS: Final = 5_000
"""How much older than our time a timestamp may be."""
AHEAD_MS: Final = 1_000
"""How much later."""
_REMEMBERED_MAX: Final = 1_000_000
_SPANS_MAX: Final = 16
_NOTE_USED_MS: Final = 60_000
_TIMESTAMP_DIGITS: Final = 16


class KeySource(Protocol):
    """Where keys are: `exchange.services.identity.api_keys.ApiKeys` is one. Calls wait."""

    @property
    def revision(self) -> int:
        """Grows with every change of a key."""
        ...

    def all(self) -> list[ApiKey]:
        """All keys."""
        ...

    def note_used(self, key_ids: Iterable[str], used_ms: int) -> None:
        """Write down that keys were used."""
        ...


@dataclass(slots=True)
class _Generation:
    """Nonces of one while, and from when to when their requests said to be; none: nothing is in it."""

    nonces: set[tuple[str, bytes]] = field(default_factory=set)
    first_ms: int = 2**63
    last_ms: int = -1


class SeenOnce:
    """Nonces of the last 6 s at least, in two generations. Of one event loop.

    Of those that are forgotten it knows from when to when they were: a clock that is set back would let them
    come again.
    """

    def __init__(self) -> None:
        self._new, self._old = _Generation(), _Generation()
        self._turned_ms = 0
        self._forgotten: list[tuple[int, int]] = []
        self._forgotten_ms = -1  # the last of them

    def note(self, key_id: str, nonce: bytes, said_ms: int, now_ms: int) -> bool:
        """Remember it; whether it is new.

        Args:
            key_id: Whose it is.
            nonce: What it is.
            said_ms: When its request says to have been made.
            now_ms: When it came; less than before where the clock was set back.

        Raises:
            Refused: CLOCK_OUT_OF_WINDOW: nonces of then are forgotten, so it may have been taken. OVERLOADED:
                no more can be remembered, so nothing is taken.
        """
        since_ms = now_ms - self._turned_ms
        if not 0 <= since_ms < WINDOW_MS + AHEAD_MS:
            self._forget(self._old)
            if since_ms >= 2 * (WINDOW_MS + AHEAD_MS):  # nobody came for a turn
                self._forget(self._new)
                self._new = _Generation()
            self._old, self._new = self._new, _Generation()
            self._turned_ms = now_ms
        if said_ms <= self._forgotten_ms and any(
            first_ms <= said_ms <= last_ms for first_ms, last_ms in self._forgotten
        ):
            raise Refused(GatewayFault.CLOCK_OUT_OF_WINDOW)
        said, new = (key_id, nonce), self._new
        if said in new.nonces or said in self._old.nonces:
            return False
        if len(new.nonces) >= _REMEMBERED_MAX:
            raise Refused(GatewayFault.OVERLOADED, retry_after_ms=1_000)
        new.nonces.add(said)
        if said_ms < new.first_ms:
            new.first_ms = said_ms
        if said_ms > new.last_ms:
            new.last_ms = said_ms
        return True

    def _forget(self, generation: _Generation) -> None:
        if not generation.nonces:
            return
        spans = sorted([*self._forgotten, (generation.first_ms, generation.last_ms)])
        while len(spans) > _SPANS_MAX:  # the two that are nearest to each other are one
            at = min(range(1, len(spans)), key=lambda at: spans[at][0] - spans[at - 1][1])
            (first_ms, one_ms), (_, other_ms) = spans[at - 1 : at + 1]
            spans[at - 1 : at + 1] = [(first_ms, max(one_ms, other_ms))]
        self._forgotten = spans
        self._forgotten_ms = max(last_ms for _, last_ms in spans)


class Keyring:
    """The keys, in memory; looked at anew within a second of a change.

    Args:
        source: Where they are.
    """

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._keys: dict[str, ApiKey] = {}
        self._revision = -1
        self._used: set[str] = set()
        self._noted_ms = 0

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, whether it counts or not."""
        return self._keys.get(key_id)

    def by_status(self) -> dict[str, int]:
        """How many keys there are of each status. Any thread may ask."""
        now_ms = time.time_ns() // 1_000_000
        return Counter(str(key.status(now_ms)) for key in list(self._keys.values()))

    def used(self, key_id: str) -> None:
        """It was used, which is written down once a minute."""
        self._used.add(key_id)

    def look(self) -> bool:
        """Read the keys where something changed; whether it did. Waits for the store.

        Raises:
            ExchangeError: The store cannot be had; the keys stay what they were.
        """
        revision = self._source.revision
        changed = revision != self._revision
        if changed:
            self._keys = {key.key_id: key for key in self._source.all()}
            self._revision = revision
        now_ms = time.time_ns() // 1_000_000
        if self._used and now_ms - self._noted_ms >= _NOTE_USED_MS:
            used, self._used = self._used, set()
            self._source.note_used(used, now_ms)
            self._noted_ms = now_ms
        return changed


class SignedRequests:
    """Says whose a signed request is, each once. Of one event loop.

    Args:
        keyring: The keys.
        began_ms: When this process began, Unix time. Nonces are remembered by a process, so what an earlier
            one may have taken is refused: a timestamp up to `AHEAD_MS` after that.
        now_ms: Unix time.
    """

    def __init__(self, keyring: Keyring, began_ms: int, now_ms: Callable[[], int]) -> None:
        self._keyring = keyring
        self._earliest_ms = began_ms + AHEAD_MS
        self._now_ms = now_ms
        self._seen = SeenOnce()

    def key_of(self, signed: SignedRequest, address: str) -> ApiKey:
        """The key that signed a request.

        Args:
            signed: What it signed.
            address: Where that came from.

        Raises:
            Refused: It is nobody's, or not to be taken from there.
        """
        now_ms = self._now_ms()
        key = self._keyring.find(signed.key_id)
        if key is None:
            raise Refused(SecurityFault.UNKNOWN_KEY)
        if not key.may_come_from(address):
            raise Refused(GatewayFault.ADDRESS_NOT_ALLOWED)
        status = key.status(now_ms)
        if status is KeyStatus.REVOKED:
            raise Refused(SecurityFault.KEY_REVOKED)
        if status is KeyStatus.EXPIRED:
            raise Refused(SecurityFault.KEY_EXPIRED)
        if not (signed.timestamp.isdigit() and len(signed.timestamp) <= _TIMESTAMP_DIGITS):
            raise Refused(GatewayFault.MALFORMED_CREDENTIAL)
        said_ms = int(signed.timestamp)
        if not max(now_ms - WINDOW_MS, self._earliest_ms) <= said_ms <= now_ms + AHEAD_MS:
            raise Refused(GatewayFault.CLOCK_OUT_OF_WINDOW)
        text = text_to_sign(
            signed.timestamp, signed.nonce, signed.method.encode("ascii"), signed.target, signed.body_sha256
        )
        if not key.is_signature(text, signed.signature):
            raise Refused(GatewayFault.WRONG_SIGNATURE)
        if not self._seen.note(key.key_id, signed.nonce, said_ms, now_ms):
            raise Refused(GatewayFault.REPLAYED)
        self._keyring.used(key.key_id)
        return key
