"""A session with the core, without sockets, threads or clocks: frames and times in, frames and answers out.

Life of a session: `opened` (logs on) -> welcome -> requests and reports -> `lost` -> `opened` again (logs on
with the last event seen, and asks again what was not answered) ... -> `close`. Whoever drives it brings the
frames, says what time it is, sends what lies in `outbox`, and hands on what `take` gives.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from cmatch.frames import CLIENT_FRAME_BYTES, SCHEMA_VERSION, BadFrame, command_frames, decode_reports
from exchange.client.book import OwnOrders
from exchange.client.errors import ClientClosed, LogonRefused, RequestTimeout, TooManyRequests
from exchange.client.ids import is_id
from exchange.client.records import Records
from exchange.client.requests import LAYOUTS, Request
from exchange.client.results import Reject, Reports
from exchange.client.underway import Pending, Underway
from exchange.domain.enums import (
    CommandList,
    ExecType,
    RejectCode,
    ReportFlag,
    ReportList,
    SessionAction,
    SessionFlag,
    SessionOutcome,
)
from exchange.domain.queries import OrderRow
from exchange.errors import ExchangeError, WireError

_LAYOUT: Final = LAYOUTS[CommandList.SESSIONS]
_MS: Final = 1_000_000
_DUPLICATE: Final = int(ReportFlag.DUPLICATE)
_REPLACED: Final = int(ExecType.REPLACED)
# Another core leads, or will soon: no reason to give up, nor to pause for long.
_ELSEWHERE: Final = (RejectCode.NOT_LEADER, RejectCode.STALE_EPOCH)
_FOLLOWER_MS_MAX: Final = 200


class State(Enum):
    """Of a session."""

    DISCONNECTED = "disconnected"
    LOGGING_ON = "logging_on"
    ACTIVE = "active"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a session. Times in ms.

    Args:
        name: Of the session: the same name takes up where it left. One connection has it at a time.
        user: Who speaks, for the exchange's records.
        tenant: Whose it is; 0 is the operator's.
        cancel_on_disconnect: The core cancels this session's orders when it is lost.
        heartbeat_ms: A silence of that long ends the connection; either side speaks within a third of it.
        timeout_ms: How long a request may wait for its answer, reconnects included.
        retry_ms: When a request that was not answered is sent again, byte for byte.
        logon_ms: How long the core may take to answer a logon.
        backoff_ms_min: Pause before the first new connection; grows by a quarter up to `backoff_ms_max`:
            who is back is found after a quarter more of the time that it took.
        waiting_max: Commands that may wait for their answers.
    """

    name: str
    user: str
    tenant: int
    cancel_on_disconnect: bool = False
    heartbeat_ms: int = 3_000
    timeout_ms: int = 5_000
    retry_ms: int = 1_000
    logon_ms: int = 2_000
    backoff_ms_min: int = 20
    backoff_ms_max: int = 2_000
    waiting_max: int = 50_000

    def __post_init__(self) -> None:
        for name in ("name", "user"):
            text = getattr(self, name)
            if not isinstance(text, str) or not is_id(text):
                raise ValueError(
                    f"{name} must be 1 to 40 printable ASCII characters without a space, not {text!r}"
                )
        for name in ("heartbeat_ms", "timeout_ms", "retry_ms", "logon_ms", "backoff_ms_min", "waiting_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be above 0")


@dataclass(frozen=True, slots=True)
class Resync:
    """The core no longer has all reports that this session missed.

    Args:
        after: Event sequence of the last report that was seen.
        upto: Event sequence up to which reports may be missing.
        sequence: Of the journal: what the replica must have seen for its answer to make up for them.
    """

    after: int
    upto: int
    sequence: int


Event = Reports | Resync | State | Pending


class Session:
    """One session. Owns the requests under way, the last sequences seen, and the session's own orders.

    Not thread-safe. Times are ns of any clock that never falls.

    Args:
        settings: Of the session.
        wall_ns: The time of day, for what is sent.
        after: The last event seen in an earlier life of this session: what followed is asked for at logon.
        endpoints: How many places there are to connect to; each `opened` is the next one's.
    """

    def __init__(
        self, settings: Settings, wall_ns: Callable[[], int], after: int = 0, endpoints: int = 1
    ) -> None:
        self.settings = settings
        self.state = State.DISCONNECTED
        self.outbox: deque[bytes] = deque()
        self.orders = OwnOrders()
        self.underway = Underway()
        self.accounts: set[int] = set()
        self.session = 0
        self.epoch = 0
        self.sequence = 0
        self.durable_sequence = 0
        self.event_sequence = after
        self.reconnects = 0
        self.retries = 0
        self.refusal: ExchangeError | None = None
        self.turned_away: Reject | None = None  # the last time, and for now; None since a welcome
        self.reopen_at: int | None = None
        self._wall_ns = wall_ns
        # When to look at a request again, and its ticket: one that is answered is let go at once.
        self._timers: list[tuple[int, int]] = []
        self._silence = settings.heartbeat_ms * _MS
        self._beat = self._silence // 3
        self._events: list[Event] = []
        self._connection = 0
        self._gave_up = False  # a logon that was not answered
        self._backoff_ms = settings.backoff_ms_min
        self._endpoints = endpoints
        self._tried = 0  # endpoints since the last welcome, whose own counts
        self._frame_bytes_max = CLIENT_FRAME_BYTES
        self._connected_before = after > 0
        self._opened_at = 0
        self._heard_at = 0
        self._spoke_at = 0

    # What comes from outside.

    def opened(self, now: int) -> None:
        """There is a new connection, or one will stand as soon as the core is there: log on."""
        if self.state is State.CLOSED:
            return
        self._connection += 1
        self._tried += 1
        self.outbox.clear()
        self.reopen_at = None
        self._enter(State.LOGGING_ON)
        self._opened_at = self._heard_at = now
        self._speak(SessionAction.LOGON, now)

    def lost(self, now: int) -> None:
        """The connection broke; a new one is wanted at `reopen_at`: now, while endpoints are left to try."""
        if self.state in (State.CLOSED, State.DISCONNECTED):
            return
        self._gave_up |= self.state is State.LOGGING_ON
        self._enter(State.DISCONNECTED)
        self.outbox.clear()
        self.reconnects += 1
        self.reopen_at = now
        if self._tried % self._endpoints == 0:
            self.reopen_at += self._backoff_ms * _MS
            longer = self._backoff_ms + -(-self._backoff_ms // 4)
            self._backoff_ms = min(longer, self.settings.backoff_ms_max)

    def submit(
        self, request: Request[Any], resolve: Callable[[Pending], None], now: int, timeout_ms: int | None
    ) -> Pending:
        """Ask; sent at once, or as soon as the session is active.

        Args:
            request: What to ask.
            now: The time, ns.
            resolve: Called from `take`'s caller when all is answered or has failed.
            timeout_ms: Instead of the session's.

        Raises:
            ClientClosed, LogonRefused: The session has ended.
            TooManyRequests: Too many commands wait already.
        """
        if self.state is State.CLOSED:
            raise self.refusal or ClientClosed("the client is closed")
        if self.underway.commands + len(request) > self.settings.waiting_max:
            raise TooManyRequests(self.underway.commands, self.settings.waiting_max)
        limit_ms = self.settings.timeout_ms if timeout_ms is None else timeout_ms
        pending = self.underway.add(request, resolve, now, now + limit_ms * _MS)
        self.accounts.update(request.accounts)
        if self.state is State.ACTIVE:
            self._send(pending, now)
        self._alarm(pending, now)
        return pending

    def receive(self, frame: bytes, now: int) -> None:
        """A frame of the core.

        Raises:
            WireError: It is none, or says what cannot be.
        """
        try:
            header, kind, rows = decode_reports(frame)
        except BadFrame as error:
            raise WireError(f"the core sent {error}") from None
        if header.epoch < self.epoch:  # of a core that was succeeded: not to be believed
            if self.state is State.LOGGING_ON:
                self.lost(now)
            return
        self._heard_at = now
        self.epoch = header.epoch
        if self.state is State.CLOSED:
            return
        if kind == ReportList.REPORTS:
            self._reports(rows, int(header.durability))
        elif kind == ReportList.ANSWERS:
            self._answers(kind, rows, rows["correlation_id"].tolist(), int(header.durability))
        elif kind == ReportList.SESSIONS:
            for row in rows:
                self._session_answer(row, now)
        elif kind == ReportList.REFUSALS:
            for row in rows:
                self._refused(row, now)
        else:
            keys = [b"#%d" % number for number in rows["request"].tolist()]
            self._answers(kind, rows, keys, int(header.durability))
        self.sequence = max(self.sequence, header.sequence)
        self.durable_sequence = max(self.durable_sequence, header.durable_sequence)

    def tick(self, now: int) -> None:
        """Time has passed: what is due is sent again, given up, or kept alive."""
        while self._timers and self._timers[0][0] <= now:
            pending = self.underway.find(heapq.heappop(self._timers)[1])
            if pending is None:
                continue
            if now >= pending.deadline:
                self._fail(pending, RequestTimeout(pending.request, now - pending.asked_at))
                continue
            if self.state is State.ACTIVE and pending.sent_by == self._connection:
                self.retries += 1
                self._send(pending, now)
            self._alarm(pending, now)
        if self.state is State.LOGGING_ON and now - self._opened_at >= self.settings.logon_ms * _MS:
            self.lost(now)
        elif self.state is State.ACTIVE:
            if now - self._heard_at >= self._silence:
                self.lost(now)
            elif now - self._spoke_at >= self._beat:
                self._speak(SessionAction.HEARTBEAT, now)

    def close(self, now: int, why: ExchangeError | None = None) -> None:
        """Log off and answer whoever waits with `why`, by default `ClientClosed`."""
        if self.state is State.CLOSED:
            return
        if self.state is State.ACTIVE:
            self._speak(SessionAction.LOGOFF, now)
        self.refusal = why or ClientClosed("the client was closed")
        self._enter(State.CLOSED)
        self.reopen_at = None
        for pending in self.underway.all():
            self._fail(pending, self.refusal)

    # What the driver asks.

    @property
    def next_timer(self) -> int | None:
        """When `tick` has something to do; None where nothing will be."""
        of_request, of_session = self.next_request_timer, self.reopen_at
        if self.state is State.ACTIVE:
            of_session = min(self._heard_at + self._silence, self._spoke_at + self._beat)
        elif self.state is State.LOGGING_ON:
            of_session = self._opened_at + self.settings.logon_ms * _MS
        if of_request is None or of_session is None:
            return of_session if of_request is None else of_request
        return min(of_request, of_session)

    @property
    def next_request_timer(self) -> int | None:
        """When a request that waits is due to be sent again or given up; None where none waits."""
        while self._timers and self.underway.find(self._timers[0][1]) is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    @property
    def waiting(self) -> int:
        """Commands that wait for their answers."""
        return self.underway.commands

    def owns(self, row: OrderRow) -> bool:
        """Whether an order that the replica knows is one that this session asked for and heard nothing of."""
        return self.underway.is_unanswered(row.account, row.client_order_id)

    def take(self) -> list[Event]:
        """What happened since the last call, in order: reports, states, requests answered or failed.

        For a `Pending` its `resolve` is to be called.
        """
        events, self._events = self._events, []
        return events

    # Answers.

    def _reports(self, rows: Records, durability: int) -> None:
        self._events.extend(self.underway.reports(rows, durability))
        last = self.event_sequence
        events: list[int] = rows["event_sequence"].tolist()
        flags: list[int] = rows["flags"].tolist()
        repeated = [bool(flag & _DUPLICATE) for flag in flags]
        if events[0] > last and not any(repeated):  # all of them new, as they nearly always are
            self.orders.add(rows)
            self._events.append(Reports(rows, durability))
            self.event_sequence = max(events)
            return
        # A repeated answer says what its order is now, but for that to a replace: that says what it was then.
        telling = [
            exec_type != _REPLACED if again else event > last
            for event, again, exec_type in zip(events, repeated, rows["exec_type"].tolist(), strict=True)
        ]
        self.orders.add(rows[telling])
        new = [event > last and not again for event, again in zip(events, repeated, strict=True)]
        if any(new):
            self._events.append(Reports(rows[new], durability))
        self.event_sequence = max(last, *events)

    def _answers(self, kind: ReportList, rows: Records, keys: list[bytes], durability: int) -> None:
        # Their event sequences are not looked at: reports of before may still be on their way.
        self._events.extend(self.underway.answers(kind, rows, keys, durability))
        self.sequence = max(self.sequence, *rows["sequence"].tolist())

    def _fail(self, pending: Pending, failure: ExchangeError) -> None:
        self.underway.fail(pending, failure)
        self._events.append(pending)

    def _session_answer(self, row: Any, now: int) -> None:
        kind = int(row["kind"])
        self.sequence = max(self.sequence, int(row["sequence"]))
        self.durable_sequence = max(self.durable_sequence, int(row["durable_sequence"]))
        if kind in (SessionOutcome.REFUSED, SessionOutcome.BYE):
            self._turned_away(int(row["reject"]), now)
        elif kind in (SessionOutcome.WELCOME, SessionOutcome.RESYNC):
            self._welcome(row, kind == SessionOutcome.RESYNC, now)

    def _welcome(self, row: Any, gone: bool, now: int) -> None:
        number, seen = int(row["session"]), int(row["event_sequence"])
        if int(row["max_frame"]):
            self._frame_bytes_max = min(CLIENT_FRAME_BYTES, int(row["max_frame"]))
        # Missed reports do not come where the core dropped them, where it knows only another session of this
        # name, or where it lost the end of its journal with answers that it had given.
        gone = (
            gone
            or (self.session not in (0, number))
            or (self._connected_before and seen < self.event_sequence)
        )
        if gone:
            sequence = int(row["sequence"])
            self._events.append(
                Resync(min(seen, self.event_sequence), max(seen, self.event_sequence), sequence)
            )
            self.event_sequence, self.sequence = seen, sequence
        elif not self._connected_before:
            self.event_sequence = max(self.event_sequence, seen)
        self.session = number
        if self.state is not State.LOGGING_ON:
            return
        self._connected_before = True
        self._backoff_ms = self.settings.backoff_ms_min
        self._tried = 1
        self.turned_away = None
        self._enter(State.ACTIVE)
        for pending in self.underway.all():
            if pending.sent_by:
                self.retries += 1
            self._send(pending, now)

    def _refused(self, row: Any, now: int) -> None:
        """A frame was refused. Which is not said: what may pass later is left to be asked again."""
        number = int(row["reject"])
        if number == RejectCode.NOT_LOGGED_ON or number in _ELSEWHERE:
            self.lost(now)
        elif self._lasting(number):
            failure = WireError(
                f"the core refused a frame of {int(row['size'])} bytes: {Reject(number).name}"
            )
            for pending in self.underway.all():
                if pending.sent_by == self._connection:
                    self._fail(pending, failure)

    def _turned_away(self, number: int, now: int) -> None:
        # A core that was held up may have taken a logon that was given up after the present one.
        gave_up, own = self._gave_up, number == RejectCode.REPLACED_SESSION
        if self._lasting(number) and not (own and gave_up):
            self.close(now, LogonRefused(Reject(number)))
            return
        self.turned_away = Reject(number)
        if number in _ELSEWHERE:
            self._backoff_ms = min(self._backoff_ms, _FOLLOWER_MS_MAX)
        self.lost(now)
        self._gave_up = gave_up and not own  # this logon was answered

    @staticmethod
    def _lasting(number: int) -> bool:
        code = Reject(number).code
        return code is not None and not code.transient and code not in _ELSEWHERE

    # What is sent.

    def _send(self, pending: Pending, now: int) -> None:
        rows = pending.request.rows
        if any(pending.answered):
            rows = rows[np.frombuffer(pending.answered, np.uint8) == 0]
        self.outbox.extend(command_frames(pending.request.family, rows, limit=self._frame_bytes_max))
        pending.sent_by = self._connection
        self._spoke_at = now

    def _speak(self, kind: SessionAction, now: int) -> None:
        settings = self.settings
        row = _LAYOUT.pack(
            {
                "kind": int(kind),
                "flags": int(SessionFlag.CANCEL_ON_DISCONNECT) if settings.cancel_on_disconnect else 0,
                "heartbeat_ms": settings.heartbeat_ms,
                "last_event_sequence": self.event_sequence,
                "tenant": settings.tenant,
                "schema_version": SCHEMA_VERSION,
                "sent_at": self._wall_ns(),
                "name": settings.name.encode("ascii"),
                "user": settings.user.encode("ascii"),
            }
        )
        self.outbox.extend(command_frames(CommandList.SESSIONS, _LAYOUT.rows(row)))
        self._spoke_at = now

    def _alarm(self, pending: Pending, now: int) -> None:
        due = min(now + self.settings.retry_ms * _MS, pending.deadline)
        heapq.heappush(self._timers, (due, pending.ticket))

    def _enter(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._events.append(state)
