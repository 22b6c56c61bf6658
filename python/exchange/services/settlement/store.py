"""How settlement takes trades: each is a row, with what its sides are charged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, insert, select, text, update

from exchange.domain.enums import Side
from exchange.domain.events import Event, TradeExecuted
from exchange.domain.intervals import DAY_NS
from exchange.errors import InvalidEvent
from exchange.services.settlement.fees import VOLUME_DAYS, Terms, Tier, fee_of, tier_of
from exchange.services.settlement.reference import Reference
from exchange.services.settlement.tables import PROGRESS, TRADES, VOLUMES
from exchange.services.settlement.telling import told_of
from exchange.storage.sql import Transaction

_MOST: Final = (1 << 63) - 1
_ADD: Final = text(
    "INSERT INTO volumes (account, asset, day, amount) VALUES (:account, :asset, :day, :amount)"
    " ON CONFLICT (account, asset, day) DO UPDATE SET amount = CASE"
    " WHEN volumes.amount > :most - excluded.amount THEN :most ELSE volumes.amount + excluded.amount END"
)


def take_trades(tx: Transaction, events: Iterable[Event]) -> list[Event]:
    """Trades are rows; of those that the venue had posted itself, it is told that they are settled.

    Raises:
        InvalidEvent: One comes behind a later one.
        ServiceUnavailableError: An instrument has not come yet.
    """
    trades: list[TradeExecuted] = [event.payload for event in events]
    taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
    if trades[0].trade_id <= taken:
        raise InvalidEvent(f"trade {trades[0].trade_id} is late: settlement has those up to {taken}")
    charging = Charging(tx)
    rows = [charging.row(trade) for trade in trades]
    tx.execute(insert(TRADES), rows)
    charging.write()
    at_once = [row for row in rows if row["at_once"]]
    settled = max([posted, *(int(row["trade_id"]) for row in at_once)])
    tx.execute(update(PROGRESS).values(trade_id=trades[-1].trade_id, posted=settled))
    return [told_of(row, int(row["sequence"]), int(row["traded_at"])) for row in at_once]


class Charging:
    """What trades cost, with the volumes of their accounts; within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._reference = Reference(tx)
        self._before: dict[tuple[int, int, int], int] = {}
        self._added: dict[tuple[int, int, int], int] = defaultdict(int)

    def row(self, trade: TradeExecuted) -> dict[str, int | str]:
        """The row of a trade; its volume is added to both accounts'."""
        terms, tiers = self._reference.terms(trade.instrument_id, trade.sequence)
        cost = trade.price * trade.qty * terms.notional_units
        goods = trade.qty * terms.lot_units
        taker_buys = trade.taker_side is Side.BUY
        row: dict[str, int | str] = {
            "trade_id": trade.trade_id,
            "instrument_id": trade.instrument_id,
            "price": trade.price,
            "qty": trade.qty,
            "buyer_is_maker": int(not taker_buys),
            "cost": cost,
            "goods": goods,
            "traded_at": trade.timestamp,
            "sequence": trade.sequence,
            "at_once": int(not trade.unposted),
            "correlation_id": trade.correlation_id,
        }
        day = trade.timestamp // DAY_NS
        for role, buys in (("taker", taker_buys), ("maker", not taker_buys)):
            side, account = ("buyer" if buys else "seller"), getattr(trade, f"{role}_account")
            fee = getattr(trade, f"{role}_fee")
            if trade.unposted:
                rate = self._rate(terms, tiers, account, day, is_maker=role == "maker" and not trade.auction)
                fee = fee_of(goods if terms.fee_in_base(buys) else cost, rate, fee)
            row |= {
                side: account,
                f"{side}_tenant": getattr(trade, f"{role}_tenant"),
                f"{side}_fee": fee,
                f"{side}_fee_asset": getattr(trade, f"{role}_fee_asset"),
            }
            self._added[account, terms.quote, day] += cost
        return row

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

    def _rate(self, terms: Terms, tiers: list[Tier], account: int, day: int, *, is_maker: bool) -> int:
        if not tiers:
            return terms.maker_rate if is_maker else terms.taker_rate
        tier = tier_of(tiers, self._volume(account, terms.quote, day))
        return tier.maker_rate if is_maker else tier.taker_rate

    def _volume(self, account: int, asset: int, day: int) -> int:
        """Of the days before that one, so that it is the same however trades are batched."""
        key = (account, asset, day)
        if key not in self._before:
            of = (VOLUMES.c.account == account, VOLUMES.c.asset == asset)
            days = (VOLUMES.c.day >= day - VOLUME_DAYS, VOLUMES.c.day < day)
            stored = self._tx.execute(select(func.sum(VOLUMES.c.amount)).where(*of, *days)).scalar()
            self._before[key] = int(stored or 0)
        fresh = sum(
            amount
            for (whose, what, when), amount in self._added.items()
            if (whose, what) == (account, asset) and day - VOLUME_DAYS <= when < day
        )
        return self._before[key] + fresh
