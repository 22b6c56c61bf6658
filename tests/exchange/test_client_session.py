"""The session of a client, frame by frame and tick by tick, without sockets, threads or clocks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cmatch.frames import (
    ORDER_COMMAND_DTYPE,
    REFUSAL_DTYPE,
    CommandList,
    ReportHeader,
    ReportList,
    command_frames,
    decode_commands,
    decode_reports,
    encode_reports,
)
from exchange.client.errors import ClientClosed, LogonRefused, RequestTimeout, TooManyRequests
from exchange.client.face import Makers
from exchange.client.handles import outcome
from exchange.client.ids import Names
from exchange.client.requests import Request
from exchange.client.results import ExecutionReport, Reports
from exchange.client.session import Resync, Session, Settings
from exchange.client.session import State as SessionState
from exchange.client.underway import Pending
from exchange.domain.enums import (
    CancelReason,
    ExecType,
    OrderStatus,
    RejectCode,
    ReportFlag,
    SessionAction,
    SessionOutcome,
)
from exchange.errors import WireError
from tests.exchange.scripted_core import UNKNOWN_ORDER, KnownSession, Logic, State

MS = 1_000_000
PEER = b"peer1"


class Wire:
    """A session and a scripted core, with a clock and a network between them that do as they are told."""

    def __init__(self, *, endpoints: int = 1, **settings: Any) -> None:
        self.now = 1_000 * MS
        self.core = Logic(State())
        self.session = Session(Settings("bot", "ann", 1, **settings), lambda: self.now, endpoints=endpoints)
        self.makers = Makers(Names("bot", lambda: self.now, "i"), "ann", 7)
        self.peer = PEER
        self.answers: list[Any] = []
        self.reports: list[ExecutionReport] = []
        self.events: list[Any] = []
        self.session.opened(self.now)

    def state(self) -> SessionState:
        """Of the session."""
        return self.session.state

    def send(self) -> list[bytes]:
        """Take what the session wants to send."""
        frames = list(self.session.outbox)
        self.session.outbox.clear()
        return frames

    def deliver(self) -> None:
        """Carry all frames both ways until nothing moves."""
        while frames := self.send():
            for frame in frames:
                for _, answer in self.core.receive(self.peer, frame):
                    self.hear(answer)

    def hear(self, frame: bytes) -> None:
        """The session gets a frame."""
        self.session.receive(frame, self.now)
        self.collect()

    def collect(self) -> None:
        """Note what happened."""
        for event in self.session.take():
            self.events.append(event)
            if isinstance(event, Pending):
                event.resolve(event)
            elif isinstance(event, Reports):
                self.reports.extend(event)

    def pass_time(self, ms: int) -> None:
        """Let time pass."""
        self.now += ms * MS
        self.session.tick(self.now)
        self.collect()

    def ask(self, request: Request[Any], timeout_ms: int | None = None) -> Callable[[], Any]:
        """Submit, and give what gives the answer."""
        found: list[Pending] = []
        self.session.submit(request, found.append, self.now, timeout_ms)

        def answer() -> Any:
            assert len(found) == 1, "not answered, or twice"
            return outcome(request, found[0])

        answer.__dict__["found"] = found
        return answer

    def reconnect(self) -> None:
        """Break the connection and come back."""
        self.session.lost(self.now)
        self.pass_time(10_000) if self.session.reopen_at is None else None
        self.peer = self.peer + b"x"
        assert self.session.reopen_at is not None
        self.now = max(self.now, self.session.reopen_at)
        self.session.opened(self.now)
        self.collect()


def without_reports(_: bytes, frame: bytes) -> list[bytes]:
    """Lose every answer to an order, and nothing else."""
    return [] if decode_reports(frame)[1] is ReportList.REPORTS else [frame]


@pytest.fixture
def wire() -> Wire:
    """Give a session that is active."""
    made = Wire()
    made.deliver()
    assert made.state() is SessionState.ACTIVE
    return made


def order_frames(frames: list[bytes]) -> list[Any]:
    """The order commands of frames, one list a frame."""
    decoded = [decode_commands(frame) for frame in frames]
    return [rows for _, kind, rows in decoded if kind is CommandList.ORDERS]


def test_session_opened_logs_on_with_its_name_and_what_it_saw() -> None:
    """The first frame of a connection is a logon that says who, and from where on."""
    wire = Wire(cancel_on_disconnect=True, heartbeat_ms=700)
    [frame] = wire.send()
    _, kind, rows = decode_commands(frame)
    assert kind is CommandList.SESSIONS
    assert rows[0]["kind"] == SessionAction.LOGON
    assert (rows[0]["name"], rows[0]["user"], rows[0]["tenant"]) == (b"bot", b"ann", 1)
    assert (rows[0]["flags"], rows[0]["heartbeat_ms"], rows[0]["last_event_sequence"]) == (1, 700, 0)


def test_request_before_the_welcome_is_sent_after_it() -> None:
    """Nothing but the logon leaves before the core has let the session in."""
    wire = Wire()
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    frames = wire.send()
    assert order_frames(frames) == []
    wire.hear(wire.core.receive(PEER, frames[0])[0][1])
    wire.deliver()
    assert answer().exec_type is ExecType.ACCEPTED


def test_order_answered_gives_the_report_as_data(wire: Wire) -> None:
    """An accepted order is answered by its first report, which is in the stream and in the book as well."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100, client_order_id="mine"))
    wire.deliver()
    report = answer()
    assert (report.exec_type, report.order_status, report.client_order_id) == (
        ExecType.ACCEPTED,
        OrderStatus.OPEN,
        "mine",
    )
    assert (report.order_qty, report.leaves_qty, report.price, report.ok, report.live) == (
        10,
        10,
        100,
        True,
        True,
    )
    assert wire.reports == [report]
    [order] = wire.session.orders.live()
    assert (order.order_id, order.client_order_id, order.leaves_qty) == (report.order_id, "mine", 10)
    assert wire.session.waiting == 0


def test_order_rejected_is_data_with_code_and_detail(wire: Wire) -> None:
    """A reject raises nothing: it is the answer, with its number, the bound and what was asked."""

    def reject(_: bytes, frame: bytes) -> list[bytes]:
        header, kind, rows = decode_reports(frame)
        rows["exec_type"], rows["order_status"] = ExecType.REJECTED, OrderStatus.REJECTED
        rows["reject"], rows["flags"] = 4006, ReportFlag.LIMIT
        rows["limit_value"], rows["limit_asked"] = 5, 10
        return [encode_reports(kind, rows, header)]

    wire.core.tamper = reject
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    report = answer()
    assert not report.ok
    assert (report.reject.number, report.reject.name) == (4006, "invalid_qty")
    assert (report.reject.value, report.reject.asked, report.reject.transient) == (5, 10, False)
    assert str(report.reject) == "invalid_qty (10 asked, 5 allowed)"
    assert len(wire.session.orders) == 0


def test_answer_lost_is_asked_again_byte_for_byte(wire: Wire) -> None:
    """A request that was not answered is sent again as it was; its repeated answer settles it, once."""
    wire.core.tamper = lambda _peer, _frame: []
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    first = wire.send()
    for frame in first:
        wire.core.receive(PEER, frame)
    wire.core.tamper = lambda _peer, frame: [frame]
    wire.pass_time(999)
    assert order_frames(wire.send()) == []
    wire.pass_time(1)
    second = wire.send()
    assert second[0] == first[0]
    for frame in second:
        for _, heard in wire.core.receive(PEER, frame):
            wire.hear(heard)
    assert answer().duplicate
    assert wire.core.state.new_orders == 1
    assert [order.order_id for order in wire.session.orders.live()] == [1]
    assert wire.session.retries == 1


def test_request_that_is_answered_is_let_go_at_once(wire: Wire) -> None:
    """Not when it would have been asked again: at thousands a second those would be seconds of requests."""

    class Asked:
        """Who asks; calls back with nothing."""

        def __call__(self, _: Pending) -> None:
            pass

    asked = Asked()
    kept = weakref.ref(asked)
    wire.session.submit(wire.makers.orders.limit(1, "buy", 10, 100), asked, wire.now, None)
    del asked
    assert kept() is not None
    wire.deliver()
    wire.events.clear()
    assert kept() is None
    assert wire.session.next_request_timer is None
    # Nor is whoever drives the session woken for it: the next thing to do is to say that it is there.
    assert wire.session.next_timer == wire.now + wire.session.settings.heartbeat_ms * 1_000_000 // 3


def test_answer_that_comes_twice_settles_once(wire: Wire) -> None:
    """A repeated frame changes nothing: no second answer, no second report, no second order."""
    wire.core.tamper = lambda _peer, frame: [frame, frame]
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    assert answer().ok
    assert len(wire.reports) == 1
    assert len(wire.session.orders) == 1


def test_repeated_answer_to_a_replace_does_not_turn_the_order_back(wire: Wire) -> None:
    """The first answer to a replace says what the order was then: given again, it changes nothing."""
    order_id = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    first = wire.makers.orders.replace(order_id(), price=101)
    wire.ask(first)
    wire.deliver()
    wire.ask(wire.makers.orders.replace(order_id(), price=102))
    wire.deliver()
    again = wire.ask(first)
    wire.deliver()
    assert (again().duplicate, again().price) == (True, 101)
    [order] = wire.session.orders.live()
    assert order.price == 102


def test_answer_never_comes_raises_with_the_request_to_ask_again(wire: Wire) -> None:
    """After its deadline a request fails as an accident, and can be asked again with the same bytes."""
    wire.core.tamper = without_reports
    request = wire.makers.orders.limit(1, "buy", 10, 100)
    answer = wire.ask(request)
    for _ in range(50):
        wire.deliver()
        wire.hear(wire.core.heartbeat())
        wire.pass_time(100)
    with pytest.raises(RequestTimeout) as caught:
        answer()
    assert caught.value.request is request
    assert wire.session.waiting == 0
    sent = [rows for kind, rows in wire.core.heard if kind is CommandList.ORDERS]
    assert len(sent) == 5  # at 0, 1, 2, 3 and 4 s
    assert {rows.tobytes() for rows in sent} == {sent[0].tobytes()}
    wire.core.tamper = lambda _peer, frame: [frame]
    again = wire.ask(caught.value.request)
    wire.deliver()
    assert again().duplicate
    assert wire.core.state.new_orders == 1


def test_answer_after_the_deadline_still_makes_the_order_known(wire: Wire) -> None:
    """A late answer has nobody who waits, and is in the stream and the book all the same."""
    held: list[bytes] = []

    def hold(_: bytes, frame: bytes) -> list[bytes]:
        held.append(frame)
        return []

    wire.core.tamper = hold
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100), 300)
    wire.deliver()
    wire.pass_time(300)
    with pytest.raises(RequestTimeout):
        answer()
    wire.hear(held[0])
    assert [report.order_id for report in wire.reports] == [1]
    assert [order.order_id for order in wire.session.orders.live()] == [1]


def test_reconnect_logs_on_with_the_last_event_and_gets_what_it_missed(wire: Wire) -> None:
    """What happened while nobody was there comes after the welcome, in order, each once."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    order_id = answer().order_id
    wire.core.trade(order_id, 3, 100)
    wire.core.trade(order_id, 7, 100)
    wire.reconnect()
    wire.deliver()
    logon = [rows for kind, rows in wire.core.heard if kind is CommandList.SESSIONS][-1]
    assert logon["last_event_sequence"][0] == 1
    assert [(report.event_sequence, report.cum_qty) for report in wire.reports] == [(1, 0), (2, 3), (3, 10)]
    assert wire.session.orders.live() == []
    [ended] = wire.session.orders.ended()
    assert (ended.order_status, ended.cum_qty, ended.cum_notional) == (OrderStatus.FILLED, 10, 1_000)


def test_reconnect_asks_again_what_was_not_answered(wire: Wire) -> None:
    """A request under way when the connection broke is asked again on the next, in its place."""
    wire.core.tamper = lambda _peer, _frame: []
    first = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    second = wire.ask(wire.makers.orders.limit(1, "buy", 2, 100))
    sent = wire.send()
    wire.core.receive(PEER, sent[0])  # the core has the first; the second never got there
    wire.core.tamper = lambda _peer, frame: [frame]
    wire.reconnect()
    wire.deliver()
    assert first().ok
    assert second().ok
    assert wire.core.state.new_orders == 2
    assert [order.order_qty for order in wire.session.orders.live()] == [1, 2]


def test_missed_answer_replayed_settles_its_request(wire: Wire) -> None:
    """An answer that was lost comes with the missed reports; asking again gives a duplicate, unseen."""
    before = wire.ask(wire.makers.orders.limit(1, "buy", 5, 100))
    wire.deliver()
    wire.core.tamper = lambda _peer, _frame: []
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    for frame in wire.send():
        wire.core.receive(PEER, frame)
    wire.core.tamper = lambda _peer, frame: [frame]
    wire.reconnect()
    wire.deliver()
    assert before().ok
    assert not answer().duplicate
    assert [report.event_sequence for report in wire.reports] == [1, 2]
    assert len(wire.session.orders) == 2


def test_resync_tells_what_may_be_missing(wire: Wire) -> None:
    """Where the core no longer has the missed reports, the session tells from where to where."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    wire.core.trade(answer().order_id, 3, 100)
    wire.core.forget_before = 5
    wire.reconnect()
    wire.deliver()
    assert [event for event in wire.events if isinstance(event, Resync)] == [Resync(1, 2, 2)]
    assert wire.session.event_sequence == 2


def test_session_known_anew_causes_a_resync(wire: Wire) -> None:
    """A session that the core had given up comes back as another, and gets nothing of the old one."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.deliver()
    wire.core.trade(answer().order_id, 3, 100)
    wire.core.state.sessions = {b"other": KnownSession(1)}
    wire.reconnect()
    wire.deliver()
    assert [event for event in wire.events if isinstance(event, Resync)] == [Resync(1, 2, 2)]
    assert (wire.session.session, wire.session.event_sequence) == (2, 2)


def test_core_that_lost_the_end_of_its_journal_causes_a_resync(wire: Wire) -> None:
    """Event sequences that go back mean that acknowledged things are gone: new ones must not pass as old."""
    for _ in range(3):
        wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    lost = State(sequence=1, event=1, sessions=wire.core.state.sessions)
    wire.core = Logic(lost, epoch=2)
    wire.reconnect()
    wire.deliver()
    assert [event for event in wire.events if isinstance(event, Resync)] == [Resync(1, 3, 1)]
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 9, 100))
    wire.deliver()
    assert answer().event_sequence == 2
    assert wire.reports[-1].order_qty == 9


def test_frames_of_an_older_epoch_are_not_believed(wire: Wire) -> None:
    """A core that was succeeded may still speak: what it says changes nothing."""
    wire.core.epoch = 3
    wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    old = Logic(wire.core.state, epoch=2)
    order = next(iter(wire.core.state.orders))
    wire.hear(old.reports_frame(old.trade(order, 1, 100)))
    assert [report.exec_type for report in wire.reports] == [ExecType.ACCEPTED]


def test_silence_ends_the_connection(wire: Wire) -> None:
    """A session that says nothing sends heartbeats, three in the time after which it leaves a silent core."""
    for _ in range(2):
        wire.pass_time(1_000)
        [frame] = wire.send()
        _, kind, rows = decode_commands(frame)
        assert (kind, rows[0]["kind"]) == (CommandList.SESSIONS, SessionAction.HEARTBEAT)
    wire.pass_time(999)
    assert wire.state() is SessionState.ACTIVE
    wire.pass_time(1)
    assert wire.state() is SessionState.DISCONNECTED
    assert wire.session.reopen_at == wire.now + 20 * MS


def test_next_endpoint_is_tried_at_once_and_a_pause_follows_each_turn() -> None:
    """Of three that are silent or turn the session away for now, none is waited for before the next."""
    wire = Wire(endpoints=3, backoff_ms_max=30)
    wire.core.refuse_logon = RejectCode.NOT_LEADER
    pauses = []
    for number in range(9):
        if number % 3 == 1:
            wire.pass_time(2_000)  # nobody answers
        else:
            wire.deliver()
        assert wire.state() is SessionState.DISCONNECTED
        assert wire.session.reopen_at is not None
        pauses.append((wire.session.reopen_at - wire.now) // MS)
        wire.session.opened(wire.session.reopen_at)
    assert pauses == [0, 0, 20, 0, 0, 25, 0, 0, 30]
    wire.core.refuse_logon = 0
    wire.deliver()
    assert wire.state() is SessionState.ACTIVE
    for pause in (0, 0, 20, 0):
        wire.session.lost(wire.now)
        assert wire.session.reopen_at == wire.now + pause * MS
        wire.session.opened(wire.session.reopen_at)


def test_pause_stays_short_while_a_follower_answers() -> None:
    """It may lead in a moment; where nobody answers the pause grows."""
    wire = Wire(endpoints=2)
    pauses: list[int] = []
    for number in range(32):
        wire.core.refuse_logon = RejectCode.NOT_LEADER
        if number % 2 == 0 or number >= 28:
            wire.pass_time(2_000)
        else:
            wire.deliver()
        assert wire.session.reopen_at is not None
        pauses.append((wire.session.reopen_at - wire.now) // MS)
        wire.now = wire.session.reopen_at
        wire.session.opened(wire.now)
    assert pauses[1::2] == [20, 25, 32, 40, 50, 63, 79, 99, 124, 155, 194, 200, 200, 200, 250, 313]


@pytest.mark.parametrize("code", [RejectCode.NOT_LEADER, RejectCode.STALE_EPOCH])
def test_core_that_leads_no_more_is_left_with_all_that_waits(wire: Wire, code: RejectCode) -> None:
    """It says good-bye, or refuses a frame: the requests under way are for the next endpoint."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    wire.send()
    refusal = np.zeros(1, REFUSAL_DTYPE)
    refusal["reject"] = code
    wire.hear(encode_reports(ReportList.REFUSALS, refusal, ReportHeader(1, 1, 0, 0, 0)))
    assert wire.state() is SessionState.DISCONNECTED
    wire.session.opened(wire.now)
    wire.peer = b"next"
    wire.deliver()
    assert answer().ok
    [session] = wire.core.state.sessions.values()
    wire.hear(wire.core.session_frame(SessionOutcome.BYE, session, code))
    assert wire.state() is SessionState.DISCONNECTED


def test_logon_refused_for_good_tries_no_other_endpoint() -> None:
    """Who may not come in at one place may not come in at another."""
    wire = Wire(endpoints=2)
    wire.core.refuse_logon = UNKNOWN_ORDER
    wire.deliver()
    assert wire.state() is SessionState.CLOSED
    assert isinstance(wire.session.refusal, LogonRefused)


@pytest.mark.parametrize("resync", [False, True])
def test_welcome_of_a_lower_epoch_is_left_for_the_next_endpoint(resync: bool) -> None:
    """A leader that was succeeded lets the session in: not a word of it counts, and nothing is sent to it."""
    wire = Wire(endpoints=2)
    wire.core.epoch = 3
    wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    leader, stale = wire.core, Logic(State(sequence=9, event=9, sessions={b"bot": KnownSession(5)}), epoch=2)
    stale.forget_before = 9 if resync else 0
    wire.session.lost(wire.now)
    wire.core = stale
    wire.session.opened(wire.now)
    wire.deliver()
    assert wire.state() is SessionState.DISCONNECTED
    assert wire.session.reopen_at == wire.now + 20 * MS
    assert [kind for kind, _ in stale.heard] == [CommandList.SESSIONS]
    assert (wire.session.epoch, wire.session.session, wire.session.event_sequence) == (3, 1, 1)
    wire.core = leader
    wire.peer = b"again"
    wire.session.opened(wire.session.reopen_at)
    wire.deliver()
    assert answer().order_qty == 10
    assert not [event for event in wire.events if isinstance(event, Resync)]


def test_reconnects_are_paused_longer_each_time_and_shortly_after_success() -> None:
    """The pause before a new connection grows by a quarter up to a bound, and starts anew after a welcome."""
    wire = Wire(backoff_ms_max=100)
    pauses: list[int] = []
    for _ in range(10):
        wire.pass_time(2_000)
        assert wire.session.reopen_at is not None
        pauses.append((wire.session.reopen_at - wire.now) // MS)
        wire.session.opened(wire.now)
    assert pauses == [20, 25, 32, 40, 50, 63, 79, 99, 100, 100]
    assert all(pause <= sum(pauses[:at]) // 4 + 24 for at, pause in enumerate(pauses))
    wire.deliver()
    wire.session.lost(wire.now)
    assert wire.session.reopen_at == wire.now + 20 * MS


def test_logon_refused_for_good_fails_everything() -> None:
    """A session that will never be let in says so to all who wait, and asks no more."""
    wire = Wire()
    wire.core.refuse_logon = 4001
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    with pytest.raises(LogonRefused, match="unknown_command"):
        answer()
    assert wire.state() is SessionState.CLOSED
    with pytest.raises(LogonRefused):
        wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))


def test_own_logon_that_is_taken_late_is_no_other_client() -> None:
    """A core that stood still takes the logon that was given up after the present one: once that is let pass.

    A logon that was refused was not given up, and what was asked meanwhile is asked again.
    """
    wire = Wire()
    wire.send()
    wire.pass_time(2_000)  # without an answer
    assert wire.session.reopen_at is not None
    wire.session.opened(wire.now)
    wire.deliver()
    assert wire.state() is SessionState.ACTIVE
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 10, 100))
    [known] = wire.core.state.sessions.values()
    replaced = wire.core.session_frame(SessionOutcome.BYE, known, RejectCode.REPLACED_SESSION)
    wire.hear(replaced)
    assert wire.state() is SessionState.DISCONNECTED
    wire.session.opened(wire.now)
    wire.deliver()
    assert answer().ok
    assert wire.state() is SessionState.ACTIVE
    wire.hear(replaced)
    assert wire.state() is SessionState.CLOSED
    assert isinstance(wire.session.refusal, LogonRefused)


@pytest.mark.parametrize("code", [int(RejectCode.NOT_LEADER), 4025])
def test_client_whose_name_another_takes_after_a_refusal_ends(code: int) -> None:
    """That logon was answered: it cannot be what replaced the session."""
    wire = Wire()
    wire.core.refuse_logon = code
    wire.deliver()
    assert wire.state() is SessionState.DISCONNECTED
    wire.core.refuse_logon = 0
    wire.session.opened(wire.now)
    wire.deliver()
    [known] = wire.core.state.sessions.values()
    wire.hear(wire.core.session_frame(SessionOutcome.BYE, known, RejectCode.REPLACED_SESSION))
    assert wire.state() is SessionState.CLOSED


def test_logon_refused_for_now_is_tried_again() -> None:
    """A transient refusal is no end: the session comes again."""
    wire = Wire()
    wire.core.refuse_logon = 4025
    wire.deliver()
    assert wire.state() is SessionState.DISCONNECTED
    wire.core.refuse_logon = 0
    wire.session.opened(wire.now)
    wire.deliver()
    assert wire.state() is SessionState.ACTIVE


def test_core_that_forgot_the_session_makes_it_log_on_again(wire: Wire) -> None:
    """A session that is not known is cured by a new connection, its requests by asking again."""
    wire.core.state.sessions.clear()
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    assert wire.state() is SessionState.DISCONNECTED
    wire.session.opened(wire.now)
    wire.deliver()
    assert answer().ok


def test_close_fails_what_waits_and_logs_off(wire: Wire) -> None:
    """Closing says goodbye; who waits is told."""
    wire.core.tamper = lambda _peer, _frame: []
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    wire.session.close(wire.now)
    wire.collect()
    [frame] = wire.send()
    assert decode_commands(frame)[2]["kind"][0] == SessionAction.LOGOFF
    with pytest.raises(ClientClosed):
        answer()


def test_too_many_requests_are_refused_before_they_are_sent() -> None:
    """The number of commands under way is bounded."""
    wire = Wire(waiting_max=2)
    wire.deliver()
    wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    with pytest.raises(TooManyRequests):
        wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    assert wire.ask(wire.makers.orders.limit(1, "buy", 1, 100)) is not None


def test_batch_of_orders_is_one_frame_with_an_answer_each(wire: Wire) -> None:
    """Orders of a batch go together and are answered each, in their order."""
    make = wire.makers
    answer = wire.ask(make.batch([make.orders.limit(1, "buy", qty, 100) for qty in (3, 1, 2)]))
    [rows] = order_frames(list(wire.session.outbox))
    assert rows["qty"].tolist() == [3, 1, 2]
    wire.deliver()
    assert [report.order_qty for report in answer()] == [3, 1, 2]


def test_batch_answered_in_part_asks_again_for_the_rest_only(wire: Wire) -> None:
    """Of a batch only what was not answered is asked again."""
    make = wire.makers
    answer = wire.ask(make.batch([make.orders.limit(1, "buy", qty, 100) for qty in (3, 1, 2)]))

    def half(_: bytes, frame: bytes) -> list[bytes]:
        header, kind, rows = decode_reports(frame)
        return [encode_reports(kind, rows[1:2], header)]

    wire.core.tamper = half
    wire.deliver()
    wire.core.tamper = lambda _peer, frame: [frame]
    wire.pass_time(1_000)
    [rows] = order_frames(list(wire.session.outbox))
    assert rows["qty"].tolist() == [3, 2]
    wire.deliver()
    assert [report.order_qty for report in answer()] == [3, 1, 2]
    assert wire.core.state.new_orders == 3


def test_array_larger_than_a_frame_is_split_and_answered_in_order(wire: Wire) -> None:
    """An array of any length goes in as many frames as it needs; its answers are one array."""
    rows = np.zeros(1_000, ORDER_COMMAND_DTYPE)
    rows["instrument_id"], rows["side"], rows["type"], rows["time_in_force"] = 1, 1, 1, 2
    rows["qty"], rows["price"], rows["present"] = np.arange(1, 1_001), 100, 1
    answer = wire.ask(wire.makers.array(rows))
    frames = list(wire.session.outbox)
    assert len(frames) > 1
    assert max(map(len, frames)) <= 65_536
    wire.deliver()
    reports = answer()
    assert reports.rows["order_qty"].tolist() == list(range(1, 1_001))
    assert len(set(reports.rows["client_order_id_head"].tolist())) == 1_000
    assert not rows["sent_at"].any()  # the caller's array is its own


def test_consequences_of_a_request_are_not_its_answer(wire: Wire) -> None:
    """Reports that carry a request's correlation id before its answer, of other orders, do not settle it."""
    first = wire.ask(wire.makers.orders.limit(1, "sell", 5, 100))
    wire.deliver()
    request = wire.makers.orders.limit(1, "buy", 5, 100)
    answer = wire.ask(request)
    wire.send()
    expired = wire.core.state.orders[first().order_id].copy()
    expired["exec_type"], expired["order_status"] = ExecType.EXPIRED, OrderStatus.EXPIRED
    expired["event_sequence"] = 2
    expired["correlation_id_head"] = request.rows["correlation_id_head"][0]
    wire.hear(wire.core.reports_frame(expired))
    assert answer.__dict__["found"] == []
    wire.core.state.event = 2
    for frame in command_frames(request.family, request.rows):
        for _, heard in wire.core.receive(PEER, frame):
            wire.hear(heard)
    assert answer().exec_type is ExecType.ACCEPTED


def test_requests_that_share_a_correlation_id_get_their_own_answers(wire: Wire) -> None:
    """A correlation id given by the caller may stand for many requests: client order ids tell them apart."""
    make = wire.makers.orders
    new = [
        wire.ask(make.new_order(1, "buy", qty, 100, client_order_id=f"o{qty}", correlation_id="trace-1"))
        for qty in (1, 2, 3)
    ]
    frames = wire.send()
    for frame in reversed(frames):
        for _, heard in wire.core.receive(PEER, frame):
            wire.hear(heard)
    assert [answer().order_qty for answer in new] == [1, 2, 3]


def test_refused_frame_fails_what_was_sent_with_the_code(wire: Wire) -> None:
    """A frame that the core cannot read is an accident for all who wait for an answer on this connection."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.send()
    refusal = np.zeros(1, REFUSAL_DTYPE)
    refusal["reject"], refusal["size"] = 4001, 99
    wire.hear(encode_reports(ReportList.REFUSALS, refusal, ReportHeader(1, 1, 0, 0, 0)))
    with pytest.raises(WireError, match="99 bytes: unknown_command"):
        answer()


def test_bytes_that_are_no_frame_are_a_wire_error(wire: Wire) -> None:
    """What is no frame is refused by name."""
    with pytest.raises(WireError):
        wire.session.receive(b"nonsense", wire.now)


def test_orders_cancelled_by_the_exchange_leave_the_book(wire: Wire) -> None:
    """Reports that nobody asked for change the book as any other, and say why."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    canceled = wire.core.state.orders[answer().order_id].copy()
    canceled["exec_type"], canceled["order_status"] = ExecType.CANCELED, OrderStatus.CANCELED
    canceled["cancel_reason"], canceled["event_sequence"] = CancelReason.KILL, 9
    wire.hear(wire.core.reports_frame(canceled))
    assert wire.reports[-1].cancel_reason is CancelReason.KILL
    assert len(wire.session.orders) == 0


def test_welcome_names_the_session(wire: Wire) -> None:
    """The session knows its number and the core's sequences."""
    answer = wire.ask(wire.makers.orders.limit(1, "buy", 1, 100))
    wire.deliver()
    assert answer().session == wire.session.session == 1
    assert (wire.session.sequence, wire.session.event_sequence, wire.session.epoch) == (1, 1, 1)
    wire.hear(wire.core.heartbeat())
    assert wire.state() is SessionState.ACTIVE


@pytest.mark.parametrize("text", ["", "a b", "é", "a\n", "a" * 41, 7])
@pytest.mark.parametrize("name", ["name", "user"])
def test_settings_with_a_name_that_the_core_would_not_take_are_refused(name: str, text: Any) -> None:
    """Both are in records that others read."""
    with pytest.raises(
        ValueError, match=f"^{name} must be 1 to 40 printable ASCII characters without a space"
    ):
        replace(Settings("bot", "ann", 1), **{name: text})
