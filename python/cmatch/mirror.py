"""A book kept current from deltas: what a market data client does with what an engine publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmatch.enums import L3Action, Side

if TYPE_CHECKING:
    from cmatch.arrays import Records
    from cmatch.book import Book


class BookMirror:
    """A copy of one book, by level (L2) and by order (L3), that follows the book's deltas.

    ``BookMirror.of(book)`` copies a book as it is; ``apply_l2`` and ``apply_l3`` then take the deltas that
    drain_l2_deltas() and drain_l3_deltas() give, of any instruments. What is older than the copy is passed
    over, so nothing needs to be drained at the same moment. Levels and orders follow their own deltas: apply
    one kind, or both.

    Args:
        instrument_id: The instrument to follow; deltas of others are passed over.
    """

    __slots__ = {
        "_levels": "By side: price -> (qty, count).",
        "_orders": "order_id -> (side, price, qty), by arrival at the price.",
        "instrument_id": "The instrument that is followed.",
        "l2_sequence": "The last command whose L2 deltas are in.",
        "l3_sequence": "The last command whose L3 deltas are in.",
    }

    def __init__(self, instrument_id: int) -> None:
        self.instrument_id = instrument_id
        self.l2_sequence = 0
        self.l3_sequence = 0
        self._levels: dict[Side, dict[int, tuple[int, int]]] = {Side.BUY: {}, Side.SELL: {}}
        self._orders: dict[int, tuple[Side, int, int]] = {}

    @classmethod
    def of(cls, book: Book) -> BookMirror:
        """Copy a book as it is now."""
        mirror = cls(book.instrument_id)
        bids, asks = book.l2()
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            mirror._levels[side] = {price: (qty, count) for price, qty, count, *_ in levels.tolist()}
        mirror._orders = {
            order_id: (Side(side), price, qty) for order_id, price, qty, side, *_ in book.l3().tolist()
        }
        mirror.l2_sequence = mirror.l3_sequence = book.engine.command_sequence
        return mirror

    def apply_l2(self, deltas: Records) -> None:
        """Take up level changes, in order: dtype L2_DELTA_DTYPE."""
        fields = deltas[["command_sequence", "instrument_id", "side", "price", "qty", "count"]]
        known = self.l2_sequence
        for sequence, instrument_id, side, price, qty, count in fields.tolist():
            if sequence <= known or instrument_id != self.instrument_id:
                continue
            levels = self._levels[Side(side)]
            if count == 0:
                levels.pop(price, None)
            else:
                levels[price] = (qty, count)
            self.l2_sequence = sequence

    def apply_l3(self, deltas: Records) -> None:
        """Take up order changes, in order: dtype L3_DELTA_DTYPE.

        Raises:
            KeyError: A delta of an order that is not here: some deltas before it are missing.
        """
        fields = deltas[["command_sequence", "instrument_id", "action", "side", "order_id", "price", "qty"]]
        known = self.l3_sequence
        for sequence, instrument_id, action, side, order_id, price, qty in fields.tolist():
            if sequence <= known or instrument_id != self.instrument_id:
                continue
            if action == L3Action.ADD:
                self._orders[order_id] = (Side(side), price, qty)
            elif action == L3Action.SET:
                side_of, price_of, _ = self._orders[order_id]
                self._orders[order_id] = (side_of, price_of, qty)
            else:
                del self._orders[order_id]
            self.l3_sequence = sequence

    def l2(self, depth: int | None = None) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """The levels, bids and asks, each best first, as (price, qty, count)."""
        bids, asks = (
            [(price, *levels[price]) for price in sorted(levels, reverse=side is Side.BUY)[:depth]]
            for side, levels in self._levels.items()
        )
        return bids, asks

    def l3(self) -> list[tuple[int, int, int, Side]]:
        """Every displayed order in priority order, bids then asks, as (order_id, price, qty, side)."""

        def priority(row: tuple[int, int, int, Side]) -> tuple[Side, int]:
            _, price, _, side = row
            return side, -price if side is Side.BUY else price

        # The dict has the orders by arrival at their price, and sorting is stable.
        return sorted(
            ((order_id, price, qty, side) for order_id, (side, price, qty) in self._orders.items()),
            key=priority,
        )

    def __repr__(self) -> str:
        bids, asks = self.l2(1)
        best = " | ".join(f"{side[0][0]:,} x {side[0][1]:,}" if side else "-" for side in (bids, asks))
        return f"<cmatch.BookMirror of instrument {self.instrument_id}: {best}>"
