"""The expected books while a tape is translated, and every command that changes them.

The desk keeps for each order of the venue what the engine will hold of it: its id there, its leaves, what of
it is filled. Each method writes the commands and does to the expected book what they will do to the engine's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

import numpy as np

from cmatch.replay.auction import uncross_price, uncross_trades
from cmatch.replay.book import Book, Resting
from cmatch.replay.commands import CALL_AUCTION, CONTINUOUS, HALTED, PRE_OPEN, CommandWriter
from cmatch.replay.effects import FLAGS, KIND, ORDER_ID, QTY, EffectFlag, EffectKind, Records, Row

_LAST, _ARRIVES, _AGED = int(EffectFlag.LAST), int(EffectFlag.ARRIVES), int(EffectFlag.AGED)


class Desk:
    """Books, orders and phases as they must be in the engine; `now` is the time that commands are given."""

    def __init__(self, effects: Records, instruments: int) -> None:
        trades = np.flatnonzero(np.isin(effects["kind"], (EffectKind.FILL, EffectKind.UNCROSS)))
        owner = effects["instrument"][trades]
        self._kinds = effects["kind"]
        self._trades = [trades[owner == k].tolist() for k in range(instruments)]
        self.phases = [
            PRE_OPEN if places and self._kinds[places[0]] == EffectKind.UNCROSS else CONTINUOUS
            for places in self._trades
        ]
        self.books = [Book() for _ in range(instruments)]
        self.orders: dict[int, Resting] = {}
        self.last_price: list[int | None] = [None] * instruments
        self.out = CommandWriter(effects, self.phases)
        self.expected: list[tuple[int, int, int, int, int]] = []  # as TRADE_DTYPE
        self.arrived: dict[
            int, deque[tuple[int, int]]
        ] = {}  # by incoming order: maker and quantity of its trades
        self.now = 0
        self.start = 0  # effects before the rows at hand
        self.live_most = 0
        self.unknown = self.stale = self.duplicates = self.requeued = 0
        self._used: set[int] = set()
        self._fresh_id: int = 10 ** len(str(int(effects["order_id"].max(initial=1))))

    def new_id(self) -> int:
        """An id above all of the venue's."""
        self._fresh_id += 1
        return self._fresh_id

    def engine_id(self, order_id: int) -> int:
        """The venue's id, or a new one where the engine has had it before."""
        if order_id in self._used:
            return self.new_id()
        self._used.add(order_id)
        return order_id

    def expect(self, taker: int, maker: Resting, qty: int, price: int | None = None) -> None:
        """Writes down a trade that the engine must make."""
        at = maker.price if price is None else price
        self.expected.append((taker, maker.engine_id, qty, at, maker.instrument + 1))

    # Orders that rest.

    def add(self, row: Row, rows: list[Row], k: int) -> None:
        """An order came; `rows` and `k` tell what follows it."""
        _, order_id, price, qty, _, _, _, instrument, _, side, flags = row
        if order_id in self.orders:
            self.duplicates += 1
            self.amend(row, rows, k)
            return
        self._unhalt(instrument)
        book = self.books[instrument]
        order = Resting(order_id, self.engine_id(order_id), instrument, side, price, qty)
        if self.phases[instrument] == CONTINUOUS and book.blocking(side, price) is not None:
            if flags & _ARRIVES:
                self._arrive(book, order)
                return
            self._clear_way(rows, k, instrument, side, price)
        self.out.limit(self.now, instrument, side, order.engine_id, qty, price)
        self._rest(order)
        if flags & _AGED:
            self._requeue_younger(book, order)

    def amend(self, row: Row, rows: list[Row], k: int) -> None:
        """An order now has this price and these leaves; one that is not there comes with them."""
        _, order_id, price, qty, _, _, _, instrument, _, side, _ = row
        order = self.orders.get(order_id)
        if order is None or side != order.side:
            if order is not None:
                self.cancel(order)
            if qty > 0:
                self.add(row, rows, k)
        elif qty <= 0:
            self.cancel(order)
        elif price == order.price and qty <= order.leaves:
            if qty < order.leaves:
                self._shrink(order, qty)
        else:
            self._unhalt(instrument)
            own_side = self.books[instrument].side(side)
            own_side.remove(order)
            if price != order.price and self.phases[instrument] == CONTINUOUS:
                self._clear_way(rows, k, instrument, side, price)
            self.out.replace(self.now, instrument, order.engine_id, order.filled + qty, price)
            order.price, order.leaves = price, qty
            own_side.append(order)

    def reduce(self, order_id: int, qty: int | None) -> None:
        """An order lost this quantity; None: all of it."""
        order = self.orders.get(order_id)
        if order is None:
            self.unknown += 1
        elif qty is None or qty >= order.leaves:
            self.cancel(order)
        else:
            self._shrink(order, order.leaves - qty)

    def cancel(self, order: Resting) -> None:
        """Cancels what is left of an order."""
        self.out.cancel(self.now, order.instrument, order.engine_id)
        self._forget(order)

    def clear(self, instrument: int) -> None:
        """Cancels all orders of an instrument."""
        self.out.clear(self.now, instrument)
        for order in [order for order in self.orders.values() if order.instrument == instrument]:
            self._forget(order)

    def fill(self, order: Resting, qty: int) -> None:
        """A trade takes this off a resting order."""
        order.leaves -= qty
        order.filled += qty
        self.last_price[order.instrument] = order.price
        if order.leaves == 0:
            self._forget(order)

    def _rest(self, order: Resting) -> None:
        self.books[order.instrument].side(order.side).append(order)
        self.orders[order.order_id] = order
        self.live_most = max(self.live_most, len(self.orders))

    def _forget(self, order: Resting) -> None:
        self.books[order.instrument].side(order.side).remove(order)
        del self.orders[order.order_id]

    def _shrink(self, order: Resting, leaves: int) -> None:
        self._unhalt(order.instrument)
        order.leaves = leaves
        self.out.replace(self.now, order.instrument, order.engine_id, order.filled + leaves, order.price)

    def _arrive(self, book: Book, order: Resting) -> None:
        """An order that the venue shows as it came: the engine matches it."""
        self.out.limit(self.now, order.instrument, order.side, order.engine_id, order.leaves, order.price)
        trades = self.arrived[order.order_id] = deque()
        while order.leaves and (maker := book.blocking(order.side, order.price)) is not None:
            qty = min(order.leaves, maker.leaves)
            self.expect(order.engine_id, maker, qty)
            trades.append((maker.order_id, qty))
            self.fill(maker, qty)
            order.leaves -= qty
            order.filled += qty
        if order.leaves:
            self._rest(order)

    def _requeue_younger(self, book: Book, order: Resting) -> None:
        """Puts those with a larger id behind an order that was in the queue before them."""
        queue = book.side(order.side).levels[order.price]
        for other in [other for other in queue.values() if other.order_id > order.order_id]:
            self.out.cancel(self.now, other.instrument, other.engine_id)
            other.engine_id, other.filled = self.new_id(), 0
            self.out.limit(self.now, other.instrument, other.side, other.engine_id, other.leaves, other.price)
            queue.move_to_end(other.order_id)
            self.requeued += 1

    # Orders in the way.

    def _clear_way(self, rows: list[Row], k: int, instrument: int, side: int, price: int) -> None:
        """Makes room for an order that rests at the venue though it would trade in our book."""
        book = self.books[instrument]
        while (blocker := book.blocking(side, price)) is not None:
            if blocker.order_id not in self.withdrawn(rows, k):
                if self._auction_ahead(instrument, k):
                    self.enter(instrument, CALL_AUCTION)
                    return
                self.stale += 1
            self.cancel(blocker)

    def _auction_ahead(self, instrument: int, k: int) -> bool:
        places = self._trades[instrument]
        ahead = bisect_left(places, self.start + k)
        return ahead < len(places) and bool(self._kinds[places[ahead]] == EffectKind.UNCROSS)

    @staticmethod
    def withdrawn(rows: list[Row], k: int) -> set[int]:
        """Orders that are canceled, and not executed, between row k and the end of its packet."""
        canceled: set[int] = set()
        executed: set[int] = set()
        for at in range(k, len(rows)):
            row = rows[at]
            if row[KIND] == EffectKind.FILL:
                executed.add(row[ORDER_ID])
            elif row[KIND] == EffectKind.DELETE or (row[KIND] == EffectKind.SET and row[QTY] <= 0):
                canceled.add(row[ORDER_ID])
            if row[FLAGS] & _LAST:
                break
        return canceled - executed

    # Phases.

    def enter(self, instrument: int, phase: int) -> None:
        """Moves an instrument into a phase."""
        self.phases[instrument] = phase
        self.out.phase(self.now, instrument, phase)

    def call(self, instrument: int) -> None:
        """Moves an instrument into a call, if it is in none."""
        if self.phases[instrument] not in (PRE_OPEN, CALL_AUCTION):
            self.enter(instrument, CALL_AUCTION)

    def phase(self, instrument: int, phase: int) -> None:
        """The venue enters a phase: halted, call auction or continuous."""
        now = self.phases[instrument]
        if phase == CONTINUOUS and now != CONTINUOUS:
            self.call(instrument)
            self.open(instrument)
        elif phase == CALL_AUCTION:
            self.call(instrument)
        elif phase != now:
            self.enter(instrument, phase)

    def _unhalt(self, instrument: int) -> None:
        """The engine takes no orders while it is halted; where the venue does, it is in a call."""
        if self.phases[instrument] == HALTED:
            self.enter(instrument, CALL_AUCTION)

    def open(
        self, instrument: int, market: list[Resting] | None = None
    ) -> tuple[int | None, int, dict[int, int]]:
        """Uncrosses a call into continuous trading.

        Args:
            instrument: which.
            market: market orders that take part.

        Returns:
            Our price and volume, and what each order, by the venue's id, trades.
        """
        self.enter(instrument, CONTINUOUS)
        book, extra = self.books[instrument], market or []
        found = uncross_price(book, self.last_price[instrument], extra)
        traded: dict[int, int] = {}
        if found is None:
            return None, 0, traded
        price, volume = found
        for buy, sell, qty in uncross_trades(book, price, volume, extra):
            self.expect(sell.engine_id, buy, qty, price)
            for order in (buy, sell):
                traded[order.order_id] = traded.get(order.order_id, 0) + qty
                if order.order_id in self.orders:
                    self.fill(order, qty)
        self.last_price[instrument] = price
        return price, volume, traded

    def at_open(self, instrument: int, sides: dict[int, tuple[int, int]]) -> list[Resting]:
        """Enters market orders for the uncross: side and quantity by the venue's id."""
        orders = []
        for order_id, (side, qty) in sides.items():
            order = Resting(order_id, self.engine_id(order_id), instrument, side, 0, qty)
            self.out.at_open(self.now, instrument, side, order.engine_id, qty)
            orders.append(order)
        return orders

    def resting(self) -> list[tuple[int, int, int, int, int]]:
        """What must rest in the engine now: instrument id, side, price, order id, leaves."""
        return [
            (k + 1, order.side, order.price, order.engine_id, order.leaves)
            for k, book in enumerate(self.books)
            for order in book.orders()
        ]
