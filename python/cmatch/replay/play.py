"""Plays a flow through the engine: in batches for the rate, one by one for the latency."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

from cmatch.arrays import EVENT_DTYPE
from cmatch.engine import Engine
from cmatch.enums import CommandKind, EventKind
from cmatch.replay.effects import Records
from cmatch.replay.flow import TRADE_DTYPE, Flow

BATCH = 4096
_TRADE = int(EventKind.TRADE)
_REJECTED = int(EventKind.REJECTED)

Progress = Callable[[str, int, int], None]


def make_engine(flow: Flow, *, prefault: bool = False) -> Engine:
    """An empty engine that is just large enough for the flow."""
    return Engine(
        max_instruments=max(len(flow.instruments), 1),
        max_orders=flow.max_orders,
        max_order_ids=flow.max_order_ids,
        prefault=prefault,
        tape=1,
    )


@dataclass
class Outcome:
    """What came out of a flow."""

    engine: Engine  # as it is at the end
    events: int
    digest: str  # of all events, in order: the same however the flow was cut into batches
    state_hash: int
    nanoseconds: int  # within submit_batch alone
    trades: npt.NDArray[np.void]  # EVENT_DTYPE, trades only
    rejects: Counter[int]  # by code

    @property
    def expected_trades(self) -> npt.NDArray[np.void]:
        """The trades as they were foretold: TRADE_DTYPE."""
        out = np.zeros(self.trades.size, TRADE_DTYPE)
        for ours, theirs in (
            ("taker", "order_id"),
            ("maker", "maker_order_id"),
            ("qty", "qty"),
            ("price", "price"),
            ("instrument", "instrument_id"),
        ):
            out[ours] = self.trades[theirs]
        return out


def batches(commands: Records, size: int) -> Iterator[Records]:
    """The commands in pieces of `size`."""
    for start in range(0, commands.size, size):
        yield commands[start : start + size]


def play(flow: Flow, batch: int = BATCH, progress: Progress | None = None) -> Outcome:
    """Plays the whole flow in batches into a new engine, and keeps what came out."""
    engine = make_engine(flow, prefault=True)
    digest = hashlib.blake2b(digest_size=16)
    trades: list[npt.NDArray[np.void]] = [np.zeros(0, EVENT_DTYPE)]
    rejects: Counter[int] = Counter()
    events = spent = done = 0
    for piece in batches(flow.commands, batch):
        start = perf_counter_ns()
        out = engine.submit_batch(piece)
        spent += perf_counter_ns() - start
        events += out.size
        digest.update(out.view(np.uint8).data)
        kinds = out["kind"]
        trades.append(out[kinds == _TRADE])
        rejects.update(out["reason"][kinds == _REJECTED].tolist())
        done += piece.size
        if progress:
            progress("matching", done, flow.commands.size)
    return Outcome(
        engine, events, digest.hexdigest(), engine.state_hash(), spent, np.concatenate(trades), rejects
    )


def batch_times(flow: Flow, batch: int = BATCH, runs: int = 5) -> list[int]:
    """Nanoseconds within submit_batch in each of several runs of the whole flow, each in a new engine."""
    times = []
    for _ in range(runs):
        engine = make_engine(flow, prefault=True)
        spent = 0
        for piece in batches(flow.commands, batch):
            start = perf_counter_ns()
            engine.submit_batch(piece)
            spent += perf_counter_ns() - start
        times.append(spent)
    return times


@dataclass(frozen=True)
class Latency:
    """Nanoseconds of single calls, command by command."""

    samples: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]  # of the commands
    empty_call: int  # median of a call without a command: the clock's and the call's own share
    digest: str

    def percentiles(self, kind: CommandKind | None = None) -> dict[str, int]:
        """p50, p99, p99.9 and the largest, of all commands or of one kind."""
        samples = self.samples if kind is None else self.samples[self.kinds == kind]
        if samples.size == 0:
            return {}
        values = np.quantile(samples, (0.5, 0.99, 0.999, 1), method="higher")
        return dict(zip(("p50", "p99", "p99.9", "max"), values.astype(int).tolist(), strict=True))


def latency(flow: Flow, most: int = 1_000_000, progress: Progress | None = None) -> Latency:
    """Plays the first `most` commands one a call, with the garbage collector off, and times each call.

    A sample is the whole call of submit_batch with one command, seen from Python: the clock, the call, the
    matching and the making of the event array.
    """
    commands = flow.commands[:most]
    engine = make_engine(flow, prefault=True)
    digest = hashlib.blake2b(digest_size=16)
    samples = np.zeros(commands.size, np.int64)
    nothing = commands[:0]
    clock, submit = perf_counter_ns, engine.submit_batch
    collecting = gc.isenabled()
    gc.disable()
    try:
        idle = []
        for _ in range(2000):
            start = clock()
            submit(nothing)
            idle.append(clock() - start)
        for first in range(0, commands.size, BATCH):
            rows = [commands[k : k + 1] for k in range(first, min(first + BATCH, commands.size))]
            spent, out = [], []
            for row in rows:
                start = clock()
                events = submit(row)
                spent.append(clock() - start)
                out.append(events)
            samples[first : first + len(rows)] = spent
            digest.update(np.concatenate(out).view(np.uint8).data)
            if progress:
                progress("timing one by one", first + len(rows), commands.size)
    finally:
        if collecting:
            gc.enable()
    return Latency(samples, commands["kind"].copy(), int(np.median(idle)), digest.hexdigest())
