"""`exchange ps`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from exchange.cli.common import add_settings, settings_of, table
from exchange.observability.process_metrics import usage_of
from exchange.runtime.overview import CORE, SUPERVISOR
from exchange.runtime.registry import Instance, Registry, instances_directory
from exchange.runtime.supervisor import Announcement, read_announcement
from exchange.storage.directory import DataDirectory

DESCRIPTION = """The processes of the exchange on a data directory, as a table: name, process id, state, time
since the start, processor (a share of one, since the start), resident memory, restarts by the supervisor, and
lag: what it has not taken yet, in commands of the journal or events of the log.

State is `healthy`, `degraded` or `unhealthy` as the process says itself, `starting` before its first turn,
`silent` where it runs and says nothing, `stopped` under SIGSTOP, `gone` where the supervisor has none at the
moment. Exit code: 0 all are healthy; 1 one is not, or nothing runs."""

_KERNEL_STATES = {"T": "stopped", "t": "stopped", "Z": "gone"}
_NO_SUCH = "gone"


@dataclass(frozen=True, slots=True)
class Row:
    """One process; None: not known.

    Args:
        name: Of it.
        pid: Its process id.
        state: In a word.
        uptime_s: Seconds since its start.
        cpu: Share of one processor since its start.
        rss_bytes: Resident memory.
        restarts: How often the supervisor started it again.
        lag: Commands or events that it has not taken yet.
    """

    name: str
    pid: int | None
    state: str
    uptime_s: int | None
    cpu: float | None
    rss_bytes: int | None
    restarts: int | None
    lag: int | None


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


def rows_of(directory: DataDirectory) -> list[Row]:
    """What the supervisor announced, then who runs by itself; empty where nothing runs."""
    live = {each.name: each for each in Registry({}, instances_directory(directory)).instances()}
    announced = read_announcement(directory)
    names: dict[str, int | None] = {}
    if announced is not None and usage_of(announced.supervisor) is not None:
        names = {SUPERVISOR: announced.supervisor, **announced.processes}
    names |= {name: each.pid for name, each in live.items() if name not in names}
    return [_row(name, pid, live.get(name), announced) for name, pid in names.items()]


def _row(name: str, pid: int | None, instance: Instance | None, announced: Announcement | None) -> Row:
    usage = usage_of(pid) if pid is not None else None
    restarts: Mapping[str, int] = announced.restarts if announced else {}
    if usage is None:
        return Row(name, None, _NO_SUCH, None, None, None, restarts.get(name), None)
    uptime_s = max(time.time() - usage.started_s, 0.01)
    known = instance if instance is not None and instance.pid == pid else None
    return Row(
        name=name,
        pid=pid,
        state=_KERNEL_STATES.get(usage.state) or _said(known),
        uptime_s=int(uptime_s),
        cpu=round(usage.cpu_s / uptime_s, 3),
        rss_bytes=usage.rss_bytes,
        restarts=restarts.get(name),
        lag=known.lag if known else 0 if name == CORE else None,
    )


def _said(instance: Instance | None) -> str:
    if instance is None:
        return "silent"
    if not instance.ready and not instance.dependencies and instance.status == "healthy":
        return "starting"
    return str(instance.status)


def _shown(row: Row) -> tuple[str, ...]:
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
