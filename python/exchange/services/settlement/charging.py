"""What trades are charged: fees by schedule and volume, and what they add to the volumes of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import func, select

from exchange.domain.enums import Side
from exchange.domain.intervals import DAY_NS
from exchange.schema.event_rows import Records
from exchange.services.settlement.fees import VOLUME_DAYS, Numbers, fees_of, product, rates_of
from exchange.services.settlement.reference import Reference, Version
from exchange.services.settlement.tables import VOLUMES
from exchange.storage.sql import RowInsert, Transaction

_MOST: Final = (1 << 63) - 1
_ACCOUNTS_AT_ONCE: Final = 500
_ADD: Final = RowInsert(
    VOLUMES,
    " ON CONFLICT (account, asset, day) DO UPDATE SET amount ="
    f" CASE WHEN volumes.amount > {_MOST} - excluded.amount THEN {_MOST}"
    " ELSE volumes.amount + excluded.amount END",
)
_HALF: Final = 1 << 32
# SQLite's sum of 64-bit numbers fails where it needs more bits.
_HALVES: Final = (func.sum(VOLUMES.c.amount // _HALF), func.sum(VOLUMES.c.amount % _HALF))
_ROLES: Final = ("taker", "maker")


def charge(tx: Transaction, trades: Records) -> dict[str, Numbers]:
    """Columns of the table of trades, and their volume added to that of their accounts.

    Args:
        tx: Instruments, schedules and volumes are read, and volumes written, in it.
        trades: (n,) of TradeExecuted, in their order, some at least.

    Returns:
        (n,) by the name of the column: what a TradeExecuted does not say itself.

    Raises:
        ServiceUnavailableError: An instrument has not come yet.
    """
    places, versions = Reference(tx).versions(trades["instrument_id"], trades["sequence"])
    terms = [version.terms for version in versions]
    lots, units, quotes = (
        np.array([getattr(each, name) for each in terms], np.int64)[places]
        for name in ("lot_units", "notional_units", "quote")
    )
    in_base = np.array([[each.fee_in_base(buys) for buys in (False, True)] for each in terms])
    price, qty = trades["price"].astype(np.int64), trades["qty"].astype(np.int64)
    cost, goods = product(price, qty, units), product(qty, lots)
    taker_buys = trades["taker_side"] == int(Side.BUY)
    volumes = _Volumes(tx, trades, quotes, cost)
    rates = _rates(trades, places, versions, volumes)
    fees = {}
    for role, buys in (("taker", taker_buys), ("maker", ~taker_buys)):
        basis = np.where(in_base[places, buys.astype(np.intp)], goods, cost)
        most = trades[f"{role}_fee"].astype(np.int64)
        fees[role] = np.where(trades["unposted"] != 0, fees_of(basis, rates[role], np.abs(most)), most)
    volumes.write()
    columns = {"buyer_is_maker": (~taker_buys).astype(np.int64), "cost": cost, "goods": goods}
    for ending, of in (
        ("", {role: _accounts(trades, role) for role in _ROLES}),
        ("_tenant", {role: trades[f"{role}_tenant"] for role in _ROLES}),
        ("_fee", fees),
        ("_fee_asset", {role: trades[f"{role}_fee_asset"] for role in _ROLES}),
    ):
        columns[f"buyer{ending}"] = np.where(taker_buys, of["taker"], of["maker"])
        columns[f"seller{ending}"] = np.where(taker_buys, of["maker"], of["taker"])
    return columns


def _rates(
    trades: Records, places: Numbers, versions: Sequence[Version], volumes: _Volumes
) -> dict[str, Numbers]:
    """Of both roles, (n,) in 1e-9. In an auction both sides pay as takers."""
    auction = trades["auction"] != 0
    rates = {role: np.zeros(len(trades), np.int64) for role in _ROLES}
    for place in np.unique(places).tolist():
        mine, version = np.flatnonzero(places == place), versions[place]
        for role, into in rates.items():
            if version.tiers:
                maker, taker = rates_of(version.tiers, volumes.before[role][mine])
            else:
                own = version.terms
                maker, taker = (np.full(len(mine), rate) for rate in (own.maker_rate, own.taker_rate))
            into[mine] = taker if role == "taker" else np.where(auction[mine], taker, maker)
    return rates


class _Volumes:
    """What accounts traded in the days before each trade's own; then what these trades add.

    So a volume is the same however trades are batched.
    """

    def __init__(self, tx: Transaction, trades: Records, quotes: Numbers, cost: Numbers) -> None:
        self._tx = tx
        self._added: dict[tuple[int, int, int], int] = {}
        self.before = {role: np.zeros(len(trades), np.int64) for role in _ROLES}
        """(n,) of both roles, at most what 63 bits have."""
        days = trades["timestamp"].astype(np.int64) // DAY_NS
        for day in np.unique(days).tolist():
            mine = np.flatnonzero(days == day)
            whose = np.concatenate([_accounts(trades, role)[mine] for role in _ROLES])
            accounts, of_account = np.unique(whose, return_inverse=True)
            assets, of_asset = np.unique(quotes[mine], return_inverse=True)
            keys, of = np.unique(of_account * len(assets) + np.tile(of_asset, 2), return_inverse=True)
            named = (accounts[keys // len(assets)].tolist(), assets[keys % len(assets)].tolist())
            pairs = list(zip(*named, strict=True))
            stored = _stored(tx, accounts.tolist(), day)
            volumes = [min(stored.get(pair, 0) + self._added_before(pair, day), _MOST) for pair in pairs]
            self.before["taker"][mine], self.before["maker"][mine] = np.split(
                np.array(volumes, np.int64)[of], 2
            )
            for pair, amount in zip(pairs, _sums(np.tile(cost[mine], 2), of, len(pairs)), strict=True):
                self._added[(*pair, day)] = amount

    def write(self) -> None:
        """Adds what the trades add."""
        _ADD.run(self._tx, [(*key, min(amount, _MOST)) for key, amount in sorted(self._added.items())])

    def _added_before(self, pair: tuple[int, int], day: int) -> int:
        if not self._added:
            return 0
        return sum(self._added.get((*pair, when), 0) for when in range(day - VOLUME_DAYS, day))


def _accounts(trades: Records, role: str) -> Numbers:
    """(n,) as columns of 64 bits have them."""
    accounts: Numbers = trades[f"{role}_account"].astype(np.int64)
    return accounts


def _sums(amounts: Numbers, of: Numbers, count: int) -> list[int]:
    """What each of so many has of the amounts."""
    wide = amounts.dtype == object or amounts.astype(np.float64).sum() >= float(1 << 62)
    sums = np.zeros(count, object if wide else np.int64)
    np.add.at(sums, of, amounts)
    return [int(amount) for amount in sums.tolist()]


def _stored(tx: Transaction, accounts: Sequence[int], day: int) -> dict[tuple[int, int], int]:
    """What these accounts are stored to have traded in the days before one, by account and asset."""
    found: dict[tuple[int, int], int] = {}
    of = VOLUMES.c
    for at in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
        some = of.account.in_(accounts[at : at + _ACCOUNTS_AT_ONCE])
        days = (of.day >= day - VOLUME_DAYS, of.day < day)
        asked = select(of.account, of.asset, *_HALVES).where(some, *days)
        for account, asset, high, low in tx.execute(asked.group_by(of.account, of.asset)):
            found[account, asset] = int(high) * _HALF + int(low)
    return found
