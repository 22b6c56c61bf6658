"""The store of administration has what it was told; its topic has an audit of its own."""

from __future__ import annotations

from cmatch._core import Venue
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.places import Places
from exchange.storage.executions import Outcome
from exchange.storage.sql import Store, Transaction


class AdminAudit:
    """Holds the store against its consumer group; what its rows say is not compared.

    Args:
        store: Of administration.
        tx: A view of it.
        places: How far the service was in the log before that.
    """

    def __init__(self, store: Store, tx: Transaction, places: Places) -> None:
        self.check = Check(store.service)
        places.hold(tx, self.check)

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Nothing."""

    def close(self, _venue: Venue) -> None:
        """Says what was looked at."""
        self.check.says = "has what its consumer group says is done; its rows are not compared"
