"""API keys of the gateway: whose, what they may do, from where, and whether they count."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from exchange.errors import ConfigError
from exchange.security.key_records import KeyStatus
from exchange.security.principal import Method, Principal
from exchange.security.signing import Check, signature_check

SCOPES: Final = ("read", "trade", "transfer")
"""What a key may do at the gateway: look, orders and cancels, money between accounts of its tenant."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class ApiKey:
    """One key.

    Args:
        key_id: Names it for ever.
        name: Whose: a user or a program.
        tenant: For whom it speaks.
        algorithm: Of `exchange.security.signing`.
        verifier: The secret of HMAC, or the public half of Ed25519.
        scopes: What it may do.
        accounts: The accounts that it may use; empty: all of its tenant's.
        addresses: Networks that it may be used from; empty: any.
        created_ms: Since when, Unix time.
        expires_ms: Until when; None: for ever.
        replaced_by: The key that took its place; it still counts until it is revoked or expires.
        revoked_ms: Since when it does not count; None: it does.
        reason: Why it was revoked.
        used_ms: When it was used last, to the minute; None: never.
        user_id: The user who made it; empty: an operator did.
    """

    key_id: str
    name: str
    tenant: int
    algorithm: str
    verifier: bytes = field(repr=False)
    scopes: frozenset[str]
    accounts: tuple[int, ...]
    addresses: tuple[str, ...]
    created_ms: int
    expires_ms: int | None = None
    replaced_by: str = ""
    revoked_ms: int | None = None
    reason: str = ""
    used_ms: int | None = None
    user_id: str = ""

    @cached_property
    def principal(self) -> Principal:
        """Who asks by it."""
        return Principal(
            tenant=self.tenant,
            subject=self.key_id,
            name=self.name,
            method=Method.API_KEY,
            credential_id=self.key_id,
            scopes=self.scopes,
            accounts=self.accounts,
            expires_ms=self.expires_ms,
            user_id=self.user_id,
        )

    @cached_property
    def is_signature(self) -> Check:
        """Whether a text was signed by its holder."""
        return signature_check(self.algorithm, self.verifier)

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """`addresses`, read."""
        return tuple(ipaddress.ip_network(each) for each in self.addresses)

    def status(self, now_ms: int) -> KeyStatus:
        """Whether it counts at a time."""
        if self.revoked_ms is not None:
            return KeyStatus.REVOKED
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            return KeyStatus.EXPIRED
        return KeyStatus.RETIRING if self.replaced_by else KeyStatus.LIVE

    def may_come_from(self, address: str) -> bool:
        """Whether it may be used from an address."""
        if not self.addresses:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


def new_api_key_id() -> str:
    """A name that no key has: `gk-3f9a12cd5e6f7a8b`."""
    return f"gk-{secrets.token_hex(8)}"


def checked_scopes(scopes: tuple[str, ...]) -> frozenset[str]:
    """Scopes as a key has them.

    Raises:
        ConfigError: There are none, or one is unknown.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ConfigError(f"scopes are {', '.join(scopes) or 'none'}: expected some of {', '.join(SCOPES)}")
    return frozenset(scopes)


def checked_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Networks as a key has them.

    Raises:
        ConfigError: One is none.
    """
    try:
        return tuple(str(ipaddress.ip_network(each)) for each in addresses)
    except ValueError as error:
        raise ConfigError(f"{error}: expected an address, or a network as in 10.0.0.0/8") from None
