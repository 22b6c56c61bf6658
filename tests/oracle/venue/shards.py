"""Matching elsewhere: shards, what waits for them, and their events as they are sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.oracle import Event, Oracle
from tests.oracle import words as matching
from tests.oracle.venue.model import Command, Market, VenueOrder
from tests.oracle.venue.requests import Request

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Wire = dict[str, Any]
NOTHING: Wire = {
    "reason": None,
    "answers": 0,
    "instrument_id": 0,
    "last": False,
    "order_id": 0,
    "qty": 0,
    "price": None,
    "leaves": 0,
    "maker_order_id": 0,
    "maker_leaves": 0,
    "stop_price": None,
    "side": None,
    "phase": None,
    "kept": False,
}
UNTOLD = ("refreshed",)


@dataclass
class Told:
    """What the venue knows of a book that is elsewhere."""

    phase: str
    reference: int | None
    mark: int | None
    last: int | None = None

    def r(self) -> int | None:
        """As of a book."""
        return self.reference if self.last is None else self.last


@dataclass
class Passed:
    """A command that a shard has not answered."""

    sequence: int
    kind: str  # new, queued, replace, cancel, venue_cancel, phase, steering
    market: Market
    c: Command  # who asked
    order: VenueOrder | None = None
    reason: str | None = None
    request: Request | None = None


@dataclass(eq=False)
class Stage:
    """A matching stage: there, or away with a queue."""

    away: bool = False
    queue: list[VenueOrder] = field(default_factory=list)


class Shard(Stage):
    """A stage elsewhere: its engine, what waits for its answer, and what it sent."""

    def __init__(self, venue: "VenueState", number: int) -> None:
        super().__init__()
        self.number = number
        self.engine = Oracle(venue.sizes.max_instruments, venue.sizes.max_orders, 2**40)
        self.passed: list[Passed] = []
        self.partial: list[Wire] = []
        self.taken = 0
        self.made = 0
        self.outbox: list[Wire] = []  # what the journal does not have

    @property
    def expected(self) -> int:
        """The number of the event that follows."""
        return self.taken + len(self.partial) + 1

    def drive(self, command: dict[str, Any]) -> list[Event]:
        """A command of the engine."""
        events = self.engine.apply(command)
        self.engine.l2_deltas.clear()
        self.engine.l3_deltas.clear()
        self.engine.trades.clear()
        return events

    def send(self, events: list[Event], answers: int) -> None:
        """Numbers events, and marks the last of them."""
        told = [wire(event) for event in events if event["kind"] not in UNTOLD]
        for record in told:
            self.made += 1
            record |= {"shard": self.number, "number": self.made, "answers": answers}
            record["last"] = record is told[-1]
        self.outbox += told


def wire(event: Event) -> Wire:
    """An event as it is sent."""
    names = ("kind", "instrument_id", "reason", "order_id", "qty", "price", "stop_price", "phase", "kept")
    found = NOTHING | {name: event[name] for name in names if event.get(name) is not None}
    if event["kind"] in ("trade", "prevented"):
        found |= {"order_id": event["taker_order_id"], "leaves": event["taker_leaves"]}
        found |= {name: event[name] for name in ("maker_order_id", "maker_leaves")}
        found["side"] = event.get("taker_side")
    if event["kind"] == "accepted":
        found["side"] = event.get("side")
    return found


def unwire(record: Wire) -> Event:
    """What was sent, as the event that it was."""
    event: Event = {name: record[name] for name in NOTHING} | {"kind": record["kind"]}
    if record["kind"] in ("trade", "prevented"):
        event |= {"taker_order_id": record["order_id"], "taker_leaves": record["leaves"]}
        event["taker_side"] = record["side"]
    return event


def waiting(venue: "VenueState") -> Iterator[Passed]:
    """All that no shard has answered."""
    for shard in venue.shards.values():
        yield from shard.passed


def is_elsewhere(venue: "VenueState", market: Market) -> bool:
    """Whether a shard matches it."""
    return market.instrument_id in venue.shard_of


def restless_words() -> tuple[str, ...]:
    """Phases from which an instrument may not move to another shard."""
    return tuple(phase for phase in matching.PHASES if phase not in ("closed", "pre_open", "continuous"))
