"""The consumer against a plain model: any orders in any frames, moods, decisions, restarts, redeliveries."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from exchange.storage.sql.dead_letters import DeadLetters, LetterDecided
from tests.inbox.world import START_NS, TRADES, World, memory, placed

ORDERS = st.lists(st.integers(1, 4), min_size=1, max_size=6)
MOODS = st.sampled_from(["ok", "invalid", "broken"])
LETTERS = DeadLetters("matching")
OPEN = {"dead", "behind", "replay"}


@dataclass
class Letter:
    """One in the model."""

    order: int
    seq: int
    status: str


class Model:
    """What should have become of every event; a screen of plain Python."""

    def __init__(self) -> None:
        self.moods: dict[int, str] = defaultdict(lambda: "ok")
        self.taken: dict[int, list[int]] = defaultdict(list)
        self.letters: list[Letter] = []
        self.placed = 0

    def place(self, order: int) -> None:
        """An event of an order comes."""
        self.placed += 1
        if any(letter.order == order and letter.status in OPEN for letter in self.letters):
            self.letters.append(Letter(order, self.placed, "behind"))
        elif self.moods[order] != "ok":
            self.letters.append(Letter(order, self.placed, "dead"))
        else:
            self.taken[order].append(self.placed)

    def follow(self) -> None:
        """Letters that were asked for, and those behind nothing any more, are tried."""
        heads: set[int] = set()
        for letter in self.letters:
            if letter.order in heads or letter.status not in OPEN:
                continue
            if letter.status != "dead" and self.moods[letter.order] == "ok":
                letter.status = "replayed"
                self.taken[letter.order].append(letter.seq)
                continue
            letter.status = "dead"
            heads.add(letter.order)

    def decide(self, at: int, what: str) -> bool:
        """Replay or discard the letter of a number; whether that may be."""
        letter = self.letters[at - 1]
        if letter.status not in OPEN or (what == "replay" and letter.status == "behind"):
            return False
        letter.status = "replay" if what == "replay" else "discarded"
        return True


class ConsumerMachine(RuleBasedStateMachine):
    """Both side by side; between two rules the consumer comes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=memory())
        self.world = World(f"{self.directory.name}/stores", Path(self.directory.name))
        self.model = Model()

    def settle(self) -> None:
        """The consumer takes what there is; if something is broken it has its ladder."""
        self.world.settle(0.5)
        before = None
        while "broken" in self.world.mood.always.values() and before != self.seen():
            before = self.seen()
            self.world.settle(25.0, pace=2.5)  # the ladder's pauses become 2.5, 2.5, 2.5, 5 and 10 s

    def seen(self) -> list[Any]:
        """What there is now."""
        return [self.world.applied(), self.world.letters()]

    @rule(orders=ORDERS, hot=st.booleans())
    def place(self, orders: list[int], hot: bool) -> None:
        """Orders come, in one frame."""
        seq = self.world.next_seq
        if hot:
            self.world.place_rows(*orders)
        else:
            self.world.publish(*(placed(seq + at, order, tenant="7") for at, order in enumerate(orders)))
        for order in orders:
            self.model.place(order)
        self.model.follow()
        self.settle()

    @rule(orders=ORDERS, more=ORDERS)
    def place_while_a_dependency_is_down(self, orders: list[int], more: list[int]) -> None:
        """Nothing is set aside and nothing is lost; when it is back all is taken as if it had not been."""
        before = self.world.applied(), self.dead()
        was = dict(self.world.mood.always)
        self.world.mood.always = {str(order): "down" for order in range(1, 5)}
        for some in (orders, more):
            self.world.place_rows(*some)
            self.world.settle(40, pace=20)
        assert (self.world.applied(), self.dead()) == before
        self.world.mood.always = was
        for order in orders + more:
            self.model.place(order)
        self.model.follow()
        self.world.settle(10, pace=5)
        self.settle()

    def dead(self) -> int:
        """Letters that failed by themselves."""
        return sum(status == "dead" for *_, status in self.world.letters())

    @rule(order=st.integers(1, 4), mood=MOODS)
    def be_inclined(self, order: int, mood: str) -> None:
        """From now on events of an order are taken, or not."""
        self.model.moods[order] = mood
        self.world.mood.always[str(order)] = mood

    @precondition(lambda self: self.model.letters)
    @rule(data=st.data(), what=st.sampled_from(["replay", "discard"]))
    def decide(self, data: st.DataObject, what: str) -> None:
        """Somebody decides about any letter."""
        at = data.draw(st.integers(1, len(self.model.letters)))
        may = self.model.decide(at, what)
        refused = nullcontext() if may else pytest.raises(LetterDecided)
        with refused, self.world.store.begin() as tx:
            ask = LETTERS.ask_replay if what == "replay" else LETTERS.discard
            ask(tx, at, "ann", "because", START_NS)
        self.model.follow()
        self.settle()

    @rule(back=st.integers(0, 5), anew=st.booleans())
    def deliver_again(self, back: int, anew: bool) -> None:
        """The cursor is set back, and the consumer may begin its next life."""
        with self.world.store.begin() as tx:
            tx.execute(text("UPDATE cursors SET next_offset = max(0, next_offset - :back)"), {"back": back})
        if anew or back:
            self.world.live()
        self.settle()

    @invariant()
    def same(self) -> None:
        """Effects of each order in their order, letters, and trades that say the same."""
        with self.world.store.read() as tx:
            rows = tx.execute(text("SELECT about, event FROM applied ORDER BY place")).all()
        taken: dict[int, list[int]] = defaultdict(list)
        for about, event in rows:
            taken[int(about)].append(int(event[-12:], 16))
        assert taken == {order: seqs for order, seqs in self.model.taken.items() if seqs}
        found = [(order, status) for order, _, status in self.world.letters()]
        assert found == [(letter.order, letter.status) for letter in self.model.letters]
        published = self.world.published(TRADES)
        assert [event.causation_id for event in published] == [event for _, event in rows]
        assert [event.entity.sequence for event in published] == list(range(1, len(rows) + 1))

    def teardown(self) -> None:
        """Let everything go."""
        self.world.close()
        self.directory.cleanup()


def test_consumer_in_any_course_of_events_is_what_the_model_says() -> None:
    """Hypothesis looks for a course in which they differ."""
    run_state_machine_as_test(ConsumerMachine, settings=settings(max_examples=15, stateful_step_count=10))
