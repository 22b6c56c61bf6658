"""Where two runs part, it is said where and how."""

from pathlib import Path

import numpy as np
import pytest

import cmatch
from cmatch.replay import Flow, verify
from cmatch.replay.effects import Records
from cmatch.replay.instruments import Instrument
from cmatch.replay.verify import Sink, _Way


def sample() -> Flow:
    """A hundred commands."""
    define = cmatch.definitions(1, instrument_id=1).view(cmatch.COMMAND_DTYPE)
    side = np.where(np.arange(99) % 3, 1, 2)
    orders = cmatch.commands(
        99, instrument_id=1, account=1, order_id=np.arange(1, 100), side=side, qty=5, price=9
    )
    return Flow(
        path=Path("sample"),
        format="test",
        instruments=[Instrument("X")],
        commands=np.concatenate((define, orders)),
        max_orders=200,
        max_order_ids=200,
        rows=100,
        unit="command",
    )


def test_verify_plays_twice_in_pieces_and_from_snapshots() -> None:
    """All the same, and each run is told."""
    trials = verify(sample())
    assert all(trial.same for trial in trials)
    assert len({(trial.digest, trial.state_hash, trial.events) for trial in trials}) == 1
    assert [trial.name for trial in trials][:3] == ["in batches of 4,096", "again", "in pieces of 1"]
    assert trials[7].name == "from a snapshot after command 1"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("event", "event 51, of command 38: qty is 6, not 5"),
        ("end", "there are 132 events, not 133"),
        ("state", "the events are the same, but the state hash is"),
        ("snapshot", "the restored engine gives another snapshot than the one it was made from"),
    ],
)
def test_verify_tells_where_two_runs_part(monkeypatch: pytest.MonkeyPatch, change: str, said: str) -> None:
    """One run in pieces of 7 is made to differ."""
    honest = _Way.play

    def play(way: _Way, sink: Sink) -> int:
        if way.size != 7:
            return honest(way, sink)
        out: list[Records] = []
        state = honest(way, out.append)
        events = np.concatenate(out)
        if change == "event":
            events["qty"][50] += 1
        if change == "end":
            events = events[:-1]
        sink(events)
        return {"state": 5, "snapshot": 0}.get(change, state)

    monkeypatch.setattr(_Way, "play", play)
    wrong = [trial for trial in verify(sample()) if not trial.same]
    assert [trial.name for trial in wrong] == ["in pieces of 7"]
    assert wrong[0].parting.startswith(said)
