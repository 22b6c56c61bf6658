"""`exchange audit`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module

from exchange.bus.topics import TopicTable
from exchange.cli.common import add_settings, settings_of
from exchange.config import Settings
from exchange.runtime.audit import Audit, Auditor, PublishedAudit, audit
from exchange.runtime.publisher import EXECUTIONS, TRADES, open_log

DESCRIPTION = """Replay the journal of a data directory, whether its exchange runs or not, and hold everything
against it: every hash that was recorded live, all invariants, the money (balances = deposits - withdrawals),
the orders (what came in = what was traded, taken off and rests; each report follows from the one before),
the trades, the event log (what the journal makes, each event once), and the rows of the history where it is
switched on. A line a check, and what is wrong below it; exit code 1 where something is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(options: argparse.Namespace) -> int:
    """Audits; returns 0 where all is right, 1 where something is wrong."""
    found = audit_of(settings_of(options))
    if options.json:
        print(json.dumps(found.body(), indent=2))
    else:
        print(*found.lines(), sep="\n")
    return int(not found.good)


@contextmanager
def _history(settings: Settings) -> Iterator[Auditor]:
    # Imported where it is used: a store brings SQLAlchemy along.
    sql, host = import_module("exchange.storage.sql"), import_module("exchange.runtime.service_host")
    history = import_module("exchange.services.history.audit")
    service = import_module("exchange.services.history.service")
    with (
        sql.open_store(host.store_url(settings), "history", service.SPEC.tables) as store,
        store.read() as tx,
    ):
        yield history.HistoryAudit(store, tx)


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
        if settings.history.enabled:
            auditors.append(opened.enter_context(_history(settings)))
        return audit(settings.data_directory, auditors=auditors, paid_in=paid_in, stopped=stopped)
