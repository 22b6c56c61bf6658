"""A stage as the core sees it: there, or away behind a breaker; then its orders are queued, or refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from exchange.errors import ServiceUnavailableError
from exchange.resilience import BreakerState, Policy, Try


class StageUnavailableError(ServiceUnavailableError):
    """The stage does not answer."""


class StagePort(Protocol):
    """How the core asks whether a stage answers."""

    def ping(self) -> None:
        """Returns at once.

        Raises:
            StageUnavailableError: It does not answer.
        """
        ...


class RemoteStage:
    """A stage in a process of its own: there while its heartbeats come.

    Args:
        heard_at: When one came last, ns; 0: never.
        now: The time, ns.
        timeout_ns: How old it may be.
        away: Whether it is away until it is heard; if not, it has as long to come back when the core does.
    """

    def __init__(
        self, heard_at: Callable[[], int], now: Callable[[], int], timeout_ns: int, *, away: bool = False
    ) -> None:
        self._heard_at = heard_at
        self._now = now
        self._timeout_ns = timeout_ns
        self._expected_since: int | None = 0 if away else None

    def ping(self) -> None:
        """Returns at once.

        Raises:
            StageUnavailableError: It is silent.
        """
        now = self._now()
        if self._expected_since is None:
            self._expected_since = now
        if now - max(self._heard_at(), self._expected_since) > self._timeout_ns:
            raise StageUnavailableError("its process is silent")


class LocalStage:
    """A stage in the core's own process: as long as the core runs, it does."""

    def ping(self) -> None:
        """Returns."""


class WatchedStage:
    """Asks a stage through the policy of its edge, and says when it went away or came back.

    The breaker opens after five failures in a row; while it is open one timed probe at a time asks again.

    Args:
        port: How it is asked.
        policy: Its breaker is closed.
        away: What was said of it last: then it is asked again before it counts as back.
    """

    def __init__(self, port: StagePort, policy: Policy, *, away: bool = False) -> None:
        self._port = port
        self._policy = policy
        self._away = away
        while away and policy.breaker.state is BreakerState.CLOSED:
            policy.breaker.record_failure()

    def look(self) -> bool | None:
        """Asks once.

        Returns:
            True: it just went away; False: it is just back; None: as before.
        """
        with suppress(ServiceUnavailableError):
            self._policy.call_sync(self._ping)
        away = self._policy.breaker.state is not BreakerState.CLOSED
        if away == self._away:
            return None
        self._away = away
        return away

    def _ping(self, _: Try) -> None:
        self._port.ping()
