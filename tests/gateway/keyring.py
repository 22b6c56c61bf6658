"""Keys in memory, and the time that they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exchange.security.api_keys import ApiKey
from exchange.security.signing import HMAC_SHA256

NOW = 1_800_000_000_000
SECRET = "5e" * 32
KEY = ApiKey(
    key_id="gk-1",
    name="ann",
    tenant=1,
    algorithm=HMAC_SHA256,
    verifier=bytes.fromhex(SECRET),
    scopes=frozenset({"read"}),
    accounts=(),
    addresses=(),
    created_ms=0,
)


@dataclass
class Source:
    """Keys in memory, in place of a store."""

    keys: list[ApiKey]
    revision: int = 1
    used: list[str] = field(default_factory=list)

    def all(self) -> list[ApiKey]:
        """All of them."""
        return self.keys

    def note_used(self, key_ids: Iterable[str], used_ms: int) -> None:
        """Notes it."""
        self.used += key_ids
