"""The venue's executions: made by the engine where price-time priority gives them, else listed."""

from __future__ import annotations

from cmatch.replay.book import BUY, SELL, Resting
from cmatch.replay.commands import CONTINUOUS
from cmatch.replay.desk import Desk
from cmatch.replay.effects import (
    AGGRESSOR,
    EVENT,
    FLAGS,
    INSTRUMENT,
    KIND,
    ORDER_ID,
    POSITION,
    PRICE,
    QTY,
    TIMESTAMP,
    EffectFlag,
    EffectKind,
    Records,
    Row,
)
from cmatch.replay.flow import Agreement, Auction, Miss, Why
from cmatch.replay.sequels import tell_sequels

_NO_PRICE, _AUCTION = int(EffectFlag.NO_PRICE), int(EffectFlag.AUCTION)
_MISSED, _RESERVE, _WITHDRAWN, _LATE = 1, 2, 4, 8  # what is noted of a trade event

Piece = list[tuple[Resting, int]]  # makers that one incoming order must meet, and how much of each


class Executions:
    """Translates fills and auctions at a desk, and counts how far our queue names the venue's makers."""

    def __init__(self, desk: Desk, words: str) -> None:
        self.desk = desk
        self.words = words
        self.events: dict[int, int] = {}
        self.misses: list[Miss] = []
        self.auctions: list[Auction] = []
        self.repriced = 0
        self._told_late: dict[tuple[int, int], int] = {}  # (event, order): made before the venue tells it

    def fills(self, rows: list[Row], k: int) -> int:
        """Translates the fills of one incoming order, from row k on; returns how many rows those are."""
        of, at = (rows[k][AGGRESSOR], rows[k][INSTRUMENT]), k
        self.desk.phase(rows[k][INSTRUMENT], CONTINUOUS)  # as the venue trades
        piece: Piece = []
        while at < len(rows):
            if rows[at][KIND] == EffectKind.FILL and (rows[at][AGGRESSOR], rows[at][INSTRUMENT]) == of:
                self._fill(rows, at, piece)
            elif rows[at][KIND] != EffectKind.PRINT:
                break
            at += 1
        self._send(piece)
        return at - k

    def confirm(self, rows: list[Row], k: int) -> None:
        """The venue's word on a trade of an order that our engine has matched already."""
        row = rows[k]
        ours = self.desk.arrived.get(row[AGGRESSOR])
        if (
            not ours
        ):  # it did not cross in our book: the trade is made now, and the incoming order loses it too
            piece: Piece = []
            self.desk.phase(row[INSTRUMENT], CONTINUOUS)
            self._fill(rows, k, piece)
            self._send(piece)
            if row[AGGRESSOR] in self.desk.orders:
                self.desk.reduce(row[AGGRESSOR], row[QTY])
            return
        self.events.setdefault(row[EVENT], 0)
        maker, traded = ours.popleft()
        if (maker, traded) != (row[ORDER_ID], row[QTY]):
            self._miss(row, Why.BEHIND, maker)

    def _fill(self, rows: list[Row], k: int, piece: Piece) -> None:
        row, desk = rows[k], self.desk
        order_id, event = row[ORDER_ID], row[EVENT]
        self.events.setdefault(event, 0)
        made = self._told_late.pop((event, order_id), 0)
        qty = row[QTY] - made
        if qty <= 0:
            return
        order = desk.orders.get(order_id)
        if order is None:
            self._miss(row, Why.RESERVE if made else Why.UNKNOWN)
            return
        front = self._clear_front(rows, k, order, piece)
        if front is not order:
            side = desk.books[order.instrument].side(order.side)
            self._send(piece)
            ahead = side.ahead(order)
            why = Why.BEHIND if front is not None and front.price == order.price else Why.WORSE
            first = front.order_id if front is not None else 0
            self._miss(row, why, first, len(ahead), sum(other.leaves for other in ahead))
            desk.reduce(order_id, qty)
            return
        if row[PRICE] != order.price and not row[FLAGS] & _NO_PRICE:
            self.repriced += 1
        if qty > order.leaves:
            self._miss(row, Why.RESERVE)
        self._take(piece, order, min(qty, order.leaves))

    def _clear_front(self, rows: list[Row], k: int, order: Resting, piece: Piece) -> Resting | None:
        """Looks at the orders in front of a maker.

        One that is canceled later in the packet was withdrawn before. One that the same trade executes too,
        but that is told later, traded first: of an iceberg venues tell all parts at once, at the last one.

        Returns:
            The order in front that neither explains; else the maker, which then stands in front.
        """
        desk, event = self.desk, rows[k][EVENT]
        side = desk.books[order.instrument].side(order.side)
        while (front := side.front()) is not order and front is not None:
            late = _told_later(rows, k, front.order_id) - self._told_late.get((event, front.order_id), 0)
            if front.order_id in desk.withdrawn(rows, k):
                self._send(piece)
                desk.cancel(front)
                self.events[event] |= _WITHDRAWN
            elif late > 0:
                taken = min(late, front.leaves)
                self._told_late[event, front.order_id] = (
                    self._told_late.get((event, front.order_id), 0) + taken
                )
                self._take(piece, front, taken)
                self.events[event] |= _LATE
            else:
                break
        return front

    def _take(self, piece: Piece, maker: Resting, qty: int) -> None:
        """The incoming order at hand meets this maker next."""
        if piece and piece[-1][0].side != maker.side:
            self._send(piece)
        if piece and piece[-1][0] is maker:
            piece[-1] = (maker, piece[-1][1] + qty)
        else:
            piece.append((maker, qty))
        self.desk.fill(maker, qty)

    def _send(self, piece: Piece) -> None:
        """Sends the incoming order that must meet just these makers."""
        if not piece:
            return
        desk, last = self.desk, piece[-1][0]
        taker = desk.new_id()
        qty = sum(taken for _, taken in piece)
        desk.out.limit(desk.now, last.instrument, 3 - last.side, taker, qty, last.price, ioc=True)
        for maker, taken in piece:
            desk.expect(taker, maker, taken)
        piece.clear()

    def _miss(self, row: Row, why: Why, front: int = 0, orders: int = 0, qty: int = 0) -> None:
        self.events[row[EVENT]] |= _RESERVE if why is Why.RESERVE else _MISSED
        order = self.desk.orders.get(row[ORDER_ID])
        price = order.price if order is not None and row[FLAGS] & _NO_PRICE else row[PRICE]
        self.misses.append(
            Miss(
                event=row[EVENT],
                position=row[POSITION],
                timestamp=row[TIMESTAMP],
                instrument=row[INSTRUMENT],
                order_id=row[ORDER_ID],
                price=price,
                qty=row[QTY],
                why=why,
                ahead_orders=orders,
                ahead_qty=qty,
                front=front,
            )
        )

    def uncross(self, rows: list[Row], k: int) -> int:
        """Translates an auction: the engine uncrosses, and where it differs from the venue is put right.

        Returns how many rows it has.
        """
        row, desk = rows[k], self.desk
        instrument, used = row[INSTRUMENT], 1
        venue: dict[int, int] = {}
        while k + used < len(rows) and rows[k + used][FLAGS] & _AUCTION:
            fill = rows[k + used]
            venue[fill[ORDER_ID]] = venue.get(fill[ORDER_ID], 0) + fill[QTY]
            used += 1
        desk.call(instrument)
        book = desk.books[instrument]
        before = {order.order_id: (order.side, order.price, order.leaves) for order in book.orders()}
        market = desk.at_open(
            instrument, _unseen(venue, {key: before[key][0] for key in venue if key in before})
        )
        price, volume, ours = desk.open(instrument, market)
        for order_id in sorted((venue.keys() | ours.keys()) & before.keys()):
            if venue.get(order_id, 0) != ours.get(order_id, 0):
                side, limit, leaves = before[order_id]
                left = leaves - venue.get(order_id, 0)
                right = (row[TIMESTAMP], order_id, limit, left, -1, -1, row[POSITION], instrument, 0, side, 0)
                desk.amend(right, rows, k)
        self.auctions.append(
            Auction(
                timestamp=row[TIMESTAMP],
                instrument=instrument,
                venue_price=row[PRICE],
                venue_qty=row[QTY],
                price=price,
                qty=volume,
                venue_orders=len(venue),
                unseen_orders=len(market),
                same_orders=sum(ours.get(order_id) == qty for order_id, qty in venue.items()),
            )
        )
        return used

    def agreement(self, effects: Records) -> Agreement | None:
        """How far our queue names the venue's makers; None where the tape has no trades to tell."""
        if not self.events and not self.auctions:
            return None
        named = [state for state in self.events.values() if not state & _MISSED]
        return Agreement(
            words=self.words,
            events=len(self.events),
            named=len(named),
            plain=sum(not state & (_WITHDRAWN | _LATE) for state in named),
            reserve=sum(bool(state & _RESERVE) for state in named),
            withdrawn=sum(bool(state & _WITHDRAWN) for state in named),
            late=sum(bool(state & _LATE) for state in named),
            misses=tell_sequels(self.misses, effects),
            auctions=self.auctions,
        )


def _told_later(rows: list[Row], k: int, order_id: int) -> int:
    """How much of an order the trade event of row k executes in its further rows."""
    total = 0
    for at in range(k + 1, len(rows)):
        if rows[at][KIND] != EffectKind.FILL or rows[at][EVENT] != rows[k][EVENT]:
            break
        total += rows[at][QTY] if rows[at][ORDER_ID] == order_id else 0
    return total


def _unseen(venue: dict[int, int], sides: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Sides and quantities of the orders that an auction executed and that were never shown.

    The venue does not tell their sides: they are dealt out, in its order, so that both sides trade the same;
    to none where that cannot be.

    Args:
        venue: what each order traded.
        sides: of the orders that were shown.
    """
    bought = sum(venue[order_id] for order_id, side in sides.items() if side == BUY)
    lacking, odd = divmod(sum(venue.values()) - 2 * bought, 2)
    dealt: dict[int, tuple[int, int]] = {}
    for order_id, qty in venue.items():
        if order_id not in sides:
            dealt[order_id] = (BUY if qty <= lacking else SELL, qty)
            lacking -= qty if qty <= lacking else 0
    return {} if lacking or odd else dealt
