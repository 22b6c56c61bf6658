"""The golden examples of the venue, on the plain one and on the compiled one beside it."""

from pathlib import Path

import pytest

from tests.oracle.venue.words import CANCEL_REASONS, EXEC_TYPES, ORDER_STATUSES, REJECTS
from tests.oracle.words import REJECTS as OF_THE_ENGINE
from tests.venue.compare import Pair
from tests.venue.desk import Desk, sizes_of
from tests.venue.screen import Example, camel, read_examples

EXAMPLES = read_examples(Path(__file__).with_name("golden.txt"))
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])

ELSEWHERE = {
    "bad_client_order_id",
    "bad_correlation_id",
    "unknown_command",
    "invalid_scope",
    "unknown_shard",
    "unexpected_shard_event",
    "invalid_shard_event",
}
"""What the notation cannot say: test_faults and test_shards do."""


@each_example
def test_golden_example_on_the_plain_venue_gives_its_text(example: Example) -> None:
    """Every line of the example, whole: all that is told, and every balance and position that changed."""
    desk = Desk(example.settings)
    for text in example.setup:
        desk.expect_done(text)
    for line in example.lines:
        assert desk.play(*line.commands) == line.expected, line.text


@each_example
def test_golden_example_on_the_compiled_venue_gives_its_text(example: Example) -> None:
    """The same on the compiled one, with the plain one beside it, and from a snapshot after every line."""
    pair = Pair(sizes_of(example.settings))
    desk = Desk(example.settings, pair)
    for text in example.setup:
        desk.expect_done(text)
    for line in example.lines:
        assert desk.play(*line.commands) == line.expected, line.text
        pair.check()
        pair.restart()


def test_golden_examples_together_show_every_word() -> None:
    """No report, status, cancel reason or reject of the venue itself is without an example."""
    texts = [text for example in EXAMPLES for line in example.lines for text in line.expected]
    words = {word for text in texts for word in text.split()}
    assert set(EXEC_TYPES) <= words
    assert {word for word in ORDER_STATUSES if word not in ("open", "expired")} <= words | {"rejected"}
    of_the_engine = {"collar", "band", "halt", "min_qty"}  # its own examples show them
    assert set(CANCEL_REASONS) - of_the_engine <= words
    of_the_venue = REJECTS.keys() - OF_THE_ENGINE.keys() - ELSEWHERE
    assert [code for code in sorted(of_the_venue) if camel(code) not in words] == []
