"""The replica, put together."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from cmatch._core import ALL_SHARDS
from exchange.config import Settings
from exchange.errors import StorageError
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.runtime.loop import run as run_loop
from exchange.runtime.publisher import open_log
from exchange.runtime.registry import registry_of
from exchange.runtime.replica import Replica, ReplicaPlan, ReplicaPorts
from exchange.runtime.unsettled import UnsettledWatch
from exchange.runtime.vitals import Vitals, telling
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.journal import remove_segments_before
from exchange.storage.retention import make_room
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.venue_limits import limits_of
from exchange.topology.mains import statistics_of
from exchange.topology.services import SERVICES
from exchange.topology.serving import serve
from exchange.topology.table import KERNELS


def main(settings: Settings) -> int:
    """Runs it until it is told to stop."""
    return run_loop(_run_replica(settings))


def _make_replica(settings: Settings, vitals: Vitals) -> Replica:
    directory = DataDirectory(settings.data_directory)
    limits = settings.limits
    ports = ReplicaPorts(
        directory.journal,
        starting_venue(directory, limits_of(settings), 0, shard=ALL_SHARDS),
        max_accounts=limits.accounts,
        max_instruments=limits.instruments,
    )
    if ports.sequence:
        _remember(ports, directory)
    ports.statistics = statistics_of(settings)
    remove_before = partial(remove_segments_before, directory.journal)
    keys = key_store(settings)
    audit = ProcessAudit(directory.audit, "replica", keys.head_signer)
    return Replica(
        ReplicaPlan(
            directory=directory,
            ports=ports,
            services=SERVICES,
            endpoint=settings.endpoints.queries,
            serve=partial(serve, settings, audit),
            contexts=StoredContexts(keys),
            audit=audit,
            standby=settings.replication.standby,
            snapshot_interval_s=settings.core.snapshot_interval_s,
            tidy=lambda: make_room(directory, limits.journal_bytes, remove_before),
            unsettled=UnsettledWatch(registry_of(settings)),
            events=open_log(settings),
            vitals=vitals,
        )
    )


def _remember(fold: Fold, directory: DataDirectory) -> None:
    try:
        fold.remember(SnapshotFile.of(directory.snapshots, fold.sequence).history)
    except StorageError as error:  # of a standby's leader, or from before there were any
        log("history begins at a snapshot", level=logging.WARNING, sequence=fold.sequence, why=str(error))


@contextmanager
def replica_of(settings: Settings) -> Iterator[Replica]:
    """The replica of an exchange, caught up with nothing yet; it tells of itself until the block ends."""
    with telling(settings, "replica", KERNELS, settings.endpoints.queries) as vitals:
        yield _make_replica(settings, vitals)


async def _run_replica(settings: Settings) -> int:
    with replica_of(settings) as replica:
        return await _follow(replica)


async def _follow(replica: Replica) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, replica.stop)
    await replica.run()
    return ExitCode.STOPPED
