"""A trading desk: commands in the notation of the screen, answered by the oracle and the core at once."""

from tests.matching.compare import Pair
from tests.matching.screen import (
    DEFAULT_DEFINITION,
    INSTRUMENT,
    Command,
    Reader,
    book_text,
    definition,
    event_text,
    parts,
)
from tests.oracle import Event


class Desk:
    """A pair of engines with one instrument, and who is who."""

    def __init__(self, settings: str = "", *, rules: Command | None = None, **limits: int) -> None:
        """An instrument as in `[settings]`, or of given rules."""
        self.pair = Pair.with_instruments(rules or definition(settings), **limits)
        self.reader = Reader()

    def apply(self, *commands: Command) -> list[Event]:
        """Commands, of which all but the last are accepted. The events of the last."""
        events: list[Event] = []
        for command in commands:
            assert all(event["kind"] != "rejected" for event in events), events
            events = self.pair.apply(command)
            self.pair.check()
        return events

    def play(self, text: str) -> str:
        """The same, typed: `new o1 ann buy 100 x 5; cancel o1 ann`. The last one's events and the book."""
        events = self.apply(*(self.reader.command(part) for part in parts(text)))
        return "; ".join([*(event_text(event) for event in events), self.book()])

    def book(self) -> str:
        """The displayed book of the core."""
        return book_text(self.pair.core.l2(INSTRUMENT, "buy"), self.pair.core.l2(INSTRUMENT, "sell"))


def rules(**changes: object) -> Command:
    """The default definition, changed."""
    return DEFAULT_DEFINITION | changes
