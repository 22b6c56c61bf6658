"""The consumer, on both databases: each event has its effect once, in order; failures go by their class."""

from __future__ import annotations

from itertools import islice

import pytest
from sqlalchemy import text

from exchange.errors import LogFault, LogRefused
from exchange.runtime.taken import StreamGap
from exchange.storage.sql.inbox import BATCH_TENANT
from tests.inbox.world import DEAD, ORDERS, START_NS, TRADES, World, original, placed

LADDER = [0.5, 1.0, 2.0, 5.0, 10.0]


@pytest.mark.req("E062", "E065", "E068", "E069", "E070")
def test_consumer_takes_each_event_once_and_publishes_what_follows(world: World) -> None:
    """State, ids, watermark and cursor agree; the trades follow from the orders, and name them."""
    world.place(1, 2, 1, 3)
    world.settle()
    assert world.applied() == [1, 2, 1, 3]
    assert world.totals() == {1: 2, 2: 1, 3: 1}
    trades = world.published(TRADES)
    assert [int(event.entity.entity_id) for event in trades] == [1, 2, 1, 3]
    assert [event.entity.sequence for event in trades] == [1, 2, 3, 4]
    assert [event.causation_id for event in trades] == [placed(seq, 0).event_id for seq in (1, 2, 3, 4)]
    assert {(event.tenant_id, event.producer) for event in trades} == {("acme", "matching")}
    assert [event.correlation_id for event in trades] == ["corr-1", "corr-2", "corr-3", "corr-4"]
    assert world.count("outbox") == 0
    with world.store.read() as tx:
        assert tx.execute(text("SELECT next_offset FROM cursors")).scalars().all() == [4]
        assert tx.execute(text("SELECT last_seq FROM watermarks")).scalars().all() == [4]


def test_consumer_in_its_next_life_goes_on_where_the_store_says(world: World) -> None:
    """The log's own cursor may be behind, as after a crash."""
    world.place(1, 2)
    world.settle()
    consumer = world.live()
    with pytest.raises(LogRefused) as refused:
        world.log.group("matching", ORDERS)
    assert refused.value.fault is LogFault.GROUP_IN_USE
    consumer.close()
    with world.log.group("matching", ORDERS) as group:
        assert group.cursor == 2
        group.commit(0)
    world.consumer = None
    world.place(3)
    world.settle()
    assert world.applied() == [1, 2, 3]
    assert world.trades() == [1, 2, 3]


@pytest.mark.req("E064", "E066", "E067", "E072", "C029")
def test_event_that_comes_again_is_passed_over_by_its_sequence(world: World) -> None:
    """The whole log once more: the cursor is set back by hand, and the watermark knows."""
    world.place(1, 2, 3)
    world.settle()
    with world.store.begin() as tx:
        tx.execute(text("UPDATE cursors SET next_offset = 0"))
    world.live()
    world.settle()
    assert world.applied() == [1, 2, 3]
    assert world.trades() == [1, 2, 3]
    assert world.consumer is not None
    assert dict(world.consumer.counts)["duplicates"] == 3


@pytest.mark.req("E066", "E067", "E072", "E099")
def test_event_that_comes_again_is_passed_over_by_its_id_of_a_tenant(world: World) -> None:
    """Published again under other numbers; the same id of another tenant is another event."""
    first = placed(1, 1)
    world.publish(first)
    world.publish(first, first, placed(3, 2))
    world.publish(placed(1, 1, tenant="globex"))
    world.settle()
    assert world.applied() == [1, 2, 1]
    with world.store.read() as tx:
        rows = tx.execute(text("SELECT tenant_id, consumer_group, event_id FROM processed_events")).all()
    assert sorted(tuple(row) for row in rows) == sorted(
        [
            ("acme", "matching", first.event_id),
            ("acme", "matching", placed(3, 2).event_id),
            ("globex", "matching", first.event_id),
        ]
    )


def test_batch_of_a_hot_stream_is_one_row_of_the_inbox(world: World) -> None:
    """However many events it has; events come from its rows, with the tenant of each."""
    world.place_rows(1, 2, 3, 2, tenants=[7, 8, 7, 8])
    world.place_rows(4)
    world.settle()
    assert world.applied() == [1, 2, 3, 2, 4]
    assert [event.tenant_id for event in world.published(TRADES)] == ["7", "8", "7", "8", "7"]
    with world.store.read() as tx:
        rows = tx.execute(text("SELECT tenant_id, last_seq FROM processed_events ORDER BY last_seq")).all()
    assert [tuple(row) for row in rows] == [(BATCH_TENANT, 4), (BATCH_TENANT, 5)]


def test_part_of_a_batch_that_was_taken_is_not_taken_again(world: World) -> None:
    """The fourth of five events is held; in the next life those before are known by the watermark."""
    world.mood.say("4", *["down"] * 20)
    world.mood.say("3", "broken")  # the batch is cut in halves, and the first one is taken
    world.place_rows(1, 2, 3, 4, 5)
    world.settle(30)
    assert world.applied() == [1, 2]
    assert world.count("processed_events") == 0
    world.live()
    world.settle(200, pace=5)
    assert world.applied() == [1, 2, 3, 4, 5]
    assert world.trades() == [1, 2, 3, 4, 5]
    assert world.count("processed_events") == 1


@pytest.mark.req("E064", "E066", "C029")
@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (2, 3), (5,), (4, 1)])
def test_events_that_come_again_in_other_batches_are_taken_once(world: World, cuts: tuple[int, ...]) -> None:
    """A log that was made again, and goes on; all of one time, so that it tells no batches apart."""
    world.same_time = True
    world.place_rows(1, 2, 3)
    world.place_rows(4)
    world.settle()
    world.begin_log_again()
    abouts = iter(range(1, 6))
    for count in cuts:
        world.place_rows(*islice(abouts, count))
    with world.store.begin() as tx:
        tx.execute(text("UPDATE cursors SET next_offset = 0"))
    world.live()
    world.settle()
    assert world.applied() == [1, 2, 3, 4, 5]
    assert world.trades() == [1, 2, 3, 4, 5]


def test_gap_in_a_stream_stops_the_consumer_loudly(world: World) -> None:
    """Nothing behind it is taken, whatever is tried."""
    world.place(1, 2)
    world.settle()
    with world.store.begin() as tx:
        tx.execute(text("UPDATE watermarks SET last_seq = 1"))
    world.place(3)
    for _ in range(2):
        world.live()
        with pytest.raises(StreamGap, match=r"lacks events 2 to 2 of stream 1 before offset 2"):
            world.settle()
    assert world.applied() == [1, 2]


@pytest.mark.req("E073", "E074", "E075", "C030", "D043")
def test_transient_failure_is_tried_on_the_ladder_then_set_aside(world: World) -> None:
    """Six attempts after 0, 0.5, 1, 2, 5 and 10 seconds; those before and behind it are taken."""
    world.mood.always["2"] = "broken"
    world.place(1, 2, 3)
    world.settle()
    together = 2  # those of all three, and of the last two
    tried = [world.mood.tries.count("2") - together]
    assert (world.applied(), tried) == ([1], [1])
    for pause in LADDER:
        world.settle(pause - 0.25)
        assert world.mood.tries.count("2") - together == tried[-1]
        assert world.letters() == []
        world.settle(0.25)
        tried.append(world.mood.tries.count("2") - together)
    assert tried == [1, 2, 3, 4, 5, 6]
    assert world.letters() == [(2, "exhausted", "dead")]
    assert world.applied() == [1, 3]
    assert world.trades() == [1, 3]
    (letter,) = world.dead()
    assert (letter.reason, letter.error, letter.attempts) == ("exhausted", "KeyError: '2'", 6)


def test_transient_failure_that_passes_leaves_no_trace(world: World) -> None:
    """Broken with others and twice alone, then taken; in its place."""
    world.mood.say("2", "broken", "broken", "broken", "broken")
    world.place(1, 2, 3)
    world.settle(1.5)
    assert (world.applied(), world.letters(), world.dead()) == ([1, 2, 3], [], [])


@pytest.mark.req("E076", "E077", "E075", "E043", "C030")
def test_event_that_can_never_be_taken_goes_to_the_dead_letters_at_once(world: World) -> None:
    """One attempt; the letter has the event, the error and the version, here and on the topic, by its key."""
    world.mood.always["2"] = "invalid"
    world.place(1, 2, 3)
    world.settle()
    assert world.applied() == [1, 3]
    assert world.clock.pauses == []
    with world.log.reader(DEAD) as reader:
        assert [record.batch.key for record in reader.read()] == ["2"]
    (event,) = world.published(DEAD)
    assert (event.event_type, event.producer, event.tenant_id) == ("DeadLetter", "matching", "acme")
    assert (event.entity.entity_type, event.entity.entity_id) == ("Order", "2")
    letter = event.payload
    assert original(letter) == placed(2, 2)
    assert (letter.topic, letter.offset, letter.consumer_group) == (ORDERS, 1, "matching")
    assert (letter.consumer_version, letter.reason, letter.attempts) == ("1.2.3", "validation", 1)
    assert letter.error == "InvalidEvent: no such instrument"
    assert START_NS < letter.failed_at < START_NS + 1_000_000
    assert world.letters() == [(2, "validation", "dead")]


@pytest.mark.req("A040")
def test_dependency_that_is_down_holds_everything_for_as_long_as_it_takes(world: World) -> None:
    """Two hours: nothing goes to the dead letters, nothing is taken out of order; then all of it."""
    consumer = world.live()
    world.mood.always["2"] = "down"
    world.place(1, 2, 3)
    world.settle(7_200, pace=60)
    assert world.applied() == []  # the first one is in one batch with the second
    assert consumer.held == {ORDERS: "ServiceUnavailableError: accounts is away"}
    world.mood.always.clear()
    world.settle(10)
    assert (world.applied(), world.letters(), dict(consumer.held)) == ([1, 2, 3], [], {})


def test_failures_of_a_dependency_do_not_use_up_an_events_own_tries(world: World) -> None:
    """An event that fails for a reason of its own after an outage still has its ladder."""
    world.mood.say("1", *["down"] * 10, *["broken"] * 5)
    world.place(1)
    world.settle(200, pace=5)
    assert (world.applied(), world.letters()) == ([1], [])


@pytest.mark.parametrize("hot", [False, True])
def test_events_behind_a_dead_letter_of_their_entity_follow_it_in_order(world: World, hot: bool) -> None:
    """Those of others go on; of one tenant and entity none overtakes the one that failed."""
    world.mood.always["2"] = "invalid"
    place = world.place_rows if hot else world.place
    place(1, 2, 3)
    world.settle()
    world.mood.always.clear()  # nothing but the letter keeps the next ones
    place(2, 4, 2, 5)
    if not hot:
        world.publish(placed(world.next_seq, 2, tenant="globex"))
    world.settle()
    others = [1, 3, 4, 5] if hot else [1, 3, 4, 5, 2]
    assert world.applied() == others == world.trades()
    assert world.letters() == [(2, "validation", "dead"), (2, "behind", "behind"), (2, "behind", "behind")]
    assert [letter.reason for letter in world.dead()] == ["validation", "behind", "behind"]


def test_batch_with_bad_events_is_taken_but_for_them(world: World) -> None:
    """Of 64 in one frame the first, the last and two in the middle: halves until each is alone."""
    bad = {1, 30, 31, 64}
    for about in bad:
        world.mood.always[str(about)] = "invalid"
    world.place_rows(*range(1, 65))
    world.settle()
    good = [about for about in range(1, 65) if about not in bad]
    assert world.applied() == good == world.trades()
    assert world.letters() == [(about, "validation", "dead") for about in sorted(bad)]
    assert len(world.mood.tries) < 64 * 8


def test_record_that_is_no_events_is_set_aside_whole(world: World) -> None:
    """Its bytes are the letter's; the stream goes on behind its sequences."""
    world.place(1)
    world.append(b"\xff" * 64, 5)
    world.place(2)
    world.settle()
    assert world.applied() == [1, 2]
    (letter,) = world.dead()
    assert (letter.reason, letter.original.event_type, letter.original.payload) == (
        "unreadable",
        "Unreadable",
        b"\xff" * 64,
    )
    assert letter.error.startswith("WireError: ")


def test_event_with_nothing_right_in_it_is_set_aside_all_the_same(world: World) -> None:
    """Without tenant, ids and entity: what the letter cannot say of it is unknown."""
    world.mood.always[""] = "invalid"
    world.publish(
        placed(
            1,
            1,
            tenant="",
            event_id="",
            correlation_id="",
            causation_id="",
            entity=placed(1, 1).entity.__class__(),
        )
    )
    world.place(2)
    world.settle()
    assert world.applied() == [2]
    (event,) = world.published(DEAD)
    assert (event.tenant_id, event.correlation_id, event.causation_id) == ("unknown",) * 3


def test_type_without_a_handler_is_passed_over(world: World) -> None:
    """And one that the catalogue does not know."""
    world.publish(placed(1, 1, event_type="OrderTeleported", payload=b"what is this"), placed(2, 2))
    world.settle()
    assert (world.applied(), world.letters()) == ([2], [])


def test_ids_of_what_was_taken_are_forgotten_after_a_week(world: World) -> None:
    """The watermark still knows."""
    world.place(1, 2)
    world.settle()
    assert world.count("processed_events") == 2
    world.now_ns += 8 * 86_400_000_000_000
    world.settle(3_600, pace=600)
    assert world.count("processed_events") == 0
    with world.store.begin() as tx:
        tx.execute(text("UPDATE cursors SET next_offset = 0"))
    world.live()
    world.settle()
    assert world.applied() == [1, 2]
