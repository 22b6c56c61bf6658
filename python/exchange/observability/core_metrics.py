"""The statistics of the core as metrics: named by the table that they carry themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exchange.observability.openmetrics import Family, Sample, families_text, seconds
from exchange.observability.stats import HistogramSnapshot, StatKind, StatRow, StatsSnapshot, StatUnit

PREFIX = "exchange_core_"
QUANTILES = ((500_000, "0.5"), (900_000, "0.9"), (990_000, "0.99"), (999_000, "0.999"), (1_000_000, "1"))
IN_SECONDS = (StatUnit.NANOSECONDS, StatUnit.UNIX_NANOSECONDS)
LEAST_NS, MOST_NS = 10, 35  # powers of two between which latencies are told apart: 1 us and 34 s


def metrics_text(rows: tuple[StatRow, ...], stats: StatsSnapshot | None, *, openmetrics: bool = False) -> str:
    """All metrics; of a core that is not there only that it is not.

    Args:
        rows: The table of the reader.
        stats: What was read, or None.
        openmetrics: OpenMetrics 1.0 instead of Prometheus 0.0.4.
    """
    return families_text(core_families(rows, stats), openmetrics=openmetrics)


def core_families(rows: tuple[StatRow, ...], stats: StatsSnapshot | None) -> Iterator[Family]:
    """All metrics of a core; of one that is not there only that it is not."""
    yield Family(
        f"{PREFIX}up",
        "gauge",
        "",
        "Whether the statistics of the core can be read",
        [("", (), "1" if stats else "0")],
    )
    if stats is None:
        return
    age = seconds(stats.heartbeat_age_ns)
    yield Family(
        f"{PREFIX}heartbeat_age_seconds",
        "gauge",
        "seconds",
        "Since the last turn of the loop",
        [("", (), age)],
    )
    rejects: list[Sample] = []
    for row in rows:
        if row.kind is StatKind.HISTOGRAM:
            yield from _histogram(row, stats.histograms[row.name])
        elif row.name.startswith("rejects_"):
            label = ("class", row.name.removeprefix("rejects_"))
            rejects.append(("_total", (label,), str(stats.values[row.name])))
        elif row.name != "heartbeat_ns":
            yield _single(row, stats.values[row.name])
    yield Family(f"{PREFIX}rejects", "counter", "", "Rejects, by the service that decided", rejects)


def _single(row: StatRow, value: int) -> Family:
    in_seconds = row.unit in IN_SECONDS
    name = PREFIX + (row.name.removesuffix("_ns") + "_seconds" if in_seconds else row.name)
    unit = "seconds" if in_seconds else "bytes" if row.unit is StatUnit.BYTES else ""
    counter = row.kind is StatKind.COUNTER
    text = seconds(value) if in_seconds else str(value)
    return Family(
        name, "counter" if counter else "gauge", unit, row.help, [("_total" if counter else "", (), text)]
    )


@cache
def edges(unit: StatUnit) -> NDArray[np.uint64]:
    """Upper limits of the exported buckets, each the end of one of ours: two a doubling of time, else one."""
    if unit is StatUnit.NANOSECONDS:
        powers = [limit << bits for bits in range(LEAST_NS - 1, MOST_NS - 1) for limit in (2, 3)]
    else:
        powers = [1 << bits for bits in range(1, 17)]
    return np.array(powers, np.uint64) - np.uint64(1)


def _histogram(row: StatRow, histogram: HistogramSnapshot) -> Iterator[Family]:
    in_seconds = row.unit in IN_SECONDS
    show: Callable[[int], str] = seconds if in_seconds else str
    name = f"{PREFIX}{row.name}" + ("_seconds" if in_seconds else "")
    unit = "seconds" if in_seconds else ""
    limits = edges(row.unit)
    samples: list[Sample] = [
        ("_bucket", (("le", show(int(limit))),), str(int(count)))
        for limit, count in zip(limits, histogram.at_most(limits), strict=True)
    ]
    count = str(histogram.count)
    samples += [
        ("_bucket", (("le", "+Inf"),), count),
        ("_sum", (), show(histogram.sum)),
        ("_count", (), count),
    ]
    yield Family(name, "histogram", unit, row.help, samples)
    quantiles: list[Sample] = [
        ("", (("quantile", label),), show(histogram.percentile(parts))) for parts, label in QUANTILES
    ]
    told = f"{PREFIX}{row.name}_quantile" + ("_seconds" if in_seconds else "")
    yield Family(told, "gauge", unit, f"{row.help}: quantiles since the start, at most 1/128 high", quantiles)
