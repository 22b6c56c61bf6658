"""An exchange under a load of orders, for what is measured beside it.

Core and load have the real-time priorities that `python -m bench exchange` gives them: what runs beside them
has what they leave of the processors, and the load's own wait for one does not count as the core's latency.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, Self

from bench.measure import options_of
from exchange.bench.flow import Load
from exchange.bench.market import Market
from exchange.bench.measure import Measured, measure
from exchange.cli.common import settings_of
from exchange.cli.launch import running
from exchange.config import Settings
from exchange.observability import StatsReader, stats_path
from exchange.observability.process_metrics import usage_of
from exchange.runtime.priority import LOAD_PRIORITY, as_allowed
from exchange.runtime.processes import rows_of
from exchange.storage.directory import DataDirectory

WARMUP_S: Final = 3.0
LOOK_S: Final = 0.25
_ACCOUNTS: Final = 1_000
_SOCKETS: Final = 16
_WITH: Final = ("core.realtime_priority=10", "endpoints.metrics=")


def trading(load: Load) -> Load:
    """That load, with two requests in five that trade, not one in six: half of the new orders take."""
    return replace(load, taking=0.5, reach=11)


class Loaded(NamedTuple):
    """A running exchange with a funded market."""

    data: Path
    settings: Settings
    market: Market

    def load(self, number: int, rate: int, seconds: float, batch: int = 10) -> Load:
        """The load of that number: so many requests a second, measured for so long after the warm-up."""
        return Load(
            rate=rate, seconds=WARMUP_S + seconds, batch=batch, accounts=_ACCOUNTS, sockets=_SOCKETS,
            seed=1 + number, run=number,
        )  # fmt: skip

    def measured(self, load: Load, beside: Beside) -> Measured:
        """One load, all of which is answered once, with somebody who looks on."""
        with beside:
            measured = measure(self.market, load, WARMUP_S, as_allowed(LOAD_PRIORITY))
        self.market.beat()
        assert (measured.lost, measured.duplicates) == (0, 0)
        return measured


@contextmanager
def loaded_exchange(changes: Sequence[str]) -> Iterator[Loaded]:
    """A new one with these settings, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="loaded-") as made:
        data = Path(made) / "data"
        options = options_of(data, [*_WITH, *changes])
        settings = settings_of(options)
        with (
            running(options, settings),
            Market(
                settings.endpoints.orders, _SOCKETS, realtime_priority=as_allowed(LOAD_PRIORITY)
            ) as market,
        ):
            market.define()
            market.fund(_ACCOUNTS)
            yield Loaded(data, settings, market)


def nothing() -> None:
    """Is looked at."""


class Beside:
    """Looks on while the core takes a load, from the warm-up's end on. A thread that sleeps.

    Args:
        data: The data directory of the exchange.
        rate: Of the load: while half of it is journaled, it is there.
        look: Is called four times a second.
        others: Further processes than the exchange's and this one, by name: ids.
    """

    def __init__(
        self,
        data: Path,
        rate: int,
        look: Callable[[], None] = nothing,
        others: Mapping[str, int] | None = None,
    ) -> None:
        known = {row.name: row.pid for row in rows_of(DataDirectory(data)) if row.pid is not None}
        self._pids = {**known, "load": os.getpid(), **(others or {})}
        self._data = data
        self._least = rate * LOOK_S / 2
        self._see = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._shares: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def shares(self) -> dict[str, float]:
        """What processes took of one processor, the largest first; those that took a hundredth or more."""
        ordered = sorted(self._shares.items(), key=lambda item: -item[1])
        return {name: share for name, share in ordered if share >= 0.01}

    def _look(self) -> None:
        began = taken = 0.0
        before: dict[str, float] = {}
        with StatsReader(stats_path(self._data)) as stats:
            commands = int(stats.read_values()["commands"])
            while not self._stop.wait(LOOK_S):
                now, last, commands = time.monotonic(), commands, int(stats.read_values()["commands"])
                if commands - last < self._least:
                    continue  # not yet, or not any more
                began = began or now
                if now - began < WARMUP_S:
                    continue
                self._see()
                if not before:
                    before, taken = self._spent(), now
                    continue
                self._shares = {
                    name: (spent - before[name]) / (now - taken)
                    for name, spent in self._spent().items()
                    if name in before
                }

    def _spent(self) -> dict[str, float]:
        usages = {name: usage_of(pid) for name, pid in self._pids.items()}
        return {name: usage.cpu_s for name, usage in usages.items() if usage is not None}
