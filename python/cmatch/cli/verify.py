"""`cmatch verify FILE`."""

from __future__ import annotations

import argparse
import json

from cmatch.cli.files import FORMATS_HELP, add_file_arguments, read_file, refuse
from cmatch.replay.errors import FeedError
from cmatch.replay.progress import Bar
from cmatch.replay.verify import Trial, verify

DESCRIPTION = f"""Prove that a file always gives the same events and the same state: it is replayed twice, cut
into pieces of several sizes, and continued from snapshots taken on the way. Where two runs part, the first
event that differs is shown.

{FORMATS_HELP}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_file_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the trials as JSON")


def run(options: argparse.Namespace) -> int:
    """Verifies; returns 0, or 1 where two runs part, or 2 where the file cannot be read."""
    bar = Bar(wanted=not options.no_progress)
    try:
        flow = read_file(options, bar)
        trials = verify(flow, bar)
    except FeedError as error:
        return refuse(error, bar)
    bar.clear()
    good = all(trial.same for trial in trials)
    if options.json:
        print(json.dumps({"good": good, "trials": [_as_json(trial) for trial in trials]}, indent=2))
        return 0 if good else 1
    print(f"{flow.path.name}: {flow.format}, {flow.commands.size:,} commands")
    for trial in trials:
        mark = "same" if trial.same else "DIFFERS"
        told = f"{trial.events:>12,} events  {trial.digest}  state {trial.state_hash:016x}"
        print(f"  {mark:<8}{trial.name:<40}{told}")
        if trial.parting:
            print(f"          {trial.parting}")
    print(f"  {len(trials)} runs, " + ("all the same" if good else "NOT all the same"))
    return 0 if good else 1


def _as_json(trial: Trial) -> dict[str, object]:
    return {
        "name": trial.name,
        "same": trial.same,
        "events": trial.events,
        "digest": trial.digest,
        "state_hash": f"{trial.state_hash:016x}",
        "parting": trial.parting,
    }
