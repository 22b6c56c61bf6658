"""What is remembered of an account's requests, at its full size: 65,536 ids, and 4,096 forgotten a batch."""

from tests.oracle.venue.model import Report, Sizes
from tests.oracle.venue.words import REMEMBERED_FOR, REMEMBERED_IDS
from tests.venue.compare import Pair
from tests.venue.core_venue import FEW_ORDER_IDS
from tests.venue.desk import Desk
from tests.venue.screen import Command

BATCH = 4_096


def cancel(number: int) -> Command:
    """The request of this number: to cancel an order that is not there."""
    fields = {"kind": "cancel", "account": 1, "instrument_id": 1, "order_id": 10**9}
    return fields | {"client_order_id": f"c{number}", "sent_at": number}


def test_account_of_very_many_ids_forgets_the_oldest_and_never_takes_them_for_new() -> None:
    """One id more than are kept; then ten minutes: so many a batch, the oldest first."""
    pair = Pair(Sizes(max_client_ids=100_000))
    desk = Desk("", pair)
    desk.expect_done("deposit ann 1 usd")

    def ask(*numbers: int) -> list[Report]:
        return pair.apply("orders", 0, [cancel(number) for number in numbers], views=False)

    last = REMEMBERED_IDS + 1
    for first in range(1, last + 1, BATCH):
        told = ask(*range(first, min(first + BATCH, last + 1)))
        assert {record["reject"] for record in told} == {"unknown_order"}
    pair.compare_views()
    assert ask(1)[0]["reject"] == "too_old"
    assert ask(2)[0]["duplicate"]

    pair.apply("administration", REMEMBERED_FOR, [{"kind": "tick"}], views=False)
    assert [record["reject"] for record in ask(2, BATCH + 1)] == ["too_old"] * 2
    assert ask(BATCH + 2)[0]["duplicate"]
    pair.apply("administration", REMEMBERED_FOR, [{"kind": "tick"}], views=False)
    assert ask(BATCH + 2)[0]["duplicate"]
    pair.apply("administration", REMEMBERED_FOR + 1, [{"kind": "tick"}], views=False)
    assert ask(2 * BATCH + 1)[0]["reject"] == "too_old"
    assert ask(2 * BATCH + 2)[0]["duplicate"]
    assert ask(last + 1)[0]["reject"] == "unknown_order"
    pair.check()
    pair.restart()


def test_orders_that_outlive_thousands_of_others_are_known_as_before() -> None:
    """Their ids are forgotten, and the engine's window goes on without them: in the book and in the queue."""
    pair = Pair(Sizes())
    desk = Desk("", pair)
    number = 0

    def pass_by(count: int) -> None:
        nonlocal number
        for first in range(number, number + count, 50):
            pair.apply("orders", 0, [cancel(each) for each in range(first, first + 50)], views=False)
        number += count
        pair.check()
        pair.restart()

    for text in (
        "deposit ann 1000 usd",
        "deposit bob 10 btc",
        "new o1 ann buy 10 x 2",
        "new o2 ann buy 9 x 1",
    ):
        desk.expect_done(text)
    pass_by(600)
    desk.expect_done("new o3 ann buy 8 x 1")
    pass_by(3 * FEW_ORDER_IDS)
    for text in ("new o4 ann buy 7 x 1", "stage away", "new o5 ann buy 6 x 1", "new o6 bob sell 8 x 2"):
        desk.expect_done(text)
    pass_by(3 * FEW_ORDER_IDS)
    assert desk.play("stage back") == [
        "done",
        "accepted o5 x 1",
        "accepted o6 x 2",
        "trade t1 o6 10 x 2 taker leaves 0",
        "trade t1 o1 10 x 2 maker leaves 0",
        "ann usd 950 + 30",
        "ann btc 2 + 0",
        "bob usd 20 + 0",
        "bob btc 8 + 0",
        "ann has 2 cost 20 realised 0",
        "bob has -2 cost -20 realised 0",
    ]
    assert desk.play("replace o3 ann 8 x 2 id r3") == ["replaced o3 8 x 2 lost", "ann usd 942 + 38"]
    assert desk.play("cancel o2 ann") == ["canceled o2 requested", "ann usd 951 + 29"]
    assert desk.play("cancel o5 ann") == ["canceled o5 requested", "ann usd 957 + 23"]
    pair.check()
    pair.restart()
