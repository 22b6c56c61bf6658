"""The store of identity: what is changed there is counted and told, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import select, update

from exchange.bus.topics import TopicTable
from exchange.domain.events import Entity, Event, IdentityChanged, find_event_type
from exchange.domain.events.catalogue import IDENTITY_EVENTS
from exchange.observability.correlation import current_correlation
from exchange.runtime.outbox import Outbox
from exchange.security.sealing import Sealer
from exchange.services.identity.tables import REVISION
from exchange.storage.sql import Kept, Store, Transaction
from exchange.storage.sql.outbox import last_sequence

NAME: Final = "identity"
CHANGES: Final = IDENTITY_EVENTS[0].topic
OPERATOR: Final = "operator"
"""The actor of what the command line does, whose own record is in the audit log."""
_NS_A_MS: Final = 1_000_000
_REVISION: Final = select(REVISION.c.number)


class Change:
    """A transaction that changes something, and what it will tell of that.

    Args:
        tx: The transaction.
        now_ms: Unix time.
    """

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self.tx = tx
        self.now_ms = now_ms
        self.events: list[Event] = []

    def tell(
        self,
        name: str,
        subject_id: str,
        tenant: int,
        *,
        of: str = "",
        user_id: str = "",
        roles: Iterable[str] = (),
        scopes: Iterable[str] = (),
        reason: str = "",
        actor: str = OPERATOR,
    ) -> None:
        """Has an event published when this is committed; see `IdentityChanged`."""
        current = current_correlation()
        cause = subject_id if current is None else current.correlation_id
        self.events.append(
            Event(
                event_id="",
                event_type=name,
                event_version=1,
                occurred_at=time.time_ns(),
                producer=NAME,
                tenant_id=str(tenant),
                correlation_id=cause,
                causation_id=cause,
                entity=Entity(entity_type=find_event_type(name, 1).entity, entity_id=subject_id),
                payload=IdentityChanged(
                    subject_id=subject_id,
                    name=of,
                    user_id=user_id,
                    roles=tuple(sorted(roles)),
                    scopes=tuple(sorted(scopes)),
                    reason=reason,
                    actor=actor,
                ),
            )
        )


class IdentityStore:
    """Transactions on the tables of identity. Calls wait for the store; threads may share this.

    Args:
        store: Of the service.
        sealer: Seals secrets that have to be read again.
        topics: Where changes are told.
        now_ms: Unix time.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        topics: TopicTable,
        now_ms: Callable[[], int] = lambda: time.time_ns() // _NS_A_MS,
    ) -> None:
        self._store = store
        self._outbox = Outbox(NAME, topics)
        topic = topics.full_name(CHANGES)
        self._changes = Kept(store, lambda tx: last_sequence(tx, topic))
        self._revision = Kept(store, lambda tx: int(tx.execute(_REVISION).scalar_one()))
        self.sealer = sealer
        self.now_ms = now_ms
        self.read = store.read
        self.begin = store.begin
        """Of what nobody has to be told."""

    @property
    def revision(self) -> int:
        """Grows with every change of a user, a session or a key.

        Raises:
            StoreUnavailable: The store cannot be had.
        """
        return self._revision.get()

    @property
    def changes(self) -> int:
        """The sequence of the last change that is told, or will be.

        Raises:
            StoreUnavailable: The store cannot be had.
        """
        return self._changes.get()

    @contextmanager
    def change(self) -> Iterator[Change]:
        """A transaction whose change counts and is told, once the block ends well.

        Raises:
            StoreUnavailable: The store cannot be had; nothing was changed.
        """
        with self._store.begin() as tx:
            change = Change(tx, self.now_ms())
            yield change
            tx.execute(update(REVISION).values(number=REVISION.c.number + 1))
            self._outbox.add(tx, change.events)
