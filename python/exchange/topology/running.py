"""One process of the table, or core and replica in one."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from exchange.config import Settings
from exchange.config.private import private_directory
from exchange.errors import ConfigError, ExchangeError, SecurityError, StorageError
from exchange.observability.tracing import start_tracing
from exchange.runtime.child import die_with_parent
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import configure, log, log_crash
from exchange.runtime.vitals import Vitals
from exchange.storage.directory import DataDirectory
from exchange.storage.journal import JournalCorrupt
from exchange.storage.venue_limits import fix_limits, limits_of
from exchange.topology import mains
from exchange.topology.table import PROCESSES, called


def prepare(settings: Settings) -> DataDirectory:
    """Makes the directories of an exchange, or checks them.

    Raises:
        SecurityError: `run` is open to others.
        ConfigError: the data directory was made with other limits.
        StorageError: it cannot be made.
    """
    directory = DataDirectory(settings.data_directory)
    try:
        for path in (directory.root, directory.journal, directory.snapshots):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{settings.data_directory} cannot be made: {error.strerror}") from error
    private_directory(directory.run)
    fix_limits(directory.root, limits_of(settings))
    return directory


def run_process(name: str, settings: Settings, supervisor: int | None = None, number: int = 0) -> int:
    """Runs one process of the table in this one; its exit code.

    Args:
        name: which.
        settings: of the exchange.
        supervisor: process id of who started us, with whom we end.
        number: of the shard.
    """
    process = next(each for each in PROCESSES if each.name == name)
    configure(called(name, number), settings=settings.log)
    sys.excepthook = log_crash
    if supervisor is not None:
        die_with_parent(supervisor)
    try:
        prepare(settings)
        with _tracing(settings, called(name, number)):
            return process.main(settings, number)
    except (ConfigError, SecurityError) as error:
        log("refused to start", reason=error)
        return ExitCode.CONFIG
    except JournalCorrupt as error:
        log("refused to start", reason=error)
        return ExitCode.JOURNAL_CORRUPT
    except ExchangeError as error:
        log("failed", reason=error)
        return ExitCode.FAILED


def run_all(settings: Settings) -> int:
    """Runs core and replica in this one process, for tests: the replica in a thread; the core's exit code.

    Raises:
        ConfigError: something needs a process of its own.
    """
    if settings.matching.shards:
        raise ConfigError(f"matching.shards is {settings.matching.shards}: expected 0 for all in one process")
    for name in ("accounts", "risk"):
        if getattr(settings, name).process:
            raise ConfigError(f"{name}.process is true: expected false for all in one process")
    for key, there in (
        ("events.publish", settings.events),
        ("history.enabled", settings.history),
        ("market_data.enabled", settings.market_data),
    ):
        if getattr(there, key.split(".")[1]):
            raise ConfigError(f"{key} is true: expected false for all in one process")
    configure("all-in-one", settings=settings.log)
    prepare(settings)
    started: list[tuple[asyncio.AbstractEventLoop, Any]] = []
    make_replica = import_module("exchange.topology.replica").make_replica

    async def replica() -> None:
        made = make_replica(settings, Vitals("replica"))
        started.append((asyncio.get_running_loop(), made))
        await made.run()

    thread = threading.Thread(target=lambda: asyncio.run(replica()), name="replica")
    thread.start()
    try:
        return mains.core(settings)
    finally:
        while not started and thread.is_alive():
            thread.join(0.01)
        for loop, made in started:
            loop.call_soon_threadsafe(made.stop)
        thread.join()


@contextmanager
def _tracing(settings: Settings, process: str) -> Iterator[None]:
    """Spans of this process, where they are asked for; the core has no time for them."""
    tracing = settings.tracing
    if not tracing.endpoint or process == PROCESSES[0].name:
        yield
        return
    end = start_tracing(process, tracing.endpoint, tracing.sample_percent)
    try:
        yield
    finally:
        end()
