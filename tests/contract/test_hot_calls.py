"""What submit, cancel, replace, submit_batch and best do in every binding alike."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cmatch


def fields(value: Any) -> tuple[Any, ...]:
    """All fields of a Result, Trade or TopOfBook: each implementation has types of its own."""
    return tuple(
        tuple(fields(trade) for trade in item) if name == "trades" else item
        for name in type(value).__match_args__
        for item in [getattr(value, name)]
    )


def test_submit_order_that_rests_is_new(engine: Any) -> None:
    """An order that meets nothing lives whole, under the id that the engine gives."""
    result = engine.submit(1, "buy", 10, 100, account=7)
    assert fields(result) == (1, cmatch.OrderStatus.NEW, None, 0, 10, (), 2)


def test_submit_order_that_trades_lists_its_trades(engine: Any) -> None:
    """A taker is filled at the maker's price; the result names both orders."""
    engine.submit(1, "sell", 10, 100, account=7, order_id=40)
    result = engine.submit(1, "buy", 4, 103, account=8, order_id=50)
    trade = (1, 1, 100, 4, 40, 7, 6, 50, 8, 0, cmatch.Side.BUY)
    assert fields(result) == (50, cmatch.OrderStatus.FILLED, None, 4, 0, (trade,), 3)


def test_submit_ioc_that_fills_in_part_is_canceled_with_a_reason(engine: Any) -> None:
    """What is left of an IOC is gone, and the result says why."""
    engine.submit(1, "sell", 3, 100, account=7)
    result = engine.submit(1, "buy", 5, 100, account=8, time_in_force="ioc")
    assert fields(result)[1:5] == (cmatch.OrderStatus.CANCELED, cmatch.CancelReason.IOC, 3, 0)


def test_submit_refused_order_is_data_and_false(engine: Any) -> None:
    """A reject raises nothing: it is a result that is false."""
    result = engine.submit(1, "buy", 0, 100)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.REJECTED, cmatch.RejectCode.INVALID_QTY, 0, 0)
    assert not result


@pytest.mark.parametrize("side", ["buy", "BUY".lower(), cmatch.Side.BUY, 1, np.uint8(1)])
def test_submit_enum_is_a_word_a_member_or_a_number(engine: Any, side: Any) -> None:
    """The three spellings of an enum argument are one."""
    engine.submit(1, side, 1, 100)
    assert fields(engine.best(1)) == (100, 1, None, 0)


def test_submit_enum_number_out_of_range_is_a_reject(engine: Any) -> None:
    """A number that the enum does not have goes to the core, which refuses it as data."""
    assert engine.submit(1, 9, 1, 100).reason is cmatch.RejectCode.INVALID_FIELD


def test_submit_every_field_reaches_the_core(engine: Any) -> None:
    """Optional fields carry their presence bits: each order is refused for what only it gives."""
    codes = cmatch.RejectCode
    wrong: dict[str, tuple[dict[str, Any], cmatch.RejectCode]] = {
        "stop_price": ({"type": "stop_limit", "stop_price": 0}, codes.INVALID_STOP_PRICE),
        "trail": (
            {"type": "trailing_stop_limit", "trail": 0, "offset": 1, "price": None},
            codes.INVALID_STOP_PRICE,
        ),
        "display_qty": ({"display_qty": 0}, codes.INVALID_DISPLAY_QTY),
        "min_qty": ({"min_qty": 0, "time_in_force": "ioc"}, codes.INVALID_MIN_QTY),
        "expire_at": ({"expire_at": 5, "time_in_force": "gtd", "timestamp": 5}, codes.INVALID_EXPIRY),
        "peg": ({"peg": 9, "type": "pegged"}, codes.INVALID_FIELD),
        "flags": ({"flags": 128}, codes.INVALID_FIELD),
        "stp_mode": ({"stp_mode": 9}, codes.INVALID_FIELD),
        "offset": ({"offset": 1}, codes.INVALID_COMBINATION),
        "order_id": ({"order_id": 0}, codes.INVALID_ORDER_ID),
    }
    given = {
        name: engine.submit(1, "buy", 5, **({"price": 100} | extra)).reason
        for name, (extra, _) in wrong.items()
    }
    assert given == {name: code for name, (_, code) in wrong.items()}


def test_submit_stp_group_makes_orders_own(engine: Any) -> None:
    """Two accounts of one group do not trade under cancel_newest."""
    engine.submit(1, "sell", 3, 100, account=7, stp_group=1)
    result = engine.submit(1, "buy", 3, 100, account=8, stp_group=1, stp_mode="cancel_newest")
    assert result.reason is cmatch.CancelReason.SELF_TRADE


def test_cancel_live_order_says_what_had_traded(engine: Any) -> None:
    """A canceled order's result carries its cumulated quantity and no leaves."""
    order = engine.submit(1, "buy", 10, 100, account=7)
    engine.submit(1, "sell", 4, 100, account=8)
    result = engine.cancel(1, order.order_id, account=7)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.CANCELED, cmatch.CancelReason.REQUESTED, 4, 0)


def test_cancel_order_of_another_account_tells_nothing(engine: Any) -> None:
    """Another account is told that there is no such order."""
    engine.submit(1, "buy", 10, 100, account=7)
    result = engine.cancel(1, 1, account=8)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.REJECTED, cmatch.RejectCode.UNKNOWN_ORDER, 0, 0)


def test_replace_to_less_keeps_what_had_traded(engine: Any) -> None:
    """After a replace filled and remaining are those of the order, not of the call."""
    engine.submit(1, "buy", 10, 100, account=7)
    engine.submit(1, "sell", 4, 100, account=8)
    result = engine.replace(1, 1, 7, account=7)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.PARTIALLY_FILLED, None, 4, 3)


def test_replace_through_the_spread_trades(engine: Any) -> None:
    """A replaced order that meets the other side takes."""
    engine.submit(1, "buy", 10, 100, account=7)
    engine.submit(1, "sell", 6, 102, account=8)
    result = engine.replace(1, 1, price=102, account=7)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.PARTIALLY_FILLED, None, 6, 4)
    assert [trade.price for trade in result.trades] == [102]


def test_replace_to_what_had_traded_cancels(engine: Any) -> None:
    """A quantity not above what has traded ends the order."""
    engine.submit(1, "buy", 10, 100, account=7)
    engine.submit(1, "sell", 4, 100, account=8)
    result = engine.replace(1, 1, qty=4, account=7)
    assert fields(result)[:5] == (1, cmatch.OrderStatus.CANCELED, cmatch.CancelReason.REPLACED, 4, 0)


def test_best_shows_both_sides_or_none(engine: Any) -> None:
    """A side without a price has None and no quantity."""
    assert fields(engine.best(1)) == (None, 0, None, 0)
    engine.submit(1, "buy", 10, 100)
    engine.submit(1, "sell", 3, 103)
    assert fields(engine.best(instrument_id=1)) == (100, 10, 103, 3)


def test_best_of_unknown_instrument_raises(engine: Any) -> None:
    """A view of a book that is not there is a mistake of the program, not a reject."""
    with pytest.raises(cmatch.UnknownInstrument, match="instrument 2 is not defined"):
        engine.best(2)


def test_submit_batch_gives_the_events_of_single_calls(engine: Any) -> None:
    """A batch answers every command in order."""
    commands = cmatch.commands(
        3, instrument_id=1, order_id=[1, 2, 3], side=["sell", "buy", "buy"], qty=5, price=[100, 100, 0]
    )
    events = engine.submit_batch(commands)
    assert events.dtype == cmatch.EVENT_DTYPE
    kinds = cmatch.EventKind
    assert events["kind"].tolist() == [kinds.ACCEPTED, kinds.ACCEPTED, kinds.TRADE, kinds.REJECTED]
    assert events["sequence"].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, "buy", 1.0, 100), "qty must be an int, not float"),
        ((1, "buy", 1, 100.0), "price must be an int, not float"),
        ((1, "buy", True, 100), "qty must be an int, not bool"),
        ((1.0, "buy", 1, 100), "instrument_id must be an int, not float"),
        ((1, 1.0, 1, 100), "side must be a cmatch.Side, an int or a str, not float"),
        ((1, "buy", "1", 100), "qty must be an int, not str"),
        ((1, "buy", np.float64(1), 100), "qty must be an int, not numpy.float64"),
    ],
)
def test_submit_wrong_type_is_a_type_error_naming_the_argument(
    engine: Any, arguments: tuple[Any, ...], message: str
) -> None:
    """Floats and bools are no ticks and no lots."""
    before = engine.state_hash()
    with pytest.raises(TypeError, match=message):
        engine.submit(*arguments)
    assert engine.state_hash() == before


def test_submit_wrong_word_is_a_value_error_naming_the_choices(engine: Any) -> None:
    """A misspelt word lists the right ones."""
    with pytest.raises(ValueError, match="side must be one of 'buy', 'sell', not 'bid'"):
        engine.submit(1, "bid", 1, 100)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"qty": 2**63}, "qty does not fit a signed integer of 64 bits"),
        ({"qty": 10**5000}, "qty does not fit a signed integer of 64 bits"),
        ({"price": -(2**63) - 1}, "price does not fit a signed integer of 64 bits"),
        ({"account": -1}, "account does not fit an unsigned integer of 64 bits"),
        ({"order_id": 2**64}, "order_id does not fit an unsigned integer of 64 bits"),
        ({"instrument_id": 2**32}, "instrument_id does not fit an unsigned integer of 32 bits"),
        ({"side": 256}, "side does not fit an unsigned integer of 8 bits"),
    ],
)
def test_submit_int_too_large_is_an_overflow_error_naming_the_argument(
    engine: Any, keywords: dict[str, int], message: str
) -> None:
    """An int that does not fit its field never wraps."""
    with pytest.raises(OverflowError, match=message):
        engine.submit(**({"instrument_id": 1, "side": 1, "qty": 1, "price": 100} | keywords))


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((1, "buy"), {}),
        ((1, "buy", 1, 100, 7), {}),
        ((1, "buy", 1, 100), {"price": 100}),
        ((1, "buy", 1, 100), {"acount": 7}),
        ((1, "buy", 1, 100), {"account": None}),
    ],
)
def test_submit_wrong_arguments_are_a_type_error(
    engine: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    """Missing, surplus, doubled and unknown arguments are refused as Python refuses them."""
    with pytest.raises(TypeError):
        engine.submit(*arguments, **keywords)


def test_calls_with_integers_of_64_bits_pass_them_whole(engine: Any) -> None:
    """The ends of the ranges survive the way in and out."""
    result = engine.submit(1, "buy", 1, 100, order_id=2**64 - 1, account=2**64 - 1, timestamp=2**63 - 1)
    assert fields(result)[:2] == (2**64 - 1, cmatch.OrderStatus.NEW)
    assert engine.submit(1, "buy", 1, 100).reason is cmatch.RejectCode.INVALID_ORDER_ID
    assert engine.cancel(1, 2**64 - 1, account=2**64 - 1).status is cmatch.OrderStatus.CANCELED


def test_second_thread_in_an_engine_is_refused(engine: Any) -> None:
    """While a batch runs without the GIL, every other call is refused and nothing is raced."""
    commands = cmatch.commands(300_000, instrument_id=1, side="buy", qty=1)
    refused = set()

    def submit() -> None:
        """The batch, once nobody is inside."""
        while True:
            try:
                engine.submit_batch(commands)
            except cmatch.EngineBusy:
                continue
            return

    calls: dict[str, Callable[[], Any]] = {
        "submit": lambda: engine.submit(1, "buy", 0),
        "cancel": lambda: engine.cancel(1, 1),
        "replace": lambda: engine.replace(1, 1, 1),
        "best": lambda: engine.best(1),
        "submit_batch": lambda: engine.submit_batch(commands[:1]),
    }
    for _ in range(20):  # a machine that has much to do may let one end before the other begins
        worker = threading.Thread(target=submit)
        worker.start()
        while worker.is_alive():
            for name, call in calls.items():
                try:
                    call()
                except cmatch.EngineBusy:
                    refused.add(name)
        worker.join()
        if refused == calls.keys():
            break
    assert refused == calls.keys()
    assert engine.submit(1, "buy", 1, 100)
