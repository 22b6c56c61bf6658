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
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from exchange.bus.context import Context, new_context
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Call, Dispatcher, Handler, RpcServer
from exchange.bus.topics import TopicTable
from exchange.config.settings import Settings
from exchange.domain.queries import Request
from exchange.observability.health import Status
from exchange.runtime.auditing import ProcessAudit
from exchange.runtime.beside_core import StatusFile, status_path
from exchange.runtime.caller import Caller
from exchange.runtime.consumer import Consumer
from exchange.runtime.consumer_metrics import consumer_families
from exchange.runtime.interceptors import standard_interceptors
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
        with Consumer(plan.spec, plan.store, plan.event_log, plan.topics) as consumer:
            self.consumer = consumer
            served = ServedCalls()
            dispatcher = Dispatcher(
                handlers_of_store(plan.spec, plan.store),
                standard_interceptors(served, plan.contexts, plan.audit),
            )
            plan.vitals.tells(
                families=lambda: consumer_families(consumer, plan.event_log, time.time_ns),
                needs=lambda: dict.fromkeys(consumer.held, Status.DEGRADED),
                lag=lambda: consumer.behind,
            )
            plan.vitals.tells(families=served.families)
            try:
                async with plan.serve(context, plan.endpoint, dispatcher) as server:
                    log("service ready", endpoint=plan.endpoint, after_s=f"{time.monotonic() - started:.3f}")
                    await self._work(consumer, server)
            finally:
                context.term()
                plan.audit.close()
                status_path(plan.directory, plan.spec.name).unlink(missing_ok=True)
        log("service stopped", events=consumer.counts.get("taken", 0))

    async def _work(self, consumer: Consumer, server: RpcServer) -> None:
        consume = asyncio.create_task(asyncio.to_thread(consumer.run, self._stop_consumer))
        tell = asyncio.create_task(self._tell(consumer))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({consume, tell, stop}, return_when=asyncio.FIRST_COMPLETED)
            await server.close(grace_ms=_DRAIN_MS)
        finally:
            self._stop_consumer.set()
            for task in (tell, stop):
                task.cancel()
            ended = await asyncio.gather(consume, tell, stop, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _tell(self, consumer: Consumer) -> None:
        """Says four times a second that it works, and how far it is behind the log."""
        status, said = StatusFile(self._plan.directory, self._plan.spec.name), ""
        while True:
            self._plan.vitals.beat()
            await asyncio.to_thread(self._plan.audit.keep_or_say)
            behind = await asyncio.to_thread(lambda: consumer.behind)
            held = "; ".join(f"{place}: {why}" for place, why in consumer.held.items())
            taken = consumer.counts.get("taken", 0)
            status.say(time.monotonic_ns(), events=taken, behind=behind, held=int(bool(held)))
            if held != said:
                log("standing still" if held else "going on", level=logging.WARNING, why=held or said)
                said = held
            await asyncio.sleep(_STATUS_S)


def handlers_of_store(spec: ServiceSpec, store: Store) -> dict[str, Handler]:
    """The methods `service.RequestType` of a service with a store.

    Args:
        spec: The service; its queries are called with a transaction that reads.
        store: Of the service.
    """
    return {
        f"{spec.name}.{kind.__name__}": _handler(kind, query, store) for kind, query in spec.queries.items()
    }


def _handler(kind: type[Request], query: Query, store: Store) -> Handler:
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
                return encode_message(reply)
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
