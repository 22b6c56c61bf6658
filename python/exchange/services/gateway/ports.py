"""What the gateway needs of others, as it sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from exchange.security.api_keys import ApiKey


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
