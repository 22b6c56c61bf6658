"""What the event log costs: appends of trades at a rate, with consumers that keep up and one that does not.

``python -m bench.event_log [--directory DIR] [--rate N] [--batch N] [--seconds N]`` prints a table: the time
of an append with its frame, what was reached, and how late consumers in other processes had it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.measure import machine, table
from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.events import batch_of_rows, events_of
from exchange.bus.topics import TopicTable
from exchange.schema.event_rows import TRADE_DTYPE, EventList

TABLE = TopicTable("bench")
NAME = TABLE.full_name("execution.trades")
ROW = TABLE.find(NAME)
_QUIET_S = 0.5
NO_TENANTS = np.zeros(0, np.uint32)


def log_of(directory: Path) -> EmbeddedLog:
    """The log that is measured."""
    return EmbeddedLog(directory / "log", directory / "run", TABLE)


def percentiles(nanoseconds: list[int]) -> list[str]:
    """p50, p99, p99.9 and the worst, in microseconds."""
    ordered = sorted(nanoseconds)
    places = (len(ordered) // 2, len(ordered) * 99 // 100, len(ordered) * 999 // 1_000, len(ordered) - 1)
    return [f"{ordered[place] / 1e3:,.0f}" for place in places]


def append_at(directory: Path, rate: int, size: int, seconds: float) -> tuple[list[int], float, float]:
    """Appends batches of so many trades at so many a second; rate 0: as fast as it goes.

    Returns:
        How long each append took with its frame, ns; the trades a second that were reached; and what an
        append took of the processor, us: that is the log's own, whoever else is on the machine.
    """
    rows = np.zeros(size, TRADE_DTYPE)
    rows["qty"] = 1
    spent: list[int] = []
    with log_of(directory) as log, log.writer(NAME) as writer:
        known = writer.head(2)
        first = 1 if known is None else known.last_seq + 1
        start = time.perf_counter_ns()
        until = start + int(seconds * 1e9)
        sent = busy = 0
        while (now := time.perf_counter_ns()) < until:
            due = sent * 1_000_000_000 // rate + start if rate else now
            if now < due:
                time.sleep((due - now) / 1e9)
            began, working = time.perf_counter_ns(), time.thread_time_ns()
            rows["trade_id"] = np.arange(first, first + size)
            rows["sequence"], rows["timestamp"] = first, time.time_ns()
            batch = batch_of_rows(ROW, EventList.TRADES, rows, first, epoch=1, tenants=NO_TENANTS)
            writer.append([batch])
            busy += time.thread_time_ns() - working
            spent.append(time.perf_counter_ns() - began)
            first += size
            sent += size
        return spent, sent / ((time.perf_counter_ns() - start) / 1e9), busy / len(spent) / 1e3


def consume(directory: Path, group: str, seconds: float) -> None:
    """Follows as a group, commits ten times a second, and prints how late it was: p50, p99 and worst, us."""
    late: list[int] = []
    count = 0
    with log_of(directory) as log, log.group(group, NAME) as place, log.reader(NAME, place.cursor) as reader:
        print("ready", flush=True)
        until = time.monotonic() + seconds
        committed = time.monotonic()
        expected = None
        # One that had no processor takes the rest when nobody appends any more.
        while reader.wait(_QUIET_S) or time.monotonic() < until:
            for record in reader.read():
                late.append(time.time_ns() - record.batch.ts_ns)
                rows = events_of(record).rows
                assert rows is not None
                assert expected in {None, int(rows.rows["trade_id"][0])}
                expected = int(rows.rows["trade_id"][-1]) + 1
                count += len(rows.rows)
            if time.monotonic() - committed > 0.1:
                committed = time.monotonic()
                place.commit(reader.offset)
    ordered = sorted(late) or [0]
    print(count, *(ordered[len(ordered) * part // 1_000] // 1_000 for part in (500, 990, 999)), flush=True)


@contextmanager
def consumers(directory: Path, count: int, seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """So many processes that consume, each as a group of its own."""
    command = [sys.executable, "-m", "bench.event_log", "--directory", str(directory)]
    made = [
        subprocess.Popen(  # noqa: S603
            [*command, "--seconds", str(seconds), "--consume", f"g{number}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        for each in made:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        yield made
    finally:
        for each in made:
            each.kill()
            each.wait()
            if each.stdout is not None:
                each.stdout.close()


def main() -> int:
    """Measures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rate", type=int, default=200_000, help="trades a second")
    parser.add_argument("--batch", type=int, default=50, help="trades a batch")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--consume", metavar="GROUP", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.consume:
        consume(options.directory, options.consume, options.seconds)
        return 0
    print(machine())
    rows = []
    for name, count, stopped, rate in (
        ("nobody reads", 0, 0, options.rate),
        ("a consumer", 1, 0, options.rate),
        ("a consumer, and one that is stopped", 2, 1, options.rate),
        ("as fast as it goes", 0, 0, 0),
    ):
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="bench-log-") as made:
            directory = Path(made)
            with log_of(directory) as log, log.writer(NAME):
                pass
            with consumers(directory, count, options.seconds + 1) as processes:
                for each in processes[:stopped]:
                    os.kill(each.pid, signal.SIGSTOP)
                spent, reached, busy = append_at(directory, rate, options.batch, options.seconds)
                late = "-"
                for each in processes[stopped:]:
                    assert each.stdout is not None
                    got, *delays = each.stdout.readline().split()
                    late = " / ".join(f"{int(delay):,}" for delay in delays)
                    assert int(got) == len(spent) * options.batch, "a consumer lacks trades"
        rows.append([name, f"{reached:,.0f}", f"{busy:,.0f}", *percentiles(spent), late])
    head = ["", "trades/s", "processor us", "append p50 us", "p99", "p99.9", "worst"]
    head.append("consumer late p50 / p99 / p99.9 us")
    print(table(head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
