"""The market of the demo: assets and instruments, funded accounts, and the sessions that trade for them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cmatch.enums import OrderType
from cmatch.frames import EXECUTION_REPORT_DTYPE, ORDER_COMMAND_DTYPE, CommandList
from exchange.client import AdminAnswer, Client, Request
from exchange.demo.flow import Flow
from exchange.demo.sample import Sample
from exchange.demo.session import ArraySession
from exchange.demo.translate import Action
from exchange.domain.enums import CancelReason, ExecType, OrderAction, OrderField
from exchange.errors import ExchangeError, TransportError

Records = npt.NDArray[np.void]

TENANT = 1
_FIRST_ACCOUNT = 1
_TYPICAL_ORDERS = 500  # an account can pay for so many orders of the usual size
_VISITORS_SHARE = 20
_BATCH = 250
_MOST_WAITING = 20_000  # commands without an answer: then the exchange is given time
_PAUSE_S = 0.001
_STEPS_A_SECOND = 100
_LAST_ANSWERS_S = 10.0
_PRICES_BEYOND = 8  # an instrument takes prices up to so many times the highest of the sample
# Each request has one answer; a cancel's is told apart by its reason.
_KINDS = (
    ExecType.ACCEPTED,
    ExecType.REJECTED,
    ExecType.REPLACED,
    ExecType.CANCEL_REJECTED,
    ExecType.DONE,
)
_ANSWERS = [int(kind) for kind in _KINDS]
_MAKER_RATE, _TAKER_RATE = 100_000, 250_000  # 0.01 % and 0.025 %


@dataclass(frozen=True)
class Plan:
    """What is set up: numbers of assets and instruments, and what each account gets of each asset."""

    sample: Sample
    accounts: tuple[int, ...]
    assets: dict[str, int]
    deposits: dict[str, int]  # minor units for each account
    visitor: int | None = None  # an account of whoever looks on, with more money; nobody else trades with it

    @classmethod
    def of(cls, sample: Sample, accounts: int, *, visitor: bool = False) -> Plan:
        """For so many accounts."""
        symbols = sorted(sample.scales)
        return cls(
            sample=sample,
            accounts=tuple(range(_FIRST_ACCOUNT, _FIRST_ACCOUNT + accounts)),
            assets={symbol: number for number, symbol in enumerate(symbols, 1)},
            deposits=_deposits(sample),
            visitor=_FIRST_ACCOUNT + accounts if visitor else None,
        )

    @property
    def instruments(self) -> list[int]:
        """Number of each product of the sample."""
        return list(range(1, len(self.sample.products) + 1))

    @property
    def total(self) -> dict[str, int]:
        """What all accounts are given, by asset, in minor units."""
        shares = sum(share for _, share in self.shares)
        return {symbol: amount * shares for symbol, amount in self.deposits.items()}

    @property
    def shares(self) -> list[tuple[int, int]]:
        """Every account, and how many times it is given what an account is."""
        visitor = [] if self.visitor is None else [(self.visitor, _VISITORS_SHARE)]
        return [(account, 1) for account in self.accounts] + visitor


def _deposits(sample: Sample) -> dict[str, int]:
    scales, rows = sample.scales, sample.rows
    deposits: dict[str, int] = {}
    for number, product in enumerate(sample.products):
        mine = rows[(rows["symbol"] == number) & (rows["action"] == Action.SET)]
        qty, price = int(np.median(mine["qty"])), int(np.median(mine["price"]))
        goods = qty * 10 ** (scales[product.base] - product.qty_scale)
        cost = qty * price * 10 ** (scales[product.quote] - product.price_scale - product.qty_scale)
        for symbol, amount in ((product.base, goods), (product.quote, cost)):
            deposits[symbol] = max(deposits.get(symbol, 0), amount * _TYPICAL_ORDERS)
    return deposits


def set_up(client: Client, plan: Plan) -> None:
    """Defines assets and instruments, opens the accounts and pays in; may be repeated on the same exchange.

    Args:
        client: of the operator.
        plan: what.

    Raises:
        ExchangeError: something of it was refused.
    """
    admin = client.make.admin
    scales = plan.sample.scales
    for symbol, number in plan.assets.items():
        _done(client.admin.define_asset(number, symbol, scales[symbol]), f"asset {symbol}")
    for number, product in zip(plan.instruments, plan.sample.products, strict=True):
        rows = plan.sample.rows[plan.sample.rows["symbol"] == number - 1]
        answer = client.admin.define_instrument(
            number,
            product.symbol,
            base=product.base,
            quote=product.quote,
            price_scale=product.price_scale,
            qty_scale=product.qty_scale,
            maker_rate=_MAKER_RATE,
            taker_rate=_TAKER_RATE,
            max_price=int(rows["price"].max()) * _PRICES_BEYOND,
            max_qty=int(rows["qty"].max()) * _PRICES_BEYOND,
        )
        _done(answer, f"instrument {product.symbol}")
    openings = [admin.open_account(account, tenant=TENANT) for account, _ in plan.shares]
    payments = [
        admin.deposit(
            number, plan.deposits[symbol] * share, account=account, transfer_id=_transfer_id(account, number)
        )
        for account, share in plan.shares
        for symbol, number in plan.assets.items()
    ]
    for requests, what in ((openings, "an account"), (payments, "a deposit")):
        for batch in _pieces(requests):
            for answer in client.batch(batch):
                _done(answer, what)


def _transfer_id(account: int, asset: int) -> int:
    """The same for the same account and asset: setting up again pays nothing in twice."""
    return (account << 32) | asset


def _pieces(requests: Sequence[Request[AdminAnswer]]) -> Iterator[Sequence[Request[AdminAnswer]]]:
    for start in range(0, len(requests), _BATCH):
        yield requests[start : start + _BATCH]


def _done(answer: AdminAnswer, what: str) -> None:
    if answer.reject is not None:
        raise ExchangeError(f"the demo could not set up {what}: {answer.reject}")


@dataclass
class Tally:
    """What the traders have sent and seen."""

    sent: int = 0
    answered: int = 0
    reports: int = 0
    reconnects: int = 0
    trades: int = 0
    rejects: Counter[int] = field(default_factory=Counter)
    late_s: float = 0.0  # how far behind its rate the flow is

    @property
    def waiting(self) -> int:
        """Commands without an answer."""
        return self.sent - self.answered


class Traders:
    """Sends a flow at a rate through several sessions, and tells it what came back. One thread.

    Args:
        sessions: open ones; an account trades through the same one for ever.
        flow: what is sent.
        rate: commands a second.
    """

    def __init__(self, sessions: Sequence[ArraySession], flow: Flow, rate: int) -> None:
        self._sessions = sessions
        self._flow = flow
        self._rate = rate
        self.tally = Tally()
        self.error: ExchangeError | None = None

    def run(self, until: Callable[[], bool]) -> None:
        """Sends until it is told to end, then waits for the last answers; an accident is left in `error`."""
        try:
            self._trade(until)
            self._await_answers()
        except ExchangeError as error:
            self.error = error

    def _trade(self, until: Callable[[], bool]) -> None:
        begin, tally = time.monotonic(), self.tally
        step = max(self._rate // _STEPS_A_SECOND, 1)
        while not until():
            self._hear()
            due = begin + tally.sent / self._rate
            wait = due - time.monotonic()
            tally.late_s = max(-wait, 0.0)
            if wait > 0:
                time.sleep(min(wait, _PAUSE_S))
            elif tally.waiting < _MOST_WAITING:
                self._send(step)
            else:
                time.sleep(_PAUSE_S)

    def _await_answers(self) -> None:
        deadline = time.monotonic() + _LAST_ANSWERS_S
        while self.tally.waiting > 0 and time.monotonic() < deadline:
            self._hear()
            time.sleep(_PAUSE_S)

    def _send(self, count: int) -> None:
        rows = records_of(self._flow.take(count))
        rows["sent_at"] = time.time_ns()
        which = rows["account"] % len(self._sessions)
        for number, session in enumerate(self._sessions):
            mine = rows[which == number]
            if mine.size:
                session.send(CommandList.ORDERS, mine)
        self.tally.sent += len(rows)

    def _hear(self) -> None:
        news: list[Records] = []
        for session in self._sessions:
            try:
                news += session.receive()
            except TransportError:
                session.open()  # the core was started again: what it has to say comes first
                self.tally.reconnects += 1
        if not news:
            return
        # Concatenating structured arrays compares their fields one by one, each time.
        rows = np.frombuffer(b"".join(each.tobytes() for each in news), EXECUTION_REPORT_DTYPE)
        kinds, ids = rows["exec_type"], rows["client_order_id_head"].astype(np.int64)
        self._flow.learn(ids, kinds, rows["leaves_qty"], rows["reject"])
        requested = (kinds == int(ExecType.CANCELED)) & (rows["cancel_reason"] == int(CancelReason.REQUESTED))
        tally = self.tally
        tally.reports += len(rows)
        tally.answered += int(np.count_nonzero(np.isin(kinds, _ANSWERS) | requested))
        tally.trades += int(np.count_nonzero(kinds == int(ExecType.TRADE)))
        tally.rejects.update(rows["reject"][rows["reject"] != 0].tolist())


def records_of(commands: npt.NDArray[np.int64]) -> Records:
    """Commands of a flow as ORDER_COMMAND records, without the time that they are sent at."""
    action, instrument, side, account, qty, price, number, original, tif = commands.T
    rows = np.zeros(len(commands), ORDER_COMMAND_DTYPE)
    rows["kind"], rows["account"] = action, account
    rows["client_order_id_head"] = number.astype("S16")
    new = action == int(OrderAction.NEW_ORDER)
    changes = action == int(OrderAction.REPLACE)
    rows["orig_client_order_id_head"][~new] = original[~new].astype("S16")
    rows["instrument_id"] = instrument
    for name, values in (("side", side), ("time_in_force", tif)):
        rows[name][new] = values[new]
    rows["type"][new] = int(OrderType.LIMIT)
    rows["present"][new] = int(OrderField.PRICE)
    rows["present"][changes] = int(OrderField.PRICE | OrderField.QTY)
    rows["qty"], rows["price"] = qty, price
    return rows
