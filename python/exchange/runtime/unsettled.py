"""Trades that wait for a settlement service, seen by who follows the journal: somebody should start one.

What waits is reserved on both sides and cannot be spent; from a million on orders are refused. So the process
that sees it is degraded, and says so once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from exchange.observability.catalogue import METRICS
from exchange.observability.health import Status
from exchange.observability.openmetrics import Family
from exchange.runtime.log import log
from exchange.runtime.registry import Registry

SERVICE: Final = "settlement"
_GRACE_S: Final = 5.0  # one that starts, or is started again, is not missed


class UnsettledWatch:
    """Belongs to one thread; what it found may be read by any.

    Args:
        registry: Who lives.
        now: A monotonic clock, seconds.
    """

    def __init__(self, registry: Registry, now: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._now = now
        self._since: float | None = None
        self._waiting = 0
        self._missed = False

    def look(self, waiting: int) -> None:
        """So many trades wait now."""
        self._waiting = waiting
        if not waiting or self._registry.instances(SERVICE):
            if self._missed:
                log("trades have a settlement service again", waiting=waiting)
            self._since, self._missed = None, False
            return
        self._since = self._now() if self._since is None else self._since
        if not self._missed and self._now() >= self._since + _GRACE_S:
            self._missed = True
            log(
                "trades wait and no settlement service runs",
                level=logging.WARNING,
                waiting=waiting,
                start="--set settlement.enabled=true",
            )

    def needs(self) -> Mapping[str, Status]:
        """The service, where it is missed."""
        return {SERVICE: Status.DEGRADED} if self._missed else {}

    def families(self) -> Iterator[Family]:
        """How many wait."""
        yield METRICS["exchange_unposted_trades"].one(self._waiting)
