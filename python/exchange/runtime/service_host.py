"""Hosts a service whose state is rows: takes events in one thread, answers queries beside it.

Several instances may run on one store. One of them consumes, all answer; when that one is gone another one
takes its place, for a group's place at a topic is given back with the process.

      event log ──▶ consumer, a thread ──▶ store ◀── queries, threads ◀── RPC, an event loop
                    one transaction a read          a view of their own each

A query never waits for a batch: SQLite's readers see what was committed while the writer writes, PostgreSQL's
likewise. A query that wants to see a command (`min_seq`) is asked again until the store has it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from exchange.bus.context import Context, new_context
from exchange.bus.curve import KeyPair
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Dispatcher, Handler, Method, RpcServer
from exchange.bus.topics import TopicTable
from exchange.config.settings import Settings
from exchange.errors import ExchangeError, LogFault, LogRefused
from exchange.observability.health import Status
from exchange.observability.openmetrics import Family
from exchange.observability.server import Pages
from exchange.resilience import Policies
from exchange.runtime.auditing import ProcessAudit
from exchange.runtime.consumer import Consumer
from exchange.runtime.consumer_metrics import consumer_families
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.interceptors import standard_interceptors
from exchange.runtime.log import log
from exchange.runtime.queries import handlers_of_store
from exchange.runtime.reference import Reference
from exchange.runtime.rpc_metrics import ServedCalls
from exchange.runtime.spec import ServiceSpec
from exchange.runtime.vitals import Families, Vitals
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import Store

_STATUS_S: Final = 0.25
_TAKE_OVER_S: Final = 0.25
_DRAIN_MS: Final = 5_000


def store_url(settings: Settings) -> str:
    """Where the stores of an exchange's services are, as of `open_store`."""
    return settings.stores.url or str(DataDirectory(settings.data_directory).stores)


@dataclass(frozen=True)
class Way:
    """The way to another service.

    Args:
        endpoint: Where it answers.
        keys: CURVE keys of this process, with the exchange's public key `server_key`.
    """

    endpoint: str
    keys: KeyPair | None = None
    server_key: str | None = None


@dataclass(frozen=True)
class JournalWay:
    """The way to the journal, for a service that folds it, too.

    Args:
        directory: The data directory.
        limits: Of an empty venue.
        final: Sequence of the last command of which nothing will be undone.
    """

    directory: DataDirectory
    limits: Callable[[], Mapping[str, Any]]
    final: Callable[[], int]


@dataclass(frozen=True)
class HostPlan:
    """What a host runs.

    Args:
        spec: The service.
        store: Of the service; its tables are there.
        event_log: What it reads and writes.
        topics: The table.
        directory: The data directory; says in `run/NAME.json` how it is.
        endpoint: Where it answers queries.
        serve: Makes the server; the endpoint's protection is its matter.
        vitals: Of this process.
        contexts: By which keys security contexts are read.
        audit: Where calls that are refused are recorded.
        reference: Makes what its queries look instruments up with.
        needs: How what it depends on beside the log is.
        policies: Of the process.
        settings: Of the exchange.
        takes: Whether it takes events; else another process does. Where `endpoint` is empty another answers.
        replica: The way to the read replica, for a service that makes methods of its own.
        core: The way to the core, likewise.
        journal: The way to the journal, likewise.
        mount: Takes pages that the service would serve by HTTP, where another server serves them.
    """

    spec: ServiceSpec
    store: Store
    event_log: EventLog
    topics: TopicTable
    directory: DataDirectory
    endpoint: str
    serve: Callable[[Context, str, Dispatcher], AbstractAsyncContextManager[RpcServer]]
    vitals: Vitals
    contexts: StoredContexts
    audit: ProcessAudit
    reference: Callable[[Context], AbstractAsyncContextManager[Reference]]
    needs: Callable[[], Mapping[str, Status]]
    policies: Policies
    settings: Settings
    takes: bool = True
    replica: Way | None = None
    core: Way | None = None
    journal: JournalWay | None = None
    mount: Callable[[Pages], None] | None = None


@dataclass(frozen=True)
class Ground:
    """What the methods of a service stand on that it makes itself (`ServiceSpec.serve`).

    Args:
        store: Of the service.
        event_log: Read beside the consumer, never as its group.
        topics: The table.
        context: Of its connections.
        replica: The way to the read replica.
        policies: Of this process.
        core: The way to the core.
        journal: The way to the journal.
        settings: Of the exchange.
        audit: Where this process records what is done.
        pages: What this process tells of itself by HTTP.
        takes: Whether this process is one that takes events.
        answers: Whether it answers; else the methods are made for what stands beside them alone.
        tells: Takes metrics that it is to tell beside its own.
        consumes: Whether this instance is the one that takes events.
        taken: Set whenever it has taken some: their transaction is committed.
        fail: Ends the process with an error that nothing here can help.
        mount: Takes pages of the service that another server serves; None: it serves them.
    """

    store: Store
    event_log: EventLog
    topics: TopicTable
    context: Context
    replica: Way
    policies: Policies
    journal: JournalWay
    settings: Settings
    audit: ProcessAudit
    pages: Pages
    takes: bool
    answers: bool
    tells: Callable[[Families], None]
    consumes: Callable[[], bool]
    taken: asyncio.Event
    fail: Callable[[ExchangeError], None]
    core: Way | None = None
    mount: Callable[[Pages], None] | None = None


class ServiceHost:
    """One run of a plan, in one event loop."""

    def __init__(self, plan: HostPlan) -> None:
        self._plan = plan
        self._stop = asyncio.Event()
        self._stop_consumer = threading.Event()
        self._taken = asyncio.Event()
        self._failure: ExchangeError | None = None
        self.consumer: Consumer | None = None

    def stop(self) -> None:
        """Asks for an orderly stop; may be called from a signal handler of the loop."""
        self._stop.set()

    async def run(self) -> None:
        """Serves until stopped, and consumes as soon as no other instance does.

        The order of the end: no new calls, those under way answered, the batch under way committed.

        Raises:
            StreamGap, LogRefused, LogCorrupt: The log lacks what the service has not had.
            ExchangeError: The endpoint or the store cannot be had; or what a service said of itself.
        """
        plan = self._plan
        started = time.monotonic()
        context: Context = new_context()
        served = ServedCalls()
        plan.vitals.tells(families=self._families, needs=self._needs, lag=lambda: self._behind)
        plan.vitals.tells(families=served.families)
        try:
            async with plan.reference(context) as reference:
                if plan.takes:
                    await asyncio.to_thread(self._take_over)
                async with AsyncExitStack() as opened:
                    server = await self._serve(context, reference, served, opened)
                    log(
                        "service ready",
                        endpoint=plan.endpoint,
                        consumes=self.consumer is not None,
                        after_s=f"{time.monotonic() - started:.3f}",
                    )
                    await self._work(server)
        finally:
            if self.consumer is not None:
                self.consumer.close()
            context.term()
            plan.audit.close()
        log("service stopped", events=self._counts.get("taken", 0))

    async def _serve(
        self, context: Context, reference: Reference, served: ServedCalls, opened: AsyncExitStack
    ) -> RpcServer | None:
        plan = self._plan
        methods: dict[str, Handler | Method] = dict(handlers_of_store(plan.spec, plan.store, reference))
        if plan.spec.serve is not None and plan.replica is not None and plan.journal is not None:
            ground = Ground(
                store=plan.store,
                event_log=plan.event_log,
                topics=plan.topics,
                context=context,
                replica=plan.replica,
                policies=plan.policies,
                journal=plan.journal,
                settings=plan.settings,
                audit=plan.audit,
                pages=plan.vitals.pages,
                takes=plan.takes,
                answers=bool(plan.endpoint),
                tells=lambda families: plan.vitals.tells(families=families),
                consumes=lambda: self.consumer is not None,
                taken=self._taken,
                fail=self._fail,
                core=plan.core,
                mount=plan.mount,
            )
            methods |= await opened.enter_async_context(plan.spec.serve(ground))
        if not plan.endpoint:
            return None
        dispatcher = Dispatcher(
            methods, standard_interceptors(served, plan.contexts, plan.audit), plan.spec.limits
        )
        return await opened.enter_async_context(plan.serve(context, plan.endpoint, dispatcher))

    def _fail(self, error: ExchangeError) -> None:
        self._failure = error
        self._stop.set()

    def _take_over(self) -> Consumer | None:
        """What consumes; None while another instance does."""
        plan = self._plan
        if self.consumer is None:
            try:
                self.consumer = Consumer(plan.spec, plan.store, plan.event_log, plan.topics)
            except LogRefused as error:
                if error.fault is not LogFault.GROUP_IN_USE:
                    raise
        return self.consumer

    async def _consume(self) -> None:
        """Takes events; while another instance does, looks now and then whether it is gone."""
        if not self._plan.takes:
            await self._stop.wait()
            return
        consumer, waited = self.consumer, False
        while consumer is None:
            if not waited:
                log("another instance consumes")
            await asyncio.sleep(_TAKE_OVER_S)
            if self._stop_consumer.is_set():
                return
            consumer, waited = await asyncio.to_thread(self._take_over), True
        if waited:
            log("took over: the other instance is gone")
        tell = partial(asyncio.get_running_loop().call_soon_threadsafe, self._taken.set)
        await asyncio.to_thread(consumer.run, self._stop_consumer, tell)

    async def _work(self, server: RpcServer | None) -> None:
        consume = asyncio.create_task(self._consume())
        tell = asyncio.create_task(self._tell())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({consume, tell, stop}, return_when=asyncio.FIRST_COMPLETED)
            if server is not None:
                await server.close(grace_ms=_DRAIN_MS)
        finally:
            self._stop_consumer.set()
            for task in (tell, stop):
                task.cancel()
            ended = await asyncio.gather(consume, tell, stop, return_exceptions=True)
        for error in [*ended, self._failure]:
            if isinstance(error, Exception):
                raise error

    async def _tell(self) -> None:
        """Says four times a second that it works, and how far it is behind the log."""
        said = ""
        while True:
            behind = await asyncio.to_thread(self._look)
            held = "; ".join(f"{place}: {why}" for place, why in self._held.items())
            self._plan.vitals.beat(
                events=self._counts.get("taken", 0),
                behind=behind,
                held=int(bool(held)),
                consumes=int(self.consumer is not None),
            )
            if held != said:
                log("standing still" if held else "going on", level=logging.WARNING, why=held or said)
                said = held
            await asyncio.sleep(_STATUS_S)

    def _look(self) -> int:
        """Keeps the audit, and asks the log how much there is that is not taken: both may wait for files."""
        self._plan.audit.keep_or_say()
        return self._behind or 0

    @property
    def _behind(self) -> int | None:
        return None if self.consumer is None else self.consumer.behind

    @property
    def _held(self) -> Mapping[str, str]:
        return {} if self.consumer is None else self.consumer.held

    @property
    def _counts(self) -> Mapping[str, int]:
        return {} if self.consumer is None else self.consumer.counts

    def _needs(self) -> Mapping[str, Status]:
        return {**dict.fromkeys(self._held, Status.DEGRADED), **self._plan.needs()}

    def _families(self) -> Iterable[Family]:
        if self.consumer is None:
            return ()
        return consumer_families(self.consumer, self._plan.event_log, time.time_ns)


async def host_until_told(plan: HostPlan, signals: Sequence[int] = (signal.SIGINT, signal.SIGTERM)) -> None:
    """Runs a plan until one of these signals.

    Raises:
        ExchangeError: See `ServiceHost.run`.
    """
    host = ServiceHost(plan)
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, host.stop)
    spare_what_is_there()
    await host.run()
