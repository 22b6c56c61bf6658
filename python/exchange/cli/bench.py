"""`exchange bench`."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cmatch.cli.words import DAY_S, UINT32_MAX, decimal, new_file, whole
from exchange.bench.flow import BATCH_MAX, RUNS_MAX, Load
from exchange.bench.market import Market
from exchange.bench.measure import Measured, measure
from exchange.bus.curve import KeyPair, make_keys
from exchange.cli.common import add_settings, settings_of
from exchange.cli.launch import data_directory, running
from exchange.client import Reject
from exchange.config import Settings
from exchange.config.private import private_directory
from exchange.errors import ServiceUnavailableError
from exchange.observability import StatsReader, stats_path
from exchange.runtime.machine import Level, examine
from exchange.runtime.priority import LOAD_PRIORITY, as_allowed, keep_off
from exchange.topology.handover import endpoints_of

DESCRIPTION = """Start an exchange, load it in open loop (every request has the time at which it is due, and
its latency counts from then), and draw the latencies. Two of five requests are cancels, one in five trades,
1,000 accounts over 16 connections in one instrument. Beside it metrics are scraped, queries asked and a
snapshot taken, unless --alone. Exit code 1 where an answer is lost or comes twice."""

_WIDTH = 50
_SYNC_S = 30.0
_LEAST_NS = 16_000  # below it latencies are drawn together
_BUCKETS_A_DOUBLING = 2
_RATE_MAX = 10_000_000
_SOCKETS_MAX = 1_000
_ONE_BY_ONE = 20_000  # requests a second that are there to be sent, more than are answered


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument(
        "--rate",
        type=whole(1, _RATE_MAX),
        action="append",
        metavar="N",
        help="requests a second (100,000); may be repeated",
    )
    parser.add_argument(
        "--batch", type=whole(1, BATCH_MAX), default=10, metavar="N", help="requests in a message (10)"
    )
    parser.add_argument(
        "--seconds",
        type=decimal(0, DAY_S, above=True),
        default=60.0,
        metavar="S",
        help="measured time of a run (60)",
    )
    parser.add_argument(
        "--warmup", type=decimal(0, DAY_S), default=10.0, metavar="S", help="before that, not counted (10)"
    )
    parser.add_argument(
        "--runs", type=whole(1, RUNS_MAX), default=5, metavar="N", help="runs at each rate (5)"
    )
    parser.add_argument(
        "--accounts", type=whole(1, UINT32_MAX), default=1_000, metavar="N", help="accounts (1,000)"
    )
    parser.add_argument(
        "--sockets", type=whole(1, _SOCKETS_MAX), default=16, metavar="N", help="connections (16)"
    )
    parser.add_argument("--seed", type=whole(), default=1, metavar="N", help="of the choices (1)")
    parser.add_argument(
        "--queries",
        type=whole(0, _RATE_MAX),
        default=1_000,
        metavar="N",
        help="queries a second beside it (1,000)",
    )
    parser.add_argument(
        "--alone", action="store_true", help="nothing beside it: no scrapes, queries, snapshots"
    )
    parser.add_argument(
        "--curve",
        action="store_true",
        help="alone, over TCP, encrypted, with keys made for it",
    )
    parser.add_argument(
        "--standby",
        action="store_true",
        help="durability replica: a standby on this machine has each request on its disk before the answer",
    )
    closed = parser.add_mutually_exclusive_group()
    closed.add_argument(
        "--in-flight",
        type=whole(0, UINT32_MAX),
        default=0,
        metavar="N",
        help="at most so many requests wait for an answer: how much is answered, not how late (0: no limit)",
    )
    closed.add_argument(
        "--one-by-one", action="store_true", help="one request in flight: the next when it is answered"
    )
    parser.add_argument(
        "--generator-priority",
        type=int,
        choices=range(100),
        default=LOAD_PRIORITY,
        metavar="N",
        help="SCHED_FIFO priority of the load, which stands for clients elsewhere, where the system lets it;"
        f" 0: none ({LOAD_PRIORITY})",
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--keep", action="store_true", help="keep the temporary data directory")


def run(options: argparse.Namespace) -> int:
    """Measures; returns 0, or 1 where an answer was lost or came twice."""
    measured: list[Measured] = []
    beside: list[dict[str, Any]] = []
    with data_directory(options, "bench") as data:
        options.data = data
        (metrics,) = _free_ports(1)  # another exchange may have the usual one
        options.set = [f"endpoints.metrics=127.0.0.1:{metrics}", *options.set]  # what --set says counts
        keys = _curve_keys(options, data) if options.curve else None
        options.set += ["durability=replica"] if options.standby else []
        settings = settings_of(options)
        priority = as_allowed(options.generator_priority)
        _head(settings, options, priority)
        keep_off(settings.core.cpu)
        with (
            running(options, settings),
            _standby(options, settings),
            Market(settings.endpoints.orders, options.sockets, keys, realtime_priority=priority) as market,
        ):
            market.define()
            market.fund(options.accounts)
            _wait_for_memory(settings)
            in_flight = 1 if options.one_by_one else options.in_flight
            for number, rate in enumerate(
                rate for rate in options.rate or [100_000] for _ in range(options.runs)
            ):
                load = _load(options, rate, number)
                with _disturbed(options, settings, beside):
                    measured.append(measure(market, load, options.warmup, priority, in_flight))
                market.beat()
                print(text(measured[-1]), flush=True)
                if beside:
                    print(
                        f"  beside it: {_beside_words(beside[-1]) or 'nothing, it was too short'}", flush=True
                    )
    if options.json:
        content = {"measured": [each.to_json() for each in measured], "beside": beside}
        options.json.write_text(json.dumps(content, indent=1, default=str))
    return int(any(each.lost or each.duplicates for each in measured))


def _load(options: argparse.Namespace, rate: int, number: int) -> Load:
    load = Load(
        rate=rate,
        seconds=options.warmup + options.seconds,
        batch=options.batch,
        accounts=options.accounts,
        sockets=options.sockets,
        seed=options.seed + number,
        run=number,
    )
    if options.one_by_one:  # orders that rest, and their cancels: what none of them waits for is a trade
        return replace(load, batch=1, sockets=1, rate=_ONE_BY_ONE, taking=0.0)
    return load


def _wait_for_memory(settings: Settings) -> None:
    """What the core still brings in is no part of what is measured."""
    with StatsReader(stats_path(settings.data_directory)) as stats:
        while stats.read_values()["memory_untouched_bytes"]:
            time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _curve_keys(options: argparse.Namespace, data: Path) -> tuple[KeyPair, str]:
    """Those of the load, of an exchange on two free ports of this machine, which the settings then name."""
    keys = private_directory(data / "keys")
    server = KeyPair.generate()
    server.write(keys / "server.key")
    ours = make_keys(keys, "bench", tenant="0", roles=["admin", "trade"])
    orders, queries = _free_ports(2)
    options.set += [f"endpoints.orders=tcp://127.0.0.1:{orders}"]
    options.set += [f"endpoints.queries=tcp://127.0.0.1:{queries}"]
    options.set.append(f"security.keys_directory={keys}")
    return ours, server.public


@contextlib.contextmanager
def _standby(options: argparse.Namespace, settings: Settings) -> Iterator[None]:
    """A standby in sync, where one is asked for."""
    if not options.standby:
        yield
        return
    place = settings.data_directory / "standby"
    command = ("standby", "--of", str(settings.data_directory))
    with (
        running(options, replace(settings, data_directory=place), ["endpoints.metrics="], command),
        StatsReader(stats_path(settings.data_directory)) as reader,
    ):
        deadline = time.monotonic() + _SYNC_S
        while not reader.read_values()["standby_in_sync"]:
            if time.monotonic() > deadline:
                raise ServiceUnavailableError("the standby does not get in sync")
            time.sleep(0.01)
        yield


def _head(settings: Settings, options: argparse.Namespace, generator_priority: int) -> None:
    core = settings.core
    print(
        f"{settings.durability} durability over {settings.endpoints.orders.partition(':')[0]},"
        f" messages of {options.batch}; real-time priority: core {core.realtime_priority or 'none'},"
        f" load {generator_priority or 'none'}"
    )
    lacking = [finding.topic for finding in examine(settings.data_directory) if finding.level is not Level.OK]
    if lacking:
        print(f"this machine lacks: {', '.join(lacking)} (exchange doctor)", flush=True)


@contextlib.contextmanager
def _disturbed(
    options: argparse.Namespace, settings: Settings, reports: list[dict[str, Any]]
) -> Iterator[None]:
    """Scrapes, queries and snapshots beside a run, in a process of their own."""
    if options.alone or options.curve:
        yield
        return
    arguments = [sys.executable, "-m", "exchange.bench.beside"]
    arguments += [settings.endpoints.orders, settings.endpoints.queries]
    arguments += [endpoints_of(settings).get("metrics", ""), str(options.queries)]
    arguments += [str(options.warmup + options.seconds / 3)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own program)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    reports.append(json.loads(out) if out.strip() else {})


def _beside_words(report: dict[str, Any]) -> str:
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in report.items())


def text(measured: Measured) -> str:
    """One run as lines, its histogram last."""
    load = measured.load
    seconds = load.seconds - measured.warmup_s
    percentiles = "  ".join(f"p{p:g} {_time(ns)}" for p, ns in measured.percentiles.items())
    late = "  ".join(f"p{p:g} {_time(measured.lateness[p])}" for p in (50.0, 99.0))
    asked = f"{measured.in_flight:,} in flight" if measured.in_flight else f"{load.rate:,}/s"
    answered = f"{measured.rate:,.0f} answered a second, {measured.lost} lost, {measured.duplicates} twice"
    lines = [
        f"{asked} in messages of {load.batch}, {seconds:g} s: {measured.requests:,} requests",
        f"  {answered}",
        f"  {percentiles}  max {_time(measured.worst)}  mean {_time(measured.mean)}",
        f"  the generator itself was late: {late}",
        "  " + ", ".join(f"{count:,} {name}" for name, count in measured.counts.items() if count),
    ]
    if measured.rejects:
        refused = ", ".join(f"{count:,} {Reject(code).name}" for code, count in measured.rejects.items())
        lines.append(f"  refused: {refused}")
    return "\n".join([*lines, *histogram(measured.buckets)])


def histogram(buckets: list[tuple[int, int]]) -> list[str]:
    """Buckets (highest latency in ns, how many) as bars, two a doubling of the latency."""
    rows: dict[int, int] = {}
    for highest, count in buckets:
        if count:
            place = math.ceil(math.log2(max(highest, _LEAST_NS)) * _BUCKETS_A_DOUBLING)
            rows[place] = rows.get(place, 0) + count
    if not rows:
        return ["  nothing was measured"]
    total, most, seen = sum(rows.values()), max(rows.values()), 0
    lines = []
    for place in range(min(rows), max(rows) + 1):
        count = rows.get(place, 0)
        seen += count
        edge = _time(round(2 ** (place / _BUCKETS_A_DOUBLING)))
        lines.append(f"  <= {edge:>9}  {seen / total:9.4%}  {_bar(count / most)} {count:,}")
    return lines


def _bar(share: float) -> str:
    eighths = math.ceil(share * _WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def _time(ns: int) -> str:
    if ns < 10_000_000:
        return f"{ns / 1_000:,.0f} us"
    return f"{ns / 1_000_000:,.0f} ms"
