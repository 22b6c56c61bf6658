"""Who asks: a signature over the request, by a key that counts, within 5 s, once.

What an attacker can make wrong costs nothing that lasts: a key that is not known is looked up in memory,
and a nonce is remembered only of a request that its key has signed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from exchange.errors import ExchangeError, GatewayFault, SecurityFault
from exchange.runtime.log import log
from exchange.security.api_keys import ApiKey
from exchange.security.key_records import KeyStatus
from exchange.security.principal import Method, Principal
from exchange.security.signing import (
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    is_signature,
    signed_text,
)
from exchange.services.gateway.ports import KeySource
from exchange.services.gateway.refusal import Refusal

WINDOW_MS: Final = 5_000
"""How much older than the gateway's time a timestamp may be."""
AHEAD_MS: Final = 1_000
"""How much later."""
_NONCE_BYTES_MAX: Final = 40
_REMEMBERED_MAX: Final = 1_000_000
_POLL_S: Final = 1.0
_NOTE_USED_MS: Final = 60_000

_KEY, _TIME, _NONCE, _SIGNATURE = (
    name.encode("ascii") for name in (KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
)
Headers = Mapping[bytes, bytes]


class SeenOnce:
    """Nonces of the last 6 s at least, in two generations. Of one event loop."""

    def __init__(self) -> None:
        self._new: set[tuple[str, bytes]] = set()
        self._old: set[tuple[str, bytes]] = set()
        self._turned_ms = 0

    def note(self, key_id: str, nonce: bytes, now_ms: int) -> bool:
        """Remember it; whether it is new.

        Raises:
            Refusal: OVERLOADED: no more can be remembered, so nothing is taken.
        """
        if now_ms - self._turned_ms >= WINDOW_MS + AHEAD_MS:
            # After two turns without anybody the older generation is of no use either.
            gap = now_ms - self._turned_ms >= 2 * (WINDOW_MS + AHEAD_MS)
            self._old, self._new = (set() if gap else self._new), set()
            self._turned_ms = now_ms
        said = (key_id, nonce)
        if said in self._new or said in self._old:
            return False
        if len(self._new) >= _REMEMBERED_MAX:
            raise Refusal(GatewayFault.OVERLOADED)
        self._new.add(said)
        return True


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

    def used(self, key_id: str) -> None:
        """It was used, which is written down once a minute."""
        self._used.add(key_id)

    def look(self) -> None:
        """Read the keys where they changed. Waits for the store.

        Raises:
            ExchangeError: The store cannot be had; the keys stay what they were.
        """
        revision = self._source.revision
        if revision != self._revision:
            self._keys = {key.key_id: key for key in self._source.all()}
            self._revision = revision
        now_ms = time.time_ns() // 1_000_000
        if self._used and now_ms - self._noted_ms >= _NOTE_USED_MS:
            used, self._used = self._used, set()
            self._source.note_used(used, now_ms)
            self._noted_ms = now_ms

    async def keep(self) -> None:
        """Look once a second, for ever."""
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                await asyncio.to_thread(self.look)
            except ExchangeError as error:
                log("keys cannot be read", level=logging.ERROR, reason=error)


class Authenticator:
    """Says whose a request is.

    Args:
        keyring: The keys.
        began_ms: When this process began, Unix time. Nonces are remembered by a process, so what an earlier
            one may have taken is refused: a timestamp up to `AHEAD_MS` after that.
        now_ms: Unix time.
    """

    def __init__(
        self,
        keyring: Keyring,
        began_ms: int,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._keyring = keyring
        self._earliest_ms = began_ms + AHEAD_MS
        self._now_ms = now_ms
        self._seen = SeenOnce()

    async def principal_of(
        self, method: str, target: bytes, headers: Headers, body: bytes, address: str
    ) -> Principal:
        """Who sent a request.

        Raises:
            Refusal: Nobody that may; see `key_of`.
        """
        return self.key_of(method, target, headers, body, address).principal

    def holds(self, principal: Principal) -> bool:
        """Whether what proved it still counts: streams ask again and again."""
        if principal.method is not Method.API_KEY:
            return principal.counts(self._now_ms())
        key = self._keyring.find(principal.credential_id)
        return key is not None and key.status(self._now_ms()) in {KeyStatus.LIVE, KeyStatus.RETIRING}

    def key_of(self, method: str, target: bytes, headers: Headers, body: bytes, address: str) -> ApiKey:
        """The key that signed a request.

        Args:
            method: In capitals.
            target: Path and query, as they came.
            headers: By lower-case name.
            body: All of it.
            address: Where it came from.

        Raises:
            Refusal: It is nobody's, or not to be taken from there.
        """
        now_ms = self._now_ms()
        key, timestamp, nonce, signature = self._said(headers)
        if not key.may_come_from(address):
            raise Refusal(GatewayFault.ADDRESS_NOT_ALLOWED)
        status = key.status(now_ms)
        if status is KeyStatus.REVOKED:
            raise Refusal(SecurityFault.KEY_REVOKED)
        if status is KeyStatus.EXPIRED:
            raise Refusal(SecurityFault.KEY_EXPIRED)
        said_ms = int(timestamp)
        if not max(now_ms - WINDOW_MS, self._earliest_ms) <= said_ms <= now_ms + AHEAD_MS:
            raise Refusal(GatewayFault.CLOCK_OUT_OF_WINDOW, details={"serverTimeMs": now_ms})
        text = signed_text(timestamp, nonce, method.encode("ascii"), target, body)
        if not is_signature(key.algorithm, key.verifier, text, signature):
            raise Refusal(GatewayFault.WRONG_SIGNATURE)
        if not self._seen.note(key.key_id, nonce, now_ms):
            raise Refusal(GatewayFault.REPLAYED)
        self._keyring.used(key.key_id)
        return key

    def _said(self, headers: Headers) -> tuple[ApiKey, bytes, bytes, bytes]:
        """What the four headers say."""
        try:
            key_id, timestamp = headers[_KEY], headers[_TIME]
            nonce, signature = headers[_NONCE], headers[_SIGNATURE]
        except KeyError as error:
            missing = error.args[0].decode("ascii")
            raise Refusal(GatewayFault.NO_CREDENTIAL, f"the header {missing} is missing") from None
        if not (timestamp.isdigit() and len(timestamp) <= 16):
            raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, f"{TIMESTAMP_HEADER} is no number of ms")
        if not (
            0 < len(nonce) <= _NONCE_BYTES_MAX and nonce.isascii() and nonce.decode("ascii").isprintable()
        ):
            raise Refusal(GatewayFault.MALFORMED_CREDENTIAL, f"{NONCE_HEADER} is not 1 to 40 characters")
        try:
            proof = bytes.fromhex(signature.decode("ascii"))
        except ValueError:
            raise Refusal(
                GatewayFault.MALFORMED_CREDENTIAL, f"{SIGNATURE_HEADER} is no hexadecimal"
            ) from None
        key = self._keyring.find(key_id.decode("latin-1"))
        if key is None:
            raise Refusal(SecurityFault.UNKNOWN_KEY)
        return key, timestamp, nonce, proof
