"""The store of the service identity, as commands on the same machine open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from exchange.config import Settings
from exchange.runtime.auditing import key_store

if TYPE_CHECKING:
    from exchange.services.identity.store import IdentityStore


@contextmanager
def identity_store(settings: Settings) -> Iterator[IdentityStore]:
    """That of an exchange. Imported where it is needed: the store brings SQLAlchemy along."""
    sql, host = import_module("exchange.storage.sql"), import_module("exchange.runtime.service_host")
    tables = import_module("exchange.services.identity.tables").MIGRATIONS
    sealer = import_module("exchange.security.sealing").Sealer(key_store(settings).directory)
    topics = import_module("exchange.bus.topics").TopicTable(settings.events.environment)
    with sql.open_store(host.store_url(settings), "identity", tables) as store:
        yield import_module("exchange.services.identity.store").IdentityStore(store, sealer, topics)
