"""``python -m bench.start [--runs N]``: from `exchange up` to every process of it ready.

A start is of a new data directory, from the command's own interpreter on: it ends when each process of the
table says in the registry that it does its work. Stopping is not part of it. Asked for: below 3 s.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from bench.measure import Spread, machine, table
from exchange.cli.common import settings_of
from exchange.runtime.registry import registry_of
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
_POLL_S: Final = 0.01
_MOST_S: Final = 120.0


def with_port(setting: str) -> str:
    """The setting, with a port that is free now where it has none."""
    if not setting.endswith((":" + FREE, "=" + FREE)):
        return setting
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"{setting[: -len(FREE)]}{taken.getsockname()[1]}"


def start_s(directory: Path, changes: Sequence[str]) -> tuple[float, int]:
    """Seconds from the command to all ready, and how many processes those are."""
    words = [word for change in changes for word in ("--set", change)]
    settings = settings_of(SimpleNamespace(data=directory, config=None, set=list(changes)))  # type: ignore[arg-type]  # it reads these three
    awaited = {called(each.name, number) for each in PROCESSES for number in each.numbers(settings)}
    registry, many = registry_of(settings), len(awaited)
    start = time.monotonic()
    with (directory.parent / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "exchange.cli", "up", "--data", str(directory), *words],
            stderr=log,
            stdout=log,
        )
    try:
        while awaited:
            awaited -= {each.name for each in registry.instances() if each.ready}
            assert process.poll() is None, (directory.parent / "log").read_text(encoding="utf-8")
            assert time.monotonic() - start < _MOST_S, f"not ready: {awaited}"
            time.sleep(_POLL_S)
        return time.monotonic() - start, many
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    """Measures in turns and prints."""
    parser = argparse.ArgumentParser(description="From `exchange up` to every process ready.")
    parser.add_argument("--runs", type=int, default=5, help="starts of each kind (default: %(default)s)")
    options = parser.parse_args()
    print(machine(), flush=True)
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    processes: dict[str, int] = {}
    for _ in range(options.runs):
        for name, changes in CASES.items():
            with tempfile.TemporaryDirectory(prefix="start-") as made:
                seconds, processes[name] = start_s(Path(made) / "data", [*map(with_port, changes)])
            taken[name].append(seconds)
    rows = []
    for name, each_s in taken.items():
        spread = Spread.of(each_s)
        rows.append([name, str(processes[name]), *(f"{each:.2f}" for each in spread)])
    print(table(["exchange up", "processes", "least, s", "median", "most"], rows))


if __name__ == "__main__":
    main()
