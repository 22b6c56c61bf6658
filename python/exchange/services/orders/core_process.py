"""The core process: recovers the state from snapshot and journal, opens the socket, and runs the loop.

Nothing else happens in it: no other Python thread, no collector of garbage, no log line between two batches.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from cmatch._core import (
    Journal,
    JournalReader,
    Sequencer,
    SharedStats,
    Stat,
    SystemClock,
    Toucher,
    Venue,
    ZmqTransport,
    seed_addresses,
)
from cmatch.errors import JournalFailed, JournalLocked
from exchange.bus.curve import Keyring
from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.router import Router
from exchange.config.settings import Core, Durability, Settings
from exchange.domain.enums import Judge
from exchange.errors import SecurityError, StorageError
from exchange.observability import stats_path
from exchange.resilience import Policies, Policy
from exchange.runtime.edge_metrics import EdgeFile, edges_path
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.runtime.priority import as_allowed, rank, realtime, stay_on
from exchange.runtime.refusals import RefusedFile
from exchange.security.roles import Permission, check_roles, permissions_of
from exchange.services.orders.disk_watch import DiskWatch
from exchange.services.orders.life import Life
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import LocalStage, RemoteStage, WatchedStage
from exchange.services.orders.standing_by import begin_standby, doubt, stand_by
from exchange.services.orders.touching import Touching
from exchange.storage.digests import CORE, Digest, append_digest
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import starting_venue
from exchange.storage.snapshots import synced_sequence
from exchange.storage.venue_limits import limits_of

_NICENESS: Final = -15
SOCKET_NAME: Final = "core.sock"
# A client that comes back may ask for reports this far back, if not further.
_RESUME_BYTES: Final = 64 << 20
# Of one batch from the socket: written ahead a command may take 13 times what its sender made of it, and all
# of a batch has to fit one write of the journal.
_BATCH_BYTES_MAX: Final = 128 << 10


def main(settings: Settings) -> int:
    """Runs the core until it is told to stop; its exit code."""
    directory = DataDirectory(settings.data_directory)
    started = time.monotonic()
    rank(_NICENESS)  # who waits for it to come back waits for its recovery first
    others = _take_processor(settings.core.cpu)
    stands_by = bool(settings.replication.leader) and not directory.leads.exists()
    with ExitStack() as opened:
        try:
            if stands_by:
                begin_standby(directory, settings.replication)
            venue = starting_venue(
                directory,
                limits_of(settings),
                _RESUME_BYTES,
                passed_over=lambda why: log("snapshot passed over", reason=why),
                huge_pages=settings.core.prefault,
            )
            journal = Journal(
                str(directory.journal),
                segment_bytes=settings.limits.segment_bytes,
                recover_from=venue.sequence + 1,
                known_durable=synced_sequence(directory),
                first_sequence=venue.sequence + 1 if stands_by else 1,
            )
        except JournalLocked as error:
            log("refused to start", reason=error)
            return ExitCode.LOCKED
        opened.callback(journal.close)
        if stands_by and journal.recovery["cut"] is not None:
            doubt(directory)
        # Another life of the core: what it writes is told from what was before.
        if journal.written_sequence and not stands_by:
            journal.raise_epoch(journal.epoch + 1)
        stats = SharedStats(str(stats_path(settings.data_directory)))
        stats.set(Stat.pid, os.getpid())
        stats.set(Stat.started_at_ns, time.time_ns())
        seed_addresses()
        realtime_priority = as_allowed(settings.core.realtime_priority)
        if realtime_priority != settings.core.realtime_priority:
            log("not allowed here: see `exchange doctor`", setting="realtime_priority")
        # The thread that moves the bytes takes turns with the loop. With a higher rank it would stop that in
        # the middle of each batch, on a processor of their own.
        router = opened.enter_context(Router(settings.security.keys_directory, realtime_priority))
        transport = ZmqTransport(router.socket.underlying, owner=router, yields=realtime_priority > 0)
        clock = SystemClock()
        core = _sequencer(
            settings,
            venue,
            journal,
            transport,
            clock,
            stats,
            trusts_peers=router.keyring is None,
            leads=not stands_by,
        )
        if router.keyring is not None:
            _permit(core, router.keyring)
        doorkeeper = _Doorkeeper(router, core, directory)
        touching = _touching(settings, opened, Toucher(core, others), stats, at_once=stands_by)
        replayed = _replay(directory, core, venue, journal)
        core.begin()
        router.bind(settings.endpoints.orders or ipc_endpoint(directory.run, SOCKET_NAME))
        life = Life()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, life.stop)
        log(
            "core stands by" if stands_by else "core ready",
            sequence=venue.sequence,
            replayed=replayed,
            lost=_lost(journal),
            after_s=f"{time.monotonic() - started:.3f}",
        )
        _make_quiet(settings.core, realtime_priority)
        try:
            keepers: list[Callable[[], object]] = [doorkeeper, *touching]
            if stands_by:
                fencer = stand_by(life, core, clock, directory, settings.replication, doorkeeper)
                if fencer is None:
                    return _stopped(settings, journal, venue)
                keepers.append(fencer)
            keepers.append(
                DiskWatch(
                    directory.journal,
                    settings.limits.disk_used_percent,
                    core.set_disk_nearly_full,
                    lambda: core.steady,
                )
            )
            policies = Policies()
            stage = WatchedStage(LocalStage(), policies.of("orders", "matching"))
            shards, judges = _shards(settings, core, venue, policies), _judges(settings, core, policies)
            keepers += _edge_file(settings, policies)
            life.runs(CoreLoop(core, stage, shards=shards, judges=judges, keepers=keepers)).run()
            if core.fenced_by:
                log("fenced: another core leads", epoch=core.fenced_by, sequence=venue.sequence)
                return ExitCode.FENCED
            return _stopped(settings, journal, venue)
        except JournalFailed as error:
            log("the journal failed", reason=error)
            return ExitCode.JOURNAL_FAILED


def _stopped(settings: Settings, journal: Journal, venue: Venue) -> int:
    journal.sync()
    end = Digest(venue.sequence, venue.event_digest, venue.state_hash(), CORE)
    append_digest(DataDirectory(settings.data_directory).digests, end)
    log(
        "core stopped",
        sequence=end.sequence,
        event_digest=f"{end.event_digest:016x}",
        state_hash=f"{end.state_hash:016x}",
    )
    return ExitCode.STOPPED


def _replay(directory: DataDirectory, core: Sequencer, venue: Venue, journal: Journal) -> int:
    first = venue.sequence
    if journal.written_sequence > first:
        core.replay(JournalReader(str(directory.journal), first + 1), journal.written_sequence)
    if venue.sequence != journal.written_sequence:
        raise StorageError(
            f"the journal ends with sequence {journal.written_sequence},"
            f" what follows from it with {venue.sequence}"
        )
    return venue.sequence - first


def _lost(journal: Journal) -> str:
    """What recovery cut off: written and never synchronised, by a machine that lost power."""
    cut = journal.recovery["cut"]
    return "nothing" if cut is None else str(cut["message"])


def _sequencer(
    settings: Settings,
    venue: Venue,
    journal: Journal,
    transport: ZmqTransport,
    clock: SystemClock,
    stats: SharedStats,
    *,
    trusts_peers: bool,
    leads: bool,
) -> Sequencer:
    sessions, replication = settings.sessions, settings.replication
    return Sequencer(
        venue,
        journal,
        transport,
        clock,
        stats,
        epoch=journal.epoch,
        max_batch_bytes=_BATCH_BYTES_MAX,
        durability=1 + list(Durability).index(settings.durability),
        max_sessions=sessions.sessions_max,
        silence_ns=sessions.heartbeat_timeout_ms * 1_000_000,
        orders_per_s=sessions.orders_per_s,
        orders_burst=sessions.orders_burst,
        cancels_per_s=sessions.cancels_per_s,
        cancels_burst=sessions.cancels_burst,
        shards=settings.matching.shards,
        trusts_peers=trusts_peers,
        leads=leads,
        follow_bytes=replication.memory_bytes,
        standby_timeout_ns=replication.timeout_ms * 1_000_000,
        standby=replication.standby,
        accounts=settings.accounts.process,
        risk=settings.risk.process,
        proposal_timeout_ns=settings.stages.proposal_timeout_ms * 1_000_000,
    )


def _shards(settings: Settings, core: Sequencer, venue: Venue, policies: Policies) -> dict[int, WatchedStage]:
    """What asks after each shard, by its number."""
    timeout_ns = settings.matching.heartbeat_timeout_ms * 1_000_000
    away = {int(row["shard"]): bool(row["away"]) for row in venue.shards()}

    def stage(number: int) -> WatchedStage:
        is_away = away.get(number, False)
        port = RemoteStage(lambda: core.shard_link(number)[0], lambda: core.steady, timeout_ns, away=is_away)
        return WatchedStage(port, policies.of("orders", "matching", f"shard {number}"), away=is_away)

    return {number: stage(number) for number in range(1, settings.matching.shards + 1)}


def _judges(settings: Settings, core: Sequencer, policies: Policies) -> dict[int, WatchedStage]:
    """What asks after accounts and risk in processes of their own; they are away until they are heard."""
    timeout_ns = settings.stages.heartbeat_timeout_ms * 1_000_000

    def stage(judge: Judge, policy: Policy) -> WatchedStage:
        port = RemoteStage(lambda: core.judge_link(judge)[0], lambda: core.steady, timeout_ns, away=True)
        return WatchedStage(port, policy, away=True)

    stages = {}
    if settings.accounts.process:
        stages[int(Judge.ACCOUNTS)] = stage(Judge.ACCOUNTS, policies.of("orders", "accounts"))
    if settings.risk.process:
        stages[int(Judge.RISK)] = stage(Judge.RISK, policies.of("orders", "risk"))
    return stages


def _edge_file(settings: Settings, policies: Policies) -> list[Callable[[], object]]:
    """What tells of the edges, where stages are elsewhere; the one in this process tells nothing."""
    if len(policies.all()) == 1:
        return []
    return [EdgeFile(edges_path(stats_path(settings.data_directory)), policies)]


def _permit(core: Sequencer, keyring: Keyring) -> None:
    for key, principal in keyring.items():
        if principal.tenant is None or not principal.tenant.isdecimal():
            raise SecurityError(
                f"the tenant of {principal.name} is {principal.tenant!r}:"
                " expected its number, 0 for an operator's"
            )
        check_roles(principal.roles, principal.tenant)
        may = permissions_of(principal.roles)
        core.permit(
            key,
            int(principal.tenant),
            Permission.TRADE in may,
            Permission.ADMINISTER in may,
            Permission.FOLLOW in may,
            Permission.MATCH in may,
            Permission.JUDGE in may,
        )


def _touching(
    settings: Settings, opened: ExitStack, toucher: Toucher, stats: SharedStats, *, at_once: bool
) -> list[Touching]:
    """What has memory touched, where that is wanted."""
    if not settings.core.prefault:
        return []
    touching = Touching(toucher, stats, DataDirectory(settings.data_directory))
    if at_once:
        touching.begin()
    return [opened.enter_context(touching)]


class _Doorkeeper:
    """Lets in who knocks, and takes keys that were made, replaced or revoked. Never waits for long."""

    def __init__(self, router: Router, core: Sequencer, directory: DataDirectory) -> None:
        self._router = router
        self._core = core
        self._refused = RefusedFile(directory)

    def __call__(self) -> None:
        before = self._router.keyring
        try:
            keyring = self._router.keys_changed()
            if keyring is not None:
                _permit(self._core, keyring)
        except SecurityError as error:
            log("keys cannot be taken", level=logging.ERROR, reason=error)
            keyring = None
        if before is not None and keyring is not None:
            for key in {key for key, _ in before.items()} - {key for key, _ in keyring.items()}:
                self._core.revoke(key)
            self._router.take_keys(keyring)
            log("keys were changed", principals=len(keyring))
        self._router.answer()
        self._refused.say(*self._router.refused)


def _take_processor(own: int | None) -> list[int]:
    """Stays on the processor that is its own, if any, with all threads to come; where others may run."""
    allowed = os.sched_getaffinity(0)
    if own is not None:
        _try("cpu", lambda: stay_on({own}))
    return sorted(allowed - {own} or allowed)


def _make_quiet(core: Core, realtime_priority: int) -> None:
    """Keeps the collector of garbage and other processes off the loop, as far as the system allows."""
    gc.collect()
    gc.freeze()
    gc.disable()
    _keep_freed_memory()
    if realtime_priority:
        realtime(realtime_priority)
    if core.lock_memory:
        _try("lock_memory", _lock_memory)


def _keep_freed_memory() -> None:
    """Messages come and go at a high rate: what one leaves is for the next, not for the system."""
    trim_threshold, top_pad = -1, -2  # of glibc; another libc has its own ways
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(trim_threshold, 1 << 30)
        set_option(top_pad, 4 << 20)


def _lock_memory() -> None:
    current_and_future = 3
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if ctypes.CDLL(None, use_errno=True).mlockall(current_and_future) != 0:
        raise OSError(ctypes.get_errno(), "mlockall failed")


def _try(name: str, what: Callable[[], object]) -> None:
    try:
        what()
    except (OSError, ValueError) as error:
        log("not allowed here: see `exchange doctor`", setting=name, reason=error)
