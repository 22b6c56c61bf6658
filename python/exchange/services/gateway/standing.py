"""Whether who came in still counts, for what lasts longer than a request: streams, remembered tokens.

with standing.watched(principal) as ended:
    await ended          # the close code: revoked, the time is over, or other rights than before

What changed is told by `exchange.services.gateway.changes`, by the number that each change has. A principal
says of which change it is; so one that was on its way while a later one was told is found out, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from exchange.client.rest.closing import Close
from exchange.domain.events import Event, IdentityChanged
from exchange.security.principal import Method, Principal

_RECENT_MAX: Final = 4_096
_TOKENS: Final = "jwt"
_ENDS: Final = frozenset({"SessionRevoked", "ApiKeyRevoked", "UserDisabled", "SigningKeyRevoked"})
_ADDS: Final = frozenset(
    {"UserCreated", "SessionOpened", "ApiKeyCreated", "SigningKeyCreated", "PasswordChanged"}
)
"""Take nothing from anybody; a change of a password tells of each session that ends by it."""


class Standing:
    """Watches principals. Of one event loop.

    Args:
        now_ms: Unix time.
    """

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now_ms = now_ms
        self._watched: defaultdict[str, set[asyncio.Future[Close]]] = defaultdict(set)
        self._recent: dict[str, int] = {}
        self._forgotten = 0  # what changed up to there is not in `_recent`
        self.sequence = 0
        """The last change that was told."""

    @contextmanager
    def watched(self, principal: Principal) -> Iterator[asyncio.Future[Close]]:
        """Done when a principal counts no more, or may something else than it says."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Close] = loop.create_future()
        timer = None
        if principal.expires_ms is not None:
            left_s = max(0, principal.expires_ms - self._now_ms()) / 1_000
            timer = loop.call_later(left_s, _end, ended, Close.SESSION_ENDED)
        names = _names_of(principal)
        for name in names:
            self._watched[name].add(ended)
        if self.is_outdated(principal):
            _end(ended, Close.RIGHTS_CHANGED)
        try:
            yield ended
        finally:
            if timer is not None:
                timer.cancel()
            ended.cancel()
            for name in names:
                self._watched[name].discard(ended)
                if not self._watched[name]:
                    del self._watched[name]

    def is_outdated(self, principal: Principal) -> bool:
        """Whether a change was told of, later than the last one that a principal takes into account."""
        as_of = principal.as_of
        if as_of >= self.sequence:
            return False
        names = _names_of(principal)
        return bool(names) and (
            as_of < self._forgotten or any(self._recent.get(name, 0) > as_of for name in names)
        )

    @property
    def credentials(self) -> list[str]:
        """The keys and sessions that are watched."""
        return [name for name in self._watched if name.startswith(("se-", "gk-"))]

    def ended(self, credential: str) -> None:
        """A key or a session counts no more."""
        self._end_all(credential, Close.SESSION_ENDED)

    def tell(self, events: Sequence[Event]) -> None:
        """Changes of identity, in order. Where one is missing, whoever came in before it comes in anew."""
        for event in events:
            sequence, missed = event.entity.sequence, self.sequence
            if sequence <= missed:
                continue
            self.sequence = sequence
            if missed and sequence > missed + 1:
                self._forgotten = sequence - 1
                for name in list(self._watched):
                    self._end_all(name, Close.RIGHTS_CHANGED)
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if event.event_type in _ADDS or not isinstance(event.payload, IdentityChanged):
            return
        name = _TOKENS if event.event_type.startswith("SigningKey") else event.payload.subject_id
        self._recent.pop(name, None)  # so that the oldest is the first
        self._recent[name] = event.entity.sequence
        if len(self._recent) > _RECENT_MAX:
            self._forgotten = max(self._forgotten, self._recent.pop(next(iter(self._recent))))
        self._end_all(name, Close.SESSION_ENDED if event.event_type in _ENDS else Close.RIGHTS_CHANGED)

    def _end_all(self, name: str, why: Close) -> None:
        for future in list(self._watched.get(name, ())):
            _end(future, why)


def _names_of(principal: Principal) -> list[str]:
    """What a change may name that concerns a principal; another issuer's tokens end by their time alone."""
    if principal.method is Method.API_KEY:
        return [each for each in (principal.credential_id, principal.user_id) if each]
    if not principal.session_id:
        return []
    names = [principal.session_id, principal.user_id]
    return [*names, _TOKENS] if principal.method is Method.JWT else names


def _end(future: asyncio.Future[Close], why: Close) -> None:
    if not future.done():
        future.set_result(why)
