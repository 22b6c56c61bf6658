"""Security contexts by the keys of a store, as they are now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from exchange.errors import AuthenticationError, SecurityError, SecurityFault
from exchange.security.context import SecurityContextSerializer
from exchange.security.keys import KeyStore

_LOOK_NS: Final = 1_000_000_000


class StoredContexts:
    """Reads and writes security contexts by the keys of a store, as they are now: looked at once a second.

    Args:
        store: The keys.
        now_ns: A steady clock.
    """

    def __init__(self, store: KeyStore, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._store = store
        self._now_ns = now_ns
        self._next_ns = 0
        self._serializer: SecurityContextSerializer | None = None

    def serializer(self) -> SecurityContextSerializer:
        """By the keys that count.

        Raises:
            AuthenticationError: CONTEXT_KEY: there is none.
        """
        now_ns = self._now_ns()
        if self._serializer is None or now_ns >= self._next_ns:
            self._next_ns = now_ns + _LOOK_NS
            try:
                self._serializer = SecurityContextSerializer(self._store.context_keys())
            except SecurityError as error:
                self._serializer = None
                raise AuthenticationError(error.message, SecurityFault.CONTEXT_KEY) from None
        return self._serializer
