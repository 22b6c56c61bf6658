"""What a shard's engine made comes into the journal, and is taken up as the venue's own engine's is."""

from typing import TYPE_CHECKING

from tests.oracle import Event
from tests.oracle.venue.effects import fold
from tests.oracle.venue.model import Command
from tests.oracle.venue.order_commands import decide_cancel, decide_new, decide_replace
from tests.oracle.venue.shards import NOTHING, Passed, Shard, Wire, unwire

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState


def apply_shard_event(venue: "VenueState", c: Command) -> None:
    """One event of a shard: taken with the others of its group, or refused."""
    shard = venue.shards.get(c["shard"])
    if shard is None or c["tenant"] != 0:
        refuse(venue, c, "unknown_shard", None)
        return
    expected = shard.expected
    if not follows(shard, c):
        refuse(venue, c, "unexpected_shard_event", (expected, c["number"]))
        return
    shard.partial.append({name: c[name] for name in ("kind", "shard", "number", *NOTHING)})
    if not c["last"]:
        return
    group, shard.partial = shard.partial, []
    # A sound group is what the engine made: anything else that a test sends here is wrong.
    if group != shard.outbox[: len(group)]:
        refuse(venue, c, "invalid_shard_event", (shard.expected, c["number"]))
        return
    del shard.outbox[: len(group)]
    shard.taken += len(group)
    take(venue, shard, group)


def follows(shard: Shard, c: Command) -> bool:
    """Whether it is the next of its stream, its group, and what was passed on."""
    if c["number"] != shard.expected:
        return False
    if shard.partial:
        return bool(c["answers"] == shard.partial[0]["answers"])
    return c["answers"] == 0 or (bool(shard.passed) and shard.passed[0].sequence == c["answers"])


def refuse(venue: "VenueState", c: Command, code: str, detail: tuple[int, int] | None) -> None:
    """The answer to an event that was not taken."""
    venue.answer(
        {"kind": c["kind"], "session": c["session"], "correlation_id": ""}, reject=code, detail=detail
    )


def take(venue: "VenueState", shard: Shard, group: list[Wire]) -> None:
    """A whole group: what the venue does after its own engine, at this sequence."""
    events = [unwire(record) for record in group]
    for event in events:
        told = venue.told[event["instrument_id"]]
        if event["kind"] == "phase_changed":
            told.phase = event["phase"]
        if event["kind"] in ("trade", "uncrossed"):
            told.last = event["price"]
    venue.cause = None
    if group[0]["answers"] == 0:
        fold(venue, events)
    else:
        passed = shard.passed.pop(0)
        venue.cause = passed.c
        answered(venue, passed, events)
    venue.cause = None


def answered(venue: "VenueState", passed: Passed, events: list[Event]) -> None:
    """What was passed on is decided."""
    match passed.kind:
        case "new" | "queued":
            decide_new(venue, passed, events)
        case "replace":
            decide_replace(venue, passed, events)
        case "cancel":
            decide_cancel(venue, passed, events)
        case "venue_cancel":
            if events[0]["kind"] != "rejected":
                fold(venue, events, passed.reason)
        case "phase":
            reject = events[0]["reason"] if events[0]["kind"] == "rejected" else None
            venue.family, family = "instruments", venue.family
            venue.answer(dict(passed.c) | {"kind": "set_phase"}, reject=reject)
            venue.family = family
            fold(venue, events[1:])
        case "steering":
            fold(venue, events[1:])
