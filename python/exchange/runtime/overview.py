"""What a supervisor serves on one port: the metrics of all its processes, and the health of the whole.

    /metrics         of every process, told apart by the label `process`
    /health          of the exchange: what the core needs, and each process by name
    /health/live     whether the core turns
    /health/ready    whether orders are taken
    /health/NAME     of one process; also /health/NAME/live and /health/NAME/ready

The core's are read from shared memory; the others are asked on their sockets, all at once, and one that does
not answer in time is `exchange_process_up 0`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from exchange.observability.catalogue import METRICS
from exchange.observability.core_metrics import core_families
from exchange.observability.health import MAX_AGE_NS, Health, Status, distribution_version, health_of
from exchange.observability.openmetrics import (
    OPENMETRICS,
    PROMETHEUS,
    Family,
    families_text,
    merged,
)
from exchange.observability.process_metrics import build_families, process_families
from exchange.observability.server import OK, Answer, Request, ask
from exchange.observability.stats import StatRow, StatsReader, StatsSnapshot, StatsUnavailable
from exchange.runtime.edge_metrics import edges_path, read_edges
from exchange.runtime.registry import Instance, Membership, Registry, instances_directory
from exchange.runtime.supervisor import read_announcement
from exchange.runtime.vitals import (
    Vitals,
    health_families,
    health_page,
    no_such_page,
    socket_path,
    wants_openmetrics,
)
from exchange.storage.directory import DataDirectory

CORE: Final = "core"
SUPERVISOR: Final = "supervisor"
_ASK_S: Final = 3.0
_ASKED_MAX: Final = 16  # at a time


class Overview:
    """All processes under one supervisor. Any number of threads may ask.

    Args:
        directory: The data directory.
        stats: Where the core writes its statistics.
        processes: Those that should be there, the core among them.
        vitals: Of this process: the supervisor's, as a rule.
        max_age_ns: A core whose loop has not turned for longer counts as unhealthy.
    """

    def __init__(
        self,
        directory: DataDirectory,
        stats: Path,
        processes: Iterable[str],
        vitals: Vitals,
        max_age_ns: int = MAX_AGE_NS,
    ) -> None:
        self._directory = directory
        self._stats = stats
        self._others = [name for name in processes if name != CORE]
        self._vitals = vitals
        self._max_age_ns = max_age_ns
        self._registry = Registry({}, instances_directory(directory))
        self._reader: StatsReader | None = None
        self._reading = threading.Lock()

    def close(self) -> None:
        """Lets the memory of the statistics go."""
        with self._reading:
            self._drop_reader()

    def pages(self, request: Request) -> Answer:
        """Answers a request."""
        if request.path == "/metrics":
            openmetrics = wants_openmetrics(request)
            kind = OPENMETRICS if openmetrics else PROMETHEUS
            return Answer(OK, kind, self.metrics(openmetrics=openmetrics))
        answer = health_page(request.path, self.health())
        if answer is None and request.path.startswith("/health/"):
            name, _, rest = request.path.removeprefix("/health/").partition("/")
            health = self.health_of(name)
            answer = health_page("/health" + (f"/{rest}" if rest else ""), health) if health else None
        return answer or no_such_page()

    def core_health(self) -> Health:
        """Of the core."""
        return health_of(self._read()[1], time.time_ns(), self._max_age_ns)

    def health_of(self, name: str) -> Health | None:
        """Of one process; None of one that should not be there."""
        if name == CORE:
            return self.core_health()
        if name == self._vitals.name:
            return self._vitals.health()
        if name not in self._others:
            return None
        instance = self._registry.instance(name)
        if instance is None:
            return Health(Status.UNHEALTHY, {}, 0, distribution_version(), ready=False, live=False)
        return instance.health(time.time_ns())

    def health(self) -> Health:
        """Of the exchange: the core's; a process that is away makes it degraded, never unhealthy."""
        core = self.core_health()
        others = {name: health.status for name in self._others if (health := self.health_of(name))}
        well = all(status is Status.HEALTHY for status in others.values())
        status = Status.DEGRADED if core.status is Status.HEALTHY and not well else core.status
        dependencies = {**others, **core.dependencies}
        return Health(status, dependencies, core.uptime, core.version, core.ready, core.live)

    def speak_for_core(self, membership: Membership, services: Sequence[str], endpoint: str) -> None:
        """Says to the registry that the core lives, for it has no thread to do so; nothing if it does not."""
        stats = self._read()[1]
        if stats is None or stats.heartbeat_age_ns > self._max_age_ns:
            return
        health = self.core_health()
        membership.beat(
            Instance(
                name=CORE,
                pid=stats.values["pid"],
                services=tuple(services),
                endpoint=endpoint,
                version=health.version,
                started_ns=stats.values["started_at_ns"],
                beat_ns=time.monotonic_ns(),
                status=health.status,
                ready=health.ready,
                dependencies=health.dependencies,
                protocol="frames",
            )
        )

    def metrics(self, *, openmetrics: bool) -> str:
        """Of all processes."""

        def text(families: Iterable[Family], name: str) -> str:
            return families_text(families, openmetrics=openmetrics, process=name)

        with ThreadPoolExecutor(min(_ASKED_MAX, len(self._others) + 1)) as pool:
            asked = {name: pool.submit(self._ask, name, openmetrics) for name in self._others}
            texts = [text(self._core_families(), CORE), text(self._vitals.families(), self._vitals.name)]
            announced = read_announcement(self._directory)
            for name, answer in asked.items():
                said = answer.result()
                texts.append(said or text([METRICS["exchange_process_up"].one(0)], name))
        texts += [
            text([METRICS["exchange_process_restarts"].one(number)], name)
            for name, number in (announced.restarts if announced else {}).items()
        ]
        return merged(texts, openmetrics=openmetrics)

    def _ask(self, name: str, openmetrics: bool) -> str:
        path = socket_path(self._directory, name)
        answer = ask(path, "/metrics", OPENMETRICS if openmetrics else PROMETHEUS, _ASK_S)
        return answer.text if answer and answer.status is OK else ""

    def _core_families(self) -> Iterator[Family]:
        rows, stats = self._read()
        yield from health_families(health_of(stats, time.time_ns(), self._max_age_ns))
        yield from core_families(rows, stats)
        if stats is not None:
            yield from build_families()
            yield from process_families(stats.values["pid"])
            yield from read_edges(edges_path(self._stats))

    def _read(self) -> tuple[tuple[StatRow, ...], StatsSnapshot | None]:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = StatsReader(self._stats)
                return self._reader.rows, self._reader.read()
            except StatsUnavailable:
                self._drop_reader()
                return (), None

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
