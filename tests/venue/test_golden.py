"""The golden examples of the venue, on the plain one and on the compiled one beside it."""

from pathlib import Path

import pytest

from tests.oracle.venue.words import (
    ACTIONS,
    CANCEL_REASONS,
    EXEC_TYPES,
    REJECTS,
)
from tests.venue.desk import Desk
from tests.venue.screen import Example, camel, read_examples

EXAMPLES = read_examples(Path(__file__).with_name("golden.txt"))
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])


@each_example
def test_golden_example_on_the_plain_venue_gives_its_text(example: Example) -> None:
    """Every line of the example, whole: all that is told, and every balance and position that changed."""
    desk = Desk(example.settings)
    for text in example.setup:
        desk.expect_done(text)
    for line in example.lines:
        assert desk.play(*line.commands) == line.expected, line.text
