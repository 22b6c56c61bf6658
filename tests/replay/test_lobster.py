"""LOBSTER messages: what they become, and what is made good in them."""

from pathlib import Path

from cmatch.replay.flow import Why
from tests.replay.flows import book, replayed, trades

NAME = "TEST_2012-06-21_34200000_37800000_message_5.csv"


def test_lobster_orders_and_executions_are_matched_in_the_queue(tmp_path: Path) -> None:
    """New, partial cancel, delete and execution by id; a hidden execution does nothing to the book."""
    flow, outcome = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n"
        "34200.2,1,12,50,5850000,-1\n"
        "34200.3,1,13,70,5849900,1\n"
        "34200.4,2,11,40,5850000,-1\n"
        "34200.5,4,11,60,5850000,-1\n"
        "34200.5,5,0,10,5849950,1\n"
        "34200.6,4,12,20,5850000,-1\n"
        "34200.7,3,13,70,5849900,1\n",
    )
    assert [i.tick_text for i in flow.instruments] == ["0.01"]
    assert trades(flow, outcome) == ["11 585.00 x 60", "12 585.00 x 20"]
    assert book(flow, outcome) == ["sell 585.00 x 30 of 12"]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named, flow.agreement.misses) == (2, 2, [])
    assert flow.instruments[0].symbol == "TEST"


def test_lobster_maker_behind_another_order_is_listed_and_the_book_stays_the_venues(tmp_path: Path) -> None:
    """The order in front keeps its place and quantity; the fill comes off the venue's maker."""
    flow, outcome = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n34200.2,1,12,50,5850000,-1\n34200.3,4,12,30,5850000,-1\n34200.4,3,11,100,5850000,-1\n",
    )
    assert trades(flow, outcome) == []
    assert book(flow, outcome) == ["sell 585 x 20 of 12"]
    assert flow.agreement is not None
    (miss,) = flow.agreement.misses
    assert (miss.why, miss.position, miss.order_id, miss.front) == (Why.BEHIND, 3, 12, 11)
    assert (miss.ahead_orders, miss.ahead_qty, miss.sequel) == (1, 10, "was canceled 100 ms later")


def test_lobster_order_from_before_the_file_is_put_in_where_its_id_says(tmp_path: Path) -> None:
    """Two orders that never came are there from the start with all that is taken off them."""
    flow, outcome = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n"
        "34200.2,4,5,10,5850000,-1\n"
        "34200.3,3,5,20,5850000,-1\n"
        "34200.4,4,4,15,5849000,1\n"
        "34200.5,4,11,100,5850000,-1\n",
    )
    assert trades(flow, outcome) == ["5 585.0 x 10", "4 584.9 x 15", "11 585.0 x 100"]
    assert flow.agreement is not None
    assert flow.agreement.misses == []
    assert flow.notes == ["2 orders that were there before their first message are put where their ids say"]


def test_lobster_order_that_comes_late_takes_the_place_of_its_id(tmp_path: Path) -> None:
    """An older id goes before a younger one at its price; the younger one is entered anew behind it."""
    flow, outcome = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n34200.2,1,5,10,5850000,-1\n34200.3,4,5,10,5850000,-1\n34200.4,4,11,5,5850000,-1\n",
    )
    assert flow.agreement is not None
    assert flow.agreement.misses == []
    assert trades(flow, outcome) == ["5 585 x 10", "101 585 x 5"]
    assert flow.notes == ["1 orders were entered anew, behind an older one that came late"]


def test_lobster_halt_moves_the_phase_and_orders_of_a_halt_rest(tmp_path: Path) -> None:
    """Halted, quoting, trading: what crosses in between uncrosses when trading resumes."""
    flow, outcome = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n"
        "34200.2,7,0,0,-1,-1\n"
        "34200.3,1,12,40,5850100,1\n"
        "34200.4,7,0,0,0,-1\n"
        "34200.5,7,0,0,1,-1\n",
    )
    assert trades(flow, outcome) == ["12 585.00 x 40"]
    assert book(flow, outcome) == ["sell 585.00 x 60 of 11"]
    assert str(outcome.engine.instrument(1).phase) == "continuous"


def test_lobster_book_beside_the_messages_is_checked_row_by_row(tmp_path: Path) -> None:
    """The full book file has a row after each message; an empty level is 9999999999 or its negative."""
    (tmp_path / NAME.replace("message", "orderbook")).write_text(
        "5850000,100,-9999999999,0\n5850000,100,5849900,70\n5850000,40,5849900,70\n"
    )
    flow, _ = replayed(
        tmp_path / NAME,
        "34200.1,1,11,100,5850000,-1\n34200.2,1,12,70,5849900,1\n34200.3,4,11,60,5850000,-1\n",
    )
    assert [(check.levels.shape, check.fields) for check in flow.book_checks] == [
        ((3, 2, 1, 3), ("price", "qty"))
    ]
