"""How both clients reach the gateway: connections, credentials, and the policy of retries."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from exchange.errors import ConfigError
from exchange.resilience import Policies, Policy

TIMEOUT_S: Final = 10.0
LIMITS: Final = httpx.Limits(max_connections=128, max_keepalive_connections=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be said of a client beside where the gateway is and who asks.

    Args:
        account: Used where a call names none; None: the one of the key.
        name: Begins the client order ids that it makes; at most 16 characters.
        timeout_s: Of a call, retries and pauses included.
        verify: Of TLS: whether, or by what, the gateway's certificate is checked.
        policies: Whose edge from client to gateway it keeps to; its own where none are given.
    """

    account: int | None = None
    name: str = "rest"
    timeout_s: float = TIMEOUT_S
    verify: ssl.SSLContext | bool = True
    policies: Policies | None = None


def checked_url(url: str, *also: str) -> str:
    """The address of a gateway.

    Args:
        url: As it was given.
        also: Schemes that it may have beside those of HTTP.

    Raises:
        ConfigError: It is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https", *also) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{url!r} is no address of a gateway: expected http://host:port")
    return url


def policy_of(options: Options, url: str) -> Policy:
    """The policy of the gateway at an address."""
    return (options.policies or Policies()).of("client", "gateway", url)
