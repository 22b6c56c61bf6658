"""Proof that a flow always gives the same: replayed, cut into pieces, and continued from snapshots."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmatch.arrays import EVENT_DTYPE
from cmatch.engine import Engine
from cmatch.replay.effects import Records
from cmatch.replay.flow import Flow
from cmatch.replay.play import BATCH, Progress, batches, make_engine

PIECES = (1, 7, 64, 1000, 1 << 20)
SNAPSHOTS = 5

Sink = Callable[[Records], None]


@dataclass(frozen=True)
class Trial:
    """One way to play the flow, and what it gave."""

    name: str
    digest: str  # of all events in order
    state_hash: int
    events: int
    same: bool
    parting: str = ""  # where it first differs from the first trial, and how


@dataclass(frozen=True)
class _Way:
    """Plays a flow in batches of `size`; with `place`, through a snapshot after so many commands."""

    name: str
    flow: Flow
    size: int
    place: int | None = None

    def play(self, sink: Sink) -> int:
        """Gives every batch of events to the sink; returns the state hash at the end."""
        engine = make_engine(self.flow)
        done = self.place or 0
        for piece in batches(self.flow.commands[:done], self.size):
            sink(engine.submit_batch(piece))
        if self.place is not None:
            snapshot = engine.snapshot()
            engine = Engine.restore(snapshot)
            if engine.snapshot() != snapshot:
                return 0
        for piece in batches(self.flow.commands[done:], self.size):
            sink(engine.submit_batch(piece))
        return engine.state_hash()


def verify(flow: Flow, progress: Progress | None = None) -> list[Trial]:
    """Plays the flow in all ways. The first trial is the one that the others must equal."""
    total = flow.commands.size
    places = sorted({total * k // (SNAPSHOTS + 1) for k in range(1, SNAPSHOTS + 1)} | {min(1, total)})
    reference = _Way(f"in batches of {BATCH:,}", flow, BATCH)
    ways = [reference, _Way("again", flow, BATCH)]
    ways += [_Way(f"in pieces of {size:,}", flow, size) for size in PIECES]
    ways += [_Way(f"from a snapshot after command {place:,}", flow, BATCH, place) for place in places]
    trials: list[Trial] = []
    for k, way in enumerate(ways):
        if progress:
            progress("verifying", k, len(ways))
        trials.append(_try(way, reference, trials[0] if trials else None))
    return trials


def _try(way: _Way, reference: _Way, first: Trial | None) -> Trial:
    digest = hashlib.blake2b(digest_size=16)
    events = 0

    def sink(out: Records) -> None:
        nonlocal events
        events += out.size
        digest.update(out.view(np.uint8).data)

    state_hash = way.play(sink)
    same = first is None or (digest.hexdigest(), state_hash) == (first.digest, first.state_hash)
    parting = "" if same else _parting(reference, way)
    return Trial(way.name, digest.hexdigest(), state_hash, events, same, parting)


def _parting(reference: _Way, way: _Way) -> str:
    """The first event that differs, in words."""
    kept: tuple[list[Records], list[Records]] = ([np.zeros(0, EVENT_DTYPE)], [np.zeros(0, EVENT_DTYPE)])
    hashes = reference.play(kept[0].append), way.play(kept[1].append)
    left, right = (np.concatenate(events) for events in kept)
    both = min(left.size, right.size)
    wrong = np.flatnonzero(left[:both] != right[:both])
    if wrong.size:
        k = int(wrong[0])
        names = [name for name in EVENT_DTYPE.names or () if left[name][k] != right[name][k]]
        fields = ", ".join(f"{name} is {right[name][k]}, not {left[name][k]}" for name in names)
        return f"event {k + 1:,}, of command {int(left['command_sequence'][k]):,}: {fields}"
    if left.size != right.size:
        return f"there are {right.size:,} events, not {left.size:,}"
    if hashes[1] == 0:
        return "the restored engine gives another snapshot than the one it was made from"
    return f"the events are the same, but the state hash is {hashes[1]:016x}, not {hashes[0]:016x}"
