"""Random sessions: the core and the oracle agree on everything, however they are cut into pieces."""

import functools
import random
from collections import Counter

import pytest

from tests.matching.campaign import ALL, main
from tests.matching.compare import Pair
from tests.matching.core_engine import CoreEngine
from tests.matching.sessions import Session
from tests.oracle import Event
from tests.oracle.words import Command

SEEDS = range(1, 41)
COMMANDS = 400


@functools.cache
def finished(seed: int) -> Pair:
    """The pair of a session that ran without a difference."""
    return Session(seed).run(COMMANDS)


@functools.cache
def recorded(seed: int, commands: int) -> tuple[dict[str, int], list[Command], list[list[Event]]]:
    """A session's limits, its commands, and the oracle's events of each."""
    session = Session(seed)
    history: list[Command] = []
    events: list[list[Event]] = []
    for _ in range(commands):
        history.append(session.flow.next())
        events.append(session.pair.oracle.apply(history[-1]))
    return session.limits, history, events


@pytest.mark.req("A023", "B037")
@pytest.mark.parametrize("seed", SEEDS)
def test_session_of_random_commands_gives_the_events_and_views_of_the_oracle(seed: int) -> None:
    """Events, L1, L2, L3, deltas, order status, queue positions and hashes, command by command."""
    assert finished(seed).history


def test_sessions_together_reach_every_event_reject_and_cancel_reason() -> None:
    """The comparison is worth something: nothing that the engine can say was left unsaid."""
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        seen += finished(seed).seen
    assert [name for name in ALL if seen[name] == 0] == []


@pytest.mark.req("B038")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_session_conserves_quantity_in_what_it_prints(seed: int) -> None:
    """Of each order: accepted = traded + taken off + live, by the core's events alone."""
    limits, history, _ = recorded(seed, COMMANDS)
    core = CoreEngine.create(**limits)
    leaves: dict[int, int] = {}
    filled: Counter[int] = Counter()
    for command in history:
        for event in core.apply(command):
            book_event(event, leaves, filled)
    for order_id, left in leaves.items():
        status = core.order(order_id)
        assert status is not None
        assert (status["leaves_qty"], status["cum_qty"]) == (left, filled[order_id])
        assert status["order_qty"] == left + filled[order_id]


def book_event(event: Event, leaves: dict[int, int], filled: Counter[int]) -> None:
    """Follows the leaves of every live order through an event."""
    match event["kind"]:
        case "accepted" if event["command"] == "new":
            leaves[event["order_id"]] = event["qty"]
        case "replaced":
            leaves[event["order_id"]] = event["qty"] - filled[event["order_id"]]
        case "canceled" | "expired":
            assert leaves.pop(event["order_id"]) == event["qty"]
        case "trade":
            assert event["qty"] > 0
            for role in ("maker", "taker"):
                order_id = event[f"{role}_order_id"]
                leaves[order_id] -= event["qty"]
                filled[order_id] += event["qty"]
                assert leaves[order_id] == event[f"{role}_leaves"] >= 0
                if leaves[order_id] == 0:
                    del leaves[order_id]
        case "prevented":
            for role in ("maker", "taker"):
                order_id = event[f"{role}_order_id"]
                assert leaves[order_id] - event[f"{role}_leaves"] in (0, event["qty"])
                leaves[order_id] = event[f"{role}_leaves"]


@pytest.mark.parametrize("seed", [4, 5])
def test_session_restored_at_every_split_point_goes_on_as_if_it_never_stopped(seed: int) -> None:
    """From each snapshot on: the same events, and at the end the same bytes."""
    limits, history, events = recorded(seed, 120)
    core = CoreEngine.create(**limits)
    snapshots = []
    for command in history:
        snapshots.append(core.snapshot())
        core.apply(command)
    for i, snapshot in enumerate(snapshots):
        restored = CoreEngine.restore(snapshot)
        assert restored.snapshot() == snapshot
        assert restored.apply_all(history[i:]) == [event for part in events[i:] for event in part]
        assert restored.snapshot() == core.snapshot()
        assert restored.state_hash() == core.state_hash()


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_session_in_batches_of_any_size_gives_the_same_events_and_bytes(seed: int) -> None:
    """One batch, or random pieces of it: nothing depends on where it is cut."""
    limits, history, events = recorded(seed, COMMANDS)
    expected = [event for part in events for event in part]
    whole = CoreEngine.create(**limits)
    assert whole.apply_all(history) == expected
    rng, cut = random.Random(seed), CoreEngine.create(**limits)
    answered: list[Event] = []
    start = 0
    while start < len(history):
        size = rng.choice((0, 1, 2, 7, 40))
        answered += cut.apply_all(history[start : start + size])
        start += size
    assert answered == expected
    assert cut.snapshot() == whole.snapshot()


@pytest.mark.parametrize("seed", [11, 12])
def test_session_leaves_its_trades_on_the_tape(seed: int) -> None:
    """The tape holds the trades that the events told, in their order."""
    limits, history, events = recorded(seed, COMMANDS)
    core = CoreEngine.create(**limits)
    core.apply_all(history)
    tape = core.trades()
    told = [event for part in events for event in part if event["kind"] == "trade"]
    assert tape == [{name: trade[name] for name in tape[0]} for trade in told]
    assert [trade["trade_id"] for trade in tape] == list(range(1, len(tape) + 1))


@pytest.mark.parametrize("seed", [9, 10])
def test_session_state_hash_differs_where_the_state_differs(seed: int) -> None:
    """Equal states have equal hashes, and in a whole session no two different ones share one."""
    session = Session(seed)
    hash_of: dict[str, int] = {}
    for _ in range(COMMANDS):
        session.pair.apply(session.flow.next(), views=False)
        state = repr(session.pair.oracle.state())
        assert hash_of.setdefault(state, session.pair.core.state_hash()) == session.pair.core.state_hash()
    assert len(set(hash_of.values())) == len(hash_of)


def test_campaign_of_a_moment_prints_its_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    """The campaign runs from the command line and says which seeds it ran."""
    assert main(["--seconds", "0.2", "--seed", "77", "--commands", "20"]) == 0
    assert "seed 77\n" in capsys.readouterr().out
