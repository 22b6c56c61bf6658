"""`cmatch replay FILE`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter_ns

from cmatch.cli.files import FORMATS_HELP, add_file_arguments, read_file, refuse
from cmatch.cli.words import UINT32_MAX, new_file, whole
from cmatch.replay import outputs, report
from cmatch.replay.checks import Check, check_books, check_paths, check_trades, tops
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds import ops
from cmatch.replay.flow import Flow
from cmatch.replay.play import batch_times, latency, play
from cmatch.replay.progress import Bar
from cmatch.replay.report_json import as_json

DESCRIPTION = f"""Match the order flow of a file and report what came out: rate and latency of the engine,
trades, rejects, checks against what the file itself tells (the vendor's book, the venue's makers), final
book.

{FORMATS_HELP}"""

_RUNS = 5
_MOST_RERUN = 2_000_000  # commands: a longer flow is timed once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_file_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON, with every difference")
    parser.add_argument(
        "--misses",
        type=whole(0, UINT32_MAX),
        default=50,
        metavar="N",
        help="list at most N trades that our queue differs on (50)",
    )
    parser.add_argument("--no-latency", action="store_true", help="do not time the commands one by one")
    kinds = "trades and best prices"
    parser.add_argument(
        "--csv", type=new_file, metavar="FILE", help=f"write {kinds}: FILE.trades.csv, FILE.top.csv"
    )
    parser.add_argument("--parquet", type=new_file, metavar="FILE", help="the same as Parquet (extra `data`)")
    parser.add_argument(
        "--plot", type=new_file, metavar="FILE", help=f"draw {kinds} as .png, .svg or .pdf (extra `plot`)"
    )
    parser.add_argument(
        "--save", type=new_file, metavar="FILE", help="write the commands: .npz, .npy or .parquet"
    )


def run(options: argparse.Namespace) -> int:
    """Replays; returns 0, or 1 where a check failed, or 2 where the file cannot be read."""
    bar = Bar(wanted=not options.no_progress)
    try:
        start = perf_counter_ns()
        flow = read_file(options, bar)
        read_ns = perf_counter_ns() - start
        outcome = play(flow, progress=bar)
        total_ns = perf_counter_ns() - start
        runs = _RUNS if flow.commands.size <= _MOST_RERUN else 1
        replay = report.Replay(flow, outcome, batch_times(flow, runs=runs), read_ns, total_ns)
        if not options.no_latency:
            replay.latency = latency(flow, progress=bar)
        replay.checks = _checks(flow, replay, bar)
        written = _write(options, replay, bar)
    except FeedError as error:
        return refuse(error, bar)
    bar.clear()
    if options.json:
        print(json.dumps(as_json(replay), indent=2))
    else:
        print(report.text(replay, options.misses), end="")
    for path in written:
        print(f"cmatch: wrote {path}", file=sys.stderr)
    return 0 if replay.good else 1


def _checks(flow: Flow, replay: report.Replay, bar: Bar) -> list[Check]:
    checks = check_trades(flow, replay.outcome) + check_books(flow, bar)
    if flow.path_checks:
        checks += check_paths(flow, tops(flow, bar))
    timed = replay.latency
    if timed is not None and timed.samples.size == flow.commands.size:
        same = timed.digest == replay.outcome.digest
        checks.append(Check("one by one gives the same events as in batches", int(same), 1))
    return checks


def _write(options: argparse.Namespace, replay: report.Replay, bar: Bar) -> list[Path]:
    written: list[Path] = []
    flow, trades = replay.flow, replay.outcome.trades
    if options.save:
        ops.write(flow, options.save)
        written.append(options.save)
    if options.csv or options.parquet or options.plot:
        top = tops(flow, bar)
        if options.csv:
            written += outputs.write_csv(flow, trades, top, options.csv)
        if options.parquet:
            written += outputs.write_parquet(flow, trades, top, options.parquet)
        if options.plot:
            written.append(outputs.write_plot(flow, trades, top, options.plot))
    return written
