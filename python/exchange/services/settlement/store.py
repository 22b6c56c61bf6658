"""How settlement takes trades: each is a row, with what its sides are charged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, text, update

from exchange.domain.enums import Side
from exchange.domain.events import Event
from exchange.domain.intervals import DAY_NS
from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun
from exchange.services.settlement.fees import VOLUME_DAYS, fee_of, tier_of
from exchange.services.settlement.reference import Reference
from exchange.services.settlement.tables import PROGRESS, TRADES, VOLUMES
from exchange.services.settlement.telling import told_of
from exchange.storage.sql import RowInsert, Transaction

_MOST: Final = (1 << 63) - 1
_ACCOUNTS_AT_ONCE: Final = 500
_NAMES: Final = tuple(column.name for column in TRADES.columns)
_INSERT: Final = RowInsert(TRADES)
_ADD: Final = text(
    "INSERT INTO volumes (account, asset, day, amount) VALUES (:account, :asset, :day, :amount)"
    " ON CONFLICT (account, asset, day) DO UPDATE SET amount = CASE"
    " WHEN volumes.amount > :most - excluded.amount THEN :most ELSE volumes.amount + excluded.amount END"
)


class Traded(NamedTuple):
    """What settlement looks at of a TradeExecuted, in plain numbers."""

    trade_id: int
    sequence: int
    timestamp: int
    price: int
    qty: int
    taker_account: int
    maker_account: int
    taker_fee: int
    maker_fee: int
    instrument_id: int
    taker_tenant: int
    maker_tenant: int
    taker_fee_asset: int
    maker_fee_asset: int
    taker_side: int
    auction: int
    unposted: int
    correlation_id: bytes


def take_trades(tx: Transaction, events: EventRun) -> list[Event]:
    """Trades are rows; of those that the venue had posted itself, it is told that they are settled.

    Raises:
        InvalidEvent: One comes behind a later one.
        ServiceUnavailableError: An instrument has not come yet.
    """
    columns = events.trades
    trades = [Traded(*row) for row in zip(*(columns[name].tolist() for name in Traded._fields), strict=True)]
    taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
    if trades[0].trade_id <= taken:
        raise InvalidEvent(f"trade {trades[0].trade_id} is late: settlement has those up to {taken}")
    charging = Charging(tx, trades)
    rows = [charging.row(trade) for trade in trades]
    _INSERT.run(tx, rows)
    charging.write()
    at_once = [(row, trade) for row, trade in zip(rows, trades, strict=True) if not trade.unposted]
    settled = max([posted, *(trade.trade_id for _, trade in at_once)])
    tx.execute(update(PROGRESS).values(trade_id=trades[-1].trade_id, posted=settled))
    return [
        told_of(dict(zip(_NAMES, row, strict=True)), trade.sequence, trade.timestamp)
        for row, trade in at_once
    ]


class Charging:
    """What trades cost, with the volumes of their accounts; within one transaction."""

    def __init__(self, tx: Transaction, trades: Sequence[Traded]) -> None:
        self._tx = tx
        self._reference = Reference(tx)
        accounts = sorted({each for trade in trades for each in (trade.taker_account, trade.maker_account)})
        days = sorted({trade.timestamp // DAY_NS for trade in trades})
        self._before = {day: _volumes(tx, accounts, day) for day in days}
        self._added: dict[tuple[int, int, int], int] = defaultdict(int)
        self._rates: dict[tuple[int, int, int], tuple[int, int]] = {}

    def row(self, trade: Traded) -> tuple[Any, ...]:
        """The row of a trade, in the order of the table's columns; its volume is added to both accounts'."""
        terms, _ = self._reference.terms(trade.instrument_id, trade.sequence)
        cost = trade.price * trade.qty * terms.notional_units
        goods = trade.qty * terms.lot_units
        day = trade.timestamp // DAY_NS
        taker_buys = trade.taker_side == int(Side.BUY)
        taker_fee, maker_fee = trade.taker_fee, trade.maker_fee
        if trade.unposted:
            taker_basis = goods if terms.fee_in_base(buys=taker_buys) else cost
            maker_basis = goods if terms.fee_in_base(buys=not taker_buys) else cost
            taker_rate = self._rate(trade, trade.taker_account, day)[1]
            maker_rate = self._rate(trade, trade.maker_account, day)[1 if trade.auction else 0]
            taker_fee = fee_of(taker_basis, taker_rate, taker_fee)
            maker_fee = fee_of(maker_basis, maker_rate, maker_fee)
        taker = (trade.taker_account, trade.taker_tenant, taker_fee, trade.taker_fee_asset)
        maker = (trade.maker_account, trade.maker_tenant, maker_fee, trade.maker_fee_asset)
        buyer, seller = (taker, maker) if taker_buys else (maker, taker)
        for account in (trade.taker_account, trade.maker_account):
            self._added[account, terms.quote, day] += cost
        return (
            trade.trade_id, trade.instrument_id, trade.price, trade.qty, buyer[0], seller[0], buyer[1],
            seller[1], int(not taker_buys), cost, goods, buyer[2], seller[2], buyer[3], seller[3],
            trade.timestamp, trade.sequence, int(not trade.unposted),
            trade.correlation_id.decode("ascii", "replace"),
        )  # fmt: skip

    def write(self) -> None:
        """Adds the volumes."""
        self._tx.execute(
            _ADD,
            [
                {
                    "account": account,
                    "asset": asset,
                    "day": day,
                    "amount": min(amount, _MOST),
                    "most": _MOST,
                }
                for (account, asset, day), amount in sorted(self._added.items())
            ],
        )

    def _rate(self, trade: Traded, account: int, day: int) -> tuple[int, int]:
        """The maker's and the taker's; they are the same all day."""
        key = (trade.instrument_id, account, day)
        if key not in self._rates:
            terms, tiers = self._reference.terms(trade.instrument_id, trade.sequence)
            if tiers:
                tier = tier_of(tiers, self._volume(account, terms.quote, day))
                self._rates[key] = (tier.maker_rate, tier.taker_rate)
            else:
                return terms.maker_rate, terms.taker_rate  # which another definition may change
        return self._rates[key]

    def _volume(self, account: int, asset: int, day: int) -> int:
        """Of the days before that one, so that it is the same however trades are batched."""
        fresh = (self._added.get((account, asset, each), 0) for each in range(day - VOLUME_DAYS, day))
        return self._before[day].get((account, asset), 0) + sum(fresh)


def _volumes(tx: Transaction, accounts: Sequence[int], day: int) -> dict[tuple[int, int], int]:
    """What these accounts are stored to have traded in the days before one, by account and asset."""
    found: dict[tuple[int, int], int] = {}
    of = VOLUMES.c
    for at in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
        some = of.account.in_(accounts[at : at + _ACCOUNTS_AT_ONCE])
        days = (of.day >= day - VOLUME_DAYS, of.day < day)
        asked = select(of.account, of.asset, func.sum(of.amount)).where(some, *days)
        for account, asset, amount in tx.execute(asked.group_by(of.account, of.asset)):
            found[account, asset] = int(amount)
    return found
