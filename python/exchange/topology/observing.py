"""Pages of all processes of an exchange on one port: a supervisor's, or those of `exchange run observe`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.observability import PageServer, stats_path
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.runtime.log_metrics import log_extent_families
from exchange.runtime.overview import CORE, Overview
from exchange.runtime.publisher import open_log
from exchange.runtime.registry import Membership, instances_directory
from exchange.runtime.vitals import Vitals, serving
from exchange.storage.directory import DataDirectory

OBSERVER: Final = "observe"
_BEAT_S: Final = 0.25


def main(settings: Settings, names: Sequence[str], services: Sequence[str]) -> int:
    """Speaks for processes that no supervisor has started, until told to stop; the exit code.

    The core process runs no thread of its own for it: without this, one that was started alone is seen by
    nobody.

    Args:
        settings: Of the exchange.
        names: Of the processes that should be there, the core among them.
        services: Those of the core.

    Raises:
        ConfigError: `endpoints.metrics` is empty, or its port is taken.
    """
    if not settings.endpoints.metrics:
        raise ConfigError("endpoints.metrics is empty: expected HOST:PORT to serve pages on")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    vitals = Vitals(OBSERVER)
    endpoints: dict[str, str] = {}
    with overview(settings, vitals, names, services, endpoints):
        log("observing", endpoint=endpoints["metrics"], processes=len(names))
        while not stop.wait(_BEAT_S):
            vitals.beat()
    return ExitCode.STOPPED


@contextmanager
def overview(
    settings: Settings,
    vitals: Vitals,
    names: Sequence[str],
    services: Sequence[str],
    endpoints: dict[str, str],
) -> Iterator[None]:
    """Serves the pages of all processes, and says for the core that it lives, until the block ends.

    Args:
        settings: Of the exchange.
        vitals: Of this process.
        names: Of the processes that should be there, the core among them.
        services: Those of the core.
        endpoints: Where to connect, by name: the port of the pages is noted there.

    Raises:
        ConfigError: The port of `endpoints.metrics` cannot be had.
    """
    directory = DataDirectory(settings.data_directory)
    with ExitStack() as opened:
        seen = Overview(directory, stats_path(settings.data_directory), names, vitals)
        opened.callback(seen.close)
        events = open_log(settings)
        opened.callback(events.close)
        vitals.tells(families=partial(log_extent_families, events))
        if settings.registry.heartbeats:
            membership = Membership(instances_directory(directory), CORE)
            opened.callback(membership.leave)
            vitals.beats(partial(seen.speak_for_core, membership, services, settings.endpoints.orders))
        vitals.beat()
        opened.enter_context(serving(settings, vitals))
        if settings.endpoints.metrics:
            host, _, port = settings.endpoints.metrics.rpartition(":")
            try:
                server = opened.enter_context(PageServer(seen.pages, (host, int(port))))
            except OSError as error:
                raise ConfigError(
                    f"{settings.endpoints.metrics} cannot be served on: {error.strerror}"
                ) from None
            endpoints["metrics"] = f"http://{host}:{server.port}/metrics"
        yield
