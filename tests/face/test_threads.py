"""Two threads in one engine: the second is refused; batches of different engines run side by side."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

import cmatch

LONG = 400_000

CALLS: dict[str, Callable[[cmatch.Engine], object]] = {
    "define_instrument": lambda engine: engine.define_instrument(1),
    "set_phase": lambda engine: engine.set_phase(1, "closed"),
    "mass_cancel": lambda engine: engine.mass_cancel(account=1),
    "advance_time": lambda engine: engine.advance_time(0),
    "state_hash": lambda engine: engine.state_hash(),
    "snapshot": lambda engine: engine.snapshot(),
    "check_invariants": lambda engine: engine.check_invariants(),
    "l2": lambda engine: engine.l2(1),
    "l3": lambda engine: engine.l3(1),
    "order": lambda engine: engine.order(1),
    "queue_position": lambda engine: engine.queue_position(1),
    "indicative": lambda engine: engine.indicative(1),
    "instrument": lambda engine: engine.instrument(1),
    "trades": lambda engine: engine.trades(),
    "drain_events": lambda engine: engine.drain_events(),
    "drain_l2_deltas": lambda engine: engine.drain_l2_deltas(),
    "clock": lambda engine: engine.clock,
    "live_orders": lambda engine: engine.live_orders,
    "instruments": lambda engine: engine.instruments,
    "options": lambda engine: engine.options,
    "repr": repr,
}


@pytest.fixture
def quick_switches() -> object:
    """Let threads take turns often, so that the refused calls get theirs while the batch runs."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def submit_alone(engine: cmatch.Engine, rows: cmatch.arrays.Records) -> cmatch.arrays.Records:
    """A batch, once nobody else is inside."""
    while True:
        try:
            return engine.submit_batch(rows)
        except cmatch.EngineBusy:
            continue


@pytest.mark.usefixtures("quick_switches")
def test_every_entry_is_refused_while_a_batch_runs() -> None:
    """Commands, views, counters and drains; afterwards the engine is as if nobody had knocked."""
    engine = cmatch.Engine(keep_events=True, max_events=1 << 22, deltas=True)
    engine.define_instrument(1)
    rejects = cmatch.commands(LONG, instrument_id=1, side="buy", qty=0)
    refused: set[str] = set()
    for _ in range(20):
        worker = threading.Thread(target=submit_alone, args=(engine, rejects))
        worker.start()
        while worker.is_alive():
            for name in CALLS.keys() - refused:
                try:
                    CALLS[name](engine)
                except cmatch.EngineBusy:
                    refused.add(name)
                except BufferError:
                    break
        worker.join()
        engine.drain_events()
        if refused == CALLS.keys():
            break
    assert refused == CALLS.keys()
    assert engine.define_instrument(1)
    engine.check_invariants()


def test_busy_engine_refuses_before_anything_is_applied() -> None:
    """The events of the long batch are gapless: no refused call took a place among them."""
    engine = cmatch.Engine()
    rejects = cmatch.commands(LONG, instrument_id=1, side="buy", qty=0)
    answers: list[cmatch.arrays.Records] = []
    worker = threading.Thread(target=lambda: answers.append(submit_alone(engine, rejects)))
    worker.start()
    taken = 0
    while worker.is_alive():
        try:
            taken += 1 if engine.submit(1, "buy", 1, 1).sequence else 0
        except cmatch.EngineBusy:
            continue
    worker.join()
    assert engine.command_sequence == LONG + taken
    assert np.all(np.diff(answers[0]["sequence"].astype(np.int64)) == 1)


def test_engines_of_their_own_run_side_by_side() -> None:
    """A thread an engine: same commands, same hash."""
    rows = cmatch.commands(20_000, instrument_id=1, side="buy", qty=1, price=5, order_id=np.arange(1, 20_001))
    hashes: list[int] = []

    def run() -> None:
        engine = cmatch.Engine()
        engine.define_instrument(1)
        for at in range(0, len(rows), 500):
            engine.submit_batch(rows[at : at + 500])
        hashes.append(engine.state_hash())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashes) == 4
    assert len(set(hashes)) == 1


def test_engine_may_change_threads() -> None:
    """Who comes after the other has left is welcome."""
    engine = cmatch.Engine()
    engine.define_instrument(1)
    worker = threading.Thread(target=engine.submit, args=(1, "buy", 1, 5))
    worker.start()
    worker.join()
    assert engine.live_orders == 1
