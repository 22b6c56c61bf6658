"""`exchange services`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from exchange.cli.common import add_settings, settings_of, table
from exchange.runtime.registry import Registry, registry_of
from exchange.topology.table import KERNELS, SQL_SERVICES

DESCRIPTION = """The services of an exchange, and who is them: a line for each instance that lives, with its
process, endpoint, health and version. `configured` has nobody here, and is asked where the settings say
(`registry.*`); `none` has neither. Exit code: 0 somebody runs; 1 nobody does."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instance of a service, or that it has none.

    Args:
        service: Its name.
        instance: The process that hosts it; empty: none here.
        endpoint: Where it is asked; empty: nobody connects to it.
        health: As it says itself; `configured` or `none` where there is no instance.
        ready: Whether it may be asked; None where that is not known.
        version: Of the distribution.
        pid: Of the process; None where there is none here.
    """

    service: str
    instance: str
    endpoint: str
    health: str
    ready: bool | None
    version: str
    pid: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints; returns 0 where somebody runs, else 1."""
    settings = settings_of(options)
    rows = rows_of(registry_of(settings), [*KERNELS, *SQL_SERVICES])
    runs = any(row.instance for row in rows)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        head = ("service", "instance", "endpoint", "health", "ready", "version")
        lines = [
            (row.service, row.instance, row.endpoint, row.health, _READY[row.ready], row.version)
            for row in rows
        ]
        print(table(head, lines, left=len(head)))
        if not runs:
            print(f"nothing runs on {settings.data_directory}: start it with `exchange up`")
    return int(not runs)


_READY = {True: "yes", False: "no", None: ""}


def rows_of(registry: Registry, known: Sequence[str]) -> list[Row]:
    """All services, by name: those of the table of processes, those that live, those of the settings."""
    rows = []
    for service in sorted({*known, *registry.services()}):
        instances = registry.instances(service)
        rows += [
            Row(service, each.name, each.endpoint, str(each.status), each.ready, each.version, each.pid)
            for each in instances
        ]
        if not instances:
            endpoints = registry.static.get(service, ())
            rows += [Row(service, "", endpoint, "configured", None, "", None) for endpoint in endpoints]
            if not endpoints:
                rows.append(Row(service, "", "", "none", None, "", None))
    return rows
