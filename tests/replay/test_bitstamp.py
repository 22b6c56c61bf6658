"""Bitstamp live orders: orders as they come, which our engine matches, and what the venue made of them."""

import json
from pathlib import Path

from cmatch.replay.flow import Why
from tests.replay.flows import book, replayed, trades


def event(time: int, name: str, channel: str = "live_orders_btcusd", **data: object) -> str:
    """A message."""
    return (
        json.dumps({"event": name, "channel": channel, "data": {"microtimestamp": str(time), **data}}) + "\n"
    )


def order(time: int, name: str, order_id: int, side: int, price: str, amount: str) -> str:
    """A message of live_orders: side 0 buys, 1 sells."""
    return event(time, name, id=order_id, order_type=side, price_str=price, amount_str=amount)


def trade(time: int, buy: int, sell: int, side: int, price: str, amount: str) -> str:
    """A message of live_trades: side 0 where the buy order came last."""
    return event(
        time,
        "trade",
        "live_trades_btcusd",
        buy_order_id=buy,
        sell_order_id=sell,
        type=side,
        price_str=price,
        amount_str=amount,
    )


def test_bitstamp_incoming_order_is_matched_and_confirmed_by_the_trades(tmp_path: Path) -> None:
    """A buy that crosses meets two makers; the venue says the same, and then what is left of each."""
    flow, outcome = replayed(
        tmp_path / "live.jsonl",
        event(0, "bts:subscription_succeeded")
        + order(1, "order_created", 11, 1, "100.5", "0.3")
        + order(2, "order_created", 12, 1, "100.5", "0.2")
        + order(3, "order_created", 13, 0, "100.5", "0.4")
        + trade(4, 13, 11, 0, "100.5", "0.3")
        + trade(5, 13, 12, 0, "100.5", "0.1")
        + order(6, "order_deleted", 11, 1, "100.5", "0")
        + order(7, "order_changed", 12, 1, "100.5", "0.1")
        + order(8, "order_deleted", 13, 0, "100.5", "0"),
    )
    assert flow.format == "Bitstamp live orders"
    assert trades(flow, outcome) == ["11 100.5 x 0.3", "12 100.5 x 0.1"]
    assert set(outcome.trades["order_id"].tolist()) == {13}
    assert book(flow, outcome) == ["sell 100.5 x 0.1 of 12"]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (2, 2)


def test_bitstamp_trade_with_another_maker_is_listed_and_put_right(tmp_path: Path) -> None:
    """The venue executed the second order; its messages bring our book back to the venue's."""
    flow, outcome = replayed(
        tmp_path / "live.jsonl",
        order(1, "order_created", 11, 1, "100", "3")
        + order(2, "order_created", 12, 1, "100", "3")
        + order(3, "order_created", 13, 0, "100", "3")
        + trade(4, 13, 12, 0, "100", "3")
        + order(5, "order_deleted", 12, 1, "100", "0")
        + order(6, "order_changed", 11, 1, "100", "3")
        + order(7, "order_deleted", 13, 0, "100", "0"),
    )
    assert trades(flow, outcome) == ["11 100 x 3"]
    assert book(flow, outcome) == ["sell 100 x 3 of 101"]
    assert flow.agreement is not None
    (miss,) = flow.agreement.misses
    assert (miss.why, miss.order_id, miss.front) == (Why.BEHIND, 12, 11)


def test_bitstamp_detail_book_puts_in_what_was_there(tmp_path: Path) -> None:
    """The first one counts; numbers that are no texts are read exactly too."""
    first = event(0, "data", "detail_order_book_btcusd", bids=[["99", "1.5", "5"]], asks=[["101", "2", "6"]])
    later = event(2, "data", "detail_order_book_btcusd", bids=[["98", "1", "7"]], asks=[])
    created = event(1, "order_created", id=8, order_type=0, price=99.10, amount=0.1)
    flow, outcome = replayed(tmp_path / "live.jsonl", first + created + later)
    assert book(flow, outcome) == ["buy 99.1 x 0.1 of 8", "buy 99.0 x 1.5 of 5", "sell 101.0 x 2 of 6"]


def test_bitstamp_trade_of_an_order_that_did_not_cross_is_made_then(tmp_path: Path) -> None:
    """The incoming order rested in our book: the venue's trade takes from both."""
    flow, outcome = replayed(
        tmp_path / "live.jsonl",
        order(1, "order_created", 11, 1, "101", "3")
        + order(2, "order_created", 13, 0, "100", "5")
        + trade(3, 13, 11, 0, "101", "2"),
    )
    assert trades(flow, outcome) == ["11 101 x 2"]
    assert book(flow, outcome) == ["buy 100 x 3 of 13", "sell 101 x 1 of 11"]
