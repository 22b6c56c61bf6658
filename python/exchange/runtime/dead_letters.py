"""Dead letters of all services of an exchange."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.bus.topics import SERVICES
from exchange.config import Settings
from exchange.runtime.service_host import store_url
from exchange.storage.sql import open_store
from exchange.storage.sql.dead_letters import OPEN, DeadLetters, Letter, LetterStatus
from exchange.storage.sql.store import stored_services


def letters_of(
    settings: Settings,
    services: Sequence[str] = SERVICES,
    *,
    statuses: Sequence[LetterStatus] = OPEN,
    after: int = 0,
    most: int = 100,
) -> list[tuple[str, Letter]]:
    """Letters with the service that could not take them; of a service without a store there are none.

    Args:
        settings: Of the exchange.
        services: Whose.
        statuses: Where they stand.
        after: Of each service, those behind that number.
        most: So many of each service.

    Raises:
        StorageError: A store cannot be read.
    """
    url = store_url(settings)
    found: list[tuple[str, Letter]] = []
    for service in stored_services(url, list(services)):
        with open_store(url, service) as store, store.read() as tx:
            page = DeadLetters(service).page(tx, statuses=statuses, after=after, most=most)
            found += [(service, letter) for letter in page]
    return found
