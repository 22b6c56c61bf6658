"""Who serves what, and where: a table of the settings, and heartbeats of who runs on the data directory.

Each process keeps a file in `run/instances`, written anew every second, that says who it is, which services
it hosts, where, and how it is. A file that grew old is of nobody any more. A service that no running process
hosts is where the settings say.

    registry = registry_of(settings)
    registry.endpoints("market_data")          # those to ask, the healthy ones first
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from exchange.config.settings import Settings
from exchange.errors import ConfigError
from exchange.observability.health import Health, Status
from exchange.storage.directory import DataDirectory, replace_file

BEAT_S: Final = 1.0
MAX_AGE_NS: Final = 3_500_000_000  # of a heartbeat: two may be late


@dataclass(frozen=True, slots=True)
class Instance:
    """One process that hosts services, as it said last.

    Args:
        name: Of the process: `replica`, `shard-2`.
        pid: Its process id.
        services: Those whose part it plays.
        endpoint: Where it is asked; empty: nobody connects to it.
        version: Of the distribution.
        started_ns: Its start, ns since 1970.
        beat_ns: When it said this, ns on the machine's monotonic clock.
        status: How it is.
        ready: Whether it does its work.
        dependencies: How what it needs is, by name.
        lag: Commands or events that it has not taken yet; None: it follows nothing.
        protocol: What is spoken at its endpoint: `rpc`, or `frames` of the core.
    """

    name: str
    pid: int
    services: tuple[str, ...]
    endpoint: str
    version: str
    started_ns: int
    beat_ns: int = 0
    status: Status = Status.HEALTHY
    ready: bool = False
    dependencies: Mapping[str, Status] = field(default_factory=dict)
    lag: int | None = None
    protocol: str = "rpc"

    def health(self, unix_ns: int) -> Health:
        """What it says of itself, as `/health` has it."""
        uptime = max(0, unix_ns - self.started_ns) // 1_000_000_000
        return Health(self.status, self.dependencies, uptime, self.version, self.ready)


class Registry:
    """Looks up services.

    Args:
        static: Endpoints by service, for those that nobody here hosts.
        directory: Where heartbeats are; None: only the table counts.
        now_ns: The machine's monotonic clock.
    """

    def __init__(
        self,
        static: Mapping[str, Sequence[str]],
        directory: Path | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._static = {name: tuple(endpoints) for name, endpoints in static.items()}
        self._directory = directory
        self._now_ns = now_ns

    def instances(self, service: str | None = None) -> list[Instance]:
        """Those that live, by name; of one service, or all."""
        if self._directory is None:
            return []
        found = [_read(path) for path in sorted(self._directory.glob("*.json"), key=_stem)]
        return [each for each in found if each and self._fresh(each) and service in (None, *each.services)]

    def instance(self, name: str) -> Instance | None:
        """The process of that name; None where it does not live."""
        if self._directory is None:
            return None
        found = _read(self._directory / f"{name}.json")
        return found if found and self._fresh(found) else None

    def endpoints(self, service: str) -> list[str]:
        """Where a service is asked, by RPC: who is ready, the healthy ones first; else what the table says.

        Raises:
            ConfigError: Nobody hosts it and the table has no line of it.
        """
        there = sorted(
            (
                each
                for each in self.instances(service)
                if each.endpoint and each.ready and each.protocol == "rpc"
            ),
            key=lambda each: list(Status).index(each.status),
        )
        if there:
            return [each.endpoint for each in there if each.status is not Status.UNHEALTHY] or [
                each.endpoint for each in there
            ]
        if service not in self._static:
            known = ", ".join(self.services())
            raise ConfigError(f"there is no service {service}: expected one of {known}")
        return list(self._static[service])

    def services(self) -> list[str]:
        """All that can be looked up, by name."""
        return sorted({*self._static, *(name for each in self.instances() for name in each.services)})

    @property
    def static(self) -> Mapping[str, tuple[str, ...]]:
        """The table."""
        return self._static

    def _fresh(self, instance: Instance) -> bool:
        return 0 <= self._now_ns() - instance.beat_ns <= MAX_AGE_NS


class Membership:
    """The heartbeat of one process. One thread.

    Args:
        directory: Of heartbeats; private to the exchange.
        name: Of the process.
    """

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self._path = directory / f"{name}.json"

    def beat(self, instance: Instance) -> None:
        """Says how it is; a full disk is the core's to report."""
        with contextlib.suppress(OSError):
            replace_file(self._path, json.dumps(asdict(instance)).encode())

    def leave(self) -> None:
        """It ends in order: nobody need wait for its heartbeat to grow old."""
        self._path.unlink(missing_ok=True)


def instances_directory(directory: DataDirectory) -> Path:
    """Where the heartbeats of an exchange are."""
    return directory.run / "instances"


def registry_of(settings: Settings) -> Registry:
    """The registry of an exchange."""
    table = settings.registry
    static = {
        each.name: (getattr(table, each.name),)
        for each in fields(table)
        if each.name != "heartbeats" and getattr(table, each.name)
    }
    directory = instances_directory(DataDirectory(settings.data_directory))
    return Registry(static, directory if table.heartbeats else None)


def _stem(path: Path) -> str:
    return path.stem


def _read(path: Path) -> Instance | None:
    """What a file says; None where it is gone, or was written by another version."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        dependencies = {name: Status(status) for name, status in content.pop("dependencies").items()}
        services, status = tuple(content.pop("services")), Status(content.pop("status"))
        return Instance(**content, services=services, status=status, dependencies=dependencies)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
