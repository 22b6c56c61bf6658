"""A standby has every batch on its disk before its leader's client hears of it, and can take its place."""

from __future__ import annotations

import numpy as np
import pytest

from cmatch import RejectCode, frames
from cmatch._core import JournalReader, StandbyState
from cmatch.errors import StateParted
from cmatch.frames import CommandList, ReportList
from exchange.domain.enums import AdminAction, FollowAction, FollowOutcome
from exchange.services.orders.standby import Promotion
from tests.core_loop.bench_table import Bench, order, replayed
from tests.replication.pair import TIMEOUT_NS, StandbyBench, replica_leader, request, run


def solo(bench: Bench, connection: int, on: bool) -> int:
    """Switches; the reject code."""
    row = np.zeros(1, frames.ADMIN_COMMAND_DTYPE)
    row["kind"], row["flag"] = AdminAction.SET_SOLO, on
    bench.send(connection, CommandList.ADMINISTRATION, row)
    return int(bench.took(connection, ReportList.ANSWERS)["reject"][-1])


def started() -> tuple[Bench, StandbyBench, int]:
    """A leader with a market, a standby in sync, and a client."""
    leader = replica_leader()
    standby = StandbyBench(leader)
    run(leader, standby)
    me = leader.connect()
    run(leader, standby)
    market(leader, standby, me)
    return leader, standby, me


def heir_of(standby: StandbyBench, promotion: Promotion) -> Bench:
    """The core that leads, on the standby's disk."""
    standby.journal.close()
    heir = replica_leader(standby.disk, promotion.epoch)
    heir.clock.set(standby.leader.clock.now_ns())
    return heir


def back_as_standby(leader: Bench, heir: Bench) -> StandbyBench:
    """The old leader, on its disk, follows who leads now."""
    leader.journal.close()
    old = StandbyBench(heir, leader.disk)
    run(heir, old)
    return old


def market(leader: Bench, standby: StandbyBench, me: int) -> None:
    """The market of the bench, whose answers wait for the standby."""
    sent = leader.took
    leader.took = lambda *_: np.zeros(0, frames.ANSWER_DTYPE)  # type: ignore[method-assign]
    leader.market(me)
    leader.took = sent  # type: ignore[method-assign]
    run(leader, standby)
    answers = leader.took(me, ReportList.ANSWERS)
    assert answers.size == 12
    assert not answers["reject"].any()


def test_answer_waits_until_the_standby_has_it_on_its_disk() -> None:
    """Nothing leaves after the leader's own write; it leaves with the acknowledgement, and says so."""
    leader, standby, me = started()
    leader.send(me, CommandList.ORDERS, order("a"))
    leader.turn()
    assert leader.took(me, ReportList.REPORTS).size == 0
    assert leader.core.sequence == leader.core.replicated + 1
    syncs = standby.journal.counters["syncs"]
    standby.turn()
    assert standby.journal.counters["syncs"] == syncs + 1
    assert standby.journal.durable_sequence == leader.core.sequence
    leader.turn()
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    assert leader.core.replicated == leader.core.sequence


@pytest.mark.req("B005", "B007")
def test_standby_is_the_same_exchange() -> None:
    """The same sequence, digest and hash; its journal replays to them."""
    leader, standby, me = started()
    for number in range(50):
        leader.send(me, CommandList.ORDERS, order(f"o{number}", account=1 + number % 2, side=1 + number % 2))
        run(leader, standby, turns=1, later_ns=1_000)
    run(leader, standby)
    assert standby.venue.sequence == leader.venue.sequence
    assert standby.venue.event_digest == leader.venue.event_digest
    assert standby.venue.state_hash() == leader.venue.state_hash() == replayed(standby.disk).state_hash()
    assert standby.told == [True]


def test_without_a_standby_new_orders_are_refused_and_cancels_wait() -> None:
    """NO_REPLICA, transient; a cancel is journaled, and answered once the standby has it."""
    leader, standby, me = started()
    leader.send(me, CommandList.ORDERS, order("rest"))
    run(leader, standby)
    (entered,) = leader.took(me, ReportList.REPORTS)
    standby.wire.cut = True
    run(leader, standby, turns=3, later_ns=TIMEOUT_NS)
    assert not leader.core.standby_in_sync
    leader.send(me, CommandList.ORDERS, order("late"))
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.NO_REPLICA]
    assert RejectCode.NO_REPLICA.transient
    cancel = order("cancel", order_id=int(entered["order_id"]))
    cancel["kind"], cancel["present"], cancel["qty"], cancel["price"] = 3, 0, 0, 0
    leader.send(me, CommandList.ORDERS, cancel)
    run(leader, standby)
    assert leader.took(me, ReportList.REPORTS).size == 0
    standby.wire.cut = False
    run(leader, standby, turns=6, later_ns=TIMEOUT_NS // 2)
    assert leader.took(me, ReportList.REPORTS)["exec_type"].tolist() == [4]
    leader.send(me, CommandList.ORDERS, order("again"))
    run(leader, standby)
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [0]


def test_solo_is_journaled_and_lets_answers_leave_on_the_disk_alone() -> None:
    """What waited leaves; what follows is synchronised here; without a standby it cannot be switched off."""
    leader, standby, me = started()
    standby.wire.cut = True
    leader.send(me, CommandList.ORDERS, order("held"))
    run(leader, standby, turns=3, later_ns=TIMEOUT_NS)
    assert leader.took(me, ReportList.REPORTS).size == 0
    assert solo(leader, me, on=True) == 0
    leader.turn()
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    syncs = leader.journal.counters["syncs"]
    leader.send(me, CommandList.ORDERS, order("alone"))
    assert leader.journal.counters["syncs"] == syncs + 1
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    assert solo(leader, me, on=False) == RejectCode.NO_REPLICA
    assert replayed(leader.disk).status()["solo"][0] == 1
    standby.wire.cut = False
    run(leader, standby, turns=6, later_ns=TIMEOUT_NS // 2)
    assert standby.told[-1] is False  # it follows, and nobody waits for it
    with pytest.raises(IndexError):  # this answer waits again
        solo(leader, me, on=False)
    run(leader, standby)
    assert leader.took(me, ReportList.ANSWERS)["reject"].tolist() == [0]


def test_standby_hears_at_once_that_answers_wait_for_it_again() -> None:
    """It may take the lead from then on, however long heartbeats are apart: this takes less than one."""
    leader, standby, me = started()
    assert solo(leader, me, on=True) == 0
    run(leader, standby, turns=20)  # in which it hears that nobody waits for it
    with pytest.raises(IndexError):  # this answer waits again
        solo(leader, me, on=False)
    run(leader, standby, turns=3, later_ns=1_000)
    assert standby.told == [True, False, True]


def test_solo_means_nothing_where_answers_wait_for_no_standby() -> None:
    """INVALID_FIELD in the profiles process and disk."""
    bench = Bench()
    me = bench.connect()
    assert solo(bench, me, on=True) == RejectCode.INVALID_FIELD


def test_standby_that_comes_back_goes_on_where_its_journal_ends() -> None:
    """A restart of the standby asks for what it lacks, and gets it from the stream."""
    leader, standby, me = started()
    for number in range(20):
        leader.send(me, CommandList.ORDERS, order(f"a{number}"))
    standby.journal.close()
    back = StandbyBench(leader, standby.disk)
    before = back.venue.sequence
    assert before < leader.venue.sequence
    run(leader, back)
    assert back.venue.state_hash() == leader.venue.state_hash()
    assert back.files.asked == 0
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [0] * 20


def test_leader_that_comes_back_is_asked_as_soon_as_the_connection_stands() -> None:
    """However patient the standby is: what could not be sent is no question that waits for its answer."""
    leader, standby, me = started()
    standby.wire.broken = standby.wire.away = True
    for _ in range(5):
        standby.turn()
    assert standby.standby.state.name == "asking"
    leader.send(me, CommandList.ORDERS, order("a"))
    standby.wire.away = False
    standby.turn()
    leader.turn(0)
    standby.turn()
    assert standby.standby.state.name == "streaming"
    run(leader, standby)
    assert standby.venue.state_hash() == leader.venue.state_hash()


def test_what_is_no_longer_streamed_is_read_from_the_files() -> None:
    """A standby that begins when the leader's memory has let the first batches go."""
    leader = replica_leader(follow_bytes=1_024)
    me = leader.connect()
    leader.took = lambda *_: np.zeros(0, frames.ANSWER_DTYPE)  # type: ignore[method-assign]
    leader.market(me)
    del leader.took
    standby = StandbyBench(leader)
    run(leader, standby, turns=40)
    assert standby.files.asked > 0
    assert standby.venue.state_hash() == leader.venue.state_hash()
    assert leader.core.standby_in_sync


def test_lost_frames_are_seen_as_a_gap_and_asked_for_again() -> None:
    """A frame that does not arrive: nothing after it is taken, and all comes in order in the end."""
    leader, standby, me = started()
    standby.wire.deaf = True
    leader.send(me, CommandList.ORDERS, order("lost"))
    standby.turn()
    standby.wire.deaf = False
    leader.send(me, CommandList.ORDERS, order("next"))
    standby.turn()
    assert standby.wire.lost > 0
    assert standby.venue.sequence < leader.venue.sequence
    run(leader, standby)
    assert standby.venue.state_hash() == leader.venue.state_hash()


def test_events_that_part_stop_the_follower() -> None:
    """A leader whose events were others than what follows here: StateParted, before the batch is folded."""
    leader, standby, _ = started()
    row = order("a")
    payload = frames.encode_commands(
        CommandList.ORDERS,
        row,
        frames.CommandHeader(
            epoch=1,
            first_seq=standby.venue.sequence + 1,
            ts_ns=leader.clock.now_ns(),
            event_digest=standby.venue.event_digest ^ 1,
        ),
        limit=frames.RECORD_BYTES,
    )
    sequence, state = standby.venue.sequence, standby.venue.state_hash()
    standby.standby.take(payload, leader.clock.now_ns())
    assert standby.standby.write()
    with pytest.raises(StateParted, match=f"before sequence {sequence + 1}"):
        standby.standby.fold()
    assert (standby.venue.sequence, standby.venue.state_hash()) == (sequence, state)


def test_standby_in_sync_takes_the_lead_and_loses_nothing() -> None:
    """The leader dies with an answer unsent: the standby has the order; the client gets its answer there."""
    leader, standby, me = started()
    leader.send(me, CommandList.ORDERS, order("kept"))
    standby.turn()  # it has it; the leader dies before it hears that
    assert leader.took(me, ReportList.REPORTS).size == 0
    promotion, answer = standby.ask()
    assert promotion is not None
    assert answer["kind"] == FollowOutcome.PROMOTED
    assert promotion.epoch == 1 << 20
    assert (promotion.first_lost, promotion.last_lost) == (0, 0)
    assert standby.venue.status()["solo"][0] == 1
    heir = heir_of(standby, promotion)
    back = heir.connect(last_event=1)
    heir.send(back, CommandList.ORDERS, order("kept"))
    for _ in range(3):
        heir.turn(30_000_000)
    reports = heir.took(back, ReportList.REPORTS)
    assert reports["reject"].tolist() == [0] * reports.size
    assert set(reports["order_id"].tolist()) == {promotion.sequence - 1}
    assert reports["flags"][-1] & 4  # the first answer, given again
    assert heir.venue.status()["live_orders"][0] == 1


def test_client_that_logs_on_while_the_standby_is_behind_misses_nothing_at_the_next_leader() -> None:
    """A welcome counts only events that the standby has: those after them may be others where it leads."""
    leader, standby, me = started()
    leader.send(me, CommandList.ORDERS, order("rest", side=2, qty=9))
    run(leader, standby)
    (rests,) = leader.took(me, ReportList.REPORTS)
    standby.wire.cut = True
    for number in range(4):
        leader.send(me, CommandList.ORDERS, order(f"held{number}"))
    back = leader.connect("me")  # on another connection, of a program that has seen nothing
    (welcome,) = leader.took(back, ReportList.SESSIONS)
    assert welcome["event_sequence"] == rests["event_sequence"] < leader.venue.event_sequence
    promotion, _ = standby.ask()
    assert promotion is not None
    heir = heir_of(standby, promotion)
    row = np.zeros(1, frames.ADMIN_COMMAND_DTYPE)
    row["kind"], row["flag"] = AdminAction.SET_SOLO, True
    other = heir.connect("other")
    heir.send(other, CommandList.ADMINISTRATION, row)
    for number in range(4):
        heir.send(other, CommandList.ORDERS, order(f"fills{number}", account=2))
    assert heir.venue.event_sequence > leader.venue.event_sequence
    again = heir.connect("me", last_event=int(welcome["event_sequence"]))
    assert heir.took(again, ReportList.SESSIONS)["reject"].tolist() == [0]
    for _ in range(3):
        heir.turn(30_000_000)
    fills = heir.took(again, ReportList.REPORTS)
    assert fills[["exec_type", "leaves_qty"]].tolist() == [(3, 8), (3, 7), (3, 6), (3, 5)]


def test_standby_that_may_lack_something_does_not_lead_unless_loss_is_accepted() -> None:
    """NOT_IN_SYNC with the range that is known to be missing; accepted, it leads and says what is lost."""
    leader = Bench(options={"standby_timeout_ns": TIMEOUT_NS})  # durability process: nobody waits
    standby = StandbyBench(leader)
    run(leader, standby)
    me = leader.connect()
    leader.market(me)
    run(leader, standby)
    standby.wire.deaf = True
    leader.send(me, CommandList.ORDERS, order("lost"))
    standby.turn()
    standby.wire.deaf = False
    standby.wire.held.clear()
    for _ in range(3):  # a heartbeat says how far the leader is
        leader.turn(TIMEOUT_NS // 4)
        frames_of = [
            f for f in standby.wire.receive() if frames.decode_commands(f)[1] is CommandList.FOLLOW_ANSWERS
        ]
        for frame in frames_of:
            standby.standby.take(frame, leader.clock.now_ns())
    promotion, answer = standby.ask()
    assert promotion is None
    assert (answer["kind"], answer["reject"]) == (FollowOutcome.REFUSED, RejectCode.NOT_IN_SYNC)
    assert (answer["first_lost"], answer["last_lost"]) == (leader.venue.sequence, leader.venue.sequence)
    promotion, answer = standby.ask(accept_loss=True)
    assert promotion is not None
    assert (promotion.first_lost, promotion.last_lost) == (leader.venue.sequence, leader.venue.sequence)


def test_leader_that_meets_a_higher_epoch_stops_and_truncates_nothing() -> None:
    """Its client hears nothing any more; its journal is as it was."""
    leader, standby, me = started()
    promotion, _ = standby.ask()
    assert promotion is not None
    before = [record.first_sequence for record in JournalReader("/j", 1, disk=leader.disk)]
    connection = leader.transport.open()
    leader.followed.add(connection)
    fence = request(FollowAction.FENCE, epoch=promotion.epoch)
    leader.send(connection, CommandList.FOLLOW_REQUESTS, fence)
    frame = leader.transport.take(connection)
    assert frame is not None
    assert frames.decode_commands(frame)[2]["kind"][0] == FollowOutcome.FENCED
    assert leader.core.fenced_by == promotion.epoch
    leader.send(me, CommandList.ORDERS, order("late"))
    assert leader.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.STALE_EPOCH]
    assert [record.first_sequence for record in JournalReader("/j", 1, disk=leader.disk)] == before


def test_fence_of_a_lower_epoch_is_refused() -> None:
    """The leader goes on."""
    leader, _, _ = started()
    connection = leader.transport.open()
    leader.followed.add(connection)
    leader.send(connection, CommandList.FOLLOW_REQUESTS, request(FollowAction.FENCE, epoch=1))
    frame = leader.transport.take(connection)
    assert frame is not None
    assert frames.decode_commands(frame)[2][["kind", "reject"]].tolist() == [
        (FollowOutcome.REFUSED, RejectCode.STALE_EPOCH)
    ]
    assert leader.core.fenced_by == 0


def test_old_leader_that_comes_back_as_a_standby_is_told_that_it_diverged() -> None:
    """It journaled what nobody else has: it follows nobody, and loses nothing by itself."""
    leader, standby, me = started()
    standby.wire.deaf = True
    leader.send(me, CommandList.ORDERS, order("alone"))  # the standby never gets it
    promotion, _ = standby.ask()
    assert promotion is not None
    heir = heir_of(standby, promotion)
    old = back_as_standby(leader, heir)
    assert old.standby.state is StandbyState.diverged
    assert old.venue.sequence == leader.venue.sequence


def test_old_leader_with_more_than_the_new_one_is_ahead() -> None:
    """Its end lies beyond the journal of who leads now."""
    leader, standby, me = started()
    standby.wire.deaf = True
    for number in range(5):
        leader.send(me, CommandList.ORDERS, order(f"alone{number}"))
    promotion, _ = standby.ask()
    assert promotion is not None
    heir = heir_of(standby, promotion)
    old = back_as_standby(leader, heir)
    assert old.standby.state is StandbyState.ahead


def test_old_leader_that_has_nothing_of_its_own_follows_the_new_one() -> None:
    """The same journal up to the promotion: it takes what comes after, and is in sync."""
    leader, standby, _ = started()
    run(leader, standby)
    promotion, _ = standby.ask()
    assert promotion is not None
    heir = heir_of(standby, promotion)
    old = back_as_standby(leader, heir)
    assert old.standby.state is StandbyState.streaming
    assert old.venue.state_hash() == heir.venue.state_hash()
    assert heir.core.standby_in_sync


def test_standby_answers_clients_that_it_does_not_lead() -> None:
    """NOT_LEADER for a logon and for a command; nothing is journaled."""
    _, standby, _ = started()
    sequence = standby.venue.sequence
    connection = standby.transport.open()
    row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    row["kind"], row["name"], row["schema_version"] = 1, b"me", frames.SCHEMA_VERSION
    standby.transport.push(connection, frames.encode_commands(CommandList.SESSIONS, row))
    standby.transport.push(connection, frames.encode_commands(CommandList.ORDERS, order("a")))
    standby.house()
    kinds = []
    while (frame := standby.transport.take(connection)) is not None:
        _, kind, rows = frames.decode_reports(frame)
        kinds.append((kind, rows["reject"].tolist()))
    assert kinds == [
        (ReportList.SESSIONS, [RejectCode.NOT_LEADER]),
        (ReportList.REFUSALS, [RejectCode.NOT_LEADER]),
    ]
    assert standby.venue.sequence == sequence


def test_only_who_may_follows() -> None:
    """Behind keys, a key without the role is refused, and its epoch fences nobody."""
    bench = Bench(options={"trusts_peers": False})
    bench.core.permit("trader", 1, True, False)
    bench.core.permit("standby", 0, False, False, True)
    for user, kinds in (("trader", ReportList.REFUSALS), ("standby", None)):
        connection = bench.transport.open(user)
        bench.followed.add(connection)
        rows = request(FollowAction.FOLLOW, highest_epoch=1)
        bench.send(connection, CommandList.FOLLOW_REQUESTS, rows)
        frame = bench.transport.take(connection)
        assert frame is not None
        if kinds is None:
            assert frames.decode_commands(frame)[2]["kind"][0] == FollowOutcome.STREAMING
        else:
            _, kind, rows = frames.decode_reports(frame)
            assert (kind, rows["reject"].tolist()) == (kinds, [RejectCode.NOT_PERMITTED])
    assert bench.core.fenced_by == 0


def test_answers_that_wait_are_bounded() -> None:
    """When no more can wait, a session is behind: it gets its reports from the ring, in order, once."""
    leader = replica_leader(follow_bytes=8_192)
    standby = StandbyBench(leader)
    run(leader, standby)
    me = leader.connect()
    market(leader, standby, me)
    run(leader, standby)
    names = [f"n{number}" for number in range(60)]
    for name in names:
        leader.send(me, CommandList.ORDERS, order(name))
    run(leader, standby, turns=40)
    reports = leader.took(me, ReportList.REPORTS)
    entered = [bytes(name).decode() for name in dict.fromkeys(reports["client_order_id_head"].tolist())]
    assert entered == names
