"""One process of the table, with what all of them need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from exchange.config import Settings
from exchange.config.durable import make_directory
from exchange.config.private import close_to_others, private_directory
from exchange.errors import ConfigError, ExchangeError, SecurityError, StorageError
from exchange.observability.process_metrics import usage_of
from exchange.observability.tracing import start_tracing
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import configure, log, log_crash
from exchange.runtime.parent import die_with_parent
from exchange.runtime.priority import keep_off
from exchange.runtime.registry import Registry, instances_directory
from exchange.storage.directory import DataDirectory
from exchange.storage.journal import JournalCorrupt
from exchange.storage.venue_limits import fix_limits, limits_of
from exchange.topology.handover import settings_of_json
from exchange.topology.table import PROCESSES, Process, called


def prepare(settings: Settings) -> DataDirectory:
    """Makes the directories of an exchange, or checks them.

    Raises:
        SecurityError: `run` is open to others.
        ConfigError: the data directory was made with other limits.
        StorageError: it cannot be made.
    """
    directory = DataDirectory(settings.data_directory)
    try:
        make_directory(directory.root)
        for path in (directory.journal, directory.snapshots):
            make_directory(path, 0o700)
    except OSError as error:
        raise StorageError(f"{settings.data_directory} cannot be made: {error.strerror}") from error
    private_directory(directory.run)
    for path in (directory.journal, directory.snapshots, directory.log, directory.stores):
        close_to_others(path)  # earlier versions made them open to all who may look into the data directory
    fix_limits(directory.root, limits_of(settings))
    return directory


def run_process(
    name: str,
    settings: Settings,
    supervisor: int | None = None,
    shard: int = 0,
    instance: int = 0,
    *,
    forked: bool = False,
) -> int:
    """Runs one process of the table in this one; its exit code.

    Args:
        name: which.
        settings: of the exchange.
        supervisor: process id of who started us, with whom we end.
        shard: its number, where it is one.
        instance: which, of a service that several processes may be; 0 is the first.
        forked: by a server that has seen to it that both end together.
    """
    process = next(each for each in PROCESSES if each.name == name)
    number = instance or shard
    configure(called(name, number), settings=settings.log)
    sys.excepthook = log_crash
    if supervisor is not None and not forked:
        die_with_parent(supervisor)
    try:
        prepare(settings)
        if supervisor is None:
            _check_free(process, settings, number, instance)
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


@contextmanager
def by_itself(name: str, settings: Settings) -> Iterator[None]:
    """What one process of the table needs that another program than ours runs, until the block ends.

    Args:
        name: which.
        settings: of the exchange.

    Raises:
        ConfigError: it runs already, or the data directory was made with other limits.
        ExchangeError: the data directory cannot be had.
    """
    configure(name, settings=settings.log)
    keep_off(settings.core.cpu)
    prepare(settings)
    _check_free(next(each for each in PROCESSES if each.name == name), settings, 0, 0)
    with _tracing(settings, name):
        yield


def run_forked(name: str, number: int, settings: str) -> int:
    """Runs one process of the table in this one, which a supervisor had forked; its exit code.

    Args:
        name: which.
        number: of the shard or the instance.
        settings: of the exchange, as JSON.
    """
    return run_process(name, settings_of_json(settings), os.getppid(), number, forked=True)


def _check_free(process: Process, settings: Settings, number: int, instance: int) -> None:
    """Sees that no other process is the one that is about to run.

    Raises:
        ConfigError: one is, or there cannot be several of it.
    """
    if instance and (not process.several or instance == 1):
        several = " or ".join(each.name for each in PROCESSES if each.several)
        raise ConfigError(f"--instance {instance} of {process.name}: expected 2 or more, of {several}")
    name = called(process.name, number)
    there = Registry({}, instances_directory(DataDirectory(settings.data_directory))).instance(name)
    if there is not None and there.pid != os.getpid() and usage_of(there.pid) is not None:
        more = ": run another one beside it with --instance 2" if process.several else ""
        raise ConfigError(f"{name} runs already, as process {there.pid}{more}")


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
