"""What follows from the tables of metrics: the page of all of them, and the dashboard for Grafana.

python -m exchange.runtime.metrics_page          writes them
python -m exchange.runtime.metrics_page --check  looks whether they are current
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cmatch._core import SharedStats
from exchange.observability.catalogue import METRICS
from exchange.observability.core_metrics import core_families
from exchange.observability.openmetrics import Family
from exchange.observability.stats import StatsReader
from exchange.schema.products import make

_HEAD: Final = """# Metrics

Made by `python -m exchange.runtime.metrics_page` from the tables of the code; `.ci/lint` keeps it current.
How they are served and read: [observability](observability.md).
Every sample has the label `process`: `core`, `supervisor`, `replica`, `shard-1`, …
A counter's samples end in `_total`, a histogram's in `_bucket`, `_sum` and `_count`.
"""


def described() -> Iterator[tuple[Family, tuple[str, ...]]]:
    """Every metric, with the names of its labels beside `process`; without values."""
    stats = SharedStats()
    with StatsReader(memoryview(stats)) as reader:
        for family in core_families(reader.rows, reader.read()):
            names = [name for name, _ in family.samples[0][1] if name != "le"]
            yield Family(family.name, family.kind, family.unit, family.help), tuple(names)
    for metric in METRICS.values():
        yield Family(metric.name, metric.kind, metric.unit, metric.help), metric.labels


def page() -> str:
    """As docs/metrics.md has it."""
    lines = [_HEAD, "| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|"]
    for family, labels in described():
        shown = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{family.name}` | {family.kind} | {family.unit} | {shown} | {family.help} |")
    return "\n".join(lines) + "\n"


# Row by row: title, panels of (title, unit of Grafana, queries as (legend, expression)).
_ROWS: Final = (
    (
        "Are they well",
        (
            ("Processes up", "short", (("{{process}}", "exchange_process_up"),)),
            ("Ready", "short", (("{{process}}", "exchange_process_ready"),)),
            ("Restarts", "short", (("{{process}}", "increase(exchange_process_restarts_total[1h])"),)),
            (
                "Dependencies",
                "percentunit",
                (("{{process}} needs {{dependency}}", "exchange_dependency_healthy"),),
            ),
        ),
    ),
    (
        "Orders",
        (
            (
                "Rates",
                "ops",
                (
                    ("commands", "rate(exchange_core_commands_total[1m])"),
                    ("orders", "rate(exchange_core_orders_total[1m])"),
                    ("cancels", "rate(exchange_core_cancels_total[1m])"),
                    ("trades", "rate(exchange_core_trades_total[1m])"),
                ),
            ),
            ("Rejects", "ops", (("{{class}}", "rate(exchange_core_rejects_total[1m])"),)),
            (
                "Apply, percentiles",
                "s",
                (
                    (
                        "p99",
                        (
                            "histogram_quantile(0.99, sum by (le)"
                            " (rate(exchange_core_stage_apply_seconds_bucket[1m])))"
                        ),
                    ),
                    (
                        "p50",
                        (
                            "histogram_quantile(0.5, sum by (le)"
                            " (rate(exchange_core_stage_apply_seconds_bucket[1m])))"
                        ),
                    ),
                ),
            ),
            ("Age of the last turn", "s", (("loop", "exchange_core_heartbeat_age_seconds"),)),
        ),
    ),
    (
        "Calls between services",
        (
            (
                "Rate",
                "ops",
                (
                    (
                        "{{caller}} to {{callee}} {{instance}}",
                        "sum by (caller, callee, instance) (rate(exchange_edge_calls_total[1m]))",
                    ),
                ),
            ),
            (
                "Errors",
                "ops",
                (
                    (
                        "{{caller}} to {{callee}}: {{outcome}}",
                        'rate(exchange_edge_calls_total{outcome!~"ok|refused"}[1m]) > 0',
                    ),
                ),
            ),
            (
                "Duration, p99",
                "s",
                (
                    (
                        "{{caller}} to {{callee}}",
                        (
                            "histogram_quantile(0.99, sum by (le, caller, callee)"
                            " (rate(exchange_edge_duration_seconds_bucket[1m])))"
                        ),
                    ),
                    (
                        "served: {{method}}",
                        (
                            "histogram_quantile(0.99, sum by (le, method)"
                            " (rate(exchange_rpc_server_duration_seconds_bucket[1m])))"
                        ),
                    ),
                ),
            ),
            (
                "Breakers (2 is open)",
                "short",
                (("{{caller}} to {{callee}} {{instance}}", "exchange_edge_breaker_state"),),
            ),
            (
                "Served",
                "ops",
                (("{{method}} {{status}}", "rate(exchange_rpc_server_calls_total[1m])"),),
            ),
        ),
    ),
    (
        "Followers and the event log",
        (
            ("Lag of followers", "short", (("{{process}}", "exchange_follower_lag_commands"),)),
            ("End of topics", "short", (("{{topic}}", "rate(exchange_event_log_end_offset[1m])"),)),
            ("Size of topics", "bytes", (("{{topic}}", "exchange_event_log_size_bytes"),)),
            ("Lag of groups", "short", (("{{group}} at {{topic}}", "exchange_event_log_group_lag_records"),)),
            ("Lag of consumers", "s", (("{{service}} at {{topic}}", "exchange_consumer_lag_seconds"),)),
            (
                "Events taken",
                "ops",
                (("{{service}} {{outcome}}", "rate(exchange_consumer_events_total[1m])"),),
            ),
            (
                "Held",
                "short",
                (
                    ("{{service}} at {{topic}}", "exchange_consumer_held"),
                    ("outbox of {{service}}", "exchange_outbox_held"),
                ),
            ),
        ),
    ),
    (
        "Processes",
        (
            ("Processor", "percentunit", (("{{process}}", "rate(process_cpu_seconds_total[1m])"),)),
            ("Memory", "bytes", (("{{process}}", "process_resident_memory_bytes"),)),
            ("Descriptors", "short", (("{{process}}", "process_open_fds"),)),
            (
                "Put aside",
                "ops",
                (
                    (
                        "{{process}}",
                        'rate(process_context_switches_total{kind="involuntary"}[1m])',
                    ),
                ),
            ),
            ("Lines of the log", "ops", (("{{process}} {{level}}", "rate(exchange_log_lines_total[1m])"),)),
        ),
    ),
)
_COLUMNS, _WIDTH, _HEIGHT = 24, 6, 8


def dashboard() -> str:
    """As deploy/grafana/exchange.json has it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in _ROWS:
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        panels.append({"type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []})
        y += 1
        for at, (name, unit, queries) in enumerate(row):
            x, line = at * _WIDTH % _COLUMNS, at * _WIDTH // _COLUMNS
            panels.append(
                {
                    "type": "timeseries",
                    "title": name,
                    "datasource": {"type": "prometheus", "uid": "${datasource}"},
                    "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                    "gridPos": {"x": x, "y": y + line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
                    "targets": [
                        {"refId": chr(ord("A") + k), "expr": expression, "legendFormat": legend}
                        for k, (legend, expression) in enumerate(queries)
                    ],
                }
            )
        y += -(-len(row) * _WIDTH // _COLUMNS) * _HEIGHT
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    content = {
        "uid": "cmatch-exchange",
        "title": "Exchange",
        "tags": ["cmatch"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
            ]
        },
        "panels": panels,
    }
    return json.dumps(content, indent=2) + "\n"


def products() -> dict[str, str]:
    """What is made, by its path in the project."""
    return {"docs/metrics.md": page(), "deploy/grafana/exchange.json": dashboard()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks. Returns the exit code."""
    return make(
        "exchange.runtime.metrics_page", "Makes what follows from the tables of metrics.", products, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
