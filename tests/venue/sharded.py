"""A pair of venues whose instruments are matched by a shard that answers at once: all else looks alike."""

from collections.abc import Sequence

from tests.oracle.venue.model import Report, Sizes
from tests.oracle.venue.words import SHARD_EVENTS
from tests.venue.compare import Pair
from tests.venue.core_venue import Command

SHARD = 1


class Sharded(Pair):
    """As a pair; what a shard makes of a batch comes right behind it, and is told with it.

    Whatever is said of the matching stage is said of the shard's.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.assigned: set[int] = set()

    def apply(
        self, family: str, timestamp: int, commands: Sequence[Command], *, views: bool = True
    ) -> list[Report]:
        """Applies a batch, lets the shard answer, and assigns to it what is new."""
        meant = [
            dict(command) | ({"shard": SHARD} if command["kind"] == "set_stage" else {})
            for command in commands
        ]
        told = super().apply(family, timestamp, meant, views=views) + self.deliver(timestamp)
        for instrument_id in self.oracle.markets.keys() - self.assigned:
            self.assigned.add(instrument_id)
            assign = {"kind": "assign_shard", "instrument_id": instrument_id, "shard": SHARD}
            assert super().apply("instruments", timestamp, [assign])[0]["reject"] is None
            assert self.deliver(timestamp) == []
        return told

    def deliver(self, timestamp: int) -> list[Report]:
        """All that the shard has to send, in one batch."""
        shard = self.oracle.shards.get(SHARD)
        if shard is None or shard.away or not shard.outbox:
            return []
        return super().apply(SHARD_EVENTS, timestamp, [dict(event) for event in shard.outbox])
