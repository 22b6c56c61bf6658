"""What a gateway sees of the machine that it runs on: processes, statistics of the core, dead letters.

All of it lies on the data directory, so a gateway that runs elsewhere sees no processes and no statistics.
Nobody is asked, and the core notices nothing.
"""

from __future__ import annotations

import asyncio
from typing import Final

from exchange.config.settings import Settings
from exchange.observability.rates import LastSeconds, Stretch
from exchange.observability.stats import StatsUnavailable, stats_path
from exchange.runtime.dead_letters import letters_of
from exchange.runtime.processes import ProcessRow, rows_of
from exchange.services.gateway.alerts import Since
from exchange.services.gateway.audit_job import AuditCommand, AuditJob
from exchange.storage.directory import DataDirectory
from exchange.storage.sql.dead_letters import Letter

LAST_S: Final = 5.0
"""So many seconds are what rates and latencies are of."""


class Machine:
    """Looks, in threads. Belongs to one event loop.

    Args:
        settings: Of the exchange.
        audit: How an audit of it is run.
    """

    def __init__(self, settings: Settings, audit: AuditCommand) -> None:
        self.settings = settings
        self._directory = DataDirectory(settings.data_directory)
        self.audit = AuditJob(self._directory, audit)
        self.since = Since()
        self._statistics = LastSeconds(stats_path(settings.data_directory), LAST_S)

    async def processes(self) -> list[ProcessRow]:
        """Those of the supervisor, then those that run by themselves; none where nothing runs here."""
        return await asyncio.to_thread(rows_of, self._directory)

    async def statistics(self) -> Stretch | None:
        """What the core did in the last seconds; None where none runs here."""
        try:
            return await asyncio.to_thread(self._statistics.read)
        except StatsUnavailable:
            return None

    async def letters(self, most: int) -> list[tuple[str, Letter]]:
        """Open dead letters, so many of each service.

        Raises:
            StorageError: A store cannot be read.
        """
        return await asyncio.to_thread(letters_of, self.settings, most=most)

    async def close(self) -> None:
        """Ends an audit that runs, and lets the memory of the statistics go."""
        await self.audit.close()
        self._statistics.close()
