"""What a process tells of itself: its health, its metrics, its heartbeat.

A process makes its vitals when it starts, beats with every turn of its work, and is served meanwhile by one
thread that sleeps until it is asked: over HTTP on `run/NAME.http`, and on `endpoints.process_metrics` where
that is set. The thread also writes the heartbeat of the registry once a second. The core has no such thread:
its supervisor speaks for it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from exchange.config.settings import Settings
from exchange.observability.catalogue import METRICS
from exchange.observability.health import SHARES, Health, Status, distribution_version, worst
from exchange.observability.openmetrics import OPENMETRICS, PROMETHEUS, Family, families_text
from exchange.observability.process_metrics import build_families, interpreter_families, process_families
from exchange.observability.server import NOT_FOUND, OK, UNAVAILABLE, Answer, PageServer, Request
from exchange.runtime.log import log, log_families
from exchange.runtime.registry import BEAT_S, Instance, Membership, instances_directory
from exchange.storage.directory import DataDirectory

MAX_AGE_NS: Final = 3_000_000_000
_NS: Final = 1_000_000_000

Families = Callable[[], Iterable[Family]]


class Vitals:
    """What one process tells. Beaten by the thread that works, read by the one that serves.

    Args:
        name: Of the process.
        services: Those whose part it plays.
        endpoint: Where it is asked; empty: nobody connects to it.
        max_age_ns: A process whose work has not turned for longer hangs.
        now_ns: The monotonic clock.
    """

    def __init__(
        self,
        name: str,
        services: Iterable[str] = (),
        endpoint: str = "",
        *,
        max_age_ns: int = MAX_AGE_NS,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self._services = tuple(services)
        self._endpoint = endpoint
        self._max_age_ns = max_age_ns
        self._now_ns = now_ns
        self._started_ns = time.time_ns()
        self._beat_ns = 0
        self._families: list[Families] = []
        self._needs: Callable[[], Mapping[str, Status]] = dict
        self._lag: Callable[[], int | None] = lambda: None
        self._chores: list[Callable[[], object]] = []

    def beat(self, now_ns: int | None = None) -> None:
        """It works; the first time says that it is ready.

        Args:
            now_ns: Monotonic, where the caller has just looked.
        """
        self._beat_ns = self._now_ns() if now_ns is None else now_ns

    @property
    def begun(self) -> bool:
        """Whether it has said that it is ready."""
        return self._beat_ns > 0

    def tells(
        self,
        *,
        families: Families | None = None,
        needs: Callable[[], Mapping[str, Status]] | None = None,
        lag: Callable[[], int | None] | None = None,
    ) -> None:
        """What else it tells, called when it is asked, by another thread than the one that works.

        Args:
            families: More metrics, beside those that are there already.
            needs: How what it depends on is, by name.
            lag: Commands or events that it has not taken yet; None: not known.
        """
        if families is not None:
            self._families.append(families)
        self._needs = needs or self._needs
        self._lag = lag or self._lag

    def beats(self, also: Callable[[], object]) -> None:
        """What else is done with every heartbeat, by the thread that serves."""
        self._chores.append(also)

    def keep_house(self) -> None:
        """Does what `beats` was told."""
        for chore in self._chores:
            chore()

    def health(self) -> Health:
        """How it is. Before its first beat it starts: alive, and not ready."""
        beat_ns = self._beat_ns
        turns = not beat_ns or self._now_ns() - beat_ns <= self._max_age_ns
        needs = dict(self._needs())
        down = Status.UNHEALTHY in needs.values()
        status = worst([Status.DEGRADED if down else worst(needs.values())])
        return Health(
            status=status if turns else Status.UNHEALTHY,
            dependencies=needs,
            uptime=max(0, time.time_ns() - self._started_ns) // _NS,
            version=distribution_version(),
            ready=turns and bool(beat_ns) and not down,
            live=turns,
        )

    def instance(self) -> Instance:
        """What its heartbeat says."""
        health = self.health()
        return Instance(
            name=self.name,
            pid=os.getpid(),
            services=self._services,
            endpoint=self._endpoint,
            version=health.version,
            started_ns=self._started_ns,
            beat_ns=self._now_ns(),
            status=health.status,
            ready=health.ready,
            dependencies=health.dependencies,
            lag=self._lag(),
        )

    def families(self) -> Iterator[Family]:
        """All its metrics."""
        yield from health_families(self.health())
        yield from build_families()
        yield from process_families(os.getpid())
        yield from interpreter_families()
        yield from log_families()
        for more in self._families:
            yield from more()

    def metrics(self, *, openmetrics: bool) -> str:
        """As text."""
        return families_text(self.families(), openmetrics=openmetrics, process=self.name)

    def pages(self, request: Request) -> Answer:
        """`/metrics`, `/health`, `/health/live`, `/health/ready`."""
        if request.path == "/metrics":
            openmetrics = wants_openmetrics(request)
            return Answer(
                OK,
                OPENMETRICS if openmetrics else PROMETHEUS,
                self.metrics(openmetrics=openmetrics),
            )
        return health_page(request.path, self.health()) or no_such_page()


def health_families(health: Health) -> Iterator[Family]:
    """Health as metrics."""
    yield METRICS["exchange_process_up"].one(int(health.live))
    yield METRICS["exchange_process_ready"].one(int(health.ready))
    yield METRICS["exchange_process_healthy"].one(SHARES[health.status])
    yield METRICS["exchange_dependency_healthy"].family(
        ((name,), SHARES[status]) for name, status in health.dependencies.items()
    )


def wants_openmetrics(request: Request) -> bool:
    """Whether it is OpenMetrics that was asked for."""
    return "application/openmetrics-text" in request.accept


def health_page(path: str, health: Health) -> Answer | None:
    """The answer of a page of health; None where it is none."""
    if path == "/health":
        return json_page(health.body(), good=health.status is not Status.UNHEALTHY)
    if path == "/health/live":
        return json_page({"live": health.live}, good=health.live)
    if path == "/health/ready":
        return json_page({"ready": health.ready}, good=health.ready)
    return None


def json_page(body: Mapping[str, object], *, good: bool) -> Answer:
    """200, or 503."""
    status = OK if good else UNAVAILABLE
    return Answer(status, "application/json", json.dumps(body) + "\n")


def no_such_page() -> Answer:
    """404."""
    return Answer(NOT_FOUND, "application/json", '{"error": "no such page"}\n')


def socket_path(directory: DataDirectory, name: str) -> Path:
    """Where a process answers over HTTP."""
    return directory.run / f"{name}.http"


@contextmanager
def telling(
    settings: Settings, name: str, services: Iterable[str] = (), endpoint: str = ""
) -> Iterator[Vitals]:
    """The vitals of this process, served until the block ends; see `Vitals` and `serving`."""
    with serving(settings, Vitals(name, services, endpoint)) as vitals:
        yield vitals


@contextmanager
def serving(settings: Settings, vitals: Vitals) -> Iterator[Vitals]:
    """Serves vitals until the block ends.

    A socket that cannot be had is a line of the log: the process works without.
    """
    directory = DataDirectory(settings.data_directory)
    with ExitStack() as opened:
        pulse = opened.enter_context(_pulse(settings, vitals))
        addresses: list[Path | tuple[str, int]] = [socket_path(directory, vitals.name)]
        if settings.endpoints.process_metrics:
            host, _, port = settings.endpoints.process_metrics.rpartition(":")
            addresses.append((host, int(port)))
        for address in addresses:
            try:
                opened.enter_context(PageServer(vitals.pages, address, pulse))
                pulse = None
            except OSError as error:
                where = address if isinstance(address, Path) else settings.endpoints.process_metrics
                log("metrics cannot be served", level=logging.ERROR, address=where, reason=error)
        yield vitals


@contextmanager
def _pulse(settings: Settings, vitals: Vitals) -> Iterator[Callable[[], None] | None]:
    """What writes the heartbeat, where it is time to, or where the process has become ready."""
    if not settings.registry.heartbeats:
        yield None
        return
    membership = Membership(instances_directory(DataDirectory(settings.data_directory)), vitals.name)
    due, begun = 0.0, False

    def beat() -> None:
        nonlocal due, begun
        if time.monotonic() >= due or vitals.begun is not begun:
            due, begun = time.monotonic() + BEAT_S, vitals.begun
            try:
                membership.beat(vitals.instance())
                vitals.keep_house()
            except Exception as error:  # noqa: BLE001  # or its thread would end, and nobody be answered any more
                log("heartbeat failed", level=logging.ERROR, error=error)

    beat()
    try:
        yield beat
    finally:
        membership.leave()
