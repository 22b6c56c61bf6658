"""A `cmatch.Engine` with the methods of the oracle, so that the two can be asked the same questions."""

from collections.abc import Sequence
from typing import Any, Self

import cmatch
from tests.matching.adapter import WORDS, event, rows
from tests.oracle import Event
from tests.oracle.words import SIDES, Command

RESTING = (cmatch.OrderPlace.RESTING, cmatch.OrderPlace.MARKET_QUEUE)
ACTIONS = {cmatch.L3Action.ADD: "add", cmatch.L3Action.SET: "set", cmatch.L3Action.REMOVE: "delete"}


class CoreEngine:
    """The core behind the oracle's interface."""

    def __init__(self, engine: cmatch.Engine) -> None:
        self.engine = engine

    @classmethod
    def create(cls, max_instruments: int, max_orders: int, max_order_ids: int) -> Self:
        """A new engine that records deltas."""
        return cls(
            cmatch.Engine(
                max_instruments=max_instruments,
                max_orders=max_orders,
                max_order_ids=max_order_ids,
                deltas=True,
            )
        )

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """The engine of a snapshot, recording deltas."""
        return cls(cmatch.Engine.restore(snapshot, deltas=True))

    def apply(self, command: Command) -> list[Event]:
        """One command, as a batch of one."""
        return self.apply_all([command])

    def apply_all(self, commands: Sequence[Command]) -> list[Event]:
        """Many commands in one batch."""
        return [event(row) for row in self.engine.submit_batch(rows(commands))]

    def l1(self, instrument_id: int) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """Best bid and ask with size."""
        best = self.engine.best(instrument_id)
        return (
            None if best.bid_price is None else (best.bid_price, best.bid_qty),
            None if best.ask_price is None else (best.ask_price, best.ask_qty),
        )

    def l2(self, instrument_id: int, side: str) -> list[tuple[int, int, int]]:
        """All levels of one side, best first."""
        levels = self.engine.l2(instrument_id, None)[SIDES.index(side)]
        return [(int(level["price"]), int(level["qty"]), int(level["count"])) for level in levels]

    def l3(self, instrument_id: int) -> list[tuple[str, int, int, int]]:
        """All displayed orders, bids first, each side in priority order."""
        return [
            (WORDS["side"][int(row["side"])], int(row["order_id"]), int(row["price"]), int(row["qty"]))
            for row in self.engine.l3(instrument_id)
        ]

    def indicative(self, instrument_id: int) -> tuple[int, int, int] | None:
        """Uncross price, volume and surplus of a call."""
        found = self.engine.indicative(instrument_id)
        return None if found is None else (found.price, found.volume, found.surplus)

    def instrument(self, instrument_id: int) -> dict[str, Any]:
        """Phase, prices and number of live orders."""
        found = self.engine.instrument(instrument_id)
        prices = {"last": found.last, "mark": found.mark, "reference": found.reference}
        return {"phase": WORDS["phase"][found.phase], "live_orders": found.live_orders} | prices

    def trades(self) -> list[Event]:
        """The trade tape, oldest first."""
        names = ("trade_id", "command_sequence", "timestamp", "instrument_id", "price", "qty")
        return [
            {name: int(row[name]) for name in (*names, "maker_order_id", "taker_order_id")}
            | {"taker_side": WORDS["side"].get(int(row["taker_side"]))}
            for row in self.engine.trades()
        ]

    def queue_position(self, order_id: int) -> tuple[int, int] | None:
        """Orders and quantity ahead of a resting order."""
        found = self.engine.queue_position(order_id)
        return None if found is None else (found.orders_ahead, found.qty_ahead)

    def order(self, order_id: int) -> dict[str, Any] | None:
        """Status of a live order."""
        found = self.engine.order(order_id)
        if found is None:
            return None
        status: dict[str, Any] = found._asdict()
        status["resting"] = status.pop("place") in RESTING
        for name in ("side", "type", "time_in_force", "stp_mode", "peg"):
            status[name] = None if status[name] is None else WORDS[name][status[name]]
        return status

    def next_order_id(self) -> int:
        """The highest used id + 1, 0 where there is none left."""
        return self.engine.next_order_id

    def state_hash(self) -> int:
        """The digest of everything that influences later behaviour."""
        return self.engine.state_hash()

    def snapshot(self) -> bytes:
        """The whole engine."""
        return self.engine.snapshot()

    def check_invariants(self) -> None:
        """Raises cmatch.InvariantViolation where the state contradicts itself."""
        self.engine.check_invariants()

    def drain_l2_deltas(self) -> list[dict[str, Any]]:
        """The levels changed since the last call."""
        return [
            {name: int(row[name]) for name in ("command_sequence", "instrument_id", "price", "qty", "count")}
            | {"side": WORDS["side"][int(row["side"])]}
            for row in self.engine.drain_l2_deltas()
        ]

    def drain_l3_deltas(self) -> list[dict[str, Any]]:
        """The displayed orders changed since the last call."""
        deltas = []
        for row in self.engine.drain_l3_deltas():
            action = ACTIONS[cmatch.L3Action(int(row["action"]))]
            delta: dict[str, Any] = {
                name: int(row[name]) for name in ("command_sequence", "instrument_id", "order_id")
            }
            delta |= {"action": action}
            if action == "add":
                delta |= {"side": WORDS["side"][int(row["side"])], "price": int(row["price"])}
            if action != "delete":
                delta |= {"qty": int(row["qty"])}
            deltas.append(delta)
        return deltas
