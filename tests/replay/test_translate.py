"""From effects to commands: whatever a tape says, the engine does just what was foretold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmatch.cli.bench import mixed_flow
from cmatch.cli.plain_book import PlainBook
from cmatch.replay import check_trades, play
from cmatch.replay.auction import uncross_price
from cmatch.replay.book import BUY, SELL, Book, Resting
from cmatch.replay.effects import EFFECT_DTYPE, EffectFlag, EffectKind, Tape
from cmatch.replay.feeds.tape import finish
from cmatch.replay.translate import translate

LAST, ARRIVES = int(EffectFlag.LAST), int(EffectFlag.ARRIVES)
AGED, AUCTION = int(EffectFlag.AGED), int(EffectFlag.AUCTION)


def tape(rows: list[tuple[Any, ...]], instruments: int = 1) -> Tape:
    """A tape of (instrument, kind, id, side, price, qty, event, aggressor, flags), a nanosecond apart."""
    effects = np.array(
        [
            (k, order_id, price, qty, event, aggressor, k + 1, instrument, kind, side, flags)
            for k, (instrument, kind, order_id, side, price, qty, event, aggressor, flags) in enumerate(rows)
        ],
        EFFECT_DTYPE,
    )
    return finish(
        Path("tape"),
        "test",
        effects,
        [f"I{k}" for k in range(instruments)],
        price_decimals=[0] * instruments,
        qty_decimals=[0] * instruments,
        rows=len(rows),
        unit="line",
        trade_words="trades",
    )


IDS, PRICES, SIZES = st.integers(1, 12), st.integers(1, 8), st.integers(1, 6)
SIDES, INSTRUMENTS, FLAGS = st.sampled_from([BUY, SELL]), st.integers(0, 1), st.sampled_from([0, LAST])
ROWS = st.one_of(
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.ADD),
        IDS,
        SIDES,
        PRICES,
        SIZES,
        st.just(-1),
        st.just(-1),
        st.sampled_from([0, LAST, LAST | ARRIVES, LAST | AGED]),
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.SET),
        IDS,
        SIDES,
        PRICES,
        st.integers(0, 6),
        st.just(-1),
        st.just(-1),
        FLAGS,
    ),
    st.tuples(
        INSTRUMENTS,
        st.sampled_from([EffectKind.REDUCE, EffectKind.DELETE]),
        IDS,
        SIDES,
        PRICES,
        SIZES,
        st.just(-1),
        st.just(-1),
        FLAGS,
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.FILL),
        IDS,
        SIDES,
        PRICES,
        SIZES,
        st.integers(1, 3),
        st.integers(1, 3),
        FLAGS,
    ),
    st.tuples(
        INSTRUMENTS, st.just(EffectKind.CONFIRM), IDS, SIDES, PRICES, SIZES, st.integers(1, 3), IDS, FLAGS
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.UNCROSS),
        st.just(0),
        st.just(0),
        PRICES,
        SIZES,
        st.just(-1),
        st.just(-1),
        FLAGS,
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.FILL),
        IDS,
        SIDES,
        PRICES,
        SIZES,
        st.just(-1),
        st.just(-1),
        st.just(AUCTION),
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.PHASE),
        st.just(0),
        st.just(0),
        st.sampled_from([3, 5, 6]),
        st.just(0),
        st.just(-1),
        st.just(-1),
        FLAGS,
    ),
    st.tuples(
        INSTRUMENTS,
        st.just(EffectKind.CLEAR),
        st.just(0),
        st.just(0),
        st.just(0),
        st.just(0),
        st.just(-1),
        st.just(-1),
        FLAGS,
    ),
)


def own_ids(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The two instruments share no order ids."""
    shift = 20 * row[0] if row[2] else 0
    taker = row[7] + 20 * row[0] if row[1] == EffectKind.CONFIRM else row[7]
    return (row[0], row[1], row[2] + shift, *row[3:7], taker, row[8])


@settings(max_examples=300)
@given(st.lists(ROWS, min_size=1, max_size=60))
def test_any_tape_gives_commands_that_do_just_what_was_foretold(rows: list[tuple[Any, ...]]) -> None:
    """No reject, just the foretold trades, just the foretold orders at the end: whatever the venue claims."""
    flow = translate(tape([own_ids(row) for row in rows], instruments=2))
    outcome = play(flow, batch=7)
    assert outcome.rejects == {}
    for check in check_trades(flow, outcome):
        assert check.good, check
    outcome.engine.check_invariants()


@settings(max_examples=300)
@given(
    st.lists(st.tuples(SIDES, st.integers(1, 30), SIZES), min_size=1, max_size=12),
    st.lists(st.tuples(SIDES, SIZES), max_size=2),
    st.none() | st.integers(1, 30),
)
def test_uncross_price_is_the_best_of_all_prices(
    limits: list[tuple[int, int, int]], markets: list[tuple[int, int]], reference: int | None
) -> None:
    """Against every tick tried in turn: most volume, least surplus, then pressure, then the reference."""
    book = Book()
    for k, (side, price, qty) in enumerate(limits, 1):
        book.side(side).append(Resting(k, k, 0, side, price, qty))
    market = [Resting(100 + k, 100 + k, 0, side, 0, qty) for k, (side, qty) in enumerate(markets)]

    def totals(price: int) -> tuple[int, int]:
        extra = [sum(qty for side, qty in markets if side == wanted) for wanted in (BUY, SELL)]
        bought = extra[0] + sum(qty for side, at, qty in limits if side == BUY and at >= price)
        return bought, extra[1] + sum(qty for side, at, qty in limits if side == SELL and at <= price)

    named = [price for _, price, _ in limits] + ([reference] if reference else [])
    table = {price: totals(price) for price in range(min(named), max(named) + 1)}
    most = max(min(sides) for sides in table.values())
    found = uncross_price(book, reference, market)
    if most == 0:
        assert found is None
        return
    best = [price for price, sides in table.items() if min(sides) == most]
    least = min(abs(table[price][0] - table[price][1]) for price in best)
    best = [price for price in best if abs(table[price][0] - table[price][1]) == least]
    surpluses = [table[price][0] - table[price][1] for price in best]
    if all(surplus > 0 for surplus in surpluses):
        wanted = best[-1]
    elif all(surplus < 0 for surplus in surpluses):
        wanted = best[0]
    elif reference is not None:
        wanted = min(best, key=lambda price: (abs(price - reference), -price))
    else:
        wanted = min(best, key=lambda price: (abs(2 * price - best[0] - best[-1]), -price))
    assert found == (wanted, most)


def test_better_price_in_our_book_is_told_as_the_reason() -> None:
    """The venue traded behind a better price of ours; the fill comes off its maker."""
    flow = translate(
        tape(
            [
                (0, EffectKind.ADD, 1, SELL, 10, 5, -1, -1, LAST),
                (0, EffectKind.ADD, 2, SELL, 9, 5, -1, -1, LAST),
                (0, EffectKind.FILL, 1, SELL, 10, 2, 1, 1, LAST),
            ]
        )
    )
    assert flow.agreement is not None
    assert [(miss.why.name, miss.front, miss.sequel) for miss in flow.agreement.misses] == [
        ("WORSE", 2, "is not heard of again")
    ]
    assert play(flow).trades.size == 0


@pytest.mark.parametrize("size", [1, 2, 70_000])
def test_long_tape_is_the_same_in_any_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Where the tape is cut into pieces says nothing."""
    rows = [
        row
        for k in range(1, 60)
        for row in (
            (0, EffectKind.ADD, 2 * k, SELL, 10, 5, -1, -1, LAST),
            (0, EffectKind.ADD, 2 * k + 1, BUY, 9, 4, -1, -1, 0),
            (0, EffectKind.FILL, 2 * k, SELL, 10, 3, k, k, 0),
            (0, EffectKind.SET, 2 * k, SELL, 10, 2, -1, -1, LAST),
        )
    ]
    wanted = translate(tape(rows)).commands.tobytes()
    monkeypatch.setattr("cmatch.replay.translate._CHUNK", size)
    assert translate(tape(rows)).commands.tobytes() == wanted


def test_tape_of_a_price_time_venue_is_named_whole() -> None:
    """Effects written down beside a plain book: the engine makes all of its trades, with its makers."""
    venue, rows, wanted = PlainBook(), [], []
    for event, (order_id, is_buy, qty, price, ioc) in enumerate(mixed_flow(3000, 60), 1):
        if qty == 0:
            venue.cancel(order_id)
            rows.append((0, EffectKind.DELETE, order_id, 0, 0, 0, -1, -1, LAST))
            continue
        before = len(venue.trades)
        venue.limit(order_id, is_buy, qty, price, ioc)
        trades = venue.trades[before:]
        wanted += [(maker, at, traded) for maker, _, at, traded in trades]
        left = qty - sum(traded for *_, traded in trades)
        own, other = (BUY, SELL) if is_buy else (SELL, BUY)
        steps = [(0, EffectKind.FILL, m, other, at, traded, event, event, 0) for m, _, at, traded in trades]
        if left and not ioc:
            steps.append((0, EffectKind.ADD, order_id, own, price, left, -1, -1, 0))
        rows += [*steps[:-1], (*steps[-1][:-1], LAST)] if steps else []
    flow = translate(tape(rows))
    outcome = play(flow)
    made = outcome.trades[["maker_order_id", "price", "qty"]].tolist()
    tick, lot = flow.instruments[0].tick, flow.instruments[0].lot
    assert [(maker, price * tick, qty * lot) for maker, price, qty in made] == wanted
    assert len(wanted) > 500
    assert flow.agreement is not None
    assert flow.agreement.named == flow.agreement.events
    assert flow.agreement.misses == []
    assert all(check.good for check in check_trades(flow, outcome))
