"""How far a process is that follows the journal, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from cmatch.errors import EngineBusy
from exchange.config.settings import Settings
from exchange.observability import StatsReader, stats_path
from exchange.observability.catalogue import METRICS
from exchange.observability.health import Status
from exchange.observability.openmetrics import Family
from exchange.runtime.core_status import CoreStatistics
from exchange.runtime.vitals import Vitals


def follower_families(
    sequence: int, behind: int | None, *, connected: bool | None = None
) -> Iterator[Family]:
    """Of one process.

    Args:
        sequence: Of the last command that it has applied.
        behind: Commands in the journal that it has not; None: not known, for the core is away.
        connected: Whether the core hears it; None: it need not.
    """
    yield METRICS["exchange_follower_sequence"].one(sequence)
    if behind is not None:
        yield METRICS["exchange_follower_lag_commands"].one(behind)
    if connected is not None:
        yield METRICS["exchange_follower_connected"].one(int(connected))


def looked_at(sequence: Callable[[], int]) -> Callable[[], int]:
    """The sequence of a fold for another thread than its own: within a batch it is that of the last look."""
    last = 0

    def look() -> int:
        nonlocal last
        with suppress(EngineBusy):
            last = sequence()
        return last

    return look


def tell_progress(
    vitals: Vitals,
    settings: Settings,
    sequence: Callable[[], int],
    connected: Callable[[], bool] | None = None,
) -> None:
    """Has the vitals of a follower tell how far it is, by the statistics of the core.

    Args:
        vitals: Of this process.
        settings: Of the exchange.
        sequence: Of the last command that it has applied.
        connected: Whether the core hears it, without which it is of no use.
    """
    path = stats_path(settings.data_directory)
    sequence = looked_at(sequence)
    # The memory goes with the process.
    statistics = CoreStatistics(lambda: StatsReader(path), settings.durability)

    def lag() -> int | None:
        written = statistics.status().written_sequence
        return max(written - sequence(), 0) if written else None

    def families() -> Iterator[Family]:
        yield from follower_families(sequence(), lag(), connected=None if connected is None else connected())

    def needs() -> dict[str, Status]:
        if connected is None:
            return {}
        return {"core": Status.HEALTHY if connected() else Status.UNHEALTHY}

    vitals.tells(families=families, needs=needs, lag=lag)
