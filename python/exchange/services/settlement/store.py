"""How settlement takes trades: each is a row, with what its sides are charged."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select, text, update

from exchange.domain.enums import Side
from exchange.domain.events import Event
from exchange.domain.intervals import DAY_NS
from exchange.errors import InvalidEvent
from exchange.runtime.event_run import EventRun
from exchange.services.settlement.fees import VOLUME_DAYS, Terms, Tier, fee_of, tier_of
from exchange.services.settlement.reference import Reference
from exchange.services.settlement.tables import PROGRESS, TRADES, VOLUMES
from exchange.services.settlement.telling import told_of
from exchange.storage.sql import Transaction

_MOST: Final = (1 << 63) - 1
_NAMES: Final = tuple(column.name for column in TRADES.columns)
_INSERT: Final = {
    style: f"INSERT INTO trades ({', '.join(_NAMES)}) VALUES ({', '.join([mark] * len(_NAMES))})"  # noqa: S608
    for style, mark in (("qmark", "?"), ("pyformat", "%s"))
}
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
    charging = Charging(tx)
    rows = [charging.row(trade) for trade in trades]
    tx.exec_driver_sql(_INSERT[tx.dialect.paramstyle], rows)
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

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._reference = Reference(tx)
        self._before: dict[tuple[int, int, int], int] = {}
        self._added: dict[tuple[int, int, int], int] = defaultdict(int)

    def row(self, trade: Traded) -> tuple[Any, ...]:
        """The row of a trade, in the order of the table's columns; its volume is added to both accounts'."""
        terms, tiers = self._reference.terms(trade.instrument_id, trade.sequence)
        cost = trade.price * trade.qty * terms.notional_units
        goods = trade.qty * terms.lot_units
        day = trade.timestamp // DAY_NS
        taker_buys = trade.taker_side == int(Side.BUY)
        taker_fee, maker_fee = trade.taker_fee, trade.maker_fee
        if trade.unposted:
            bases = (goods if terms.fee_in_base(buys=taker_buys) else cost,
                     goods if terms.fee_in_base(buys=not taker_buys) else cost)  # fmt: skip
            taker_rate = self._rate(terms, tiers, trade.taker_account, day)[1]
            maker_rate = self._rate(terms, tiers, trade.maker_account, day)[1 if trade.auction else 0]
            taker_fee = fee_of(bases[0], taker_rate, taker_fee)
            maker_fee = fee_of(bases[1], maker_rate, maker_fee)
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

    def _rate(self, terms: Terms, tiers: list[Tier], account: int, day: int) -> tuple[int, int]:
        """The maker's and the taker's."""
        if not tiers:
            return terms.maker_rate, terms.taker_rate
        tier = tier_of(tiers, self._volume(account, terms.quote, day))
        return tier.maker_rate, tier.taker_rate

    def _volume(self, account: int, asset: int, day: int) -> int:
        """Of the days before that one, so that it is the same however trades are batched."""
        key = (account, asset, day)
        if key not in self._before:
            of = (VOLUMES.c.account == account, VOLUMES.c.asset == asset)
            days = (VOLUMES.c.day >= day - VOLUME_DAYS, VOLUMES.c.day < day)
            stored = self._tx.execute(select(func.sum(VOLUMES.c.amount)).where(*of, *days)).scalar()
            fresh = (self._added.get((account, asset, each), 0) for each in range(day - VOLUME_DAYS, day))
            self._before[key] = int(stored or 0) + sum(fresh)
        return self._before[key]
