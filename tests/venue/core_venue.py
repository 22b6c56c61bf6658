"""The compiled venue behind the plain one's words."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

from cmatch._core import ALL_SHARDS, Venue
from tests.oracle.venue.model import Report, Sizes
from tests.oracle.venue.shards import Wire
from tests.oracle.venue.words import MAX_INT64
from tests.venue.adapter import (
    FAMILY_NUMBERS,
    REPORT_WORDS,
    Records,
    read,
    read_text,
    rows,
    shard_event,
    told,
    word,
)

Command = Mapping[str, Any]
View = dict[Any, Any]


FEW_ORDER_IDS = 1_024
"""So few that the engine soon forgets some, as by default after a million others: nobody may notice."""


def limits_of(sizes: Sizes, order_ids: int = FEW_ORDER_IDS) -> dict[str, Any]:
    """The compiled venue's limits of size."""
    return {field.name: getattr(sizes, field.name) for field in fields(Sizes)} | {"max_order_ids": order_ids}


class CoreVenue:
    """A compiled venue: batches of words in, what is told in words out."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    @classmethod
    def create(cls, sizes: Sizes, order_ids: int = FEW_ORDER_IDS) -> Self:
        """With the plain venue's limits of size."""
        return cls(Venue(**limits_of(sizes, order_ids)))

    @classmethod
    def with_shards(cls, sizes: Sizes) -> Self:
        """One that has the engines of all shards, too."""
        return cls(Venue(**limits_of(sizes), shard=ALL_SHARDS))

    @classmethod
    def restore(cls, snapshot: bytes, shard: int = 0) -> Self:
        """From a snapshot."""
        return cls(Venue.restore(snapshot, shard=shard))

    def apply(self, family: str, timestamp: int, commands: Sequence[Command]) -> list[Report]:
        """One batch, with the next sequence."""
        return told(*self.take(family, timestamp, commands))

    def take(self, family: str, timestamp: int, commands: Sequence[Command]) -> tuple[Records, Records]:
        """The same; what is told stays reports and answers as they are."""
        first = self.venue.sequence + 1
        records = rows(family, commands, first)
        return self.venue.apply(FAMILY_NUMBERS[family], first, timestamp, records)

    # --- views, in the form that compare gives the plain venue's --------------------------------------

    def balances(self) -> View:
        """By account and asset."""
        return {
            (int(row["account"]), int(row["asset"])): tuple(
                int(row[name]) for name in ("total", "reserved", "version")
            )
            for row in self.venue.balances()
        }

    def holds(self, account: int) -> View:
        """Pending reservations by transfer id."""
        return {
            int(row["transfer_id"][0]) + (int(row["transfer_id"][1]) << 64): (
                int(row["asset"]),
                int(row["amount"]),
                None if int(row["expire_at"]) == MAX_INT64 else int(row["expire_at"]),
            )
            for row in self.venue.holds(account)
        }

    def positions(self, account: int) -> View:
        """By instrument; those in which there is nothing left do not count."""
        of_open = ("open_buy_lots", "open_sell_lots", "open_buy_notional", "open_sell_notional")
        names = ("qty", "cost", "realised", "live_orders", *of_open)
        found = {
            int(row["instrument_id"]): tuple(int(row[name]) for name in names)
            for row in self.venue.positions(account)
        }
        return {instrument: numbers for instrument, numbers in found.items() if any(numbers)}

    def open_orders(self, account: int) -> View:
        """By order id."""
        return {
            row["order_id"]: (
                word(REPORT_WORDS["order_status"], row["order_status"]),
                row["order_qty"],
                row["cum_qty"],
                row["leaves_qty"],
                read_text(row, "client_order_id"),
                row["reserved"],
            )
            for row in read(self.venue.open_orders(account))
        }

    def outboxes(self) -> dict[int, list[Wire]]:
        """What the engines of shards made and the journal does not have."""
        numbers = [int(row["shard"]) for row in self.venue.shards()]
        return {number: [shard_event(row) for row in self.venue.shard_events(number)] for number in numbers}

    def shards(self) -> View:
        """What every fold knows of shards."""
        names = ("instruments", "away", "queued", "passed", "expected")
        return {int(row["shard"]): tuple(int(row[name]) for name in names) for row in self.venue.shards()}

    def counters(self) -> View:
        """Clock and sequences."""
        names = ("clock", "sequence", "event_sequence", "away", "solo")
        return {name: int(getattr(self.venue, name)) for name in names}
