"""What a process tells of itself: its health, its metrics, its heartbeat.

A process makes its vitals when it starts, and beats with every turn of its work. Two threads tell of it
meanwhile. One sleeps until it is asked: over HTTP on `run/NAME.http`, and where `endpoints.process_metrics`
says. The other one writes: four times a second how far it is, to `run/NAME.json`, and once a second the
heartbeat of the registry. A file system in a commit takes up to a tenth of a second for that, for which the
work must not wait. The core has no such threads: its supervisor speaks for it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from exchange.config.settings import Settings
from exchange.errors import RpcStatus
from exchange.observability.catalogue import METRICS
from exchange.observability.health import SHARES, Health, Status, distribution_version, worst
from exchange.observability.openmetrics import OPENMETRICS, PROMETHEUS, Family, families_text
from exchange.observability.process_metrics import build_families, interpreter_families, process_families
from exchange.observability.server import NOT_FOUND, OK, UNAVAILABLE, Answer, PageServer, Request, refused
from exchange.runtime.log import log, log_families
from exchange.runtime.process_status import status_path, write_status
from exchange.runtime.registry import BEAT_S, Instance, Membership, instances_directory
from exchange.storage.directory import DataDirectory

MAX_AGE_NS: Final = 3_000_000_000
STATUS_S: Final = 0.25
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
        self._progress: Mapping[str, int] = {}
        self.stirred = threading.Event()
        """Set where there is something to tell at once."""
        self._families: list[Families] = []
        self._needs: Callable[[], Mapping[str, Status]] = dict
        self._lag: Callable[[], int | None] = lambda: None
        self._chores: list[Callable[[], object]] = []

    def beat(self, now_ns: int | None = None, **progress: int) -> None:
        """It works; the first time says that it is ready.

        Args:
            now_ns: Monotonic, where the caller has just looked.
            progress: How far it is.
        """
        self._progress = progress
        begins = not self._beat_ns
        self._beat_ns = self._now_ns() if now_ns is None else now_ns
        if begins:
            self.stirred.set()

    @property
    def begun(self) -> bool:
        """Whether it has said that it is ready."""
        return self._beat_ns > 0

    def status(self) -> dict[str, int]:
        """Its process, its last beat, and how far it was; see `exchange.runtime.process_status`."""
        return {"pid": os.getpid(), "heartbeat_ns": self._beat_ns, **self._progress}

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
        """What else is done with every heartbeat, by the thread that writes it."""
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
    return refused(NOT_FOUND, RpcStatus.UNIMPLEMENTED, "there is no such page")


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
        opened.enter_context(_pulse(settings, vitals))
        addresses: list[Path | tuple[str, int]] = [socket_path(directory, vitals.name)]
        if settings.endpoints.process_metrics:
            host, _, port = settings.endpoints.process_metrics.rpartition(":")
            addresses.append((host, int(port)))
        for address in addresses:
            try:
                opened.enter_context(PageServer(vitals.pages, address))
            except OSError as error:
                where = address if isinstance(address, Path) else settings.endpoints.process_metrics
                log("metrics cannot be served", level=logging.ERROR, address=where, reason=error)
        yield vitals


@contextmanager
def _pulse(settings: Settings, vitals: Vitals) -> Iterator[None]:
    """Writes status and heartbeat until the block ends; both at once where the process has become ready."""
    directory = DataDirectory(settings.data_directory)
    member = Membership(instances_directory(directory), vitals.name) if settings.registry.heartbeats else None
    due, begun, ended = 0.0, False, False

    def tell() -> None:
        nonlocal due, begun
        try:
            if vitals.begun:
                write_status(directory, vitals.name, vitals.status())
            if member is not None and (time.monotonic() >= due or vitals.begun is not begun):
                due, begun = time.monotonic() + BEAT_S, vitals.begun
                member.beat(vitals.instance())
                vitals.keep_house()
        except Exception as error:  # noqa: BLE001  # or its thread would end, and nothing be told any more
            log("heartbeat failed", level=logging.ERROR, error=error)

    def run() -> None:
        while not ended:
            vitals.stirred.wait(STATUS_S)
            vitals.stirred.clear()
            tell()

    tell()
    thread = threading.Thread(target=run, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended = True
        vitals.stirred.set()
        thread.join()
        if member is not None:
            member.leave()
        status_path(directory, vitals.name).unlink(missing_ok=True)
