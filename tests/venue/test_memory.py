"""What is remembered of an account's requests, at its full size: 65,536 ids, and 4,096 forgotten a batch."""

from tests.oracle.venue.model import Report, Sizes
from tests.oracle.venue.words import REMEMBERED_FOR, REMEMBERED_IDS
from tests.venue.compare import Pair
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
