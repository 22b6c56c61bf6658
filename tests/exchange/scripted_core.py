"""A core to order about: it takes every order, and loses, repeats or withholds what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import zmq

from cmatch.frames import (
    ANSWER_DTYPE,
    BALANCE_STATE_DTYPE,
    EXECUTION_REPORT_DTYPE,
    ORDER_STATE_DTYPE,
    REFUSAL_DTYPE,
    SESSION_ANSWER_DTYPE,
    CommandList,
    ReportHeader,
    ReportList,
    decode_commands,
    encode_reports,
)
from exchange.domain.enums import (
    AnswerFlag,
    ExecType,
    OrderAction,
    OrderStatus,
    ReportFlag,
    SessionAction,
    SessionFlag,
    SessionOutcome,
)

Records = npt.NDArray[np.void]
NOT_LOGGED_ON = 1004
UNKNOWN_ORDER = 4005
_REPORTS_A_FRAME = 200


@dataclass
class KnownSession:
    """A session by its name."""

    number: int
    peer: bytes | None = None
    cancels: bool = False


@dataclass
class State:
    """What outlives a restart of the core: its journal, as it were."""

    sequence: int = 0
    event: int = 0
    reports: list[npt.NDArray[np.void]] = field(default_factory=list)
    first_answers: dict[tuple[int, bytes], npt.NDArray[np.void]] = field(default_factory=dict)
    orders: dict[int, npt.NDArray[np.void]] = field(default_factory=dict)
    sessions: dict[bytes, KnownSession] = field(default_factory=dict)
    new_orders: int = 0


class Logic:
    """What the core does with a frame of one peer. No sockets.

    Args:
        state: What it goes on from.
        epoch: Its own.
    """

    def __init__(self, state: State, epoch: int = 1) -> None:
        self.state = state
        self.epoch = epoch
        self.heard: list[tuple[CommandList, Records]] = []
        self.forget_before = 0
        self.refuse_logon = 0
        # Called with each outgoing (peer, frame); gives those to send instead.
        self.tamper: Callable[[bytes, bytes], list[bytes]] = lambda _, frame: [frame]

    def receive(self, peer: bytes, frame: bytes) -> list[tuple[bytes, bytes]]:
        """Frames to send, each with its peer."""
        _, kind, rows = decode_commands(frame)
        self.heard.append((kind, rows))
        session = next((known for known in self.state.sessions.values() if known.peer == peer), None)
        return [
            (peer, sent)
            for made in self._answers(peer, session, kind, rows)
            for sent in self.tamper(peer, made)
        ]

    def _answers(
        self, peer: bytes, session: KnownSession | None, kind: CommandList, rows: Records
    ) -> list[bytes]:
        if kind is CommandList.SESSIONS:
            return [answer for row in rows for answer in self._session(peer, session, row)]
        if session is None:
            refusal = np.zeros(1, REFUSAL_DTYPE)
            refusal["reject"] = NOT_LOGGED_ON
            return [self._frame(ReportList.REFUSALS, refusal)]
        if kind is CommandList.ORDERS:
            reports = [self._order(session, row) for row in rows]
            return [
                self.reports_frame(*reports[first : first + _REPORTS_A_FRAME])
                for first in range(0, len(reports), _REPORTS_A_FRAME)
            ]
        if kind is CommandList.ORDER_QUERIES:
            return [self._frame(ReportList.ORDER_STATES, np.array([self._state(row) for row in rows]))]
        if kind is CommandList.BALANCE_QUERIES:
            return [self._frame(ReportList.BALANCE_STATES, self._balances(rows))]
        answers = [self._answer(kind, session, row) for row in rows]
        return [self._frame(ReportList.ANSWERS, np.array(answers, ANSWER_DTYPE))]

    @staticmethod
    def _balances(rows: Records) -> Records:
        states = np.zeros(len(rows), BALANCE_STATE_DTYPE)
        for name in ("request", "account", "asset"):
            states[name] = rows[name]
        states["total"] = 1_000
        states["reserved"] = 250
        return states

    def trade(self, order_id: int, qty: int, price: int) -> npt.NDArray[np.void]:
        """Let an order trade, and give its report."""
        order = self.state.orders[order_id]
        report = order.copy()
        report["exec_type"] = ExecType.TRADE
        report["cum_qty"] += qty
        report["leaves_qty"] -= qty
        report["last_qty"], report["last_price"] = qty, price
        live = report["leaves_qty"] > 0
        report["order_status"] = OrderStatus.PARTIALLY_FILLED if live else OrderStatus.FILLED
        report["correlation_id_head"] = report["correlation_id_tail"] = b""
        self._journaled(report)
        if live:
            self.state.orders[order_id] = report.copy()
        else:
            del self.state.orders[order_id]
        return report

    def reports_frame(self, *reports: npt.NDArray[np.void]) -> bytes:
        """A frame of reports."""
        return self._frame(ReportList.REPORTS, np.array(list(reports), EXECUTION_REPORT_DTYPE))

    def session_frame(self, outcome: SessionOutcome, session: KnownSession, reject: int = 0) -> bytes:
        """A frame that says something of a session."""
        row = np.zeros(1, SESSION_ANSWER_DTYPE)
        row["kind"], row["reject"], row["session"] = outcome, reject, session.number
        row["epoch"], row["sequence"] = self.epoch, self.state.sequence
        row["event_sequence"], row["oldest_event_sequence"] = self.state.event, self.forget_before + 1
        row["max_frame"] = 65536
        return self._frame(ReportList.SESSIONS, row)

    def _frame(self, kind: ReportList, rows: Records) -> bytes:
        sequence = self.state.sequence
        return encode_reports(kind, rows, ReportHeader(1, self.epoch, sequence, sequence, sequence))

    def _session(self, peer: bytes, session: KnownSession | None, row: Any) -> list[bytes]:
        kind = int(row["kind"])
        if kind == SessionAction.LOGON:
            return self._log_on(peer, row)
        if session is None:
            return []
        if kind == SessionAction.LOGOFF:
            session.peer = None
            return [self.session_frame(SessionOutcome.BYE, session)]
        return []

    def heartbeat(self) -> bytes:
        """What the core says to the first session where it has nothing else to say."""
        return self.session_frame(SessionOutcome.HEARTBEAT, next(iter(self.state.sessions.values())))

    def _log_on(self, peer: bytes, row: Any) -> list[bytes]:
        name = bytes(row["name"])
        session = self.state.sessions.setdefault(name, KnownSession(len(self.state.sessions) + 1))
        if self.refuse_logon:
            return [self.session_frame(SessionOutcome.REFUSED, session, self.refuse_logon)]
        session.peer = peer
        session.cancels = bool(int(row["flags"]) & SessionFlag.CANCEL_ON_DISCONNECT)
        after = int(row["last_event_sequence"])
        if 0 < after < self.forget_before:
            return [self.session_frame(SessionOutcome.RESYNC, session)]
        out = [self.session_frame(SessionOutcome.WELCOME, session)]
        if not after:
            return out
        missed = [
            report
            for report in self.state.reports
            if report["session"] == session.number and report["event_sequence"] > after
        ]
        return [*out, self.reports_frame(*missed)] if missed else out

    def _order(self, session: KnownSession, command: Any) -> npt.NDArray[np.void]:
        own = command["client_order_id_head"] + command["client_order_id_tail"]
        key = (int(command["account"]), bytes(own))
        if key in self.state.first_answers:
            report = self.state.first_answers[key].copy()
            report["flags"] |= ReportFlag.DUPLICATE
        else:
            report = self._carry_out(session, command)
        for name in ("client_order_id_head", "client_order_id_tail"):
            if command["kind"] == OrderAction.NEW_ORDER:
                report[name] = command[name]
        for name in ("correlation_id_head", "correlation_id_tail"):
            report[name] = command[name]
        self._journaled(report)
        self.state.first_answers.setdefault(key, report.copy())
        if report["exec_type"] == ExecType.ACCEPTED and not report["flags"] & ReportFlag.DUPLICATE:
            report["order_id"] = report["sequence"]
            self.state.first_answers[key]["order_id"] = report["sequence"]
            self.state.orders[int(report["order_id"])] = report.copy()
            self.state.reports[-1] = report.copy()
            self.state.new_orders += 1
        return report

    def _carry_out(self, session: KnownSession, command: Any) -> npt.NDArray[np.void]:
        report: npt.NDArray[np.void] = np.zeros(1, EXECUTION_REPORT_DTYPE)[0]
        report["session"] = session.number
        report["account"] = command["account"]
        kind = int(command["kind"])
        if kind == OrderAction.NEW_ORDER:
            for name in ("instrument_id", "side", "type", "time_in_force", "price"):
                report[name] = command[name]
            report["exec_type"], report["order_status"] = ExecType.ACCEPTED, OrderStatus.OPEN
            report["order_qty"] = report["leaves_qty"] = command["qty"]
            report["flags"] = ReportFlag.PRICE
            return report
        if kind == OrderAction.MASS_CANCEL:
            report["exec_type"] = ExecType.DONE
            return report
        order = self._find(command)
        if order is None:
            report["exec_type"], report["reject"] = ExecType.CANCEL_REJECTED, UNKNOWN_ORDER
            return report
        report = order.copy()
        if kind == OrderAction.CANCEL:
            report["exec_type"], report["order_status"] = ExecType.CANCELED, OrderStatus.CANCELED
            report["leaves_qty"] = 0
            del self.state.orders[int(order["order_id"])]
        else:
            report["exec_type"], report["price"] = ExecType.REPLACED, command["price"]
            self.state.orders[int(order["order_id"])] = report.copy()
        return report

    def _find(self, command: Any) -> npt.NDArray[np.void] | None:
        if command["order_id"]:
            return self.state.orders.get(int(command["order_id"]))
        for order in self.state.orders.values():
            if order["client_order_id_head"] == command["orig_client_order_id_head"]:
                return order
        return None

    def _state(self, query: Any) -> npt.NDArray[np.void]:
        row: npt.NDArray[np.void] = np.zeros(1, ORDER_STATE_DTYPE)[0]
        row["request"], row["account"] = query["request"], query["account"]
        order = self.state.orders.get(int(query["order_id"]))
        if order is None:
            row["reject"] = UNKNOWN_ORDER
            return row
        for name in ("order_id", "instrument_id", "side", "order_status", "order_qty", "leaves_qty", "price"):
            row[name] = order[name]
        row["flags"] = ReportFlag.PRICE
        return row

    def _answer(self, kind: CommandList, session: KnownSession, command: Any) -> npt.NDArray[np.void]:
        answer: npt.NDArray[np.void] = np.zeros(1, ANSWER_DTYPE)[0]
        answer["family"], answer["kind"], answer["session"] = kind, command["kind"], session.number
        answer["correlation_id"] = command["correlation_id"]
        self.state.sequence += 1
        self.state.event += 1
        answer["sequence"], answer["event_sequence"] = self.state.sequence, self.state.event
        if kind is CommandList.LEDGER:
            for name in ("transfer_id", "asset", "account"):
                answer[name] = command[name]
            answer["total"], answer["version"], answer["flags"] = command["amount"], 1, AnswerFlag.BALANCE
        return answer

    def _journaled(self, report: npt.NDArray[np.void]) -> None:
        self.state.sequence += 1
        self.state.event += 1
        report["sequence"], report["event_sequence"] = self.state.sequence, self.state.event
        self.state.reports.append(report.copy())


class ScriptedCore:
    """`Logic` behind a ROUTER socket, in a thread.

    Args:
        endpoint: Where to listen; `endpoint` says where that is.
        state: What it goes on from.
        epoch: Its own.
        prepare: Called with the socket before it binds.
    """

    def __init__(
        self,
        endpoint: str,
        state: State | None = None,
        epoch: int = 1,
        prepare: Callable[[zmq.Socket[bytes]], None] | None = None,
    ) -> None:
        self.logic = Logic(state or State(), epoch)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        if prepare is not None:
            prepare(self._socket)
        self._socket.bind(endpoint)
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self._orders = self._context.socket(zmq.PAIR)
        self._orders.bind("inproc://orders")
        self._told = self._context.socket(zmq.PAIR)
        self._told.connect("inproc://orders")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def push(self, peer: bytes, frame: bytes) -> None:
        """Send a frame out of turn."""
        self._told.send_multipart([peer, frame])

    def stop(self) -> None:
        """Die: whatever is under way is lost."""
        self._told.send(b"")
        self._thread.join()
        self._told.close(0)
        self._context.destroy(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._socket.closed:
            self.stop()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._orders, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._orders in ready:
                parts = self._orders.recv_multipart()
                if len(parts) == 1:
                    break
                self._send(parts)
            if self._socket in ready:
                peer, frame = self._socket.recv_multipart()
                for to, answer in self.logic.receive(peer, frame):
                    self._send([to, answer])
        self._socket.close(0)
        self._orders.close(0)

    def _send(self, parts: list[bytes]) -> None:
        with suppress(zmq.ZMQError):  # the peer is gone
            self._socket.send_multipart(parts)
