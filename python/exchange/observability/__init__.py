"""What the processes tell of themselves: shared statistics, metrics, health."""

from typing import TYPE_CHECKING

from exchange.lazy import lazily

if TYPE_CHECKING:
    from exchange.observability.core_metrics import metrics_text
    from exchange.observability.health import Health, Status, health_of
    from exchange.observability.server import PageServer
    from exchange.observability.stats import (
        HistogramSnapshot,
        StatKind,
        StatRow,
        StatsReader,
        StatsSnapshot,
        StatsUnavailable,
        StatUnit,
        stats_path,
    )

__all__ = [
    "Health",
    "HistogramSnapshot",
    "PageServer",
    "StatKind",
    "StatRow",
    "StatUnit",
    "StatsReader",
    "StatsSnapshot",
    "StatsUnavailable",
    "Status",
    "health_of",
    "metrics_text",
    "stats_path",
]

# A process that tells of itself needs no server of pages, and the core neither that nor metrics.
__getattr__ = lazily(
    __name__,
    {
        "PageServer": "server",
        "metrics_text": "core_metrics",
        **dict.fromkeys(("Health", "Status", "health_of"), "health"),
        **dict.fromkeys(
            (
                "HistogramSnapshot",
                "StatKind",
                "StatRow",
                "StatUnit",
                "StatsReader",
                "StatsSnapshot",
                "StatsUnavailable",
                "stats_path",
            ),
            "stats",
        ),
    },
)
