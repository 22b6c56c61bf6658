"""Changes of identity, heard from the event log; and what a gateway does while it cannot hear them.

Each second it asks identity which change is the last. While the log can be read and has that one, changes are
told as they come, a token is remembered for ten seconds, and as often identity is asked what became of those
who are on a stream, which keeps their sessions from idling. Else that is asked each second, and a token is
remembered no longer than that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.domain.contracts.identity import StandingReply
from exchange.domain.events import Event
from exchange.domain.events.catalogue import IDENTITY_EVENTS
from exchange.errors import ExchangeError
from exchange.observability.catalogue import METRICS
from exchange.observability.openmetrics import Family
from exchange.runtime.log import log
from exchange.runtime.watch import TopicWatch
from exchange.services.gateway.authentication import ASKED_S, Authenticator
from exchange.services.gateway.standing import Standing

CHANGES: Final = IDENTITY_EVENTS[0].topic
_CHECK_S: Final = 10.0
_OF_IDLING: Final = 4
_ASKED_MAX: Final = 500


class SaysStanding(Protocol):
    """What says which keys and sessions count no more: `IdentityLink` is one."""

    async def standing(self, credentials: Sequence[str]) -> StandingReply:
        """Those of some, and how many changes there were."""
        ...


class Hears(Protocol):
    """What hears changes: `TopicWatch` is one."""

    @property
    def is_reading(self) -> bool:
        """Whether it can."""
        ...

    @property
    def sequence(self) -> int:
        """The last change that it heard."""
        ...


class Changes:
    """Of one event loop.

    Args:
        identity: Says who counts no more.
        standing: Is told what changed.
        authenticator: Remembers tokens as long as this hears of changes.
        idle_s: How long a session may be unused: who is remembered or on a stream uses it in time.
        now_s: A steady clock.
    """

    def __init__(
        self,
        identity: SaysStanding,
        standing: Standing,
        authenticator: Authenticator,
        idle_s: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._standing = standing
        self._authenticator = authenticator
        self._check_s = min(_CHECK_S, idle_s / _OF_IDLING)
        self._now_s = now_s
        self._checked_s = float("-inf")
        self._last = 0
        self.is_current = False
        """Whether what changed is heard in time."""

    @asynccontextmanager
    async def heard(self, events: EventLog, topics: TopicTable) -> AsyncIterator[TopicWatch]:
        """Tells of changes while the block runs."""
        loop = asyncio.get_running_loop()

        def told(some: Sequence[Event] | None) -> None:
            loop.call_soon_threadsafe(self._standing.tell, some or ())

        watch = TopicWatch(events, topics.full_name(CHANGES), told)
        watch.start()
        try:
            yield watch
        finally:
            await asyncio.to_thread(watch.close)

    def families(self) -> Iterator[Family]:
        """As metrics."""
        yield METRICS["exchange_gateway_changes_heard"].one(int(self.is_current))
        yield METRICS["exchange_gateway_changes_sequence"].one(self._standing.sequence)
        yield METRICS["exchange_gateway_tokens"].family(
            ((outcome,), count) for outcome, count in self._authenticator.tokens.items()
        )

    async def keep(self, watch: Hears) -> None:
        """Looks once a second whether all is heard, for ever."""
        while True:
            await self.look(watch)
            await asyncio.sleep(ASKED_S)

    async def look(self, watch: Hears) -> None:
        """Asks how far changes are; and who counts no more, where that is due."""
        hears = watch.is_reading and watch.sequence >= self._last
        now_s, wanted = self._now_s(), list[str]()
        if not hears or now_s - self._checked_s >= self._check_s:
            wanted, self._checked_s = self._standing.credentials, now_s
        try:
            for start in range(0, len(wanted) or 1, _ASKED_MAX):
                reply = await self._identity.standing(wanted[start : start + _ASKED_MAX])
                self._last = reply.changes
                for credential in reply.ended:
                    self._standing.ended(credential)
        except ExchangeError as error:
            hears = False
            log("identity does not say who counts", level=logging.WARNING, reason=error)
        if hears != self.is_current:
            log("changes of identity are heard" if hears else "changes of identity are asked for")
        self.is_current = hears
        self._authenticator.remembers_s = self._check_s if hears else min(ASKED_S, self._check_s)
