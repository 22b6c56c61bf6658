"""Is a process alive, well, and ready? The core is judged from its statistics alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from exchange.observability.stats import StatsSnapshot

MAX_AGE_NS = 2_000_000_000  # the loop turns at least once a second, idle or not
NS = 1_000_000_000
BREAKER_CLOSED = 0
STAGE_AWAY = 2  # of accounts and risk; 0: in the core, 1: in a process of its own


class Status(StrEnum):
    """Of a process, or of something that it needs."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Health:
    """The body of `/health`, the same for every service.

    Attributes:
        status: The worst of what follows.
        dependencies: Status of each thing that it needs, by name.
        uptime: Whole seconds since the process started; 0 of one that is not there.
        version: Of the distribution.
        ready: Whether it does its work: of the core, whether orders are taken.
        live: Whether it turns at all; one that does not is to be started again. Not of the body.
    """

    status: Status
    dependencies: Mapping[str, Status]
    uptime: int
    version: str
    ready: bool
    live: bool = True

    def body(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "status": self.status.value,
            "dependencies": {name: status.value for name, status in self.dependencies.items()},
            "uptime": self.uptime,
            "version": self.version,
            "ready": self.ready,
        }


SHARES = {Status.HEALTHY: 1.0, Status.DEGRADED: 0.5, Status.UNHEALTHY: 0.0}
"""What metrics say of a status."""


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of them; healthy where there are none."""
    return max(statuses, key=list(Status).index, default=Status.HEALTHY)


@cache
def distribution_version() -> str:
    """Of the installed distribution; empty where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("cmatch")
    except PackageNotFoundError:
        return ""


def health_of(stats: StatsSnapshot | None, unix_ns: int, max_age_ns: int = MAX_AGE_NS) -> Health:
    """Judges a core process.

    Args:
        stats: What it told last; None where there is nothing to read.
        unix_ns: The time now, ns since 1970.
        max_age_ns: A loop that has not turned for longer hangs, or is gone.
    """
    if stats is None:
        return Health(
            Status.UNHEALTHY, {"core": Status.UNHEALTHY}, 0, distribution_version(), ready=False, live=False
        )
    values = stats.values
    turns = stats.heartbeat_age_ns <= max_age_ns
    breaker = values["breaker_state"]
    dependencies = {
        "core": Status.HEALTHY if turns else Status.UNHEALTHY,
        "journal": Status.DEGRADED if values["read_only"] or values["disk_nearly_full"] else Status.HEALTHY,
        "matching": Status.HEALTHY if breaker == BREAKER_CLOSED else Status.DEGRADED,
    }
    for name in ("accounts", "risk"):
        if state := values[f"{name}_stage"]:
            dependencies[name] = Status.DEGRADED if state == STAGE_AWAY else Status.HEALTHY
    started_ns = values["started_at_ns"]
    return Health(
        status=worst(dependencies.values()),
        dependencies=dependencies,
        uptime=max(0, unix_ns - started_ns) // NS if started_ns else 0,
        version=distribution_version(),
        ready=turns and bool(values["ready"]) and not values["read_only"],
        live=turns,
    )
