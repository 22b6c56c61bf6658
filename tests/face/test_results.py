"""Result, Trade and TopOfBook as values, and what a Result says of an order."""

import copy
import pickle

import pytest

import cmatch
from cmatch import CancelReason, OrderStatus, RejectCode

TRADE = cmatch.Trade(
    trade_id=1,
    instrument_id=1,
    price=101,
    qty=4,
    maker_order_id=1,
    maker_account=7,
    maker_leaves=6,
    taker_order_id=2,
    taker_account=8,
    taker_leaves=0,
    taker_side="buy",
)
RESULT = cmatch.Result(
    order_id=2, status="filled", reason=None, filled=4, remaining=0, trades=(TRADE,), sequence=3
)


def test_result_of_a_call_equals_one_made_by_hand(engine: cmatch.Engine) -> None:
    """Results compare by value, trades included."""
    engine.submit(1, "sell", 10, 101, account=7)
    assert engine.submit(1, "buy", 4, 101, account=8) == RESULT
    assert hash(RESULT) == hash(copy.copy(RESULT))


def test_result_differs_where_a_field_differs() -> None:
    """One field is enough."""
    assert cmatch.Result(2, "filled", None, 5, 0, (TRADE,), 3) != RESULT
    assert RESULT != "filled"


@pytest.mark.parametrize("value", [TRADE, RESULT, cmatch.TopOfBook(100, 5, None, 0)])
def test_value_is_pickled_and_copied_whole(value: object) -> None:
    """So that results travel between processes."""
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 (our own bytes)
    assert copy.deepcopy(value) == value


def test_result_repr_is_the_call_that_makes_it() -> None:
    """A person reads it, and Python too."""
    names = {name: getattr(cmatch, name) for name in ("Result", "Trade", "OrderStatus", "Side")}
    assert eval(repr(RESULT), names) == RESULT  # noqa: S307
    assert (
        repr(cmatch.TopOfBook(100, 5, None, 0))
        == "TopOfBook(bid_price=100, bid_qty=5, ask_price=None, ask_qty=0)"
    )


def test_result_matches_a_pattern() -> None:
    """Fields are match arguments."""
    match RESULT:
        case cmatch.Result(2, OrderStatus.FILLED, None, filled):
            assert filled == 4
        case _:
            pytest.fail("no match")


def test_value_is_immutable() -> None:
    """No field can be written, and there is no place for others."""
    with pytest.raises(AttributeError):
        RESULT.filled = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        RESULT.note = "x"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "arguments", [(), (1,), (2, "filled", None, 4.0, 0, (), 3), (2, "filled", None, 4, 0, [], 3)]
)
def test_result_made_of_wrong_fields_is_a_type_error(arguments: tuple[object, ...]) -> None:
    """The constructor takes all fields, of their types."""
    with pytest.raises(TypeError):
        cmatch.Result(*arguments)  # type: ignore[arg-type]


def test_top_of_book_is_true_where_a_side_has_a_price() -> None:
    """An empty book is false; a price of 0 is a price."""
    assert not cmatch.TopOfBook(None, 0, None, 0)
    assert cmatch.TopOfBook(0, 1, None, 0)


def test_result_of_waiting_stop_is_new_and_its_place_tells(engine: cmatch.Engine) -> None:
    """FIX has no word for a waiting stop but New."""
    engine.submit(1, "sell", 1, 100)
    engine.submit(1, "buy", 1, 100)
    result = engine.submit(1, "buy", 5, type="stop", stop_price=110)
    order = engine.order(3)
    assert (result.status, result.remaining) == (OrderStatus.NEW, 5)
    assert order is not None
    assert order.place is cmatch.OrderPlace.WAITING_STOP


def test_result_lists_trades_of_the_stops_it_released(engine: cmatch.Engine) -> None:
    """Trades are those of the call; filled is the order's own."""
    engine.submit(1, "buy", 1, 100)
    engine.submit(1, "buy", 5, 99)
    engine.submit(1, "sell", 2, type="stop", stop_price=100)
    result = engine.submit(1, "sell", 1, 100)
    assert (result.status, result.filled) == (OrderStatus.FILLED, 1)
    assert [(trade.taker_order_id, trade.price, trade.qty) for trade in result.trades] == [
        (4, 100, 1),
        (3, 99, 2),
    ]


def test_result_of_a_taker_hit_by_the_stop_it_released_counts_both(engine: cmatch.Engine) -> None:
    """An order that takes, rests, and is then hit in the same call is filled by all of it."""
    engine.submit(1, "sell", 1, 105)
    engine.submit(1, "buy", 1, 105)
    engine.submit(1, "sell", 2, type="stop", stop_price=100)
    engine.submit(1, "sell", 1, 100)
    result = engine.submit(1, "buy", 4, 100)
    assert (result.status, result.filled, result.remaining) == (OrderStatus.PARTIALLY_FILLED, 3, 1)
    assert [(trade.maker_order_id, trade.taker_order_id) for trade in result.trades] == [(4, 5), (5, 3)]


def test_result_of_decrement_to_nothing_is_canceled(engine: cmatch.Engine) -> None:
    """Self-trade prevention leaves a canceled order that traded nothing."""
    engine.submit(1, "sell", 5, 100, account=7)
    result = engine.submit(1, "buy", 3, 100, account=7, stp_mode="decrement")
    assert (result.status, result.reason, result.filled, result.remaining) == (
        OrderStatus.CANCELED,
        CancelReason.SELF_TRADE,
        0,
        0,
    )


def test_result_of_order_that_expired_in_the_call_is_a_reject(engine: cmatch.Engine) -> None:
    """The clock comes first: the cancel of an order that it expired finds none."""
    engine.submit(1, "buy", 5, 100, time_in_force="gtd", expire_at=10, timestamp=1)
    result = engine.cancel(1, 1, timestamp=10)
    assert (result.status, result.reason) == (OrderStatus.REJECTED, RejectCode.UNKNOWN_ORDER)


def test_result_of_admin_command_is_accepted_without_an_order(engine: cmatch.Engine) -> None:
    """It has no order, and all trades of its uncross."""
    assert engine.set_phase(1, "call_auction")
    engine.submit(1, "sell", 5, 100)
    engine.submit(1, "buy", 3, 100)
    result = engine.set_phase(1, cmatch.Phase.CONTINUOUS)
    assert (result.order_id, result.status, result.filled) == (None, OrderStatus.ACCEPTED, 0)
    assert [(trade.qty, trade.taker_side) for trade in result.trades] == [(3, None)]


def test_every_admin_command_takes_effect(engine: cmatch.Engine) -> None:
    """Reference, mark, time, ids and mass cancel, with their rejects as data."""
    engine.submit(1, "buy", 5, 100, account=7)
    engine.submit(1, "buy", 5, 100, account=8)
    results = [
        engine.set_reference(1, 50),
        engine.set_mark(1, 51),
        engine.advance_time(1000),
        engine.mass_cancel(account=7, side="buy"),
        engine.mass_cancel(side="buy"),
        engine.retire_ids(1),
        engine.set_mark(2, 51),
    ]
    assert [result.reason for result in results] == [
        None,
        None,
        None,
        None,
        RejectCode.INVALID_SCOPE,
        None,
        RejectCode.UNKNOWN_INSTRUMENT,
    ]
    instrument = engine.instrument(1)
    assert (instrument.reference, instrument.mark, instrument.live_orders) == (50, 51, 1)
    assert (engine.clock, engine.retired_up_to, engine.live_orders) == (1000, 1, 1)


def test_define_instrument_refuses_a_float_by_name(engine: cmatch.Engine) -> None:
    """Like every other integer argument."""
    with pytest.raises(TypeError, match="tick_step must be an int, not float"):
        engine.define_instrument(2, tick_step=0.01)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="phase must be one of"):
        engine.define_instrument(2, phase="open")


def test_define_instrument_every_field_comes_back(engine: cmatch.Engine) -> None:
    """What is defined is what the view shows."""
    given = {
        "tick_step": 2,
        "lot_step": 3,
        "min_price": -100,
        "max_price": 1000,
        "max_qty": 30,
        "max_notional": 10**6,
        "max_parts": 5,
        "max_pegs": 6,
        "collar": 10,
        "static_band": 20,
        "dynamic_band": 30,
        "reference": 100,
    }
    engine.define_instrument(
        7, **given, trigger_source="mark", stop_wrong_side="trigger", band_mode="halt", phase="pre_open"
    )
    instrument = engine.instrument(7)
    assert {name: getattr(instrument, name) for name in given} == given
    assert [str(instrument.trigger_source), str(instrument.stop_wrong_side), str(instrument.band_mode)] == [
        "mark",
        "trigger",
        "halt",
    ]
    assert instrument.phase is cmatch.Phase.PRE_OPEN
    assert engine.instruments == (1, 7)
