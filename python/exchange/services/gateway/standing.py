"""Whether who came in still counts, for what lasts longer than a request: streams.

with standing.watched(principal) as ended:
    await ended          # the fault: revoked, or the time is over

One question a second asks for all of them; that identity does not answer ends nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from exchange.errors import ExchangeError, GatewayFault, SecurityFault
from exchange.runtime.log import log
from exchange.security.principal import Method, Principal

Fault = GatewayFault | SecurityFault
_POLL_S: Final = 1.0
_ASKED_MAX: Final = 500


class SaysEnded(Protocol):
    """What says which keys and sessions count no more: `IdentityLink` is one."""

    async def ended(self, credentials: Sequence[str]) -> tuple[str, ...]:
        """Those of some."""
        ...


class Standing:
    """Watches principals. Of one event loop.

    Args:
        identity: Says who counts no more.
        now_ms: Unix time.
    """

    def __init__(
        self, identity: SaysEnded, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._identity = identity
        self._now_ms = now_ms
        self._watched: defaultdict[str, set[asyncio.Future[Fault]]] = defaultdict(set)

    @contextmanager
    def watched(self, principal: Principal) -> Iterator[asyncio.Future[Fault]]:
        """Done when a principal counts no more, with why: KEY_REVOKED, SESSION_OVER, TOKEN_EXPIRED."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Fault] = loop.create_future()
        timer = None
        if principal.expires_ms is not None:
            left_s = max(0, principal.expires_ms - self._now_ms()) / 1_000
            timer = loop.call_later(left_s, _end, ended, _EXPIRED[principal.method])
        # A JWT of another issuer has no session here: its time alone ends it.
        credential = principal.session_id or (
            principal.credential_id if principal.method is Method.API_KEY else ""
        )
        if credential:
            self._watched[credential].add(ended)
        try:
            yield ended
        finally:
            if timer is not None:
                timer.cancel()
            ended.cancel()
            self._watched[credential].discard(ended)
            if not self._watched[credential]:
                del self._watched[credential]

    async def keep(self) -> None:
        """Looks once a second, for ever."""
        while True:
            await asyncio.sleep(_POLL_S)
            names = list(self._watched)
            try:
                for start in range(0, len(names), _ASKED_MAX):
                    for name in await self._identity.ended(names[start : start + _ASKED_MAX]):
                        self._ended(name)
            except ExchangeError as error:
                log("identity does not say who counts", level=logging.WARNING, reason=error)

    def _ended(self, credential: str) -> None:
        fault = GatewayFault.SESSION_OVER if credential.startswith("se-") else SecurityFault.KEY_REVOKED
        for future in list(self._watched.get(credential, ())):
            _end(future, fault)


_EXPIRED: Final[dict[Method, Fault]] = {
    Method.API_KEY: SecurityFault.KEY_EXPIRED,
    Method.SESSION: GatewayFault.SESSION_OVER,
    Method.JWT: GatewayFault.TOKEN_EXPIRED,
}


def _end(future: asyncio.Future[Fault], fault: Fault) -> None:
    if not future.done():
        future.set_result(fault)
