"""What is different about browsers: the cookie of a session, and whose pages may write by it.

A browser sends a cookie along whoever made it ask, so a write by cookie counts only with an Origin of the
gateway's own pages, or of one that the settings name. SameSite=Strict is a second lock, not the only one: all
ports of a host are one site.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from exchange.config.settings import Gateway
from exchange.errors import GatewayFault
from exchange.services.gateway.refusal import Refusal

COOKIE: Final = "exchange_session"
_SAFE: Final = frozenset({"GET", "HEAD"})
_COOKIES_MAX: Final = 50
Headers = Mapping[bytes, bytes]


class Browsers:
    """Cookies and origins of one gateway.

    Args:
        settings: Of it.
    """

    def __init__(self, settings: Gateway) -> None:
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.origins.split())
        # Over plain HTTP a browser would not send it back; beyond this machine a proxy speaks TLS.
        self._secure = "" if _is_loopback(settings.host) else "; Secure"

    def token(self, headers: Headers) -> str:
        """What the cookie says; empty: there is none."""
        said = headers.get(b"cookie", b"").decode("latin-1")
        for part in said.split(";", _COOKIES_MAX)[:_COOKIES_MAX]:
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                return value
        return ""

    def is_own(self, headers: Headers) -> bool:
        """Whether a request comes from a page of ours."""
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin in self._origins:
            return True
        host = headers.get(b"host", b"").decode("latin-1").lower()
        parts = urlsplit(origin) if origin.startswith(("http://", "https://")) else None
        return parts is not None and bool(host) and parts.netloc == host

    def check_write(self, method: str, headers: Headers) -> None:
        """See that a request by cookie may do what it wants.

        Raises:
            Refusal: ORIGIN_NOT_ALLOWED.
        """
        if method not in _SAFE and not self.is_own(headers):
            raise Refusal(GatewayFault.ORIGIN_NOT_ALLOWED)

    def check_login(self, headers: Headers) -> None:
        """See that no foreign page signs its visitor in as somebody else.

        Raises:
            Refusal: ORIGIN_NOT_ALLOWED.
        """
        if b"origin" in headers and not self.is_own(headers):
            raise Refusal(GatewayFault.ORIGIN_NOT_ALLOWED)

    def cookie(self, token: str, lasts_s: int) -> tuple[bytes, bytes]:
        """The header that keeps a token in a browser, hidden from scripts; of no seconds: that removes it."""
        said = f"{COOKIE}={token}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{self._secure}"
        return b"set-cookie", said.encode("ascii")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
