"""A service with a store, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial

from exchange.bus.context import Context
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import RpcClient, SocketChannel
from exchange.bus.topics import TopicTable
from exchange.config import Settings
from exchange.domain.queries import InstrumentsReply
from exchange.errors import SecurityError, ServiceUnavailableError
from exchange.observability.openmetrics import Family
from exchange.observability.server import Pages
from exchange.resilience import Policies
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.beside_core import keys_beside_core
from exchange.runtime.caching import cache_families, forgetting, needs_of, open_cache
from exchange.runtime.changes import CHANGES
from exchange.runtime.edge_metrics import edge_families
from exchange.runtime.log import log
from exchange.runtime.loop import run as run_loop
from exchange.runtime.publisher import limit_of, open_log
from exchange.runtime.reference import Reference, ReplicaLoad
from exchange.runtime.service_host import HostPlan, JournalWay, Way, host_until_told, store_url
from exchange.runtime.vitals import telling
from exchange.runtime.watch import TopicWatch
from exchange.security import StoredContexts
from exchange.storage.cache import Cache
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from exchange.topology.mains import statistics_of
from exchange.topology.services import spec_of
from exchange.topology.serving import serve
from exchange.topology.table import called, endpoint_of


def main(
    name: str,
    settings: Settings,
    number: int,
    process: str | None = None,
    *,
    takes: bool = True,
    answers: bool = True,
) -> None:
    """Hosts an instance of it until told to stop; see `plan_of`."""
    with plan_of(name, settings, number, process, takes=takes, answers=answers) as plan:
        run_loop(host_until_told(plan))


@contextmanager
def plan_of(
    name: str,
    settings: Settings,
    number: int = 0,
    process: str | None = None,
    *,
    takes: bool = True,
    answers: bool = True,
    mount: Callable[[Pages], None] | None = None,
) -> Iterator[HostPlan]:
    """What an instance of it is, with the log, the store and the cache open.

    Args:
        name: Of the service.
        settings: Of the exchange.
        number: Of the instance.
        process: Which plays its part, where two share it: one that takes events, and one that answers.
        takes: Whether this one takes events.
        answers: Whether this one answers.
        mount: Takes its pages, where another server than its own serves them.

    Raises:
        ExchangeError: One of them cannot be had.
    """
    spec, keys = spec_of(name), key_store(settings)
    process, policies = process or called(name, number), Policies()
    endpoint = endpoint_of(name, settings, number) if answers else ""
    audit = ProcessAudit(DataDirectory(settings.data_directory).audit, process, keys.head_signer)
    with (
        open_log(settings) as events,
        open_store(store_url(settings), name, spec.tables) as store,
        closing(open_cache(settings, policies)) as cache,
        closing(statistics_of(settings)) as statistics,
        telling(settings, process, [name], endpoint) as vitals,
    ):

        def families() -> Iterator[Family]:
            yield from cache_families(cache)
            yield from edge_families(policies)

        vitals.tells(families=families)
        yield HostPlan(
            spec=spec,
            store=store,
            event_log=events,
            topics=TopicTable(settings.events.environment),
            directory=DataDirectory(settings.data_directory),
            endpoint=endpoint,
            serve=partial(serve, settings, audit),
            vitals=vitals,
            contexts=StoredContexts(keys),
            audit=audit,
            reference=(
                partial(_reference, settings, events, cache, policies)
                if spec.around
                else partial(_no_reference, cache)
            ),
            needs=partial(needs_of, cache, settings),
            takes=takes,
            replica=_way(settings, settings.endpoints.queries, process) if spec.serve else None,
            core=_way(settings, settings.endpoints.orders, process) if spec.serve else None,
            journal=JournalWay(
                DataDirectory(settings.data_directory),
                partial(limits_of, settings),
                limit_of(settings, statistics),
            ),
            policies=policies,
            settings=settings,
            mount=mount,
        )


def _way(settings: Settings, endpoint: str, process: str) -> Way:
    if not endpoint.startswith("tcp://"):
        return Way(endpoint)
    return Way(endpoint, *keys_beside_core(settings, process))


@asynccontextmanager
async def _reference(
    settings: Settings, events: EventLog, cache: Cache, policies: Policies, context: Context
) -> AsyncIterator[Reference]:
    """Instruments of the replica, in a cache that administrators' changes empty."""
    topic = TopicTable(settings.events.environment).full_name(CHANGES)
    watch = TopicWatch(events, topic, forgetting(cache))
    watch.start()
    try:
        endpoint = settings.endpoints.queries
        keys, server = None, None
        try:
            if endpoint.startswith("tcp://"):
                keys, server = keys_beside_core(settings, "history")
        except SecurityError as error:
            log("instruments have no names", level=logging.WARNING, reason=error)
            yield Reference(cache, partial(_nobody, str(error)), lambda: watch.heard)
            return
        channel = SocketChannel(context, endpoint, keys=keys, server_public=server)
        async with RpcClient(channel, policies.of("history", "replica")) as client:
            yield Reference(cache, ReplicaLoad(client, "history"), lambda: watch.heard)
    finally:
        await asyncio.to_thread(watch.close)


@asynccontextmanager
async def _no_reference(cache: Cache, _: Context) -> AsyncIterator[Reference]:
    """Of a service that looks nothing up."""
    yield Reference(cache, partial(_nobody, "nothing is looked up here"), lambda: 0)


def _nobody(why: str, _min_seq: int) -> InstrumentsReply:
    raise ServiceUnavailableError(why)
