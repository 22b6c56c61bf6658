"""`exchange ps`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from exchange.cli.common import add_settings, settings_of, table
from exchange.runtime.processes import ProcessRow, rows_of
from exchange.storage.directory import DataDirectory

DESCRIPTION = """The processes of the exchange on a data directory, as a table: name, process id, state, time
since the start, processor (a share of one, since the start), resident memory, restarts by the supervisor, and
lag: what it has not taken yet, in commands of the journal or events of the log.

State is `healthy`, `degraded` or `unhealthy` as the process says itself, `starting` before its first turn,
`silent` where it runs and says nothing, `stopped` under SIGSTOP, `gone` where the supervisor has none at the
moment. Exit code: 0 all are healthy; 1 one is not, or nothing runs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints; returns 0 where all are healthy, else 1."""
    settings = settings_of(options)
    rows = rows_of(DataDirectory(settings.data_directory))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif not rows:
        print(f"nothing runs on {settings.data_directory}: start it with `exchange up`")
    else:
        head = ("process", "pid", "state", "uptime", "cpu", "memory", "restarts", "lag")
        print(table(head, [_shown(row) for row in rows], left=1))
    return int(not rows or any(row.state != "healthy" for row in rows))


def _shown(row: ProcessRow) -> tuple[str, ...]:
    return (
        row.name,
        _or_dash(row.pid),
        row.state,
        "-" if row.uptime_s is None else duration(row.uptime_s),
        "-" if row.cpu is None else f"{row.cpu:.1%}",
        "-" if row.rss_bytes is None else f"{row.rss_bytes / 1e6:,.1f} MB",
        _or_dash(row.restarts),
        "-" if row.lag is None else f"{row.lag:,}",
    )


def duration(seconds: int) -> str:
    """A time in two words at most: `3 d 4 h`, `12 s`."""
    parts = [(seconds // size % most, unit) for size, most, unit in _UNITS]
    first = next((k for k, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])


_UNITS = ((86_400, 10**9, "d"), (3_600, 24, "h"), (60, 60, "min"), (1, 60, "s"))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
