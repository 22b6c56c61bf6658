"""The golden examples, on the oracle alone and on the core beside it."""

from pathlib import Path

import pytest

from tests.matching.desk import Desk
from tests.matching.screen import Example, book_text, event_text, read_examples
from tests.oracle import Oracle
from tests.oracle.words import CANCEL_REASONS, EVENT_KINDS, STP_MODES, TIMES_IN_FORCE, TYPES

EXAMPLES = read_examples(Path(__file__).with_name("golden.txt"))
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])


@each_example
def test_golden_example_on_the_oracle_gives_its_text(example: Example) -> None:
    """Every line of the example, whole: all events and the book."""
    oracle = Oracle()
    for command in (example.definition, *example.setup):
        assert all(event["kind"] != "rejected" for event in oracle.apply(command)), command
    for line in example.lines:
        for command in line.commands[:-1]:
            assert all(event["kind"] != "rejected" for event in oracle.apply(command)), command
        texts = [event_text(event) for event in oracle.apply(line.commands[-1])]
        assert [*texts, book_text(oracle.l2(1, "buy"), oracle.l2(1, "sell"))] == line.expected, line.text
        oracle.check_invariants()


@each_example
def test_golden_example_on_the_core_gives_its_text(example: Example) -> None:
    """The same on the core, with the oracle beside it, and from a snapshot after every line."""
    desk = Desk(rules=example.definition)
    desk.apply(*example.setup)
    for line in example.lines:
        texts = [event_text(event) for event in desk.apply(*line.commands)]
        assert [*texts, desk.book()] == line.expected, line.text
        desk.pair.restart()


def test_golden_examples_together_show_every_word() -> None:
    """No type, time in force, self-trade mode, event or cancel reason is without an example."""
    commands = [c for example in EXAMPLES for c in example.setup]
    commands += [c for example in EXAMPLES for line in example.lines for c in line.commands]
    for field, words in (("type", TYPES), ("time_in_force", TIMES_IN_FORCE), ("stp_mode", STP_MODES)):
        assert {c[field] for c in commands if field in c} == set(words)
    texts = [text for example in EXAMPLES for line in example.lines for text in line.expected]
    shown = {text.split()[0] for text in texts} - {"book"}
    assert shown == {"phase" if kind == "phase_changed" else kind for kind in EVENT_KINDS}
    assert {text.split()[-1] for text in texts if text.startswith("canceled")} == set(CANCEL_REASONS)
    assert len(EXAMPLES) >= 18 + 40
