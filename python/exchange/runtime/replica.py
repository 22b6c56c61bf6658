"""The read replica: follows the journal, answers queries, takes snapshots, and lets old segments go.

One event loop; what takes long (writing a snapshot, reading it back) happens beside it, in a thread or in a
process of low priority.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from cmatch.errors import EngineBusy
from exchange.bus.context import Context, new_context
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Call, Dispatcher, RpcServer
from exchange.bus.rpc.stubs import Handlers
from exchange.errors import ExchangeError, RpcError, RpcStatus
from exchange.observability.openmetrics import Family
from exchange.runtime.auditing import ProcessAudit
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.chores import chores
from exchange.runtime.core_status import CoreStatistics, CoreStatus
from exchange.runtime.follow import JournalFollower
from exchange.runtime.follower_metrics import follower_families
from exchange.runtime.history import history_handlers
from exchange.runtime.interceptors import standard_interceptors
from exchange.runtime.log import log
from exchange.runtime.queries import handlers_of
from exchange.runtime.rpc_metrics import ServedCalls
from exchange.runtime.snapshotter import Snapshotter
from exchange.runtime.spec import ServiceSpec
from exchange.runtime.tail import Tails
from exchange.runtime.unsettled import UnsettledWatch
from exchange.runtime.vitals import Vitals
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory, remove_drafts
from exchange.storage.fold import Fold
from exchange.storage.followers import FollowerRegistry
from exchange.storage.retention import list_segments, remove_unverified

SNAPSHOT_METHOD = "replica.snapshot"
_STATUS_INTERVAL_S = 0.25
_AUDIT_INTERVAL_S = 1.0


class ReplicaPorts(Fold):
    """What services' queries look at: the fold, and what the core says of itself."""

    statistics: CoreStatistics

    def core_status(self) -> CoreStatus:
        """What the core says of itself."""
        return self.statistics.status()


@dataclass(frozen=True)
class ReplicaPlan:
    """What a replica runs.

    Args:
        directory: the data directory.
        ports: the fold, at its starting point.
        services: whose queries it answers.
        endpoint: where.
        serve: makes the server; the endpoint's protection is its matter.
        standby: the name of the follower that answers wait for.
        snapshot_interval_s: how often a snapshot is taken; 0: on request only.
        tidy: called after each, in a thread: removes what is not needed any more.
        vitals: of this process.
        contexts: by which keys security contexts are read.
        audit: where snapshots that are asked for, and calls that are refused, are recorded.
        unsettled: looks after trades that wait for a settlement service.
        events: the event log, which the operator may tail; closed with the replica. None: it is not served.
    """

    directory: DataDirectory
    ports: ReplicaPorts
    services: Sequence[ServiceSpec]
    endpoint: str
    serve: Callable[[Context, str, Dispatcher], AbstractAsyncContextManager[RpcServer]]
    standby: str
    snapshot_interval_s: int
    tidy: Callable[[], object]
    vitals: Vitals
    contexts: StoredContexts
    audit: ProcessAudit
    unsettled: UnsettledWatch
    events: EventLog | None = None


class Replica:
    """One run of a plan, in one event loop."""

    def __init__(self, plan: ReplicaPlan) -> None:
        self._plan = plan
        self._follower = JournalFollower(plan.ports, plan.directory.journal)
        self._snapshotter = Snapshotter(plan.directory, plan.ports, self._follower, self._tidy)
        self._registry = FollowerRegistry(plan.directory.followers)
        self._stop = asyncio.Event()
        self._behind = 0
        plan.vitals.tells(families=self._progress, lag=lambda: self._behind, needs=plan.unsettled.needs)

    def stop(self) -> None:
        """Asks for an orderly stop; may be called from a signal handler of the loop."""
        self._stop.set()

    async def run(self) -> None:
        """Catches up, serves until stopped, follows the journal to its end, and writes down where it is.

        Raises:
            JournalCorrupt: the journal cannot be followed.
            ExchangeError: the endpoint cannot be had, or a file not be written.
        """
        start = time.monotonic()
        remove_drafts(self._plan.directory.snapshots)
        commands = await asyncio.to_thread(self._plan.ports.advance_to_end)
        seconds = time.monotonic() - start
        log(
            "replica caught up",
            commands=commands,
            seconds=f"{seconds:.3f}",
            sequence=self._plan.ports.sequence,
        )
        for path in await asyncio.to_thread(
            remove_unverified, self._plan.directory, self._plan.ports.sequence
        ):
            log("snapshot removed: it was never read back", level=logging.WARNING, file=path.name)
        context: Context = new_context()
        try:
            await self._serve(context)
        finally:
            context.term()
            if self._plan.events is not None:
                self._plan.events.close()

    async def _serve(self, context: Context) -> None:
        plan = self._plan
        handlers: Handlers = {**handlers_of(plan.services, plan.ports, self._follower)}
        handlers[SNAPSHOT_METHOD] = self._snapshot
        handlers |= history_handlers(plan.directory, self._registry)
        tails = Tails(plan.events) if plan.events is not None else None
        if tails is not None:
            handlers |= tails.handlers
        served = ServedCalls(frozenset(handlers))
        dispatcher = Dispatcher(handlers, standard_interceptors(served, plan.contexts, plan.audit))
        plan.vitals.tells(families=served.families)
        async with (
            plan.serve(context, plan.endpoint, dispatcher),
            chores(self._tell(), self._snapshots(), self._keep_audit()),
        ):
            follow = asyncio.create_task(self._follower.run())
            stop = asyncio.create_task(self._stop.wait())
            log("replica ready", endpoint=plan.endpoint)
            try:
                await asyncio.wait({follow, stop}, return_when=asyncio.FIRST_COMPLETED)
                self._follower.stop()
                await follow
                dispatcher.close()
            finally:
                for task in (stop, follow):
                    task.cancel()
                await asyncio.gather(stop, follow, return_exceptions=True)
                await asyncio.to_thread(plan.audit.close)
        if tails is not None:
            tails.close()
        digest = await self._snapshotter.note_digest()
        log("replica stopped", sequence=digest.sequence, state_hash=f"{digest.state_hash:016x}")

    async def _snapshot(self, call: Call) -> bytes:
        """The method `replica.snapshot`: one of all that is written by now; the answer is its digest line."""
        if Caller.of_tenant(call.metadata.tenant_id).tenant != OPERATOR:
            raise RpcError(RpcStatus.PERMISSION_DENIED, "only the operator may ask for a snapshot")
        await self._follower.reached(self._plan.ports.statistics.status().written_sequence)
        metadata = call.metadata
        recorded = self._plan.audit.action(
            "replica.snapshot",
            "snapshot",
            tenant=metadata.tenant_id,
            user=metadata.user_id,
            correlation_id=metadata.correlation_id,
        )
        await asyncio.to_thread(recorded.__enter__)
        try:
            digest = await asyncio.shield(asyncio.create_task(self._snapshotter.take()))
        except BaseException as error:
            with contextlib.suppress(type(error)):
                recorded.__exit__(type(error), error, error.__traceback__)
            raise
        await asyncio.to_thread(recorded.__exit__, None, None, None)
        return str(digest).encode("ascii")

    async def _keep_audit(self) -> None:
        while True:
            await asyncio.sleep(_AUDIT_INTERVAL_S)
            await asyncio.to_thread(self._plan.audit.keep_or_say)

    async def _snapshots(self) -> None:
        while True:
            await asyncio.sleep(self._plan.snapshot_interval_s or 86_400)
            try:
                await self._snapshotter.take()
            except (ExchangeError, OSError) as error:
                log("snapshot failed", level=logging.ERROR, reason=error)

    def _tidy(self) -> None:
        self._plan.tidy()
        segments = list_segments(self._plan.directory.journal)
        for each in self._registry.lose_before(segments[0].first_sequence if segments else 0):
            log("follower lost", level=logging.ERROR, name=each.name, sequence=each.sequence)

    async def _tell(self) -> None:
        """Says how far it is, for health and status, and how far the standby."""
        while True:
            self._plan.vitals.beat(**self._how_far())
            with contextlib.suppress(EngineBusy):  # it is copied for a snapshot: the next look tells
                self._plan.unsettled.look(self._plan.ports.unposted_trades)
            replicated = self._plan.ports.statistics.status().replicated_sequence
            if replicated:
                with contextlib.suppress(ExchangeError):
                    await asyncio.to_thread(self._registry.note, self._plan.standby, replicated)
            await asyncio.sleep(_STATUS_INTERVAL_S)

    def _progress(self) -> Iterator[Family]:
        yield from follower_families(self._follower.sequence, self._behind)
        yield from self._plan.unsettled.families()

    def _how_far(self) -> dict[str, int]:
        ports = self._plan.ports
        written = ports.statistics.status().written_sequence
        sequence = self._follower.sequence
        self._behind = max(written - sequence, 0) if written else 0
        return {
            "sequence": sequence,
            "behind": self._behind,
            "orders_remembered": ports.orders_remembered,
            "snapshots": self._snapshotter.taken,
        }
