"""What the processes tell of themselves: shared statistics, metrics, health."""

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
