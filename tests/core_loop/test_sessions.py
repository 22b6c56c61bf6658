"""Sessions: who hears what, who comes back, who falls silent, who may do what."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cmatch import RejectCode, frames
from cmatch._core import DiskOperation
from cmatch.frames import CommandList, ReportList
from exchange.domain.enums import AdminAction
from exchange.services.orders.stage import StageUnavailableError
from tests.core_loop.bench_table import ENOSPC, SECOND_NS, Bench, order

_WELCOME, _RESYNC, _BYE = 1, 4, 5
_CANCEL_ON_DISCONNECT = 1


def test_frame_before_logon_is_refused_and_changes_nothing() -> None:
    """NOT_LOGGED_ON, one refusal a frame, no sequence."""
    bench = Bench()
    stranger = bench.transport.open()
    bench.send(stranger, CommandList.ORDERS, order("a"))
    assert bench.took(stranger, ReportList.REFUSALS)["reject"].tolist() == [RejectCode.NOT_LOGGED_ON]
    assert bench.venue.sequence == 0


def test_bytes_that_are_no_frame_are_refused_and_the_session_lives_on() -> None:
    """BAD_FRAME for each; the next order is taken."""
    bench = Bench()
    me = bench.connect()
    bench.market(me)
    for garbage in (b"", b"1234567", b"\xff" * 8, b"\0" * 64):
        bench.transport.push(me, garbage or b"\1")
        bench.turn()
    assert set(bench.took(me, ReportList.REFUSALS)["reject"].tolist()) == {RejectCode.BAD_FRAME}
    bench.send(me, CommandList.ORDERS, order("a"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]


def test_maker_hears_of_its_fill_on_its_own_session() -> None:
    """The taker's reports go to the taker, the maker's to the maker, each once, by rising event."""
    bench = Bench()
    maker, taker = bench.connect("maker"), bench.connect("taker")
    bench.market(maker)
    bench.send(maker, CommandList.ORDERS, order("m", account=1, side=2, qty=5))
    bench.send(taker, CommandList.ORDERS, order("t", account=2, side=1, qty=3))
    made, taken = bench.took(maker, ReportList.REPORTS), bench.took(taker, ReportList.REPORTS)
    assert made[["exec_type", "last_qty", "leaves_qty"]].tolist() == [(1, 0, 5), (3, 3, 2)]
    assert taken[["exec_type", "last_qty", "leaves_qty"]].tolist() == [(1, 0, 3), (3, 3, 0)]
    events = sorted([*made["event_sequence"].tolist(), *taken["event_sequence"].tolist()])
    assert len(set(events)) == 4


def test_client_that_comes_back_gets_what_it_missed_in_order_once() -> None:
    """Fills of the time away come after the logon, and nothing that was seen before."""
    bench = Bench()
    me, other = bench.connect("me"), bench.connect("other")
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("m", account=1, side=2, qty=9))
    (seen,) = bench.took(me, ReportList.REPORTS)
    bench.transport.close(me)
    for number in range(3):
        bench.send(other, CommandList.ORDERS, order(f"t{number}", account=2, side=1, qty=1))
    back = bench.connect("me", last_event=int(seen["event_sequence"]))
    for _ in range(3):
        bench.turn(SECOND_NS)
    assert bench.took(back, ReportList.SESSIONS)["kind"][0] == _WELCOME
    missed = bench.took(back, ReportList.REPORTS)
    assert missed[["exec_type", "leaves_qty"]].tolist() == [(3, 8), (3, 7), (3, 6)]
    bench.send(other, CommandList.ORDERS, order("t3", account=2, side=1, qty=1))
    assert bench.took(back, ReportList.REPORTS)["leaves_qty"].tolist() == [5]


def test_client_that_comes_back_after_a_restart_gets_what_it_missed() -> None:
    """The ring of reports is that of the replay: a crash in between changes nothing."""
    bench = Bench()
    me = bench.connect("me")
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("m", account=1, side=2, qty=9))
    (seen,) = bench.took(me, ReportList.REPORTS)
    bench.send(me, CommandList.ORDERS, order("t", account=2, side=1, qty=1))
    bench.journal.close()
    again = Bench(bench.disk)
    back = again.connect("me", last_event=int(seen["event_sequence"]))
    for _ in range(3):
        again.turn(SECOND_NS)
    assert again.took(back, ReportList.REPORTS)["exec_type"].tolist() == [1, 3, 3]
    assert again.venue.state_hash() == bench.venue.state_hash()


def test_what_is_no_longer_kept_is_answered_with_resync() -> None:
    """A ring of eight reports, twenty orders: RESYNC_REQUIRED instead of a gap."""
    bench = Bench(options={"ring_reports": 8})
    me = bench.connect("me")
    bench.market(me)
    for number in range(20):
        bench.send(me, CommandList.ORDERS, order(f"o{number}"))
    first = int(bench.took(me, ReportList.REPORTS)["event_sequence"][0])
    back = bench.connect("me", last_event=first)
    answer = bench.took(back, ReportList.SESSIONS)
    assert answer[["kind", "reject"]].tolist() == [(_RESYNC, RejectCode.RESYNC_REQUIRED)]


@pytest.mark.parametrize(("flags", "left"), [(0, 1), (_CANCEL_ON_DISCONNECT, 0)])
def test_session_that_falls_silent_is_lost_and_cancels_if_it_asked_to(flags: int, left: int) -> None:
    """After the silence that is allowed its orders are cancelled by a journaled command, or stay."""
    bench = Bench(options={"silence_ns": 5 * SECOND_NS})
    operator = bench.connect("operator")
    bench.market(operator)
    me = bench.connect("me", flags=flags)
    bench.send(me, CommandList.ORDERS, order("a"))
    beat = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    beat["kind"] = 3
    for _ in range(8):
        bench.clock.advance(SECOND_NS)
        bench.send(operator, CommandList.SESSIONS, beat)
    bench.turn()
    assert bench.venue.status()["live_orders"][0] == left
    assert bench.core.sessions == 1
    assert bench.took(me, ReportList.SESSIONS)["kind"].tolist()[-1] == _BYE


def test_rates_of_orders_and_cancels_are_budgets_of_their_own() -> None:
    """Orders over the rate are refused unjournaled; cancels still pass (faults 52)."""
    bench = Bench(options={"orders_per_s": 10, "orders_burst": 3, "cancels_per_s": 10, "cancels_burst": 3})
    me = bench.connect()
    bench.market(me)
    for number in range(5):
        bench.send(me, CommandList.ORDERS, order(f"o{number}"))
    rejects = bench.took(me, ReportList.REPORTS)["reject"].tolist()
    assert rejects == [0, 0, 0, RejectCode.SESSION_THROTTLED, RejectCode.SESSION_THROTTLED]
    cancel = order("c0", orig_client_order_id_head=b"o0")
    cancel["kind"], cancel["present"] = 3, 0
    bench.send(me, CommandList.ORDERS, cancel)
    assert bench.took(me, ReportList.REPORTS)["exec_type"].tolist() == [4]


def test_reader_that_does_not_read_is_served_later_without_a_gap() -> None:
    """Its queue of frames is full: it falls behind, others do not, and it gets every report in order."""
    bench = Bench()
    bench.transport.close(bench.transport.open())
    me = bench.connect("me")
    bench.market(me)
    for number in range(1_200):
        bench.transport.push(
            me, frames.encode_commands(CommandList.ORDERS, order(f"o{number}", price=1 + number % 50))
        )
        bench.clock.advance(1_000)
        bench.loop.turn()
    for _ in range(200):
        bench.turn(SECOND_NS // 10)
    took = bench.took(me, ReportList.REPORTS)
    accepted = [
        name for name, kind in zip(took["client_order_id_head"], took["exec_type"], strict=True) if kind == 1
    ]
    assert [bytes(name).decode() for name in dict.fromkeys(accepted)] == [f"o{n}" for n in range(1_000)]
    assert took["reject"][took["exec_type"] == 2].tolist() == [RejectCode.CAPACITY_ORDERS] * 200


class _Flaky:
    """A matching stage that answers when it is told to."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def ping(self) -> None:
        self.asked += 1
        if self.away:
            raise StageUnavailableError("away")


@pytest.mark.req("A037", "A038", "A039")
def test_stage_that_fails_five_times_opens_the_breaker_and_orders_wait_for_it() -> None:
    """Queued while away, refused unjournaled when the queue is full, applied once and in order when back."""
    port = _Flaky()
    limits = {"max_accounts": 100, "max_client_ids": 10_000, "max_orders": 1_000, "queue_capacity": 3}
    bench = Bench(port=port, limits={**limits, "queue_ttl": 600 * SECOND_NS})
    me = bench.connect()
    bench.market(me)
    port.away = True
    before = port.asked
    away = []
    for _ in range(5):
        away.append(bench.venue.away)
        bench.turn(SECOND_NS // 10)
    assert [*away, bench.venue.away] == [False] * 5 + [True]
    assert port.asked == before + 5
    for number in range(5):
        bench.send(me, CommandList.ORDERS, order(f"q{number}", account=1 + number % 2, side=1 + number % 2))
    reports = bench.took(me, ReportList.REPORTS)
    assert reports["reject"].tolist() == [0, 0, 0, RejectCode.QUEUE_FULL, RejectCode.QUEUE_FULL]
    assert reports["order_status"].tolist()[:3] == [1, 1, 1]
    assert reports["sequence"].tolist()[3:] == [0, 0]
    market = order("m", type=2, time_in_force=4, present=0, price=0)
    bench.send(me, CommandList.ORDERS, market)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.QUEUE_FULL]
    port.away = False
    for _ in range(200):
        bench.turn(SECOND_NS // 10)
        if not bench.venue.away:
            break
    done = bench.took(me, ReportList.REPORTS)
    accepted = done[done["exec_type"] == 1]["client_order_id_head"].tolist()
    assert accepted == [b"q0", b"q1", b"q2"]
    assert (done["exec_type"] == 3).sum() == 2
    bench.venue.check_invariants()


@pytest.mark.req("A014")
def test_who_may_only_trade_cannot_administer() -> None:
    """With keys a peer is what its key says: NOT_PERMITTED, unjournaled; all that orders meet stays on."""
    bench = Bench(options={"trusts_peers": False})
    bench.core.permit("key-1", 1, True, False)
    connection = bench.transport.open("key-1")
    logon = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    logon["kind"], logon["name"], logon["schema_version"], logon["tenant"] = 1, b"t", 1, 1
    bench.send(connection, CommandList.SESSIONS, logon)
    assert bench.took(connection, ReportList.SESSIONS)["kind"].tolist() == [_WELCOME]
    before = bench.venue.sequence
    wishes = np.zeros(2, frames.ADMIN_COMMAND_DTYPE)
    wishes["kind"], wishes["scope"] = (AdminAction.KILL, AdminAction.SET_POLICY), (1, 0)
    wishes["flag"] = 1, 2  # on; no checks at all
    bench.send(connection, CommandList.ADMINISTRATION, wishes)
    refused = bench.took(connection, ReportList.ANSWERS)["reject"].tolist()
    assert refused == [RejectCode.NOT_PERMITTED] * 2
    assert (bench.venue.sequence, bench.venue.status()["policy"].tolist()) == (before, [0])
    stranger = bench.transport.open("key-2")
    bench.send(stranger, CommandList.SESSIONS, logon)
    assert bench.took(stranger, ReportList.SESSIONS)["reject"].tolist() == [RejectCode.NOT_PERMITTED]


def test_clock_that_is_set_back_stops_neither_heartbeats_nor_the_loss_of_sessions() -> None:
    """An hour forward and back again: who is silent is lost by steady time, and its orders are cancelled."""
    bench = Bench(options={"silence_ns": SECOND_NS})
    bench.market(bench.connect("other"))
    start = bench.clock.now_ns()
    bench.clock.set(start + 3_600 * SECOND_NS)
    me = bench.connect("me", flags=_CANCEL_ON_DISCONNECT)
    bench.send(me, CommandList.ORDERS, order("a"))
    bench.clock.set(start)
    bench.took(me, ReportList.SESSIONS)
    live = []
    for _ in range(4):
        bench.turn(SECOND_NS // 2)
        live.append(int(bench.venue.status()["live_orders"][0]))
    assert live[-1] == 0
    assert bench.took(me, ReportList.SESSIONS)["kind"].tolist()[-1] == _BYE


def test_session_that_was_lost_while_the_core_restarted_is_told_to_resync() -> None:
    """Its number may be given again: a welcome would say that it has missed nothing."""
    bench = Bench(options={"silence_ns": SECOND_NS})
    me = bench.connect("me", flags=_CANCEL_ON_DISCONNECT)
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("a"))
    (seen,) = bench.took(me, ReportList.REPORTS)
    bench.turn(2 * SECOND_NS)
    assert bench.venue.status()["live_orders"][0] == 0
    bench.journal.close()
    again = Bench(bench.disk, clock=bench.clock)
    back = again.connect("me", flags=_CANCEL_ON_DISCONNECT, last_event=int(seen["event_sequence"]))
    (answer,) = again.took(back, ReportList.SESSIONS)
    assert [answer["kind"], answer["reject"]] == [_RESYNC, RejectCode.RESYNC_REQUIRED]


def test_client_that_has_seen_more_than_there_is_is_told_to_resync_and_misses_nothing_after() -> None:
    """The core lost the end of its journal: what comes under those events now is others'."""
    bench = Bench()
    maker, taker = bench.connect("maker"), bench.connect("taker")
    bench.market(maker)
    bench.send(maker, CommandList.ORDERS, order("m", account=1, side=2, qty=9))
    bench.took(maker, ReportList.REPORTS)
    bench.transport.close(maker)
    back = bench.connect("maker", last_event=bench.venue.event_sequence + 100)
    assert bench.took(back, ReportList.SESSIONS)["kind"].tolist() == [_RESYNC]
    bench.send(taker, CommandList.ORDERS, order("t", account=2, side=1, qty=3))
    bench.turn(SECOND_NS)
    assert bench.took(back, ReportList.REPORTS)["leaves_qty"].tolist() == [6]


def test_session_that_is_lost_while_nothing_can_be_written_is_journaled_later() -> None:
    """Its orders go as soon as there is room; who came meanwhile is known to the next life of the core."""
    bench = Bench(options={"silence_ns": SECOND_NS})
    me, other = bench.connect("me", flags=_CANCEL_ON_DISCONNECT), bench.connect("other")
    bench.market(other)
    bench.send(me, CommandList.ORDERS, order("a"))
    bench.disk.fail(DiskOperation.write, 1, error=ENOSPC, times=1)
    bench.clock.advance(2 * SECOND_NS)
    assert bench.transport.push(other, frames.encode_commands(CommandList.SESSIONS, _heartbeat()))
    bench.turn()  # the loss of `me`, which is refused with its batch
    before = int(bench.venue.status()["live_orders"][0])
    bench.turn(SECOND_NS // 2)  # there is room again
    bench.turn(SECOND_NS // 2)
    assert [before, int(bench.venue.status()["live_orders"][0])] == [1, 0]
    assert bench.venue.sessions()["name"].tolist() == [b"other"]


def _heartbeat() -> npt.NDArray[np.void]:
    row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    row["kind"], row["schema_version"] = 3, frames.SCHEMA_VERSION
    return row
