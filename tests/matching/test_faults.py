"""The rows of the fault catalogue that concern the core; each test names its row."""

import time
from typing import Any

import pytest

import cmatch
from tests.matching.adapter import rows
from tests.matching.compare import Pair
from tests.matching.core_engine import CoreEngine
from tests.matching.desk import Desk, rules
from tests.oracle import Event
from tests.oracle.words import MAX_INT64

Command = dict[str, Any]


def new(order_id: int, side: str, qty: int, price: int | None = None, **fields: Any) -> Command:
    """A limit order of account 1 in instrument 1."""
    order = {
        "kind": "new",
        "timestamp": 0,
        "instrument_id": 1,
        "order_id": order_id,
        "account": 1,
        "side": side,
    }
    order |= {"type": "limit", "time_in_force": "gtc", "flags": 0, "stp_mode": "none", "qty": qty}
    return order | ({} if price is None else {"price": price}) | fields


def kinds(events: list[Event]) -> list[str]:
    """The kinds of events, in order."""
    return [event["kind"] for event in events]


def reasons(events: list[Event]) -> list[str]:
    """The reasons of rejects and cancels, in order."""
    return [event["reason"] for event in events if "reason" in event]


@pytest.mark.parametrize("qty", [0, -0, -1, -MAX_INT64 - 1, 1_000_001, MAX_INT64])
def test_row_01_order_of_no_negative_or_too_large_quantity_is_refused(qty: int) -> None:
    """Row 1: InvalidQty; the state hash stays (the pair checks it)."""
    assert reasons(Desk().apply(new(1, "buy", qty, 100))) == ["invalid_qty"]


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (0, "invalid_price"),
        (-5, "invalid_price"),
        (101, "price_off_step"),
        (1_005, "invalid_price"),
        (MAX_INT64, "invalid_price"),
        (-MAX_INT64 - 1, "invalid_price"),
    ],
)
def test_row_02_order_at_a_price_that_cannot_be_is_refused(price: int, reason: str) -> None:
    """Row 2: InvalidPrice outside the bounds, PriceOffStep between two ticks."""
    desk = Desk("tick_step 5, min_price 5, max_price 1000")
    assert reasons(desk.apply(new(1, "buy", 1, price))) == [reason]


def test_row_03_product_beyond_64_bits_is_refused_and_the_largest_is_not() -> None:
    """Row 3: price x qty is made in 128 bits, then checked."""
    desk = Desk(rules=rules(max_price=2**60, max_qty=MAX_INT64, max_notional=MAX_INT64))
    assert reasons(desk.apply(new(1, "buy", 8, 2**60))) == ["notional_overflow"]
    assert reasons(desk.apply(new(1, "buy", MAX_INT64, 2**60))) == ["notional_overflow"]
    assert reasons(desk.apply(new(1, "buy", 2**40, 2**24))) == ["notional_overflow"]
    assert kinds(desk.apply(new(1, "buy", 7, 2**60))) == ["accepted"]
    assert kinds(desk.apply(new(2, "buy", MAX_INT64 - 7, 1))) == ["accepted"]


@pytest.mark.parametrize("ending", ["new o2 bob sell 100 x 5", "cancel o1 ann"])
def test_row_11_engine_id_is_not_reused_after_fill_or_cancel(ending: str) -> None:
    """Row 11: an id once accepted is used for ever, also once it is retired."""
    desk = Desk()
    desk.play(f"new o1 ann buy 100 x 5; {ending}")
    assert desk.play("new o1 ann buy 100 x 5") == "rejected DuplicateOrderId; book - | -"
    assert desk.play("retire_ids o1; new o1 ann buy 100 x 5") == "rejected DuplicateOrderId; book - | -"


def test_row_12_duplicate_of_a_live_id_is_refused_and_the_queue_stays() -> None:
    """Row 12: no second order under a live id, in its own book or another."""
    desk = Desk()
    desk.play("new o1 ann buy 100 x 5; new o2 bob buy 100 x 5")
    assert desk.play("new o1 ann buy 100 x 7") == "rejected DuplicateOrderId; book 100 x 10 | -"
    desk.apply(rules(instrument_id=2))
    assert reasons(desk.apply(new(1, "buy", 5, 100, instrument_id=2))) == ["duplicate_order_id"]
    assert desk.play("new o3 cat sell 100 x 10") == (
        "accepted o3; trade t1 o1/o3 100 x 5; trade t2 o2/o3 100 x 5; book - | -"
    )


def test_row_13_cancel_of_filled_unknown_or_foreign_order_answers_alike() -> None:
    """Row 13: UnknownOrder for all, so nobody learns which ids of others live."""
    desk = Desk()
    desk.apply(rules(instrument_id=2))
    desk.play("new o1 ann buy 100 x 5; new o2 bob sell 100 x 5; new o3 ann buy 99 x 5")
    for command in ("cancel o1 ann", "cancel o99 ann", "cancel o3 bob", "replace o3 bob x 1"):
        assert desk.play(command) == "rejected UnknownOrder; book 99 x 5 | -"
    elsewhere = {"kind": "cancel", "timestamp": 0, "instrument_id": 2, "order_id": 3, "account": 1}
    assert reasons(desk.apply(elsewhere)) == ["unknown_order"]


@pytest.mark.parametrize("cancel_first", [True, False])
def test_row_14_cancel_and_fill_race_by_their_order_in_the_sequence(cancel_first: bool) -> None:
    """Row 14: exactly one of the two; what was filled and what was taken off add up to the order."""
    desk = Desk()
    desk.play("new o1 ann buy 100 x 5")
    if cancel_first:
        assert desk.play("cancel o1 ann") == "canceled o1 x 5 requested; book - | -"
        assert desk.play("new o2 bob sell 100 x 5") == "accepted o2; book - | 100 x 5"
    else:
        assert desk.play("new o2 bob sell 100 x 3") == "accepted o2; trade t1 o1/o2 100 x 3; book 100 x 2 | -"
        assert desk.play("cancel o1 ann") == "canceled o1 x 2 requested; book - | -"
        assert desk.play("cancel o1 ann") == "rejected UnknownOrder; book - | -"


def test_row_15_replace_through_the_spread_trades_at_the_makers_prices() -> None:
    """Row 15: it matches like a new order, and never rests crossed."""
    desk = Desk()
    desk.play("new o1 ann sell 101 x 2; new o2 ann sell 103 x 2; new o3 bob buy 99 x 9")
    assert desk.play("replace o3 bob 103") == (
        "replaced o3 lost; trade t1 o1/o3 101 x 2; trade t2 o2/o3 103 x 2; book 103 x 5 | -"
    )


def test_row_16_replace_to_what_is_filled_or_less_becomes_a_cancel() -> None:
    """Row 16: Canceled(replaced), of what was left."""
    desk = Desk()
    desk.play("new o1 ann buy 100 x 5; new o2 ann buy 100 x 5; new o3 bob sell 100 x 3")
    assert desk.play("replace o1 ann x 3") == "canceled o1 x 2 replaced; book 100 x 5 | -"
    assert desk.play("replace o2 ann x -3") == "canceled o2 x 5 replaced; book - | -"


def test_row_17_exhausted_taker_prints_no_empty_trade() -> None:
    """Row 17: every trade has a quantity; the taker stops where it is filled."""
    desk = Desk()
    desk.play("new o1 ann sell 100 x 2; new o2 ann sell 100 x 2; new o3 ann sell 101 x 2")
    assert (
        desk.play("new o4 bob buy 101 x 2")
        == "accepted o4; trade t1 o1/o4 100 x 2; book - | 100 x 2, 101 x 2"
    )


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_row_18_order_rests_when_the_other_side_is_empty(side: str) -> None:
    """Row 18: nothing is lost: what came in is filled, rests or was taken off."""
    desk = Desk()
    book = "100 x 5 | -" if side == "buy" else "- | 100 x 5"
    assert desk.play(f"new o1 ann {side} 100 x 5") == f"accepted o1; book {book}"
    status = desk.pair.core.order(1)
    assert status is not None
    assert (status["order_qty"], status["cum_qty"], status["leaves_qty"]) == (5, 0, 5)


def test_row_19_cancel_of_the_best_leaves_no_phantom_level() -> None:
    """Row 19: the next price is the best one at once (the pair compares L1 and L2 after every command)."""
    desk = Desk()
    desk.play(
        "new o1 ann buy 100 x 5; new o2 ann buy 99 x 3; new o3 ann sell 101 x 1; new o4 ann sell 102 x 2"
    )
    assert desk.play("cancel o1 ann") == "canceled o1 x 5 requested; book 99 x 3 | 101 x 1, 102 x 2"
    assert desk.pair.core.l1(1) == ((99, 3), (101, 1))
    assert desk.play("cancel o3 ann") == "canceled o3 x 1 requested; book 99 x 3 | 102 x 2"
    assert desk.pair.core.l1(1) == ((99, 3), (102, 2))


def test_row_20_ioc_rest_fok_part_and_crossing_post_only_never_happen() -> None:
    """Row 20: cancel, nothing, reject."""
    desk = Desk()
    desk.play("new o1 ann sell 100 x 3")
    assert desk.play("new o2 bob buy 100 x 5 fok") == "accepted o2; canceled o2 x 5 fok; book - | 100 x 3"
    assert desk.play("new o3 bob buy 100 x 5 post_only") == "rejected WouldCross; book - | 100 x 3"
    assert desk.play("new o4 bob buy 100 x 5 ioc") == (
        "accepted o4; trade t1 o1/o4 100 x 3; canceled o4 x 2 ioc; book - | -"
    )


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("cancel_newest", "canceled o3 x 3 self_trade; book - | 100 x 2"),
        ("cancel_oldest", "canceled o2 x 2 self_trade; book 100 x 3 | -"),
        ("cancel_both", "canceled o2 x 2 self_trade; canceled o3 x 3 self_trade; book - | -"),
        ("decrement", "canceled o2 x 0 self_trade; book 100 x 1 | -"),
    ],
)
def test_row_21_self_trade_after_a_partial_fill_looks_at_the_rest(mode: str, outcome: str) -> None:
    """Row 21: the mode is applied to what is left of the taker."""
    desk = Desk()
    desk.play("new o1 bob sell 100 x 2; new o2 ann sell 100 x 2")
    assert desk.play(f"new o3 ann buy 100 x 5 {mode}") == (
        f"accepted o3; trade t1 o1/o3 100 x 2; prevented o2/o3 x 2; {outcome}"
    )


def test_row_22_two_own_orders_that_cancel_both_end_after_one_step() -> None:
    """Row 22: every command ends; each meeting takes off at least one order."""
    desk = Desk()
    desk.play("new o1 ann sell 100 x 1; new o2 ann sell 100 x 1")
    assert desk.play("new o3 ann buy 100 x 9 cancel_both") == (
        "accepted o3; prevented o1/o3 x 1; canceled o1 x 1 self_trade; canceled o3 x 9 self_trade; "
        "book - | 100 x 1"
    )


def cascade(stops: int) -> tuple[Command, list[Command]]:
    """A definition, and commands of which the last starts a fall through so many chained sell stops.

    Bids lie one tick apart with one lot each; a stop on each of their prices takes the next bid.
    """
    top = stops + 10
    definition = rules(max_price=top + 10, max_qty=10, max_notional=10**9)
    bids = [new(i + 1, "buy", 1, top - i) for i in range(stops + 1)]
    chain = [
        new(10_000_000 + i, "sell", 1, type="stop", stop_price=top - i, account=2)
        for i in reversed(range(stops))
    ]
    return definition, [*bids, *chain, new(20_000_000, "sell", 1, top, account=3)]


def test_row_23_chained_stops_trigger_once_each_in_order() -> None:
    """Row 23: 60 stops, each released by the trade of the one before it, compared with the oracle."""
    definition, commands = cascade(60)
    desk = Desk(rules=definition)
    events = desk.apply(*commands)
    assert [e["order_id"] for e in events if e["kind"] == "triggered"] == [10_000_000 + i for i in range(60)]
    assert kinds(events) == ["accepted", "trade"] + ["triggered", "trade"] * 60


def test_row_23_ten_thousand_chained_stops_take_linear_time() -> None:
    """Row 23: no recursion, bounded work a step: ten times the stops take about ten times as long."""

    def seconds(stops: int) -> float:
        definition, commands = cascade(stops)
        core = CoreEngine.create(1, 50_000, 50_000)
        core.apply_all([definition, *commands[:-1]])
        start = time.thread_time()  # not the time that others take from us
        events = core.engine.submit_batch(rows(commands[-1:]))
        elapsed = time.thread_time() - start
        assert len(events) == 2 + 2 * stops
        return elapsed

    best_of_small, best_of_large = (min(seconds(stops) for _ in range(3)) for stops in (1_000, 10_000))
    assert best_of_large < 40 * best_of_small + 0.01


def test_row_23_halt_ends_a_cascade_and_the_rest_is_judged_anew() -> None:
    """Row 23: the band halts the fall; stops that were on the list wait, and go on when trading does."""
    desk = Desk("static_band 2, band_mode halt, reference 100")
    desk.play("new o1 ann buy 100 x 1; new o2 ann buy 98 x 1; new o3 ann buy 95 x 9")
    desk.play("new o4 bob sell stop 100 x 1; new o5 bob sell stop 100 x 1; new o6 bob sell stop 98 x 1")
    assert desk.play("new o7 cat sell 100 x 1") == (
        "accepted o7; trade t1 o1/o7 100 x 1; triggered o4; trade t2 o2/o4 98 x 1; "
        "triggered o5; canceled o5 x 1 halt; phase halted; book 95 x 9 | -"
    )
    assert desk.play("set_reference 95; set_phase call_auction; set_phase continuous") == (
        "accepted; phase continuous; triggered o6; trade t3 o3/o6 95 x 1; book 95 x 8 | -"
    )


@pytest.mark.parametrize("trail", [0, -1, -MAX_INT64 - 1, 2**60 + 1, MAX_INT64])
@pytest.mark.parametrize("offset", [2**60 + 1, -(2**60) - 1, MAX_INT64, -MAX_INT64 - 1, 0])
def test_row_24_poisonous_trailing_stop_is_a_reject_and_the_engine_goes_on(trail: int, offset: int) -> None:
    """Row 24: a deterministic reject; a standby that replays the commands has the same hash."""
    desk = Desk("trigger_source mark")
    poison: Command = {"type": "trailing_stop_limit", "trail": trail, "offset": offset}
    desk.play("set_mark 100")
    assert reasons(desk.apply(new(1, "sell", 1, **poison))) == ["invalid_stop_price"]
    assert desk.play("new o1 ann sell trail 5 x 1") == "accepted o1; book - | -"
    standby = CoreEngine.create(8, 1_000, 10_000)
    standby.apply_all(desk.pair.history)
    assert standby.state_hash() == desk.pair.core.state_hash()


def test_row_24_largest_trail_and_offset_neither_overflow_nor_trigger() -> None:
    """Row 24: the extremes that are allowed stay within 64 bits at every move."""
    bounds = {"min_price": -(2**60), "max_price": 2**60, "max_notional": MAX_INT64}
    desk = Desk(rules=rules(trigger_source="mark", **bounds))
    desk.play(f"set_mark {2**60}")
    desk.play(f"new o1 ann sell trail {2**60} offset {-(2**60)} x 1; new o2 ann buy trail {2**60} x 1")
    for price in (-(2**60) + 1, 0, 2**60):
        desk.play(f"set_mark {price}")
    assert desk.play(f"new o3 ann sell trail {2**60} offset {2**60} x 1").startswith("accepted o3")


def test_row_25_market_order_on_an_empty_or_thin_book_prints_nothing_outside_the_collar() -> None:
    """Row 25: the rest is canceled, and the event says whether by the collar or for want of orders."""
    desk = Desk("collar 2, reference 100")
    assert desk.play("new o1 ann buy market x 5") == "accepted o1; canceled o1 x 5 no_liquidity; book - | -"
    desk.play("new o2 bob sell 101 x 1; new o3 bob sell 110 x 5")
    assert desk.play("new o4 ann buy market x 5") == (
        "accepted o4; trade t1 o2/o4 101 x 1; canceled o4 x 4 collar; book - | 110 x 5"
    )


def test_row_29_definition_changes_only_while_no_order_lives() -> None:
    """Row 29: a change of the steps is a sequenced command, refused while an order of it lives."""
    desk = Desk()
    desk.play("new o1 ann buy 101 x 5")
    assert reasons(desk.apply(rules(tick_step=10))) == ["instrument_in_use"]
    desk.play("cancel o1 ann")
    assert kinds(desk.apply(rules(tick_step=10))) == ["accepted"]
    assert desk.play("new o2 ann buy 101 x 5") == "rejected PriceOffStep; book - | -"


def test_row_36_clock_that_jumps_or_freezes_never_goes_back_or_expires_early() -> None:
    """Row 36: time is what commands carry; it never runs backwards, and nothing ends before its time."""
    hour = 3_600_000_000_000
    desk = Desk()
    desk.play(f"new o1 ann buy 100 x 1 gtd {2 * hour} at {hour}")
    for moment in (0, -hour, hour, hour, 2 * hour - 1):
        assert desk.play(f"advance_time at {moment}") == "accepted; book 100 x 1 | -"
    stamps = [
        event["timestamp"] for event in desk.apply({"kind": "advance_time", "timestamp": -MAX_INT64 - 1})
    ]
    assert stamps == [2 * hour - 1]
    assert desk.play(f"advance_time at {3 * hour}") == "expired o1 x 1; accepted; book - | -"
    assert desk.play(f"advance_time at {MAX_INT64}") == "accepted; book - | -"
    assert desk.play(f"new o2 ann buy 100 x 1 gtd {MAX_INT64}") == "rejected InvalidExpiry; book - | -"


def test_row_38_deltas_name_their_command_so_that_a_gap_shows() -> None:
    """Row 38: every change of the public book carries the sequence of its command, ascending."""
    pair = Pair.with_instruments(rules())
    core = pair.core
    commands = [new(i, "buy" if i % 2 else "sell", 2, 100 - i % 3) for i in range(1, 20)]
    core.apply_all(commands)
    sequences = [delta["command_sequence"] for delta in core.drain_l3_deltas()]
    assert sequences == sorted(sequences)
    assert set(sequences) <= set(range(2, 21))


def test_row_44_snapshot_with_any_bit_flipped_or_cut_short_is_refused() -> None:
    """Row 44: nothing is half loaded, and the error says why."""
    desk = Desk()
    desk.play("new o1 ann buy 100 x 5; new o2 bob sell 101 x 5 show 2")
    snapshot = desk.pair.core.snapshot()
    for i in range(0, len(snapshot), 7):
        damaged = bytearray(snapshot)
        damaged[i] ^= 1 << (i % 8)
        with pytest.raises(cmatch.SnapshotError, match=r"\w"):
            CoreEngine.restore(bytes(damaged))
        with pytest.raises(cmatch.SnapshotError, match=r"\w"):
            CoreEngine.restore(snapshot[:i])


def test_row_51_full_engine_refuses_new_orders_and_lets_cancels_pass() -> None:
    """Row 51: a limit that is reached is a reject, never an abort."""
    desk = Desk(max_orders=2, max_order_ids=3)
    desk.play("new o1 ann buy 100 x 1; new o2 ann buy 100 x 1")
    assert desk.play("new o3 ann buy 100 x 1") == "rejected CapacityOrders; book 100 x 2 | -"
    desk.play("cancel o1 ann; new o4 ann buy 100 x 1; cancel o4 ann")
    assert desk.play("new o5 ann buy 100 x 1") == "rejected CapacityIds; book 100 x 1 | -"
    assert desk.play("retire_ids o4; new o5 ann buy 100 x 1") == "accepted o5; book 100 x 2 | -"


def test_row_52_halted_market_refuses_orders_and_lets_cancels_pass() -> None:
    """Row 52: PhaseForbids for new and replace; cancel, mass_cancel and admin commands pass."""
    desk = Desk()
    desk.play("new o1 ann buy 100 x 1; new o2 bob buy 99 x 1; set_phase halted")
    assert desk.play("new o3 ann buy 100 x 1") == "rejected PhaseForbids; book 100 x 1, 99 x 1 | -"
    assert desk.play("replace o1 ann x 2") == "rejected PhaseForbids; book 100 x 1, 99 x 1 | -"
    assert desk.play("cancel o1 ann") == "canceled o1 x 1 requested; book 99 x 1 | -"
    assert desk.play("mass_cancel everywhere bob") == "accepted; canceled o2 x 1 mass; book - | -"
    assert desk.play("set_mark 100") == "accepted; book - | -"
