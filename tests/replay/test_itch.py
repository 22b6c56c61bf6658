"""Nasdaq ITCH 5.0: every message that changes a book, and the file as a whole."""

from pathlib import Path

from cmatch.replay import FeedOptions, open_flow
from tests.encoders.itch import Itch, framed
from tests.replay.flows import book, replayed, trades

T = Itch("TEST", 7)


def test_itch_orders_are_added_canceled_deleted_replaced_and_executed(tmp_path: Path) -> None:
    """A, F, X, D, U, E: a replace loses its place and keeps its side."""
    flow, outcome = replayed(
        tmp_path / "day.NASDAQ_ITCH50",
        framed(
            T.system_event(1),
            T.directory(2),
            T.trading_action(3, "T"),
            T.add(4, 101, "S", 100, 150_000),
            T.add(5, 102, "S", 50, 150_000, maker="MPID"),
            T.add(6, 103, "B", 70, 149_900),
            T.cancel(7, 101, 40),
            T.replace(8, 101, 104, 60, 150_000),
            T.executed(9, 102, 50, 1),
            T.executed(10, 104, 10, 2),
            T.delete(11, 103),
            T.broken_trade(12, 2),
        ),
    )
    assert flow.format == "Nasdaq ITCH 5.0"
    assert [(i.symbol, i.tick_text) for i in flow.instruments] == [("TEST", "0.01")]
    assert trades(flow, outcome) == ["102 15.00 x 50", "104 15.00 x 10"]
    assert book(flow, outcome) == ["sell 15.00 x 50 of 104"]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (2, 2)
    assert flow.counts["add with attribution"] == 1
    assert flow.rows == 12


def test_itch_execution_at_another_price_matches_at_the_makers(tmp_path: Path) -> None:
    """C printed is a trade of the maker; C not printed is an auction's: the order goes without a trade."""
    flow, outcome = replayed(
        tmp_path / "day.NASDAQ_ITCH50",
        framed(
            T.add(1, 101, "S", 100, 150_000),
            T.executed_at(2, 101, 10, 1, 149_950, printable=True),
            T.executed_at(3, 101, 20, 2, 149_000, printable=False),
            T.cross_trade(4, 20, 149_000, 2),
            T.hidden_trade(5, "B", 5, 149_975, 3),
        ),
    )
    assert trades(flow, outcome) == ["101 15 x 10"]
    assert book(flow, outcome) == ["sell 15 x 70 of 101"]


def test_itch_symbols_are_picked_by_name(tmp_path: Path) -> None:
    """Of two stocks only the one that is asked for is replayed."""
    other = Itch("OTHER", 9)
    path = tmp_path / "two.NASDAQ_ITCH50"
    path.write_bytes(
        framed(
            T.directory(1),
            other.directory(1),
            T.add(2, 1, "B", 10, 100),
            other.add(3, 2, "B", 20, 300),
            other.add(4, 3, "S", 20, 400),
        )
    )
    both = open_flow(path)
    one = open_flow(path, options=FeedOptions(symbols=("OTHER",)))
    assert [i.symbol for i in both.instruments] == ["TEST", "OTHER"]
    assert [i.symbol for i in one.instruments] == ["OTHER"]
    assert one.commands["order_id"][1:].tolist() == [2, 3]


def test_itch_replace_of_an_order_from_before_the_file_is_left_out(tmp_path: Path) -> None:
    """Its side is not known."""
    flow, outcome = replayed(
        tmp_path / "day.NASDAQ_ITCH50",
        framed(T.replace(1, 50, 51, 10, 100), T.add(2, 52, "B", 10, 100), T.executed(3, 51, 5, 1)),
    )
    assert book(flow, outcome) == ["buy 0.01 x 10 of 52"]
    assert flow.agreement is not None
    assert [str(miss.why.name) for miss in flow.agreement.misses] == ["UNKNOWN"]
