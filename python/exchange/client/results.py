"""What the exchange answers and reports, as data: ticks, lots, minor units, ns.

Records arrive as arrays, a frame at a time; an object is made of a row when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple, overload

import numpy as np

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange.client.records import Records
from exchange.client.words import (
    CANCEL_REASONS,
    DURABILITIES,
    EXEC_TYPES,
    FAMILIES,
    LIQUIDITIES,
    ORDER_TYPES,
    SIDES,
    STATUSES_OR_NONE,
    TIMES_IN_FORCE,
)
from exchange.domain.enums import (
    AnswerFlag,
    CancelReason,
    CommandList,
    Durability,
    ExecType,
    Liquidity,
    OrderStatus,
    OrderType,
    RejectCode,
    ReportFlag,
    Side,
    TimeInForce,
)


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a request was refused.

    Args:
        number: Of the table of reject codes; see `code`.
        value: The bound that was met, where one was: the limit, or what is available.
        asked: What was asked against it.
    """

    number: int
    value: int | None = None
    asked: int | None = None

    @property
    def code(self) -> RejectCode | None:
        """The code; None for one that is newer than this client."""
        try:
            return RejectCode(self.number)  # type: ignore[call-arg]  # a look-up; its __new__ takes a row
        except ValueError:
            return None

    @property
    def name(self) -> str:
        """Of the code, in lower case."""
        return f"reject_{self.number}" if self.code is None else str(self.code)

    @property
    def meaning(self) -> str:
        """One sentence for a person."""
        return "This client does not know this code." if self.code is None else self.code.meaning

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.code is not None and self.code.transient

    @property
    def detail(self) -> str:
        """The bound and what was asked; empty where the code has none."""
        return "" if self.value is None else f"{self.asked} asked, {self.value} allowed"

    def __str__(self) -> str:
        return f"{self.name} ({self.detail})" if self.detail else self.name


class ExecutionReport(NamedTuple):
    """One thing that happened to an order, or the answer to a request about one (FIX ExecutionReport).

    A tuple, as a frozen dataclass of so many fields takes six times as long to make.

    Args:
        exec_type: What just happened (FIX 150).
        order_status: What the order is now (39); None where no order is meant.
        reject: Why it was refused; None where it was not.
        sequence: Of the command that caused it; 0 where it was refused before it was journaled.
        event_sequence: Of this event among all of the venue; 0 where it was never journaled.
        timestamp: Journaled time, ns.
        correlation_id: Of the command that caused it, where it was this session's.
        price: Of the order, in ticks; None where it has none.
        last_qty: Of this trade, in lots; of a mass cancel, how many orders were cancelled.
        trade_id: 0 where this is no trade.
        fee: Of this trade, in minor units of `fee_asset`; negative is a rebate.
        duplicate: The first answer to this client order id, given again.
        priority_kept: Of a replace: the order stays where it was in its queue.
        durability: What this answer survives.
    """

    exec_type: ExecType
    order_status: OrderStatus | None
    side: Side | None
    reject: Reject | None
    instrument_id: int
    session: int
    account: int
    order_id: int
    sequence: int
    event_sequence: int
    timestamp: int
    client_order_id: str
    correlation_id: str
    leaves_qty: int
    cum_qty: int
    order_qty: int
    price: int | None
    stop_price: int | None
    last_qty: int
    last_price: int
    trade_id: int
    fee: int
    fee_asset: int
    liquidity: Liquidity | None
    cancel_reason: CancelReason | None
    type: OrderType | None
    time_in_force: TimeInForce | None
    duplicate: bool
    priority_kept: bool
    durability: Durability | None

    @property
    def ok(self) -> bool:
        """Whether it says nothing of a refusal."""
        return self.reject is None

    @property
    def live(self) -> bool:
        """Whether the order is in the book, or waits to be."""
        return self.order_status in LIVE


LIVE: Final = frozenset(
    {OrderStatus.PENDING_NEW, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.SUSPENDED}
)

_NAMES: Final = EXECUTION_REPORT_DTYPE.names or ()
_PRICE, _STOP_PRICE = int(ReportFlag.PRICE), int(ReportFlag.STOP_PRICE)
_DUPLICATE, _LIMIT, _KEPT = int(ReportFlag.DUPLICATE), int(ReportFlag.LIMIT), int(ReportFlag.KEPT)
_pick: Final = itemgetter(
    *map(
        _NAMES.index,
        (
            "exec_type",
            "order_status",
            "side",
            "reject",
            "instrument_id",
            "session",
            "account",
            "order_id",
            "sequence",
            "event_sequence",
            "timestamp",
            "client_order_id_head",
            "client_order_id_tail",
            "correlation_id_head",
            "correlation_id_tail",
            "leaves_qty",
            "cum_qty",
            "order_qty",
            "price",
            "stop_price",
            "last_qty",
            "last_price",
            "trade_id",
            "fee",
            "fee_asset",
            "liquidity",
            "cancel_reason",
            "type",
            "time_in_force",
            "flags",
            "limit_value",
            "limit_asked",
        ),
    )
)


def report(row: tuple[Any, ...], durability: int) -> ExecutionReport:
    """The object of one row, as `rows.tolist()` or `row.item()` gives it."""
    (
        exec_type,
        order_status,
        side,
        reject,
        instrument_id,
        session,
        account,
        order_id,
        sequence,
        event_sequence,
        timestamp,
        own_head,
        own_tail,
        correlation_head,
        correlation_tail,
        leaves_qty,
        cum_qty,
        order_qty,
        price,
        stop_price,
        last_qty,
        last_price,
        trade_id,
        fee,
        fee_asset,
        liquidity,
        cancel_reason,
        kind,
        time_in_force,
        flags,
        limit_value,
        limit_asked,
    ) = _pick(row)
    limit = flags & _LIMIT
    return ExecutionReport(
        EXEC_TYPES[exec_type],
        STATUSES_OR_NONE[order_status],
        SIDES[side],
        reject_of(reject, limit_value if limit else None, limit_asked if limit else None),
        instrument_id,
        session,
        account,
        order_id,
        sequence,
        event_sequence,
        timestamp,
        (own_head + own_tail).decode("ascii"),
        (correlation_head + correlation_tail).decode("ascii"),
        leaves_qty,
        cum_qty,
        order_qty,
        price if flags & _PRICE else None,
        stop_price if flags & _STOP_PRICE else None,
        last_qty,
        last_price,
        trade_id,
        fee,
        fee_asset,
        LIQUIDITIES[liquidity],
        CANCEL_REASONS[cancel_reason],
        ORDER_TYPES[kind],
        TIMES_IN_FORCE[time_in_force],
        bool(flags & _DUPLICATE),
        bool(flags & _KEPT),
        DURABILITIES[durability],
    )


class Reports(Sequence[ExecutionReport]):
    """The reports of one frame, in causal order: `rows` as an array, and objects when they are asked for.

    Args:
        rows: Array of shape (n,) and dtype `cmatch.frames.EXECUTION_REPORT_DTYPE`. Not to be written to.
        durability: What they survive, as the wire's number.
    """

    __slots__ = ("durability", "rows")

    def __init__(self, rows: Records, durability: int) -> None:
        self.rows = rows
        self.durability = durability

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> ExecutionReport: ...
    @overload
    def __getitem__(self, index: slice) -> Reports: ...
    def __getitem__(self, index: int | slice) -> ExecutionReport | Reports:
        if isinstance(index, slice):
            return Reports(self.rows[index], self.durability)
        return report(self.rows[index].item(), self.durability)

    def __iter__(self) -> Iterator[ExecutionReport]:
        return (report(row, self.durability) for row in self.rows.tolist())

    def __repr__(self) -> str:
        return f"Reports({len(self.rows)})"


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one account in one asset, in minor units. `version` counts its changes, `sequence` says as of when.

    `reject` says why the question was refused; None where it was not.
    """

    account: int
    asset: int
    total: int
    reserved: int
    version: int
    sequence: int = 0
    reject: Reject | None = None

    @property
    def available(self) -> int:
        """What may be spent, reserved or withdrawn."""
        return self.total - self.reserved


@dataclass(frozen=True, slots=True)
class AdminAnswer:
    """The answer to a command of the ledger, instruments or administration.

    Args:
        family: Of the command, with `kind` its number there.
        reject: Why it was refused; None where it was done.
        transfer_id: Of a ledger command; else 0.
        balance: After a ledger command; None where no balance was touched.
        duplicate: The first answer to this transfer id, given again.
    """

    family: CommandList
    kind: int
    reject: Reject | None
    session: int
    account: int
    asset: int
    sequence: int
    event_sequence: int
    timestamp: int
    transfer_id: int
    balance: Balance | None
    duplicate: bool
    correlation_id: str
    durability: Durability | None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.reject is None


@dataclass(frozen=True, slots=True)
class Postings:
    """What became of trades that were to be posted.

    Args:
        done: How many of the first are posted now, some perhaps before this request.
        sequence: Of the last answer to one of these; 0 where there is none.
        timestamp: Of that, ns since 1970.
        refused: The answer to the first that is not posted; None: all are.
    """

    done: int
    sequence: int
    timestamp: int
    refused: AdminAnswer | None


def postings(rows: Records, durability: Sequence[int]) -> Postings:
    """What answers to postings say.

    Args:
        rows: (n,) of `cmatch.frames.ANSWER_DTYPE`.
        durability: (n,) of each, as the wire's number.
    """
    refused = np.flatnonzero((rows["reject"] != 0) & (rows["reject"] != int(RejectCode.ALREADY_POSTED)))
    done = int(refused[0]) if len(refused) else len(rows)
    last = rows[done - 1] if done else None
    return Postings(
        done,
        0 if last is None else int(last["sequence"]),
        0 if last is None else int(last["timestamp"]),
        admin_answer(rows[done], durability[done]) if done < len(rows) else None,
    )


def admin_answer(row: Any, durability: int) -> AdminAnswer:
    """The object of one row of dtype `cmatch.frames.ANSWER_DTYPE`."""
    flags = int(row["flags"])
    detail = flags & AnswerFlag.DETAIL
    account, asset, sequence = int(row["account"]), int(row["asset"]), int(row["sequence"])
    low, high = row["transfer_id"].tolist()
    balance = Balance(account, asset, int(row["total"]), int(row["reserved"]), int(row["version"]), sequence)
    return AdminAnswer(
        family=FAMILIES[int(row["family"])],
        kind=int(row["kind"]),
        reject=reject_of(
            int(row["reject"]),
            int(row["detail_value"]) if detail else None,
            int(row["detail_asked"]) if detail else None,
        ),
        session=int(row["session"]),
        account=account,
        asset=asset,
        sequence=sequence,
        event_sequence=int(row["event_sequence"]),
        timestamp=int(row["timestamp"]),
        transfer_id=low | high << 64,
        balance=balance if flags & AnswerFlag.BALANCE else None,
        duplicate=bool(flags & AnswerFlag.DUPLICATE),
        correlation_id=row["correlation_id"].decode("ascii"),
        durability=DURABILITIES[durability],
    )


def reject_of(number: int, value: int | None = None, asked: int | None = None) -> Reject | None:
    """The reject of a record; None for 0."""
    return Reject(number, value, asked) if number else None
