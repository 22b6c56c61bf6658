"""Runs the plain and the compiled venue side by side and compares everything that can be seen of the two."""

from collections import Counter
from collections.abc import Sequence

from cmatch._core import ALL_SHARDS
from tests.oracle.venue import Header, Venue
from tests.oracle.venue.model import Position, Report, Sizes
from tests.oracle.venue.words import MAX_INT64, MIN_INT64, is_house
from tests.venue.core_venue import Command, CoreVenue, View

Batch = tuple[str, int, Sequence[Command]]
"""Family, timestamp, commands."""


class Views:
    """The plain venue's views, in the form of the compiled one's."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def accounts(self) -> list[int]:
        """Those that were opened."""
        return [account for account in self.venue.ledger.accounts if not is_house(account)]

    def balances(self) -> View:
        """By account and asset; those that were never changed do not show."""
        return {
            name: (balance.total, balance.reserved, balance.version)
            for name, balance in self.venue.ledger.balances.items()
            if balance.version
        }

    def holds(self, account: int) -> View:
        """Pending reservations by transfer id."""
        return {
            id_: (hold.asset, hold.amount, None if hold.expire_at == MAX_INT64 else hold.expire_at)
            for id_, hold in self.venue.ledger.pending()
            if hold.account == account
        }

    def positions(self, account: int) -> View:
        """By instrument, on the present day; those in which there is nothing do not show."""
        found = {
            instrument: self.position(instrument, position)
            for (owner, instrument), position in self.venue.positions.items()
            if owner == account
        }
        return {instrument: numbers for instrument, numbers in found.items() if any(numbers)}

    def position(self, instrument: int, position: Position) -> tuple[int, ...]:
        """One of them; what does not fit 64 bits is told as the nearest that does."""
        realised, _ = self.venue.today(position, self.venue.markets[instrument])
        lots, notional = position.open_lots, position.open_notional
        head = (position.qty, position.cost, realised, position.live_orders)
        numbers = (*head, lots["buy"], lots["sell"], notional["buy"], notional["sell"])
        return tuple(min(max(number, MIN_INT64), MAX_INT64) for number in numbers)

    def open_orders(self, account: int) -> View:
        """By order id."""
        return {
            order.order_id: (
                order.status,
                order.order_qty,
                order.cum_qty,
                order.leaves,
                order.client_order_id,
                order.reserved,
            )
            for order in self.venue.orders.values()
            if order.account == account
        }

    def shards(self) -> View:
        """By number."""
        venue = self.venue
        homes = list(venue.shard_of.values())
        return {
            number: (
                homes.count(shard),
                int(shard.away),
                len(shard.queue),
                len(shard.passed),
                shard.expected,
            )
            for number, shard in venue.shards.items()
        }

    def counters(self) -> View:
        """Clock and sequences."""
        venue = self.venue
        return {
            "clock": venue.clock,
            "sequence": venue.sequence,
            "event_sequence": venue.event_sequence,
            "away": int(venue.away),
            "solo": int(venue.solo),
        }


class Pair:
    """A plain and a compiled venue with the same limits that are given the same batches."""

    def __init__(self, sizes: Sizes) -> None:
        self.oracle = Venue(sizes)
        self.core = CoreVenue.create(sizes)
        self.runner = CoreVenue.with_shards(sizes)
        self.history: list[Batch] = []
        self.seen: Counter[str] = Counter()

    def apply(
        self, family: str, timestamp: int, commands: Sequence[Command], *, views: bool = True
    ) -> list[Report]:
        """Applies a batch to both; compares what is told and, unless told not to, all views."""
        self.history.append((family, timestamp, commands))
        header = Header(self.oracle.sequence + 1, timestamp)
        expected = self.oracle.apply(family, header, commands)
        found = self.core.apply(family, timestamp, commands)
        for i, (of_core, of_oracle) in enumerate(zip(found, expected, strict=False)):
            assert of_core == of_oracle, self.differing(i, of_core, of_oracle)
        assert len(found) == len(expected), self.explain("number told", found, expected)
        self.compare_runner(family, timestamp, commands)
        self.count(expected)
        if views:
            self.compare_views()
        return expected

    def compare_runner(self, family: str, timestamp: int, commands: Sequence[Command]) -> None:
        """The venue that has the engines of shards tells the same, and they made what the plain ones did."""
        self.runner.take(family, timestamp, commands)
        assert self.runner.venue.event_digest == self.core.venue.event_digest
        outboxes = {number: shard.outbox for number, shard in self.oracle.shards.items()}
        for number, found in self.runner.outboxes().items():
            for of_core, of_oracle in zip(found, outboxes[number], strict=False):
                assert of_core == of_oracle, self.differing(of_core["number"], of_core, of_oracle)
            made = len(outboxes[number])
            assert len(found) == min(made, 4096), self.explain("number made", len(found), made)

    def count(self, records: list[Report]) -> None:
        """Counts what was reached."""
        for record in records:
            kind = record.get("exec_type") or f"{record['family']} {record['kind']}"
            self.seen[kind] += 1
            for name in ("reject", "cancel_reason", "order_status", "liquidity"):
                if record.get(name) is not None:
                    self.seen[f"{name} {record[name]}"] += 1
            self.seen["duplicate"] += record["duplicate"]

    def compare_views(self) -> None:
        """Money, reservations, positions, orders, counters."""
        views = Views(self.oracle)
        for name in ("balances", "counters", "shards"):
            self.compare(name, getattr(self.core, name)(), getattr(views, name)())
        for account in views.accounts():
            for name in ("holds", "positions", "open_orders"):
                self.compare(
                    f"{name} of {account}", getattr(self.core, name)(account), getattr(views, name)(account)
                )

    def compare(self, name: str, of_core: View, of_oracle: View) -> None:
        """One view of both: what only one has, or has otherwise."""
        if of_core != of_oracle:
            keys = [
                key for key in of_core.keys() | of_oracle.keys() if of_core.get(key) != of_oracle.get(key)
            ]
            only = ({key: view.get(key) for key in keys} for view in (of_core, of_oracle))
            raise AssertionError(self.explain(name, *only))

    def check(self) -> None:
        """The invariants of both."""
        self.oracle.check_invariants()
        self.core.venue.check_invariants()
        self.runner.venue.check_invariants()
        assert self.runner.venue.state_hash() == self.core.venue.state_hash()

    def restart(self) -> None:
        """Goes on with a venue restored from the core's snapshot, which must be the same in every byte."""
        bytes_ = self.core.venue.snapshot()
        restored = CoreVenue.restore(bytes_)
        assert restored.venue.snapshot() == bytes_, self.explain("snapshot", "restored", "differs")
        assert restored.venue.state_hash() == self.core.venue.state_hash()
        assert restored.venue.event_digest == self.core.venue.event_digest
        restored.venue.check_invariants()
        self.core = restored
        of_runner = self.runner.venue.snapshot()
        self.runner = CoreVenue.restore(of_runner, ALL_SHARDS)
        assert self.runner.venue.snapshot() == of_runner, self.explain("snapshot", "of the runner", "differs")
        assert CoreVenue.restore(of_runner).venue.snapshot() == bytes_

    def differing(self, place: int, of_core: Report, of_oracle: Report) -> str:
        """The fields in which two records differ."""
        names = [name for name in of_oracle | of_core if of_core.get(name) != of_oracle.get(name)]
        pairs = ", ".join(f"{name}: core {of_core.get(name)} oracle {of_oracle.get(name)}" for name in names)
        return self.explain(f"record {place} ({pairs})", of_core, of_oracle)

    def explain(self, what: str, of_core: object, of_oracle: object) -> str:
        """What differs, after which batches."""
        recent = "\n".join(f"  {batch}" for batch in self.history[-8:])
        after = f"after {len(self.history)} batches, the last:\n{recent}"
        return f"{what} differ\n core   {of_core}\n oracle {of_oracle}\n{after}"


def play(pair: Pair, batches: Sequence[Batch]) -> list[list[Report]]:
    """All batches, one after the other."""
    return [pair.apply(*batch) for batch in batches]
