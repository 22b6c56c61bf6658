"""`exchange audit`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, Final

from cmatch._core import Venue
from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.cli import audit_log
from exchange.cli.auditing import local_user
from exchange.cli.common import add_settings, settings_of
from exchange.cli.connecting import OPERATOR
from exchange.client import AsyncClient
from exchange.config import Settings
from exchange.errors import ExchangeError, StorageError
from exchange.runtime.audit import Audit, Auditor, ChangesAudit, Check, PublishedAudit, audit
from exchange.runtime.changes import CHANGES
from exchange.runtime.last_audit import KeptAudit, auditing
from exchange.runtime.publisher import EXECUTIONS, TRADES, open_log
from exchange.runtime.supervisor import read_announcement
from exchange.storage.directory import DataDirectory
from exchange.storage.executions import Outcome
from exchange.topology.handover import SETTINGS_VARIABLE, settings_of_json

_PATIENCE_MS: Final = 30_000
_STORES: Final = {
    "history": ("history", "HistoryAudit"),
    "marketdata": ("market_data", "MarketDataAudit"),
    "settlement": ("settlement", "SettlementAudit"),
    "admin": ("admin", "AdminAudit"),
}
"""Of each service that keeps rows: its part of the settings, and what looks at them."""
DESCRIPTION = """Replay the journal of a data directory, whether its exchange runs or not, and hold everything
against it: every hash that was recorded live, all invariants, the money (balances = deposits - withdrawals),
the orders (what came in = what was traded, taken off and rests; each report follows from the one before),
the trades, the event log (what the journal makes, each event once), and the rows of every service that has a
store: history, market data (candles = fold of trades), settlement, administration; and the books that market
data shows, where the exchange runs and market_data.enabled is set here, too. A line a check, and what is
wrong below it; exit code 1 where something is. What it found is kept in DATA/last-audit.json; --last
shows that again, with when it was, and audits nothing. One at a time.

With one of these the audit log instead: every administrative and security action, each record chained to the
one before by SHA-256, the end signed each minute; each process that writes has a chain in DATA/audit.

  --log [DIR]             check all chains: every record, every signature; says what is wrong and where
  --show [DIR]            the records, by time; --who, --action, --target, --outcome, --since, --until
  --heads [DIR]           the last signed head of each chain, a line each: keep them elsewhere, and --against
                          finds a log that was cut together with its own heads
  --export ARCHIVE        move full files to ARCHIVE; the rest says, signed, where it begins

DIR is an audit log elsewhere, such as an ARCHIVE."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    audit_log.add_arguments(parser)
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument("--last", action="store_true", help="show what the last audit found")
    parser.add_argument("--as-started", action="store_true", help=argparse.SUPPRESS)  # by a process of it
    parser.add_argument("--by", default="", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Audits; returns 0 where all is right, 1 where something is wrong."""
    if audit_log.is_meant(options):
        return audit_log.run(options)
    given = os.environ.get(SETTINGS_VARIABLE) if options.as_started else None
    settings = settings_of_json(given) if given else settings_of(options)
    if options.last:
        return _last(options, settings)
    found = kept_audit(settings, who=options.by or local_user())
    if options.json:
        print(json.dumps(found.body(), indent=2))
    else:
        print(*found.lines(), sep="\n")
    return int(not found.good)


def kept_audit(
    settings: Settings, *, who: str, paid_in: Mapping[int, int] | None = None, stopped: bool = False
) -> Audit:
    """An audit as of `audit_of`, the only one at its time, whose result is kept in the data directory.

    Where that cannot be written, as for who may only read, it is said, and the result is none the worse.

    Raises:
        StorageError: Another one runs, and as `audit_of`.
        JournalCorrupt: As `audit_of`.
    """
    directory = DataDirectory(settings.data_directory)
    began, clock = time.time_ns(), time.monotonic()

    def keep(error: str, body: Mapping[str, Any]) -> None:
        try:
            KeptAudit(began, round(time.monotonic() - clock, 3), who, error, body).keep(directory)
        except StorageError as problem:
            print(f"exchange: this result is not kept: {problem}", file=sys.stderr)

    if not directory.journal.is_dir():  # nothing is left in a directory that is of something else
        raise StorageError(f"there is no journal in {directory.journal}")
    with auditing(settings.data_directory):
        try:
            found = audit_of(settings, paid_in=paid_in, stopped=stopped)
        except ExchangeError as error:
            keep(str(error), {})
            raise
        keep("", found.body())
    return found


def _last(options: argparse.Namespace, settings: Settings) -> int:
    """Shows what was kept.

    Raises:
        StorageError: Nothing was.
    """
    kept = KeptAudit.read(DataDirectory(settings.data_directory))
    if kept is None:
        raise StorageError(f"no audit of {settings.data_directory} was kept yet")
    began = datetime.fromtimestamp(kept.began_ns / 1e9, UTC).isoformat(timespec="seconds")
    if options.json:
        said = {"began": began, "seconds": kept.seconds, "who": kept.who, "error": kept.error, **kept.body}
        print(json.dumps(said, indent=2))
        return int(not kept.good)
    minutes = max(0, time.time_ns() - kept.began_ns) // 60_000_000_000
    print(f"audit of {began}, {minutes:,} minutes ago, by {kept.who}; it took {kept.seconds:,.1f} s")
    if kept.error:
        print(f"audit: no result: {kept.error}")
    else:
        print(*Audit.of_body(kept.body).lines(), sep="\n")
    return int(not kept.good)


class _StoreAuditor:
    """Looks at a store for as long as it can be read; then that is what is wrong, and the others go on.

    Args:
        service: Whose store it is.
        reading: As `exchange.storage.sql.store.reading`, which brings SQLAlchemy along.
        make: Opens the store for who looks at it.
    """

    def __init__(
        self,
        service: str,
        reading: Callable[[str], AbstractContextManager[None]],
        make: Callable[[], Auditor],
    ) -> None:
        self.check = Check(service)
        self._reading = partial(reading, service)
        self._auditor: Auditor | None = None
        with self._guarded():
            self._auditor = make()
            self.check = self._auditor.check

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Looks at the next record."""
        with self._guarded():
            if self._auditor is not None:
                self._auditor.take(outcome, venue)

    def close(self, venue: Venue) -> None:
        """Looks at how it ended."""
        with self._guarded():
            if self._auditor is not None:
                self._auditor.close(venue)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._reading():
                yield
        except StorageError as error:
            self._auditor = None
            self.check.find(str(error))


def _stores_of(
    settings: Settings, events: EventLog, topics: TopicTable, runs: bool, opened: ExitStack
) -> Iterator[Auditor]:
    """Of each service that has a store, is switched on, or takes events by what the log says.

    A store that is not there is looked at as an empty one, which is not left behind.
    """
    # Imported where it is used: a store brings SQLAlchemy along.
    sql, host = import_module("exchange.storage.sql.store"), import_module("exchange.runtime.service_host")
    places_of = import_module("exchange.runtime.audit.places").Places
    url = host.store_url(settings)
    there = sql.stored_services(url, list(_STORES))
    for service, (setting, auditor) in _STORES.items():
        spec = import_module(f"exchange.services.{service}.service").SPEC
        places = places_of(events, topics, service, spec.reads, runs=runs)
        if service not in there and not places.known and not getattr(settings, setting).enabled:
            continue
        look = getattr(import_module(f"exchange.services.{service}.audit"), auditor)
        place = url if service in there else opened.enter_context(TemporaryDirectory())

        def make(look: Any = look, spec: Any = spec, place: str = place, places: Any = places) -> Auditor:
            store = opened.enter_context(sql.open_store(place, spec.name, spec.tables))
            made: Auditor = look(store, opened.enter_context(store.read()), places)
            return made

        yield _StoreAuditor(service, sql.reading, make)


def _mirrors_of(settings: Settings) -> Auditor:
    """Of an exchange that runs: its books as a client has them now."""
    mirrors: Any = import_module("exchange.services.marketdata.mirrors_audit")
    endpoints = settings.endpoints

    async def watch() -> list[Any]:
        async with await AsyncClient.connect(
            endpoints.orders,
            tenant=OPERATOR,
            name=f"audit-{os.getpid()}",
            user=local_user(),
            queries=endpoints.queries,
            marketdata=endpoints.marketdata,
            timeout_ms=_PATIENCE_MS,
            connect_ms=_PATIENCE_MS,
        ) as client:
            await client.load_instruments()
            return list(await mirrors.watch_books(client))

    auditor: Auditor = mirrors.MirrorsAudit(asyncio.run(watch()))
    return auditor


def audit_of(settings: Settings, *, paid_in: Mapping[int, int] | None = None, stopped: bool = False) -> Audit:
    """The audit of an exchange with all that it keeps: topics, and stores of services.

    Args:
        settings: Of the exchange.
        paid_in: As of `exchange.runtime.audit`.
        stopped: Likewise.

    Raises:
        StorageError: There is no journal, or a store cannot be read.
        JournalCorrupt: It is damaged.
    """
    auditors: list[Auditor] = []
    with ExitStack() as opened:
        events, topics = opened.enter_context(open_log(settings)), TopicTable(settings.events.environment)
        auditors += [
            PublishedAudit(name, events, topics)
            for name in (EXECUTIONS, TRADES)
            if settings.events.publish or events.extent(topics.full_name(name)).end
        ]
        if settings.events.publish or events.extent(topics.full_name(CHANGES)).end:
            auditors.append(ChangesAudit(events, topics))
        runs = read_announcement(DataDirectory(settings.data_directory)) is not None
        auditors += _stores_of(settings, events, topics, runs, opened)
        if settings.market_data.enabled and runs:
            auditors.append(_mirrors_of(settings))
        return audit(settings.data_directory, auditors=auditors, paid_in=paid_in, stopped=stopped)
