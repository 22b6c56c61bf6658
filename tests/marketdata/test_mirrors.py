"""A mirror shows what the engine's book shows, after whatever happened to that."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmatch._core import Venue
from exchange.client.errors import BookParted
from exchange.client.order_book import BookDelta, BookSnapshot, Level, OrderBook, ShownOrder
from exchange.domain.contracts.marketdata import BookUpdate
from exchange.domain.enums import BookAction, BookUpdateKind, BookView, Side
from exchange.errors import WireError
from exchange.schema.book_rows import LEVEL_DTYPE, ORDER_DTYPE, rows_checksum
from exchange.schema.codec import decode_message, encode_message
from exchange.schema.event_rows import Records
from exchange.services.marketdata import mirrors as mirroring
from exchange.services.marketdata.changes import level_changes, order_changes
from exchange.services.marketdata.mirrors import BookWatcher, Mirror, Mirrors, book_of, rows_of
from tests.oracle.venue import Header
from tests.oracle.venue import Venue as Oracle
from tests.oracle.venue.model import Sizes
from tests.venue.adapter import FAMILY_NUMBERS, rows
from tests.venue.core_venue import CoreVenue
from tests.venue.flow import Flow

INSTRUMENTS = (1, 2)


class Reader:
    """What a client makes of a watcher's updates; they go over the wire."""

    def __init__(self, mirror: Mirror, watcher: BookWatcher) -> None:
        self.mirror, self.watcher = mirror, watcher
        self.book = OrderBook(mirror.view)
        self.taken: list[BookSnapshot | BookDelta] = []

    def read(self) -> None:
        """All that waits."""
        if self.watcher.anew:
            self.watcher.anew = False
            for part in self.mirror.snapshot():
                self.take(part)
        while self.watcher.deltas:
            self.take(self.watcher.deltas.popleft())

    def take(self, update: BookUpdate) -> None:
        """One of them."""
        read = self.book.apply(decode_message(BookUpdate, encode_message(update)))
        if read is not None:
            self.taken.append(read)

    def check(self, venue: Venue) -> None:
        """It is the engine's book."""
        instrument = self.mirror.instrument_id
        if instrument not in venue.instruments()["instrument_id"]:
            assert (self.book.bids, self.book.asks) == ([], [])
            return
        for side in Side:
            wanted = [
                (int(row["price"]), int(row["qty"]), int(row["count"]))
                for row in venue.l2(instrument, int(side))
            ]
            assert [(level.price, level.qty, level.count) for level in self.book.levels(side)] == wanted
            if self.book.view is BookView.ORDERS:
                orders = [
                    (int(row["order_id"]), int(row["price"]), int(row["qty"]))
                    for row in venue.l3(instrument)
                    if row["side"] == side
                ]
                found = self.book.orders(side)
                assert [(order.order_id, order.price, order.qty) for order in found] == orders


def book(*shown: tuple[int, int, int, Side]) -> Records:
    """A book of (order id, price, qty, side)."""
    found = np.zeros(len(shown), ORDER_DTYPE)
    for row, (order_id, price, qty, side) in zip(found, shown, strict=True):
        row["order_id"], row["price"], row["qty"], row["side"] = order_id, price, qty, int(side)
    return found


@pytest.mark.req("A028", "B060")
@pytest.mark.parametrize("seed", [3, 10, 15])
def test_mirrors_are_the_engines_books_after_any_flow(seed: int) -> None:
    """All kinds of orders, phases, stops, pegs, reserves, shards; watchers come and go, some read seldom."""
    sizes, numbers = Sizes(), random.Random(seed)
    oracle = Oracle(sizes)
    core = CoreVenue.with_shards(sizes)
    flow = Flow(seed, oracle)
    now = [0]
    mirrors = Mirrors(core.venue, lambda: now[0])
    changed = 0
    for _ in range(6):
        readers, opened = list[Reader](), ExitStack()
        for instrument in INSTRUMENTS:
            for view in BookView:
                block = mirrors.watching(f"A{instrument}", instrument, view)
                readers.append(Reader(*opened.enter_context(block)))
        for _ in range(60):
            family, timestamp, commands = flow.next()
            oracle.apply(family, Header(oracle.sequence + 1, timestamp), commands)
            first = core.venue.sequence + 1
            reports, answers = core.venue.apply(
                FAMILY_NUMBERS[family], first, timestamp, rows(family, commands, first)
            )
            mirrors.applied(reports, answers)
            now[0] += numbers.choice((0, 1, 10**9))
            if numbers.random() < 0.7:
                mirrors.look()
                for reader in readers:
                    if numbers.random() < 0.6:
                        reader.read()
                    if not mirrors.behind and not reader.watcher.deltas and not reader.watcher.anew:
                        reader.check(core.venue)
        now[0] += 10**9
        mirrors.look()
        for reader in readers:
            reader.read()
            reader.check(core.venue)
            changed += len(reader.taken) - 1
        opened.close()
    assert changed > 50


ORDERS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(-2, 2), st.integers(1, 3), st.sampled_from(list(Side))),
    unique_by=lambda order: order[0],
)


def sorted_book(orders: list[tuple[int, int, int, Side]]) -> Records:
    """Best first, within a price in the order of the list; buys are priced below sells."""
    priced = [
        (number, price - 10 if side is Side.BUY else price, qty, side) for number, price, qty, side in orders
    ]
    best = sorted(priced, key=lambda order: (order[3], -order[1] if order[3] is Side.BUY else order[1]))
    return book(*best)


@given(st.lists(ORDERS, min_size=2, max_size=5))
def test_deltas_lead_from_any_book_to_any_other(states: list[list[tuple[int, int, int, Side]]]) -> None:
    """Orders that move, change sides, lose or gain priority; levels likewise."""
    books = [sorted_book(state) for state in states]
    orders, levels = OrderBook(BookView.ORDERS), OrderBook()
    for at, (before, after) in enumerate(zip([books[0], *books], books, strict=False)):
        kept = levels_of(before), levels_of(after)
        for of, found, whole in (
            (orders, order_changes(before, after), after),
            (levels, level_changes(*kept), kept[1]),
        ):
            update = BookUpdate(
                view=of.view,
                kind=BookUpdateKind.DELTA if at else BookUpdateKind.SNAPSHOT,
                first_seq=at,
                last_seq=at,
                checksum=rows_checksum(of.view, whole),
                rows=(found if at else whole).tobytes(),
            )
            of.apply(update)
        shown = [order for side in Side for order in orders.orders(side)]
        assert [(o.order_id, o.price, o.qty, o.side) for o in shown] == [
            tuple(row) for row in after[["order_id", "price", "qty", "side"]].tolist()
        ]
        assert [orders.levels(side) for side in Side] == [levels.levels(side) for side in Side]


def levels_of(orders: Records) -> Records:
    """The sums of a book by order."""
    sums: dict[tuple[int, int], list[int]] = {}
    for price, qty, side in orders[["price", "qty", "side"]].tolist():
        at = sums.setdefault((side, price), [0, 0])
        at[0] += qty
        at[1] += 1
    found = np.zeros(len(sums), LEVEL_DTYPE)
    for row, ((side, price), (qty, count)) in zip(found, sums.items(), strict=True):
        row["side"], row["price"], row["qty"], row["count"] = side, price, qty, count
    return found


def test_what_changes_least_is_told() -> None:
    """Another quantity in its place is one row; who loses his place is told again, and none else."""
    before = book((1, 9, 5, Side.BUY), (2, 9, 5, Side.BUY), (3, 9, 5, Side.BUY), (4, 8, 1, Side.BUY))
    after = book((2, 9, 3, Side.BUY), (3, 9, 5, Side.BUY), (1, 9, 5, Side.BUY), (4, 8, 1, Side.BUY))
    told = [(int(row["order_id"]), BookAction(int(row["action"]))) for row in order_changes(before, after)]
    assert told == [(1, BookAction.REMOVE), (2, BookAction.SET), (1, BookAction.ADD)]


def snapshot_of(*shown: tuple[int, int, int, Side], at: int = 5) -> BookUpdate:
    """A whole book by order."""
    rows = book(*shown)
    return BookUpdate(
        symbol="A1",
        instrument_id=1,
        view=BookView.ORDERS,
        kind=BookUpdateKind.SNAPSHOT,
        first_seq=at,
        last_seq=at,
        checksum=rows_checksum(BookView.ORDERS, rows),
        rows=rows.tobytes(),
    )


def test_a_gap_or_another_checksum_is_seen() -> None:
    """And what cannot be: orders that are not there, rows that are cut; a snapshot mends it."""
    whole = snapshot_of((1, 9, 5, Side.BUY), (2, 12, 4, Side.SELL))
    gone = book((1, 9, 5, Side.BUY))
    gone["action"] = int(BookAction.REMOVE)
    left = rows_checksum(BookView.ORDERS, book((2, 12, 4, Side.SELL)))
    delta = replace(
        whole, kind=BookUpdateKind.DELTA, first_seq=6, last_seq=8, checksum=left, rows=gone.tobytes()
    )
    for wrong, why in (
        (replace(delta, first_seq=7), "the book is at 5, what comes next begins with 7"),
        (replace(delta, first_seq=5), "begins with 5"),
        (replace(delta, checksum=1), "the exchange's has 00000001"),
        (replace(delta, rows=gone.tobytes() * 2), "names what is not in the book"),
        (replace(delta, view=BookView.LEVELS), "the update is of levels"),
    ):
        kept = OrderBook(BookView.ORDERS)
        assert isinstance(kept.apply(whole), BookSnapshot)
        with pytest.raises(BookParted, match=why):
            kept.apply(wrong)
        kept.apply(whole)
        read = kept.apply(delta)
        assert isinstance(read, BookDelta)
        assert (read.first_seq, kept.sequence, kept.bids, kept.asks) == (6, 8, [], [Level(12, 4, 1)])
    for data in (b"x", bytes(32)):
        with pytest.raises(WireError, match=r"no rows of|has no side"):
            OrderBook(BookView.ORDERS).apply(replace(whole, rows=data))


def test_a_large_book_comes_in_parts_and_a_slow_reader_gets_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded; a snapshot stands in for what was let go."""
    monkeypatch.setattr(mirroring, "PART_ROWS", 3)
    monkeypatch.setattr(mirroring, "QUEUE_MAX", 4)
    core = CoreVenue.with_shards(Sizes())
    mirrors = Mirrors(core.venue)
    with mirrors.watching("A1", 1, BookView.ORDERS) as (mirror, watcher):
        mirror.rows = book(*((number, 9, 5, Side.BUY) for number in range(1, 9)))
        reader = Reader(mirror, watcher)
        reader.read()
        assert [len(read.rows) for read in reader.taken] == [8]
        assert [part.more for part in mirror.snapshot()] == [True, True, False]
        for _ in range(9):
            watcher.offer(snapshot_of())
            assert len(watcher.deltas) <= 4
        assert watcher.anew
        reader.read()
        assert len(reader.taken) == 2
        assert reader.book.orders(Side.BUY, 1) == [ShownOrder(1, Side.BUY, 9, 5)]
    assert book_of(core.venue, "A1", 1, BookView.LEVELS, 3).rows == b""
    assert len(rows_of(core.venue, 1, BookView.ORDERS)) == 0
