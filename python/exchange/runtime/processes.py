"""The processes of an exchange on a data directory, as whoever runs it sees them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from exchange.observability.health import Status
from exchange.observability.process_metrics import usage_of
from exchange.runtime.overview import CORE, SUPERVISOR
from exchange.runtime.registry import Instance, Registry, instances_directory
from exchange.runtime.supervisor import Announcement, read_announcement
from exchange.storage.directory import DataDirectory

_KERNEL_STATES = {"T": "stopped", "t": "stopped", "Z": "gone"}
_NO_SUCH = "gone"


@dataclass(frozen=True, slots=True)
class ProcessRow:
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
        services: Those whose part it plays.
        needs: How what it needs is, by name.
    """

    name: str
    pid: int | None
    state: str
    uptime_s: int | None
    cpu: float | None
    rss_bytes: int | None
    restarts: int | None
    lag: int | None
    services: tuple[str, ...] = ()
    needs: Mapping[str, Status] = field(default_factory=dict)


def rows_of(directory: DataDirectory) -> list[ProcessRow]:
    """What the supervisor announced, then who runs by itself; empty where nothing runs."""
    live = {each.name: each for each in Registry({}, instances_directory(directory)).instances()}
    announced = read_announcement(directory)
    names: dict[str, int | None] = {}
    if announced is not None and usage_of(announced.supervisor) is not None:
        names = {SUPERVISOR: announced.supervisor, **announced.processes}
    names |= {name: each.pid for name, each in live.items() if name not in names}
    return [_row(name, pid, live.get(name), announced) for name, pid in names.items()]


def _row(name: str, pid: int | None, instance: Instance | None, announced: Announcement | None) -> ProcessRow:
    usage = usage_of(pid) if pid is not None else None
    restarts: Mapping[str, int] = announced.restarts if announced else {}
    if usage is None:
        return ProcessRow(name, None, _NO_SUCH, None, None, None, restarts.get(name), None)
    uptime_s = max(time.time() - usage.started_s, 0.01)
    known = instance if instance is not None and instance.pid == pid else None
    return ProcessRow(
        name=name,
        pid=pid,
        state=_KERNEL_STATES.get(usage.state) or _said(known),
        uptime_s=int(uptime_s),
        cpu=round(usage.cpu_s / uptime_s, 3),
        rss_bytes=usage.rss_bytes,
        restarts=restarts.get(name),
        lag=known.lag if known else 0 if name == CORE else None,
        services=known.services if known else (),
        needs=known.dependencies if known else {},
    )


def _said(instance: Instance | None) -> str:
    if instance is None:
        return "silent"
    if not instance.ready and not instance.dependencies and instance.status == "healthy":
        return "starting"
    return str(instance.status)
