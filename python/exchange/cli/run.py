"""`exchange run PROCESS`."""

from __future__ import annotations

import argparse
import os

from cmatch.cli.words import INT32_MAX, UINT32_MAX, whole
from exchange.cli.common import add_settings, settings_of
from exchange.topology.handover import SETTINGS_VARIABLE, settings_of_json
from exchange.topology.running import run_process
from exchange.topology.table import PROCESSES

DESCRIPTION = "Run one process of an exchange, in this process and without a supervisor:\n" + "\n".join(
    f"  {' or '.join((process.name, *process.also)):<27}{process.does}" for process in PROCESSES
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds PROCESS and the options."""
    names = [process.name for process in PROCESSES]
    parser.add_argument(
        "process",
        choices=names + [name for process in PROCESSES for name in process.also],
        metavar="PROCESS",
        help=f"one of: {', '.join(names)}",
    )
    add_settings(parser)
    parser.add_argument(
        "--shard", type=whole(0, UINT32_MAX), default=0, metavar="N", help="which, where PROCESS is shard"
    )
    several = ", ".join(process.name for process in PROCESSES if process.several)
    parser.add_argument(
        "--instance",
        type=whole(0, UINT32_MAX),
        default=0,
        metavar="N",
        help=f"a further one, from 2, beside those that run; where PROCESS is {several}",
    )
    parser.add_argument(
        "--settings",
        metavar="JSON",
        help=f"all settings at once (a supervisor gives them in {SETTINGS_VARIABLE})",
    )
    parser.add_argument(
        "--supervisor",
        type=whole(1, INT32_MAX),
        metavar="PID",
        help="stop when the process with this id is gone",
    )


def run(options: argparse.Namespace) -> int:
    """Runs until stopped; returns the exit code of the process."""
    given = options.settings or (os.environ.get(SETTINGS_VARIABLE) if options.supervisor else None)
    settings = settings_of_json(given) if given else settings_of(options)
    name = next(each.name for each in PROCESSES if options.process in (each.name, *each.also))
    return run_process(name, settings, options.supervisor, options.shard, options.instance)
