"""A service with a store, put together."""

from __future__ import annotations

import asyncio
from functools import partial

from exchange.bus.topics import TopicTable
from exchange.config import Settings
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.publisher import open_log
from exchange.runtime.service_host import HostPlan, host_until_told, store_url
from exchange.runtime.vitals import telling
from exchange.security import StoredContexts
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.topology.services import spec_of
from exchange.topology.serving import serve


def main(name: str, settings: Settings) -> None:
    """Hosts it until told to stop."""
    spec, keys = spec_of(name), key_store(settings)
    audit = ProcessAudit(DataDirectory(settings.data_directory).audit, name, keys.head_signer)
    with (
        open_log(settings) as events,
        open_store(store_url(settings), name, spec.tables) as store,
        telling(settings, name, [name], getattr(settings.endpoints, name)) as vitals,
    ):
        plan = HostPlan(
            spec=spec,
            store=store,
            event_log=events,
            topics=TopicTable(settings.events.environment),
            directory=DataDirectory(settings.data_directory),
            endpoint=getattr(settings.endpoints, name),
            serve=partial(serve, settings, audit),
            vitals=vitals,
            contexts=StoredContexts(keys),
            audit=audit,
        )
        asyncio.run(host_until_told(plan))
