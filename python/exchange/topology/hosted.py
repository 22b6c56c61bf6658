"""A service with a store, put together."""

from __future__ import annotations

import asyncio
from functools import partial

from exchange.bus.topics import TopicTable
from exchange.config import Settings
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.beside_core import keys_beside_core
from exchange.runtime.publisher import open_log
from exchange.runtime.service_host import HostPlan, Way, host_until_told, store_url
from exchange.runtime.vitals import telling
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.topology.services import spec_of
from exchange.topology.serving import serve


def main(name: str, settings: Settings, process: str, *, takes: bool = True, answers: bool = True) -> None:
    """Hosts it until told to stop.

    Args:
        name: Of the service.
        settings: Of the exchange.
        process: Which plays its part; two may share it, one that takes events and one that answers.
        takes: Whether this one takes events.
        answers: Whether this one answers.
    """
    spec, keys = spec_of(name), key_store(settings)
    endpoint = getattr(settings.endpoints, name) if answers else ""
    audit = ProcessAudit(DataDirectory(settings.data_directory).audit, process, keys.head_signer)
    with (
        open_log(settings) as events,
        open_store(store_url(settings), name, spec.tables) as store,
        telling(settings, process, [name], endpoint) as vitals,
    ):
        plan = HostPlan(
            spec=spec,
            process=process,
            store=store,
            event_log=events,
            topics=TopicTable(settings.events.environment),
            directory=DataDirectory(settings.data_directory),
            endpoint=endpoint,
            takes=takes,
            serve=partial(serve, settings, audit),
            replica=_replica(settings, process) if spec.serve else None,
            vitals=vitals,
            contexts=StoredContexts(keys),
            audit=audit,
        )
        asyncio.run(host_until_told(plan))


def _replica(settings: Settings, process: str) -> Way:
    endpoint = settings.endpoints.queries
    if not endpoint.startswith("tcp://"):
        return Way(endpoint)
    return Way(endpoint, *keys_beside_core(settings, process))
