"""Runs the oracle and the core side by side and compares everything that can be seen of the two."""

from collections import Counter
from typing import Any, Self

from tests.matching.core_engine import CoreEngine
from tests.oracle import Event, Oracle
from tests.oracle.words import SIDES, Command

Delta = dict[str, Any]

UNKNOWN_ID = 10**15
"""An id that no flow gives."""


class Mirror:
    """A reader's books, kept by applying deltas alone."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, str], dict[int, tuple[int, int]]] = {}
        self.queues: dict[int, list[list[Any]]] = {}

    def apply_l2(self, delta: Delta) -> None:
        """The new totals of a level."""
        side = self.levels.setdefault((delta["instrument_id"], delta["side"]), {})
        if delta["count"] == 0:
            del side[delta["price"]]
        else:
            side[delta["price"]] = (delta["qty"], delta["count"])

    def apply_l3(self, delta: Delta) -> None:
        """One order comes to the back of its price, changes in place, or goes."""
        queue = self.queues.setdefault(delta["instrument_id"], [])
        found = next((entry for entry in queue if entry[1] == delta["order_id"]), None)
        if delta["action"] == "add":
            assert found is None
            queue.append([delta["side"], delta["order_id"], delta["price"], delta["qty"]])
        elif delta["action"] == "set":
            assert found is not None
            found[3] = delta["qty"]
        else:
            assert found is not None
            queue.remove(found)

    def l2(self, instrument_id: int, side: str) -> list[tuple[int, int, int]]:
        """All levels of a side, best first."""
        levels = self.levels.get((instrument_id, side), {})
        best_first = sorted(levels, reverse=side == "buy")
        return [(price, *levels[price]) for price in best_first]

    def l3(self, instrument_id: int) -> list[tuple[str, int, int, int]]:
        """All orders in priority order: Python's sort keeps the order of those at one price."""
        queue = self.queues.get(instrument_id, [])
        best_first = sorted(queue, key=lambda e: (e[0] == "sell", -e[2] if e[0] == "buy" else e[2]))
        return [(side, order_id, price, qty) for side, order_id, price, qty in best_first]


class Pair:
    """An oracle and a core with the same limits that are given the same commands."""

    def __init__(
        self, max_instruments: int = 8, max_orders: int = 1_000, max_order_ids: int = 10_000
    ) -> None:
        self.oracle = Oracle(max_instruments, max_orders, max_order_ids)
        self.core = CoreEngine.create(max_instruments, max_orders, max_order_ids)
        self.mirror = Mirror()
        self.history: list[Command] = []
        self.seen: Counter[str] = Counter()

    @classmethod
    def with_instruments(cls, *definitions: Command, **limits: int) -> Self:
        """A pair in which instruments are defined already."""
        pair = cls(**limits)
        for definition in definitions:
            assert pair.apply(definition)[-1]["kind"] == "accepted"
        return pair

    def apply(self, command: Command, *, views: bool = True) -> list[Event]:
        """Applies a command to both; compares events, deltas and, unless told not to, the views."""
        self.history.append(command)
        hash_before = self.core.state_hash()
        expected = self.oracle.apply(command)
        if expected[-1]["kind"] == "rejected" and len(expected) > 1:
            hash_before = self.hash_of_moved_clock()
        events = self.core.apply(command)
        assert events == expected, self.explain("events", events, expected)
        if events[-1]["kind"] == "rejected":
            assert self.core.state_hash() == hash_before, self.explain("hashes", "changed", "only rejected")
        self.count(events)
        self.compare_deltas()
        if views:
            self.compare_views()
        return events

    def hash_of_moved_clock(self) -> int:
        """What the state_hash of the core is when only its clock has moved to where the oracle has it."""
        twin = CoreEngine.restore(self.core.snapshot())
        twin.apply({"kind": "advance_time", "timestamp": self.oracle.clock})
        return twin.state_hash()

    def count(self, events: list[Event]) -> None:
        """Counts what was reached."""
        for event in events:
            self.seen[event["kind"]] += 1
            if "reason" in event:
                self.seen[f"{event['kind']} {event['reason']}"] += 1

    def compare_deltas(self) -> None:
        """The deltas of the last command, and the mirror that they keep."""
        for kind, of_core, of_oracle, mirror in (
            ("L2 deltas", self.core.drain_l2_deltas(), self.oracle.l2_deltas, self.mirror.apply_l2),
            ("L3 deltas", self.core.drain_l3_deltas(), self.oracle.l3_deltas, self.mirror.apply_l3),
        ):
            assert of_core == of_oracle, self.explain(kind, of_core, of_oracle)
            for delta in of_oracle:
                mirror(delta)
            of_oracle.clear()

    def compare_views(self) -> None:
        """All views of all instruments and orders."""
        for id_ in self.oracle.books:
            for view in ("l1", "l3", "indicative", "instrument"):
                self.compare(view, id_)
            self.compare_with_mirror("l3", id_)
            for side in SIDES:
                self.compare("l2", id_, side)
                self.compare_with_mirror("l2", id_, side)
        for order_id in [*self.oracle.orders, UNKNOWN_ID]:
            self.compare("order", order_id)
            self.compare("queue_position", order_id)
        self.compare("next_order_id")

    def compare(self, view: str, *arguments: object) -> None:
        """One view of both."""
        of_core, of_oracle = (getattr(each, view)(*arguments) for each in (self.core, self.oracle))
        assert of_core == of_oracle, self.explain(f"{view}{arguments}", of_core, of_oracle)

    def compare_with_mirror(self, view: str, *arguments: object) -> None:
        """What the deltas made of an empty book, and the book."""
        mirrored, of_oracle = (getattr(each, view)(*arguments) for each in (self.mirror, self.oracle))
        assert mirrored == of_oracle, self.explain(f"mirror of {view}{arguments}", mirrored, of_oracle)

    def check(self) -> None:
        """The invariants of both."""
        self.oracle.check_invariants()
        self.core.check_invariants()

    def restart(self) -> None:
        """Goes on with an engine restored from the core's snapshot, which must be the same in every byte."""
        bytes_ = self.core.snapshot()
        restored = CoreEngine.restore(bytes_)
        assert restored.snapshot() == bytes_, self.explain("snapshot", "restored", "differs")
        assert restored.state_hash() == self.core.state_hash()
        self.core = restored

    def explain(self, what: str, of_core: object, of_oracle: object) -> str:
        """What differs, after which commands."""
        recent = "\n".join(f"  {command}" for command in self.history[-12:])
        after = f"after {len(self.history)} commands, the last:\n{recent}"
        return f"{what} differ\n core   {of_core}\n oracle {of_oracle}\n{after}"
