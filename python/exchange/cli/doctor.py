"""`exchange doctor`."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter

from exchange.cli.common import add_settings, settings_of
from exchange.runtime.machine import Level, examine

DESCRIPTION = """Look at what this machine offers a process that answers in microseconds: processors,
memory, rights, the disk of the data directory (its fdatasync is measured there), clock, libraries. `fail`
keeps the exchange from its promises, `warn` costs latency; beside each stands what mends it."""

_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Examines the machine; returns 0, or 1 where something fails."""
    findings = examine(settings_of(options).data_directory)
    levels = Counter(finding.level for finding in findings)
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
        return int(levels[Level.FAIL] > 0)
    topics = max(len(finding.topic) for finding in findings)
    for finding in findings:
        print(f"{finding.level:<5} {finding.topic:<{topics}}  {finding.found}")
        indent = " " * (topics + 8)
        if finding.level is not Level.OK and finding.mend:
            print(
                textwrap.fill(
                    f"-> {finding.mend}", _WIDTH, initial_indent=indent, subsequent_indent=indent + "   "
                )
            )
    print(f"{levels[Level.OK]} ok, {levels[Level.WARN]} warn, {levels[Level.FAIL]} fail")
    return int(levels[Level.FAIL] > 0)
