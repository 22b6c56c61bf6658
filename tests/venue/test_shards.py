"""An instrument that a shard matches: alike where nothing happens meanwhile, right where something does."""

from pathlib import Path

import pytest

from cmatch import SnapshotError
from tests.oracle.venue.model import Report
from tests.oracle.venue.words import SHARD_EVENTS
from tests.venue.compare import Pair
from tests.venue.core_venue import CoreVenue
from tests.venue.desk import Desk, sizes_of
from tests.venue.screen import Example, parts, read_examples, settings_of, told
from tests.venue.sharded import SHARD, Sharded

GOLDEN = read_examples(Path(__file__).parent / "golden.txt")
OTHERWISE = {
    "orders: checks before money": "how much so much money buys is not known before it is reserved",
    "orders: immediate ones free what they did not use": "what is due in a shard is told behind the tick",
    "stage: while it is away plain limit orders queue and count, all else is refused": "so are cancels",
    "kill: replace is refused, cancel passes, while the stage is away too": "and here",
    "countdown: all live orders of the account, unless it is renewed": "told behind the tick",
    "due: reservations, countdowns, the queue, then the engine, before the first command of the batch": (
        "money is free when the shard has answered"
    ),
}
"""Examples in which something happens between a command and its events."""
EXAMPLES = [example for example in GOLDEN if example.title not in OTHERWISE]
FUNDED = "deposit ann 1000 usd; deposit bob 10 btc; deposit cat 1000 usd"
ASSIGN = {"kind": "assign_shard", "instrument_id": 1, "shard": SHARD}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
def test_golden_example_with_the_instrument_in_a_shard_gives_its_text(example: Example) -> None:
    """Same orders, balances, positions and trades either way, and from a snapshot after every line."""
    pair = Sharded(sizes_of(example.settings))
    desk = Desk(example.settings, pair)
    for text in example.setup:
        desk.expect_done(text)
    for line in example.lines:
        assert desk.play(*line.commands) == line.expected, line.text
        pair.check()
        pair.restart()


def test_examples_that_differ_are_those_that_are_named() -> None:
    """None of them is left out for nothing: each gives another text."""
    assert OTHERWISE.keys() <= {example.title for example in GOLDEN}
    for example in GOLDEN:
        if example.title in OTHERWISE:
            desk = Desk(example.settings, Sharded(sizes_of(example.settings)))
            for text in example.setup:
                desk.expect_done(text)
            played = [desk.play(*line.commands) for line in example.lines]
            assert played != [line.expected for line in example.lines]


class ShardDesk(Desk):
    """A desk whose shard answers when it is told to."""

    def __init__(self, setup: str = FUNDED, settings: str = "") -> None:
        self.pair = Pair(sizes_of(settings_of(settings)))
        super().__init__(settings, self.pair)
        for text in parts(setup):
            self.expect_done(text)
        assert self.speak("instruments", ASSIGN)[0]["reject"] is None
        self.deliver()

    def ask(self, *texts: str) -> list[str]:
        """Commands, and what is told of them at once."""
        return [self.labelled(told(record)) for text in texts for record in self.do(text)]

    def deliver(self, most: int = 10_000) -> list[str]:
        """Events of the shard, in one batch, and what is told of them."""
        records: list[Report] = []
        if events := self.events(most):
            records = self.pair.apply(SHARD_EVENTS, self.reader.clock, events)
        for record in records:
            if record.get("exec_type") == "accepted" and not record["duplicate"]:
                self.reader.order_ids[record["client_order_id"]] = record["order_id"]
        self.pair.check()
        return [self.labelled(told(record)) for record in records]

    def events(self, most: int = 10_000) -> list[dict[str, object]]:
        """What the shard would send next."""
        shard = self.pair.oracle.shards[SHARD]
        return [dict(event) for event in shard.outbox[len(shard.partial) :][:most]]

    def balance(self, name: str) -> str:
        """What is available, and what is reserved."""
        return self.money_and_positions()[name]


def test_new_order_is_reserved_at_once_and_told_with_the_events() -> None:
    """Between the two it is pending: nobody is told, and its money is held."""
    desk = ShardDesk()
    assert desk.ask("new o1 ann buy 100 x 2") == []
    assert desk.balance("ann usd") == "800 + 200"
    assert desk.ask("new o1 ann buy 100 x 2") == ["again accepted o1 x 2 pending_new"]
    assert desk.ask("new o2 ann buy 100 x 9") == ["rejected o2 InsufficientFunds 800 900"]
    assert desk.deliver() == ["accepted o1 x 2"]
    assert desk.ask("new o1 ann buy 100 x 2") == ["again accepted o1 x 2"]


def test_order_that_the_shard_refuses_frees_its_money_and_stays_refused() -> None:
    """The reject is the first answer, and every later one."""
    desk = ShardDesk()
    assert desk.ask("new o1 ann buy 100 x 2 post_only", "new o2 bob sell 100 x 2 post_only") == []
    assert desk.deliver() == ["accepted o1 x 2", "rejected o2 WouldCross"]
    assert desk.balance("bob btc") == "10 + 0"
    assert desk.ask("new o2 bob sell 100 x 2 post_only") == ["again rejected o2 WouldCross"]


def test_cancel_on_its_way_hides_the_order_and_may_come_too_late() -> None:
    """One of fill and cancel wins: whichever the shard met first."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 2", "new o2 ann buy 99 x 1")
    desk.deliver()
    assert desk.ask("new o3 bob sell 100 x 2", "cancel o1 ann", "cancel o2 ann") == []
    assert desk.ask("cancel o1 ann", "replace o2 ann 98 x 1") == 2 * ["cancel_rejected UnknownOrder"]
    assert desk.ask("mass_cancel ann") == ["done x 0"]
    assert desk.deliver() == [
        "accepted o3 x 2",
        "trade t1 o3 100 x 2 taker leaves 0",
        "trade t1 o1 100 x 2 maker leaves 0",
        "cancel_rejected UnknownOrder",
        "canceled o2 requested",
    ]
    assert desk.balance("ann usd") == "800 + 0"


def test_replace_on_its_way_holds_the_more_of_both_at_the_worse_of_both() -> None:
    """Filled before the replace or after it, there is enough; decided, the order holds what it needs."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 4")
    desk.deliver()
    assert desk.ask("new o2 bob sell 100 x 1", "replace o1 ann 90 x 6") == []
    assert desk.balance("ann usd") == "400 + 600"  # 6 at 100, whichever of the two it will be
    assert desk.ask("replace o1 ann 110 x 2") == []
    assert desk.balance("ann usd") == "340 + 660"  # 6 at 110
    assert desk.ask("replace o1 ann 200 x 6") == ["cancel_rejected InsufficientFunds 340 540"]
    assert desk.deliver(2) == [
        "accepted o2 x 1",
        "trade t1 o2 100 x 1 taker leaves 0",
        "trade t1 o1 100 x 1 maker leaves 3",
    ]
    assert desk.deliver(1) == ["replaced o1 90 x 6 lost"]
    assert desk.balance("ann usd") == "350 + 550"  # 5 more at 110 at worst: another is on its way
    assert desk.deliver() == ["replaced o1 110 x 2 lost"]
    assert desk.balance("ann usd") == "790 + 110"


def test_market_order_pays_no_more_than_was_reserved_where_the_reference_moved() -> None:
    """The collar is the venue's at the time of the order; beyond it the rest is cancelled."""
    desk = ShardDesk(settings="collar 5, reference 100, max_price 1000")
    desk.ask("new a1 bob sell 103 x 1", "new a2 bob sell 105 x 1", "new a3 bob sell 106 x 5")
    desk.deliver()
    assert desk.ask("new o1 cat buy 103 x 1", "new o2 ann buy market x 5") == []
    assert desk.balance("ann usd") == "475 + 525"
    assert desk.deliver()[3:] == [
        "accepted o2 x 5",
        "trade t2 o2 105 x 1 taker leaves 4",
        "trade t2 a2 105 x 1 maker leaves 0",
        "canceled o2 collar filled 1",
    ]
    assert desk.balance("ann usd") == "895 + 0"


def test_market_order_for_money_is_counted_by_the_shard() -> None:
    """What it takes is known with its events; nothing to be had is its reject."""
    desk = ShardDesk()
    assert desk.ask("new o1 ann buy market spend 250") == []
    assert desk.balance("ann usd") == "750 + 250"
    assert desk.deliver() == ["rejected o1 InvalidQty"]
    desk.ask("new a1 bob sell 100 x 9", "new o2 ann buy market spend 250")
    assert desk.deliver() == [
        "accepted a1 x 9",
        "accepted o2 x 2",
        "trade t1 o2 100 x 2 taker leaves 0",
        "trade t1 a1 100 x 2 maker leaves 7",
    ]
    assert desk.balance("ann usd") == "800 + 0"


def test_events_of_a_group_take_effect_with_the_last_of_them() -> None:
    """Until then nothing is told, and a snapshot has what came."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 2", "new o2 bob sell 100 x 2")
    assert desk.deliver(1) == ["accepted o1 x 2"]
    assert desk.deliver(1) == []
    desk.pair.restart()
    assert desk.balance("ann usd") == "800 + 200"
    assert desk.deliver(1)[0] == "accepted o2 x 2"
    assert desk.balance("ann usd") == "800 + 0"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"shard": 9}, "UnknownShard"),
        ({"tenant": 1}, "UnknownShard"),
        ({"number": 1}, "UnexpectedShardEvent 2 1"),
        ({"number": 3}, "UnexpectedShardEvent 2 3"),
        ({"answers": 1}, "UnexpectedShardEvent 2 2"),
        ({"instrument_id": 2}, "InvalidShardEvent 2 2"),
        ({"kind": "trade"}, "InvalidShardEvent 2 2"),
        ({"order_id": 7}, "InvalidShardEvent 2 2"),
        ({"qty": 3}, "InvalidShardEvent 2 2"),
        ({"kind": "rejected"}, "InvalidShardEvent 2 2"),
    ],
)
def test_event_that_does_not_follow_is_refused_and_changes_nothing(
    changes: dict[str, object], answer: str
) -> None:
    """Then the right one is taken, once; the same again is refused."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 2")
    before = desk.pair.core.venue.state_hash()
    [event] = desk.events()
    refused = desk.pair.apply(SHARD_EVENTS, 0, [event | changes | {"session": 7}])
    assert [told(record) for record in refused] == [answer]
    assert refused[0]["session"] == 7
    assert desk.pair.core.venue.state_hash() == before
    assert desk.deliver() == ["accepted o1 x 2"]
    again = desk.pair.apply(SHARD_EVENTS, 0, [event])
    assert [told(record) for record in again] == ["UnexpectedShardEvent 3 2"]


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (1, {"price": 101}),  # more than the buyer reserved for
        (1, {"qty": 3}),
        (1, {"leaves": 1}),
        (1, {"maker_leaves": 1}),
        (1, {"maker_order_id": 8}),
        (1, {"order_id": 8}),
        (1, {"side": "buy"}),
        (1, {"price": 5_000}),
        (1, {"kind": "prevented"}),  # it would leave an order of nothing
        (0, {"kind": "replaced"}),
        (1, {"kind": "phase_changed"}),
    ],
)
def test_group_in_which_one_event_is_wrong_is_forgotten_whole(place: int, changes: dict[str, object]) -> None:
    """No order, balance or position is touched by what does not add up."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 2", "new o2 bob sell 100 x 2")
    desk.deliver(1)
    before = desk.pair.core.venue.state_hash()
    events = desk.events()
    events[place] |= changes
    records = desk.pair.apply(SHARD_EVENTS, 0, events)
    assert [record["reject"] for record in records] == ["invalid_shard_event"]
    assert desk.pair.core.venue.state_hash() == before
    assert desk.deliver()[0] == "accepted o2 x 2"


def test_gtd_order_in_a_shard_asks_for_a_tick_when_it_is_due() -> None:
    """Nobody but the shard expires it, which knows no time but the journal's."""
    desk = ShardDesk()
    core = desk.pair.core.venue
    desk.ask("new o1 ann buy 100 x 2 gtd 50", "new o2 ann buy 99 x 1 gtd 70")
    desk.deliver()
    assert core.next_timer == 50
    assert desk.ask("tick at 50") == ["done"]
    assert core.next_timer == 70
    assert desk.deliver() == ["expired o1"]
    assert desk.balance("ann usd") == "901 + 99"


def test_shard_away_queues_refuses_and_gets_the_queue_once_in_order() -> None:
    """What rests there is cancelled when it is back, behind the cancel that came before."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 1")
    desk.deliver()
    assert desk.ask("stage away of 1", "new o2 ann buy 100 x 1") == ["done", "accepted o2 x 1 pending_new"]
    assert desk.ask("new o3 ann buy 100 x 1 ioc") == ["rejected o3 EngineUnavailable"]
    assert desk.ask("new o4 ann buy 99 x 1", "replace o1 ann 98 x 1", "cancel o1 ann") == [
        "accepted o4 x 1 pending_new",
        "cancel_rejected EngineUnavailable",
    ]
    assert desk.ask("cancel o4 ann", "new o5 bob sell 100 x 1") == [
        "canceled o4 requested",
        "accepted o5 x 1 pending_new",
    ]
    assert desk.ask("stage back of 1") == ["done"]
    assert desk.deliver() == [
        "canceled o1 requested",
        "accepted o2 x 1",
        "accepted o5 x 1",
        "trade t1 o5 100 x 1 taker leaves 0",
        "trade t1 o2 100 x 1 maker leaves 0",
    ]


def test_shard_that_does_not_keep_up_gets_no_more_orders_but_cancels() -> None:
    """As many commands as may be queued may be on their way."""
    desk = ShardDesk(settings="queue_capacity 2")
    assert desk.ask("new o1 ann buy 100 x 1", "new o2 ann buy 100 x 1") == []
    assert desk.ask("new o3 ann buy 100 x 1") == ["rejected o3 QueueFull"]
    desk.deliver()
    desk.ask("cancel o1 ann", "cancel o2 ann")
    assert desk.ask("new o4 ann buy 100 x 1") == ["rejected o4 QueueFull"]
    assert desk.deliver() == ["canceled o1 requested", "canceled o2 requested"]


def test_instrument_moves_only_while_nothing_of_it_is_on_its_way() -> None:
    """And keeps its reference and mark; the last price is its old book's."""
    desk = ShardDesk(settings="reference 100")
    home = ASSIGN | {"shard": 0}
    desk.ask("set_mark 103", "new o1 ann buy 100 x 1")
    assert told(desk.speak("instruments", home)[0]) == "InstrumentInUse"
    desk.deliver()
    desk.ask("cancel o1 ann")
    assert told(desk.speak("instruments", home)[0]) == "InstrumentInUse"
    desk.deliver()
    assert told(desk.speak("instruments", home)[0]) == "done"
    assert told(desk.speak("instruments", ASSIGN | {"shard": 1_025})[0]) == "UnknownShard"
    assert desk.ask("set_phase call_auction") == ["done"]
    assert told(desk.speak("instruments", ASSIGN)[0]) == "InvalidPhase"
    assert desk.ask("set_phase continuous") == ["done"]
    assert told(desk.speak("instruments", ASSIGN | {"shard": 2})[0]) == "done"
    assert desk.ask("set_phase call_auction") == []
    shard = desk.pair.oracle.shards[2]
    records = desk.pair.apply(SHARD_EVENTS, 0, [dict(event) for event in shard.outbox])
    assert [told(record) for record in records] == ["done"]
    [row] = desk.pair.core.venue.instruments()
    assert (int(row["phase"]), int(row["shard"])) == (6, 2)


def test_snapshot_has_the_books_of_shards_for_those_who_run_them() -> None:
    """Of all shards, of one, of none; where there are none, who wants them is told."""
    desk = ShardDesk()
    desk.ask("new o1 ann buy 100 x 2", "new o2 bob sell 101 x 2")
    desk.deliver(1)
    of_all = desk.pair.runner.venue.snapshot()
    of_none = desk.pair.core.venue.snapshot()
    one = CoreVenue.restore(of_all, SHARD)
    assert one.outboxes()[SHARD] == desk.events()
    assert one.venue.l2(1, 1)["qty"].tolist() == [2]
    assert one.venue.state_hash() == desk.pair.core.venue.state_hash()
    assert CoreVenue.restore(of_all, 2).venue.snapshot() == of_none
    assert CoreVenue.restore(of_none).venue.l2(1, 1).size == 0
    with pytest.raises(SnapshotError, match="no books of shard 1"):
        CoreVenue.restore(of_none, SHARD)
