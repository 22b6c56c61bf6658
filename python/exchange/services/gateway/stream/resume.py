"""Tokens that say what a stream was told of: sealed, so that any gateway can take one and nobody make one."""

from __future__ import annotations

import base64
import binascii
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from exchange.errors import GatewayFault, SecurityError
from exchange.security.principal import Principal
from exchange.security.sealing import Sealer
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.feed import Key

AGE_MS_MAX: Final = 86_400_000
_BYTES_MAX: Final = 262_144
_Row = tuple[str, str, str, int, bool]


class Token(msgspec.Struct, array_like=True):
    """What is sealed: rows of channel, symbol, interval, account, and whether raw."""

    issued_ms: int
    cancel_on_disconnect: bool
    rows: list[_Row]


class Tokens:
    """Seals and opens tokens of one exchange.

    Args:
        sealer: Its key is that of all gateways.
        now_ms: Unix time.
    """

    def __init__(
        self, sealer: Sealer, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._sealer = sealer
        self._now_ms = now_ms

    def issue(
        self, principal: Principal, keys: Iterable[tuple[Key, bool]], *, cancel_on_disconnect: bool
    ) -> str:
        """A token of what somebody is told of."""
        rows: list[_Row] = [(key.channel, key.symbol, key.interval, key.account, raw) for key, raw in keys]
        token = Token(self._now_ms(), cancel_on_disconnect, rows)
        content = zlib.compress(msgspec.json.encode(token))
        return base64.urlsafe_b64encode(self._sealer.seal(content, _owner(principal))).decode("ascii")

    def open(self, text: str, principal: Principal) -> tuple[list[tuple[Key, bool]], bool]:
        """What the owner of a token was told of, each whether raw; and whether orders end with the stream.

        Raises:
            Refusal: BAD_RESUME_TOKEN: it is another's, none, or older than a day.
        """
        try:
            sealed = base64.b64decode(text, b"-_", validate=True)
            content = self._sealer.open(sealed, _owner(principal))
            inflater = zlib.decompressobj()
            token = msgspec.json.decode(inflater.decompress(content, _BYTES_MAX), type=Token)
        except (SecurityError, binascii.Error, ValueError, zlib.error, msgspec.DecodeError):
            raise Refusal(GatewayFault.BAD_RESUME_TOKEN) from None
        if self._now_ms() - token.issued_ms > AGE_MS_MAX:
            raise Refusal(GatewayFault.BAD_RESUME_TOKEN)
        keys = []
        for channel, symbol, interval, account, raw in token.rows:
            tenant = principal.tenant if account else 0
            keys.append((Key(channel, symbol, interval, tenant, account), raw))  # type: ignore[arg-type]  # as sealed
        return keys, token.cancel_on_disconnect


def _owner(principal: Principal) -> str:
    """Whose a token is: a user keeps it with a new session, a program with its key."""
    return f"stream of {principal.subject} of tenant {principal.tenant}"
