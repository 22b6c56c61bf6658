"""Everything in one process, for tests and notebooks: the core, and a thread for each of the others.

Nothing is started again here: a part that fails says so in the log, and the rest goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol

from exchange.config import Settings
from exchange.errors import ConfigError, ExchangeError
from exchange.runtime.log import configure, log
from exchange.runtime.loop import run as run_loop
from exchange.storage.journal import JournalCorrupt
from exchange.topology import mains
from exchange.topology.running import prepare
from exchange.topology.table import PROCESSES, SQL_SERVICES


class Looping(Protocol):
    """What runs in an event loop until it is stopped there."""

    def stop(self) -> None:
        """Asks for an orderly stop."""
        ...

    def run(self) -> Coroutine[Any, Any, None]:
        """Runs until then."""
        ...


class _Part:
    """A thread of its own for one of the processes of the table."""

    def __init__(self, name: str, run: Callable[[_Part], None]) -> None:
        self.name = name
        self.stop = threading.Event()
        self._told: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, args=(run,), name=name)
        self._thread.start()

    def on_stop(self, tell: Callable[[], None]) -> None:
        """How it is told to stop, besides the event; may come after that was set."""
        self._told.append(tell)
        if self.stop.is_set():
            tell()

    def end(self) -> None:
        """Stops it in order."""
        self.stop.set()
        for tell in self._told:
            tell()
        self._thread.join()

    def loop(self, work: Looping) -> None:
        """Runs it in an event loop."""

        async def run() -> None:
            loop = asyncio.get_running_loop()
            self.on_stop(lambda: _soon(loop, work.stop))
            await work.run()

        run_loop(run())

    def _run(self, run: Callable[[_Part], None]) -> None:
        try:
            run(self)
        except (ExchangeError, JournalCorrupt) as error:
            log("failed: going on without it", level=logging.ERROR, name=self.name, reason=error)


def run_all(settings: Settings) -> int:
    """Runs an exchange in this one process; the core's exit code.

    Raises:
        ConfigError: Something needs a process of its own.
    """
    if settings.matching.shards:
        raise ConfigError(f"matching.shards is {settings.matching.shards}: expected 0 for all in one process")
    for name in ("accounts", "risk"):
        if getattr(settings, name).process:
            raise ConfigError(f"{name}.process is true: expected false for all in one process")
    if settings.gateway.instances > 1:
        many = settings.gateway.instances
        raise ConfigError(f"gateway.instances is {many}: expected 1 for all in one process")
    configure("all-in-one", settings=settings.log)
    prepare(settings)
    parts = [_Part("replica", lambda part: _replica(settings, part))]
    if settings.events.publish:
        parts.append(_Part("publisher", lambda part: _publisher(settings, part)))
    enabled = [each.name for each in PROCESSES if each.name in SQL_SERVICES and each.numbers(settings)]
    parts += [_Part(name, lambda part: _service(settings, part)) for name in enabled]
    if settings.risk.marks_ms:
        parts.append(_Part("marks", lambda part: _marks(settings, part)))
    if settings.gateway.enabled:
        parts.append(_Part("gateway", lambda part: _gateway(settings, part)))
    try:
        return mains.core(settings)
    finally:
        # The gateway first, whose streams services serve. Then the publisher: what it publishes last,
        # services may still take.
        first = ["publisher", "gateway"]
        for part in sorted(parts, key=lambda part: part.name in first and -first.index(part.name) - 1):
            part.end()


def _replica(settings: Settings, part: _Part) -> None:
    with import_module("exchange.topology.replica").replica_of(settings) as replica:
        part.loop(replica)


def _publisher(settings: Settings, part: _Part) -> None:
    publisher = import_module("exchange.runtime.publisher")
    statistics = mains.statistics_of(settings)
    try:
        publisher.publish(settings, publisher.limit_of(settings, statistics), part.stop)
    finally:
        statistics.close()


def _service(settings: Settings, part: _Part) -> None:
    host = import_module("exchange.runtime.service_host").ServiceHost
    plan_of: Callable[[str, Settings], AbstractContextManager[object]] = import_module(
        "exchange.topology.hosted"
    ).plan_of
    with plan_of(part.name, settings) as plan:
        part.loop(host(plan))


def _marks(settings: Settings, part: _Part) -> None:
    import_module("exchange.services.risk.marks_process").run(settings, part.stop)


def _gateway(settings: Settings, part: _Part) -> None:
    gateway = import_module("exchange.topology.gateway")
    with gateway.plan_of(settings) as plan:
        part.loop(gateway.GatewayHost(plan))


def _soon(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    """Calls it there, where the loop has not ended by itself."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)
