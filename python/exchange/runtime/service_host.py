"""Hosts a service whose state is rows: takes events in one thread, answers queries beside it.

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
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any, Final

from exchange.bus.context import Context, new_context
from exchange.bus.curve import KeyPair
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Call, Dispatcher, Handler, Method, RpcServer
from exchange.bus.topics import TopicTable
from exchange.config.settings import Settings
from exchange.domain.queries import Request
from exchange.observability.health import Status
from exchange.runtime.auditing import ProcessAudit, guard
from exchange.runtime.beside_core import StatusFile, status_path
from exchange.runtime.caller import Caller
from exchange.runtime.consumer import Consumer
from exchange.runtime.consumer_metrics import consumer_families
from exchange.runtime.log import log
from exchange.runtime.rpc_metrics import ServedCalls
from exchange.runtime.spec import Query, ServiceSpec
from exchange.runtime.vitals import Vitals
from exchange.schema.codec import decode_message, encode_message
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import Store

_STATUS_S: Final = 0.25
_LOOK_S: Final = 0.02
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
class HostPlan:
    """What a host runs.

    Args:
        spec: The service.
        process: Of the host, by name; of a service that is one process its own.
        store: Of the service; its tables are there.
        event_log: What it reads and writes.
        topics: The table.
        directory: The data directory; says in `run/PROCESS.json` how it is.
        endpoint: Where it answers queries; empty: another process does.
        takes: Whether it takes events; else another process does.
        replica: The way to the read replica, for a service that makes methods of its own.
        serve: Makes the server; the endpoint's protection is its matter.
        vitals: Of this process.
        contexts: By which keys security contexts are read.
        audit: Where calls that are refused are recorded.
    """

    spec: ServiceSpec
    process: str
    store: Store
    event_log: EventLog
    topics: TopicTable
    directory: DataDirectory
    endpoint: str
    takes: bool
    replica: Way | None
    serve: Callable[[Context, str, Dispatcher], AbstractAsyncContextManager[RpcServer]]
    vitals: Vitals
    contexts: StoredContexts
    audit: ProcessAudit


@dataclass(frozen=True)
class Ground:
    """What the methods of a service stand on that it makes itself (`ServiceSpec.serve`).

    Args:
        store: Of the service.
        event_log: Read beside the consumer, never as its group.
        topics: The table.
        context: Of its connections.
        replica: The way to the read replica.
    """

    store: Store
    event_log: EventLog
    topics: TopicTable
    context: Context
    replica: Way


class ServiceHost:
    """One run of a plan, in one event loop."""

    def __init__(self, plan: HostPlan) -> None:
        self._plan = plan
        self._stop = asyncio.Event()
        self._stop_consumer = threading.Event()
        self.consumer: Consumer | None = None

    def stop(self) -> None:
        """Asks for an orderly stop; may be called from a signal handler of the loop."""
        self._stop.set()

    async def run(self) -> None:
        """Consumes and serves until stopped.

        The order of the end: no new calls, those under way answered, the batch under way committed.

        Raises:
            StreamGap, LogRefused, LogCorrupt: The log lacks what the service has not had.
            ExchangeError: The endpoint or the store cannot be had.
        """
        plan = self._plan
        started = time.monotonic()
        context: Context = new_context()
        with ExitStack() as held:
            if plan.takes:
                consumer = Consumer(plan.spec, plan.store, plan.event_log, plan.topics)
                self.consumer = held.enter_context(consumer)
                plan.vitals.tells(
                    families=lambda: consumer_families(consumer, plan.event_log, time.time_ns),
                    needs=lambda: dict.fromkeys(consumer.held, Status.DEGRADED),
                    lag=lambda: consumer.behind,
                )
            try:
                async with AsyncExitStack() as opened:
                    server = await self._serve(context, opened) if plan.endpoint else None
                    log("service ready", endpoint=plan.endpoint, after_s=f"{time.monotonic() - started:.3f}")
                    await self._work(server)
            finally:
                context.term()
                plan.audit.close()
                status_path(plan.directory, plan.process).unlink(missing_ok=True)
        taken = self.consumer.counts.get("taken", 0) if self.consumer else 0
        log("service stopped", events=taken)

    async def _serve(self, context: Context, opened: AsyncExitStack) -> RpcServer:
        plan, served = self._plan, ServedCalls()
        methods: dict[str, Handler | Method] = dict(handlers_of_store(plan.spec, plan.store))
        if plan.spec.serve is not None and plan.replica is not None:
            ground = Ground(plan.store, plan.event_log, plan.topics, context, plan.replica)
            methods |= await opened.enter_async_context(plan.spec.serve(ground))
        dispatcher = Dispatcher(methods, [served, guard(plan.contexts, plan.audit)])
        plan.vitals.tells(families=served.families)
        return await opened.enter_async_context(plan.serve(context, plan.endpoint, dispatcher))

    async def _work(self, server: RpcServer | None) -> None:
        tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._stop.wait())]
        if self.consumer is not None:
            work = asyncio.to_thread(self.consumer.run, self._stop_consumer)
            tasks.insert(0, asyncio.create_task(work))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if server is not None:
                await server.close(grace_ms=_DRAIN_MS)
        finally:
            self._stop_consumer.set()
            for task in tasks[-2:]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _tell(self) -> None:
        """Says four times a second that it works, and how far it is behind the log."""
        status, said = StatusFile(self._plan.directory, self._plan.process), ""
        while True:
            self._plan.vitals.beat()
            await asyncio.to_thread(self._plan.audit.keep_or_say)
            fields: dict[str, int] = {}
            if (consumer := self.consumer) is not None:
                behind = await asyncio.to_thread(lambda: consumer.behind)
                held = "; ".join(f"{place}: {why}" for place, why in consumer.held.items())
                taken = consumer.counts.get("taken", 0)
                fields = {"events": taken, "behind": behind, "held": int(bool(held))}
                if held != said:
                    log("standing still" if held else "going on", level=logging.WARNING, why=held or said)
                    said = held
            status.say(time.monotonic_ns(), **fields)
            await asyncio.sleep(_STATUS_S)


def handlers_of_store(spec: ServiceSpec, store: Store) -> dict[str, Handler]:
    """The methods `service.RequestType` of a service with a store.

    Args:
        spec: The service; its queries are called with a transaction that reads.
        store: Of the service.
    """
    return {
        f"{spec.name}.{kind.__name__}": answering(kind, query, store) for kind, query in spec.queries.items()
    }


def answering(
    kind: type[Request],
    query: Query,
    store: Store,
    finish: Callable[[Any], Awaitable[Any]] | None = None,
) -> Handler:
    """What answers one kind of request, once the store has what the request wants to see.

    Args:
        kind: Of request.
        query: Called with a transaction that reads, in a thread.
        store: Of the service.
        finish: Adds to a reply what the store does not have.
    """

    def ask(request: Request, caller: Caller) -> Any:
        with store.read() as tx:
            return query(tx, request, caller)

    async def handle(call: Call) -> bytes:
        request = decode_message(kind, call.payload)
        accounts = call.principal.accounts if call.principal else frozenset()
        caller = Caller.of_tenant(call.metadata.tenant_id, accounts)
        while True:
            reply = await asyncio.to_thread(ask, request, caller)
            if reply.sequence >= request.min_seq:
                return encode_message(reply if finish is None else await finish(reply))
            await asyncio.sleep(_LOOK_S)  # until the call's deadline

    return handle


async def host_until_told(plan: HostPlan, signals: Sequence[int] = (signal.SIGINT, signal.SIGTERM)) -> None:
    """Runs a plan until one of these signals.

    Raises:
        ExchangeError: See `ServiceHost.run`.
    """
    host = ServiceHost(plan)
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, host.stop)
    await host.run()
