"""Dead letters: who decides what, what follows by itself, and that a replay has its effect once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from exchange.cli import main
from exchange.errors import ConfigError
from exchange.resilience import SystemClock
from exchange.storage.sql import open_store
from exchange.storage.sql.dead_letters import Action, DeadLetters, LetterDecided
from tests.inbox.world import World, placed

LETTERS = DeadLetters("matching")
EXPECTED = "expected a service and a number: settlement-17"
Say = Callable[..., tuple[int, str, str]]


def decide(world: World, what: str, letter: int) -> None:
    """Replay or discard."""
    with world.store.begin() as tx:
        getattr(LETTERS, {"replay": "ask_replay"}.get(what, what))(tx, letter, "ann", "because", 42)


def spoil(world: World, *abouts: int) -> None:
    """Lets orders be placed of which 2 cannot be taken."""
    world.mood.always["2"] = "invalid"
    world.place(*abouts)
    world.settle()
    world.mood.always.clear()


@pytest.mark.req("E078", "E098")
def test_replayed_letter_has_its_effect_and_those_behind_it_follow_in_order(world: World) -> None:
    """Of one entity: the first was asked for, the others go after it; quantities tell them apart."""
    spoil(world, 1, 2)
    for qty in (10, 100):
        world.place(2, 3, qty=qty)
    world.settle()
    assert world.applied() == [1, 3, 3]
    decide(world, "replay", 1)
    world.settle(1)
    with world.store.read() as tx:
        taken = tx.execute(text("SELECT qty FROM applied WHERE about = '2' ORDER BY place")).scalars().all()
        assert taken == [1, 10, 100]
        assert [action.what for action in LETTERS.actions(tx, 1)] == ["replay", "taken"]
        assert LETTERS.actions(tx, 1)[0] == Action("replay", "ann", "because", 42)
        assert [action.what for action in LETTERS.actions(tx, 2)] == ["taken"]
    assert [status for _, _, status in world.letters()] == ["replayed"] * 3
    world.place(2)
    world.settle()
    assert world.applied() == [1, 3, 3, 2, 2, 2, 2] == world.trades()


@pytest.mark.req("E078")
def test_replay_that_is_asked_for_again_changes_nothing(world: World) -> None:
    """Before it was done and after; and in the consumer's next life."""
    spoil(world, 2)
    decide(world, "replay", 1)
    decide(world, "replay", 1)
    world.settle(1)
    with pytest.raises(LetterDecided, match="letter 1 was replayed already"):
        decide(world, "replay", 1)
    world.live()
    world.settle(1)
    assert (world.applied(), world.trades(), world.totals()) == ([2], [2], {2: 1})
    with world.store.read() as tx:
        assert [action.what for action in LETTERS.actions(tx, 1)] == ["replay", "taken"]


@pytest.mark.req("E078")
def test_discarded_letter_has_no_effect_and_those_behind_it_follow(world: World) -> None:
    """And a replay comes too late."""
    spoil(world, 2, 2, 1)
    decide(world, "discard", 1)
    world.settle(1)
    assert world.applied() == [1, 2]
    assert [status for _, _, status in world.letters()] == ["discarded", "replayed"]
    for what in ("replay", "discard"):
        with pytest.raises(LetterDecided, match="letter 1 was discarded already"):
            decide(world, what, 1)


def test_letter_behind_another_cannot_be_replayed_before_it(world: World) -> None:
    """It may be discarded."""
    spoil(world, 2, 2, 2)
    with pytest.raises(LetterDecided, match="letter 3 waits behind letter 1 of the same entity"):
        decide(world, "replay", 3)
    with pytest.raises(LetterDecided, match="there is no dead letter 4 of matching"):
        decide(world, "replay", 4)
    decide(world, "discard", 2)
    decide(world, "replay", 1)
    world.settle(1)
    assert [status for _, _, status in world.letters()] == ["replayed", "discarded", "replayed"]
    assert world.applied() == [2, 2]


def test_letter_that_fails_again_is_dead_again(world: World) -> None:
    """At once where it never can be taken, after the ladder else; those behind it wait on."""
    spoil(world, 2, 2)
    world.mood.always["2"] = "invalid"
    decide(world, "replay", 1)
    world.settle(1)
    assert world.letters() == [(2, "validation", "dead"), (2, "behind", "behind")]
    world.mood.always["2"] = "broken"
    decide(world, "replay", 1)
    world.settle(18.25)
    assert world.letters()[0] == (2, "validation", "replay")
    world.settle(1)
    assert world.letters() == [(2, "exhausted", "dead"), (2, "behind", "behind")]
    with world.store.read() as tx:
        letter = LETTERS.find(tx, 1)
        assert letter is not None
        assert (letter.attempts, letter.error) == (1 + 1 + 6, "KeyError: '2'")
        assert [action.what for action in LETTERS.actions(tx, 1)] == ["replay", "failed"] * 2
    assert world.applied() == []


def test_replay_while_a_dependency_is_down_waits_for_it(world: World) -> None:
    """The letter stays asked for."""
    spoil(world, 2)
    world.mood.always["2"] = "down"
    decide(world, "replay", 1)
    world.settle(600, pace=20)
    assert world.letters() == [(2, "validation", "replay")]
    world.mood.always.clear()
    world.settle(10)
    assert (world.letters(), world.applied()) == ([(2, "validation", "replayed")], [2])


def test_record_that_could_not_be_read_is_replayed_as_its_events(world: World) -> None:
    """As after an update of the program: here its letter's bytes are made right."""
    from exchange.domain.events import EventEnvelope
    from exchange.schema.codec import encode_message
    from exchange.schema.events import encode_events

    world.append(b"\xff" * 64, 2)
    world.settle()
    with world.store.begin() as tx:
        frame = encode_events([placed(1, 5), placed(2, 6)])
        envelope = EventEnvelope(event_type="Unreadable", event_version=1, payload=frame)
        tx.execute(text("UPDATE dead_letters SET envelope = :it"), {"it": encode_message(envelope)})
    decide(world, "replay", 1)
    world.settle(1)
    assert (world.applied(), [status for *_, status in world.letters()]) == ([5, 6], ["replayed"])


@pytest.fixture
def say(world: World, capsys: pytest.CaptureFixture[str]) -> Say:
    """Exit code, output and complaints of `exchange dlq`."""

    def run(*words: str) -> tuple[int, str, str]:
        place = ["--data", str(world.root)]
        if "://" in world.store_url:
            place += ["--set", f"stores.url={world.store_url}"]
        code = main(["dlq", *words, *place])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.req("E078", "E098", "E077")
def test_command_line_lists_shows_replays_and_discards(world: World, say: Say) -> None:
    """What an operator does after a fix, beside the running service."""
    assert say("list") == (0, "no dead letters\n", "")
    spoil(world, 2, 2, 1)
    world.mood.always["4"] = "invalid"
    world.place(4)
    world.settle()

    code, out, _ = say("list", "--service", "matching")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (code, lines[0]) == (0, "letter status reason event entity tenant attempts failed at error")
    assert lines[1].startswith("matching-1 dead validation OrderPlaced Order 2 acme 1 2023-11-14T22")
    assert lines[2].startswith("matching-2 behind behind OrderPlaced Order 2 acme 0")
    assert lines[3].endswith("InvalidEvent: no such instrument")

    code, out, _ = say("show", "matching-1", "--json")
    shown = json.loads(out)
    assert shown["event"]["eventId"] == placed(1, 2).event_id
    assert (shown["consumerVersion"], shown["error"], shown["actions"]) == (
        "1.2.3",
        "InvalidEvent: no such instrument",
        [],
    )

    assert say("replay", "matching-1")[2] == "exchange: exchange dlq replay takes a --reason\n"
    done = threading.Event()
    serving = threading.Thread(target=world.live(SystemClock()).run, args=(done,))
    serving.start()
    try:
        code, out, _ = say("replay", "matching-1", "--reason", "fixed", "--user", "ann", "--wait", "120")
    finally:
        done.set()
        serving.join()
    assert (code, out) == (0, "matching-1 will be tried again by matching\nmatching-1 was taken\n")
    world.live()
    world.settle(1)
    assert world.applied() == [1, 2, 2]
    assert say("replay", "matching-1", "--reason", "again") == (0, "matching-1 was taken already\n", "")

    assert say("discard", "matching-3", "--reason", "not ours", "--user", "bob")[:2] == (
        0,
        "matching-3 is discarded\n",
    )
    assert say("list") == (0, "no dead letters\n", "")
    code, out, _ = say("show", "matching-3")
    assert code == 0
    assert "discard   " in out
    assert " by bob: not ours\n" in out
    assert [row["status"] for row in json.loads(say("list", "--all", "--json")[1])] == [
        "replayed",
        "replayed",
        "discarded",
    ]
    assert say("discard", "matching-3", "--reason", "x")[2] == "exchange: letter 3 was discarded already\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show",), "exchange dlq list takes no LETTER, the others take one"),
        (("list", "matching-1"), "exchange dlq list takes no LETTER, the others take one"),
        (
            ("show", "matching"),
            f"'matching' is no dead letter: {EXPECTED}",
        ),
        (("show", "settlement-1"), "settlement has no store there"),
        (("show", "matching-9"), "there is no dead letter matching-9"),
    ],
)
def test_command_line_says_what_is_wrong(say: Say, words: tuple[str, ...], complaint: str) -> None:
    """In one line."""
    code, out, err = say(*words)
    assert (code in {1, 78}, out, err) == (True, "", f"exchange: {complaint}\n")


def test_store_of_another_database_is_refused() -> None:
    """There are two."""
    with pytest.raises(ConfigError, match="stores are in SQLite or PostgreSQL, not in mysql"):
        open_store("mysql://localhost/x", "matching")
