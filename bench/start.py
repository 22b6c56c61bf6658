"""``python -m bench.start [--runs N]``: from `exchange up` to every process of it ready.

A start is of a new data directory, from the command's own interpreter on: it ends when each process of the
table says in the registry that it does its work. Stopping is not part of it. Asked for: below 3 s. Beside it
is what they took of the processors until then, which says more where others are on the machine.
Bytecode is kept by a start before those that count, as an installation of the wheel has it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.measure import Spread, bytecode_kept, machine, options_of, table
from exchange.cli.common import settings_of
from exchange.config import Settings
from exchange.observability.process_metrics import usage_of
from exchange.runtime.processes import rows_of
from exchange.runtime.registry import registry_of
from exchange.storage.directory import DataDirectory
from exchange.topology.table import PROCESSES, called

FREE: Final = "0"
CASES: Final = {
    "by default": (),
    "profile four-services": ("profile=four-services", "endpoints.prices=127.0.0.1:" + FREE),
    "gateway, history, market data, settlement, admin": (
        "gateway.enabled=true",
        "gateway.port=" + FREE,
        "history.enabled=true",
        "market_data.enabled=true",
        "settlement.enabled=true",
        "admin.enabled=true",
    ),
}
METRICS: Final = "endpoints.metrics=127.0.0.1:" + FREE  # the usual one may be taken
_POLL_S: Final = 0.01
_MOST_S: Final = 120.0


def with_port(setting: str) -> str:
    """The setting, with a port that is free now where it has none."""
    if not setting.endswith((":" + FREE, "=" + FREE)):
        return setting
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"{setting[: -len(FREE)]}{taken.getsockname()[1]}"


class Start(NamedTuple):
    """One of them: seconds until all were ready, seconds of the processors until then, how many they are."""

    seconds: float
    processor_s: float
    processes: int


def names_of(settings: Settings) -> set[str]:
    """Of all processes that these settings ask for."""
    return {called(each.name, number) for each in PROCESSES for number in each.numbers(settings)}


def start(directory: Path, changes: Sequence[str]) -> Start:
    """From the command to all ready."""
    changes = [with_port(change) for change in (*changes, METRICS)]
    words = [word for change in changes for word in ("--set", change)]
    settings = settings_of(options_of(directory, changes))
    awaited = names_of(settings)
    registry, many = registry_of(settings), len(awaited)
    began = time.monotonic()
    with (directory.parent / "log").open("ab") as log:
        command = [sys.executable, "-m", "exchange.cli", "up", "--data", str(directory), *words]
        command += ["--parent", str(os.getpid())]
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
    try:
        while awaited:
            awaited -= {each.name for each in registry.instances() if each.ready}
            assert process.poll() is None, (directory.parent / "log").read_text(encoding="utf-8")
            assert time.monotonic() - began < _MOST_S, f"not ready: {awaited}"
            time.sleep(_POLL_S)
        seconds = time.monotonic() - began
        usages = (usage_of(row.pid) for row in rows_of(DataDirectory(directory)) if row.pid is not None)
        return Start(seconds, sum(usage.cpu_s for usage in usages if usage is not None), many)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    """Measures in turns and prints."""
    parser = argparse.ArgumentParser(description="From `exchange up` to every process ready.")
    parser.add_argument("--runs", type=int, default=5, help="starts of each kind (default: %(default)s)")
    options = parser.parse_args()
    print(machine(), flush=True)
    starts: dict[str, list[Start]] = {name: [] for name in CASES}
    with bytecode_kept():
        for run in range(options.runs + 1):
            for name, changes in CASES.items():
                with tempfile.TemporaryDirectory(prefix="start-") as made:
                    done = start(Path(made) / "data", changes)
                if run:
                    starts[name].append(done)
    rows = []
    for name, of in starts.items():
        taken = (f"{each:.2f}" for each in Spread.of([one.seconds for one in of]))
        processor = Spread.of([one.processor_s for one in of]).middle
        rows.append([name, str(of[0].processes), *taken, f"{processor:.2f}"])
    print(table(["exchange up", "processes", "least, s", "median", "most", "processor, s"], rows))


if __name__ == "__main__":
    main()
