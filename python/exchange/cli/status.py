"""`exchange status`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping

from cmatch.cli.words import DAY_S, decimal
from exchange.cli.common import add_settings, check_runs, settings_of, table
from exchange.config import Settings
from exchange.errors import ServiceUnavailableError
from exchange.observability import (
    StatsReader,
    StatsSnapshot,
    StatsUnavailable,
    health_of,
    stats_path,
)
from exchange.observability.rates import QUANTILES, quantiles, rates
from exchange.runtime.process_status import status_of
from exchange.storage.directory import DataDirectory, DirectoryLock
from exchange.topology.table import SQL_SERVICES

DESCRIPTION = """How the exchange on a data directory is: health, rates over a moment, latency percentiles
of its stages, how far its journal and its read replica are. Read from shared memory: the core notices
nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument(
        "--seconds",
        type=decimal(0, DAY_S),
        default=1.0,
        metavar="S",
        help="what rates are measured over (1)",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> int:
    """Reads and prints; returns 0 where the core is healthy, else 1."""
    settings = settings_of(options)
    directory = DataDirectory(settings.data_directory)
    if not DirectoryLock.is_held(directory.lock):  # what a stopped exchange leaves reads like one that runs
        check_runs(settings)
    try:
        with StatsReader(stats_path(settings.data_directory)) as reader:
            before = reader.read()
            time.sleep(options.seconds)
            after = reader.read()
    except (StatsUnavailable, OSError):
        raise ServiceUnavailableError(f"no exchange runs on {settings.data_directory}") from None
    health = health_of(after, time.time_ns())
    replica = status_of(directory, "replica")
    services = {name: status_of(directory, name) for name in SQL_SERVICES}
    if options.json:
        content = {
            "health": health.body(),
            "values": dict(after.values),
            "rates": rates(before, after),
            "latency_ns": {name: quantiles(of) for name, of in after.histograms.items()},
            "replica": replica,
            **services,
        }
        print(json.dumps(content, indent=2))
    else:
        print(text(settings, before, after, replica, services))
        print(f"health    {health.status}" + ("" if health.ready else ", not ready for orders"))
    sys.stdout.flush()
    return int(health.status == "unhealthy")


def text(
    settings: Settings,
    before: StatsSnapshot,
    after: StatsSnapshot,
    replica: dict[str, int],
    services: Mapping[str, dict[str, int]],
) -> str:
    """Everything as lines."""
    values = after.values
    closed = ", READ ONLY" if values["read_only"] else ""
    closed += ", DISK NEARLY FULL" if values["disk_nearly_full"] else ""
    written, durable = values["journal_sequence_written"], values["journal_sequence_durable"]
    megabytes = values["journal_bytes"] / 1e6
    lines = [
        f"core      process {values['pid']}, epoch {values['epoch']}, {settings.durability} durability",
        f"data      {settings.data_directory}",
        f"journal   {written:,} commands written, {durable:,} on disk, {megabytes:,.1f} MB since the start",
        f"state     {values['live_orders']:,} live orders, {values['accounts']:,} accounts{closed}",
        f"sessions  {values['sessions']:,}",
    ]
    if stages := _stages(values):
        lines.append(f"stages    {stages}")
    if standby := _standby(values):
        lines.append(f"standby   {standby}")
    if replica:
        lines.append(f"replica   process {replica['pid']}, {replica['behind']:,} commands behind")
    for name, of in services.items():
        if of:
            held = ", STANDS STILL" if of["held"] else ""
            lines.append(f"{name:<9} process {of['pid']}, {of['behind']:,} records behind{held}")
    counted = {name: rate for name, rate in rates(before, after).items() if "bytes" not in name}
    per_second = ", ".join(f"{rate:,.0f} {name}" for name, rate in counted.items())
    lines.append(f"a second  {per_second}")
    timings = [
        (name, *(_time(value) for value in quantiles(histogram).values()), f"{histogram.count:,}")
        for name, histogram in after.histograms.items()
        if name != "batch_size"
    ]
    head = ("stage of a batch", *(name for _, name in QUANTILES), "batches")
    return "\n".join((*lines, table(head, timings)))


def _stages(values: Mapping[str, int]) -> str:
    """Where accounts and risk are, if one of them has a process of its own."""
    words = ("in the core", "in a process of its own", "away: new and replaced orders are refused")
    states = {name: values[f"{name}_stage"] for name in ("accounts", "risk")}
    if not any(states.values()):
        return ""
    return "; ".join(f"{name} {words[state]}" for name, state in states.items())


def _standby(values: Mapping[str, int]) -> str:
    """How replication is; empty where nobody follows and nobody is followed."""
    if values["standing_by"]:
        return "this core follows another one"
    if values["solo"]:
        return "solo: answers wait for this disk alone"
    if not values["followers"]:
        return ""
    lag = values["journal_sequence_written"] - values["journal_sequence_replicated"]
    sync = "in sync" if values["standby_in_sync"] else "not in sync"
    return f"{sync}, {max(lag, 0):,} commands behind, {values['answers_waiting']:,} answers wait"


def _time(ns: int) -> str:
    return f"{ns / 1_000:,.1f} us" if ns < 10_000_000 else f"{ns / 1_000_000:,.1f} ms"
