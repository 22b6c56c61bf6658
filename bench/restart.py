"""A core that comes back: from a kill to its first answer, with so many orders resting, after a snapshot.

``python -m bench.restart [--orders N] [--runs N]``: the orders rest at 1,000 prices, of 1,000 accounts, each
with its client order id. Their snapshot is taken, the core killed, and its supervisor starts another; each
supervisor sees one kill, as it has more patience with each that it sees, when all its processes are ready.
Bytecode is kept, as an installation of the wheel has it. Asked for: below 2 s at a million orders.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.measure import Spread, bytecode_kept, machine, options_of, table
from bench.start import names_of
from cmatch import frames
from cmatch._core import Venue
from cmatch.enums import Side
from exchange.bench.market import INSTRUMENT, Market
from exchange.cli import main as exchange
from exchange.cli.common import settings_of
from exchange.cli.launch import running
from exchange.client import Client
from exchange.config import Settings
from exchange.runtime.registry import registry_of
from exchange.runtime.supervisor import read_announcement
from exchange.storage.directory import DataDirectory
from exchange.storage.snapshots import list_snapshots, read_snapshot, restore

ACCOUNTS: Final = 1_000
PRICES: Final = 1_000
BATCH: Final = 1_000
LIMIT, GTC = 1, 2
_POLL_S: Final = 0.05
WITH: Final = ("sessions.orders_per_s=10000000", "sessions.orders_burst=10000000")


def rest(client: Client, orders: int) -> None:
    """Sends them; all rest."""
    numbers = np.arange(orders)
    for at in range(0, orders, BATCH):
        part = numbers[at : at + BATCH]
        rows = np.zeros(part.size, frames.ORDER_COMMAND_DTYPE)
        rows["kind"], rows["side"], rows["type"], rows["time_in_force"] = 1, Side.SELL, LIMIT, GTC
        rows["instrument_id"], rows["present"], rows["qty"] = INSTRUMENT, 1, 1
        rows["price"] = 100_000 + part % PRICES
        rows["account"] = 1 + part % ACCOUNTS
        rows["client_order_id_head"] = [b"%d" % number for number in part]
        rows["sent_at"] = time.time_ns()
        reports = client.submit_array(rows).result()
        rejected = reports.rows["reject"][reports.rows["reject"] != 0]
        assert rejected.size == 0, f"an order was rejected: {rejected[0]}"


def restored_s(directory: DataDirectory) -> tuple[float, float]:
    """Seconds to read the newest snapshot, and to make a venue of it that was verified."""
    newest = list_snapshots(directory.snapshots)[-1]
    start = time.monotonic()
    read_snapshot(newest)
    read = time.monotonic()
    restore(newest, partial(Venue.restore, huge_pages=True))
    return read - start, time.monotonic() - read


def back_s(directory: DataDirectory, settings: Settings, number: int) -> float:
    """Seconds from the kill of the core to the first answer of the one that follows it."""
    registry, awaited = registry_of(settings), names_of(settings)
    while awaited - {each.name for each in registry.instances() if each.ready}:
        time.sleep(_POLL_S)
    announced = read_announcement(directory)
    assert announced is not None
    core = announced.processes["core"]
    assert core is not None
    os.kill(core, signal.SIGKILL)
    start = time.monotonic()
    with Client.connect(
        settings.endpoints.orders, tenant=1, name=f"after-{number}", user="bench", connect_ms=120_000
    ) as client:
        client.load_instruments()
        return time.monotonic() - start


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="A restart of the core from a snapshot.")
    parser.add_argument("--orders", type=int, default=1_000_000, help="that rest")
    parser.add_argument("--runs", type=int, default=5, help="kills")
    options = parser.parse_args()
    print(machine(), flush=True)
    with bytecode_kept(), tempfile.TemporaryDirectory() as made:
        given = options_of(Path(made) / "data", WITH)
        settings = settings_of(given)
        directory = DataDirectory(given.data)
        with running(given, settings):
            with Market(settings.endpoints.orders, 1) as market:
                market.define()
                market.fund(ACCOUNTS)
            with Client.connect(settings.endpoints.orders, tenant=1, name="rest", user="bench") as client:
                rest(client, options.orders)
            exchange(("snapshot", "--data", str(given.data)))
        inside = [restored_s(directory) for _ in range(options.runs)]
        outside = []
        for number in range(options.runs):
            with running(given, settings):
                outside.append(back_s(directory, settings, number))
    rows = [
        ["snapshot read and checked", Spread.of([read for read, _ in inside]).show(2)],
        ["read, and a venue made of it and verified", Spread.of([made for _, made in inside]).show(2)],
        ["kill to first answer", Spread.of(outside).show(2)],
    ]
    print(table([f"{options.orders:,} orders rest", "s"], rows))


if __name__ == "__main__":
    main()
