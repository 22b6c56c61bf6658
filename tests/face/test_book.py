"""Books to look at: views, the ladder, the picture, and mirrors kept by deltas."""

import builtins
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.patches import Rectangle

import cmatch
from cmatch.arrays import Records

LADDER = """\
instrument 1, continuous, last 101
  orders         bid       price         ask  orders
----------------------------------------------------
                             102           7       1
                             101           6       1
       2           9         100
       1       1,200          99"""


@pytest.fixture
def book(engine: cmatch.Engine) -> cmatch.Book:
    """Give a small book after one trade."""
    engine.submit(1, "sell", 10, 101, account=7)
    engine.submit(1, "buy", 4, 101, account=8)
    engine.submit(1, "sell", 7, 102)
    engine.submit(1, "buy", 5, 100)
    engine.submit(1, "buy", 9, 100, display_qty=4)
    engine.submit(1, "buy", 1200, 99)
    engine.submit(1, "buy", 50, 98, flags="hidden")
    return engine.book(1)


def test_book_prints_as_a_ladder(book: cmatch.Book) -> None:
    """As a trading screen has it; hidden orders do not show."""
    assert repr(book) == str(book) == LADDER


def test_book_ladder_marks_what_it_leaves_out(book: cmatch.Book) -> None:
    """One level a side, and dots beyond."""
    lines = book.ladder(1).splitlines()
    assert [line.strip().split()[0] for line in lines[3:]] == ["...", "101", "2", "..."]


def test_empty_book_says_so(engine: cmatch.Engine) -> None:
    """No level, no trade."""
    text = repr(engine.book(1))
    assert "no trade yet" in text
    assert text.endswith("empty")


def test_book_of_unknown_instrument_raises(engine: cmatch.Engine) -> None:
    """When it is asked for, not when it is first looked at."""
    with pytest.raises(cmatch.UnknownInstrument, match="instrument 2 is not defined"):
        engine.book(2)


def test_book_levels_are_best_first(book: cmatch.Book) -> None:
    """L1 and L2, whole and cut."""
    assert book.best == book.l1() == cmatch.TopOfBook(100, 9, 101, 6)
    bids, asks = book.l2()
    assert bids[["price", "qty", "count"]].tolist() == [(100, 9, 2), (99, 1200, 1)]
    assert asks[["price", "qty", "count"]].tolist() == [(101, 6, 1), (102, 7, 1)]
    bids, asks = book.l2(1)
    assert (bids["price"].tolist(), asks["price"].tolist()) == ([100], [101])
    assert bids.dtype == cmatch.LEVEL_DTYPE


def test_book_depth_below_one_is_refused(book: cmatch.Book) -> None:
    """None is the whole book; 0 is a mistake."""
    with pytest.raises(ValueError, match="depth must be at least 1"):
        book.l2(0)
    with pytest.raises(OverflowError, match="depth"):
        book.l2(-1)


def test_book_orders_are_in_priority(book: cmatch.Book) -> None:
    """L3 shows each displayed order, an iceberg by its shown part."""
    rows = book.l3()
    assert rows.dtype == cmatch.L3_DTYPE
    assert rows[["order_id", "price", "qty", "side"]].tolist() == [
        (4, 100, 5, cmatch.Side.BUY),
        (5, 100, 4, cmatch.Side.BUY),
        (6, 99, 1200, cmatch.Side.BUY),
        (1, 101, 6, cmatch.Side.SELL),
        (3, 102, 7, cmatch.Side.SELL),
    ]


def test_queue_position_counts_what_is_ahead(book: cmatch.Book) -> None:
    """None of an order that does not rest in this book."""
    assert book.queue_position(5) == cmatch.QueuePosition(orders_ahead=1, qty_ahead=5)
    assert book.queue_position(2) is None
    book.engine.define_instrument(2)
    assert book.engine.book(2).queue_position(5) is None


def test_order_view_is_whole(book: cmatch.Book) -> None:
    """A live order by its id; None once it is gone."""
    assert book.engine.order(2) is None
    assert book.engine.order(5) == cmatch.Order(
        order_id=5,
        account=0,
        instrument_id=1,
        side=cmatch.Side.BUY,
        type=cmatch.OrderType.LIMIT,
        time_in_force=cmatch.TimeInForce.GTC,
        place=cmatch.OrderPlace.RESTING,
        flags=cmatch.OrderFlag(0),
        stp_mode=cmatch.StpMode.NONE,
        stp_group=None,
        order_qty=9,
        cum_qty=0,
        leaves_qty=9,
        shown_qty=4,
        price=100,
        stop_price=None,
        trail=None,
        peg=None,
        offset=None,
        worst_price=None,
        display_qty=4,
        expire_at=None,
        arrival=5,
    )


def test_order_view_flags_are_flags(engine: cmatch.Engine) -> None:
    """Also where there is none, or more than one."""
    engine.submit(1, "buy", 1, 100, flags=cmatch.OrderFlag.POST_ONLY | cmatch.OrderFlag.HIDDEN)
    order = engine.order(1)
    assert order is not None
    assert (type(order.flags), str(order.flags)) == (cmatch.OrderFlag, "post_only|hidden")


def test_indicative_shows_what_an_uncross_would_do(engine: cmatch.Engine) -> None:
    """In a call only."""
    assert engine.book(1).indicative() is None
    engine.set_phase(1, "call_auction")
    engine.submit(1, "buy", 5, 102)
    engine.submit(1, "sell", 3, 100)
    assert engine.book(1).indicative() == cmatch.Indicative(price=102, volume=3, surplus=2)


def test_trades_are_the_last_of_the_tape() -> None:
    """Oldest first, as many as `tape`."""
    engine = cmatch.Engine(tape=2)
    engine.define_instrument(1)
    for price in (100, 101, 102):
        engine.submit(1, "sell", 1, price)
        engine.submit(1, "buy", 1, price)
    tape = engine.trades()
    assert tape.dtype == cmatch.TAPE_DTYPE
    assert tape[["trade_id", "price", "taker_side"]].tolist() == [(2, 101, 1), (3, 102, 1)]


def test_engine_repr_counts(book: cmatch.Book) -> None:
    """A glance at an engine."""
    assert repr(book.engine) == "<cmatch.Engine: 1 instruments, 6 live orders, 8 commands, 1 trades>"


def test_book_plot_draws_its_levels(book: cmatch.Book) -> None:
    """A bar a level, bids and asks by colour."""
    mpl.use("agg")
    axes = book.plot(depth=5)
    bars = sorted(
        (round(bar.get_center()[0]), bar.get_height()) for bar in axes.patches if isinstance(bar, Rectangle)
    )
    assert bars == [(99, 1200), (100, 9), (101, 6), (102, 7)]
    assert axes.get_title(loc="left") == "instrument 1, continuous"
    assert book.plot(ax=axes) is axes
    mpl.pyplot.close("all")


def test_book_plot_without_matplotlib_names_the_extra(
    book: cmatch.Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence."""
    real_import = builtins.__import__

    def without_matplotlib(name: str, *arguments: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match=r"^book.plot\(\) needs Matplotlib: pip install 'cmatch\[plot\]'$"):
        book.plot()


def random_commands(n: int) -> Records:
    """Make n commands for instrument 1 and 2: icebergs, hidden orders, pegs, replaces and cancels."""
    random = np.random.default_rng(11)
    rows = cmatch.commands(
        n,
        instrument_id=random.integers(1, 3, n),
        order_id=np.arange(1, n + 1),
        side=random.integers(1, 3, n),
        qty=random.integers(1, 30, n),
        price=random.integers(95, 106, n),
    )
    shape = random.random(n)
    iceberg, pegged, old = shape < 0.2, (shape >= 0.2) & (shape < 0.25), shape >= 0.6
    rows["display_qty"][iceberg] = 3
    rows["present"][iceberg] |= cmatch.CommandField.DISPLAY_QTY.value
    rows["type"][pegged] = cmatch.OrderType.PEGGED
    rows["peg"][pegged] = cmatch.Peg.PRIMARY
    rows["present"][pegged] = cmatch.CommandField.PEG.value
    rows["kind"][old] = random.choice([cmatch.CommandKind.CANCEL, cmatch.CommandKind.REPLACE], old.sum())
    rows["order_id"][old] = random.integers(1, n, old.sum())
    rows["present"][old] |= cmatch.CommandField.QTY.value
    return rows


@pytest.mark.parametrize("size", [1, 40])
def test_mirror_follows_the_book_by_its_deltas(size: int) -> None:
    """By level and by order, from any moment, over any batches, of one instrument among others."""
    engine = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14, deltas=True)
    engine.submit_batch(cmatch.definitions(2, instrument_id=[1, 2]))
    rows = random_commands(1200)
    engine.submit_batch(rows[:200])
    book = engine.book(1)
    mirror = cmatch.BookMirror.of(book)
    for at in range(200, len(rows), size):
        engine.submit_batch(rows[at : at + size])
        mirror.apply_l2(engine.drain_l2_deltas())
        mirror.apply_l3(engine.drain_l3_deltas())
        bids, asks = book.l2()
        fields = ["price", "qty", "count"]
        assert mirror.l2() == (bids[fields].tolist(), asks[fields].tolist())
        assert mirror.l3() == book.l3()[["order_id", "price", "qty", "side"]].tolist()
    assert len(mirror.l3()) > 10
    assert mirror.l2(2)[0] == mirror.l2()[0][:2]


def test_mirror_without_a_delta_before_is_loud(engine: cmatch.Engine) -> None:
    """A set of an order that it never saw is a gap."""
    mirror = cmatch.BookMirror(1)
    delta = np.zeros(1, cmatch.L3_DELTA_DTYPE)
    delta["command_sequence"], delta["instrument_id"], delta["order_id"] = 1, 1, 5
    delta["action"], delta["side"] = cmatch.L3Action.SET, cmatch.Side.BUY
    with pytest.raises(KeyError):
        mirror.apply_l3(delta)
    assert repr(mirror) == "<cmatch.BookMirror of instrument 1: - | ->"
