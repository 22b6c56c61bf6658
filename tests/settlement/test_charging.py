"""What a million random trades are charged, held against plain arithmetic, one trade at a time."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, select

from exchange.domain.enums import FeeMode, Side
from exchange.schema.event_rows import ROW_DTYPES, EventList, Records
from exchange.services.settlement.charging import charge
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import ASSETS, INSTRUMENTS, TIERS, VOLUMES
from exchange.storage.sql import Store, open_store

DAY_NS = 86_400 * 10**9
BASE_SCALE, QUOTE_SCALE, PRICE_SCALE, QTY_SCALE = 10, 8, 2, 4
LOT, UNIT = 10 ** (BASE_SCALE - QTY_SCALE), 10 ** (QUOTE_SCALE - PRICE_SCALE - QTY_SCALE)
MODES = (FeeMode.RECEIVED, FeeMode.QUOTE, FeeMode.BASE)
OWN = (-20_000, 350_000)  # maker, taker: of instruments without a schedule
STEPS = ((0, 80_000, 500_000), (10**13, -50_000, 300_000), (10**16, -90_000, 100_000))
ACCOUNTS, RUNS, RUN = 40, 20, 50_000
Fees = tuple[int, int]


def define(store: Store) -> None:
    """Three instruments, one a fee mode; the first has a schedule, the second from its second version on."""
    with store.begin() as tx:
        tx.execute(insert(ASSETS), [{"asset": 1, "scale": BASE_SCALE}, {"asset": 2, "scale": QUOTE_SCALE}])
        for number, mode in enumerate(MODES, 1):
            for sequence, symbol in ((1, f"OWN-{number}"), (RUN * RUNS // 2, f"M-{number}")):
                tx.execute(
                    insert(INSTRUMENTS).values(
                        instrument_id=number, sequence=sequence, symbol=symbol, base=1, quote=2,
                        price_scale=PRICE_SCALE, qty_scale=QTY_SCALE, fee_mode=int(mode),
                        maker_rate=OWN[0], taker_rate=OWN[1],
                    )
                )  # fmt: skip
        for symbol in ("M-1", "M-2"):
            for least, maker, taker in STEPS:
                tx.execute(
                    insert(TIERS).values(
                        schedule_id=symbol, volume_min=least, maker_rate=maker, taker_rate=taker
                    )
                )


def random_trades(numbers: np.random.Generator, first: int) -> Records:
    """A run of them, over a few days; some so large that 64 bits do not have room for what is reckoned."""
    rows = np.zeros(RUN, ROW_DTYPES[EventList.TRADES])
    number = np.arange(first, first + RUN)
    rows["trade_id"] = rows["sequence"] = number
    rows["timestamp"] = number * (DAY_NS * 60 // (RUN * RUNS))
    rows["price"] = np.exp(numbers.uniform(0, 16, RUN)).astype(np.int64)
    rows["qty"] = np.exp(numbers.uniform(0, 20, RUN)).astype(np.int64)
    rows["instrument_id"] = numbers.integers(1, len(MODES) + 1, RUN)
    rows["taker_account"], rows["maker_account"] = numbers.integers(1, ACCOUNTS + 1, (2, RUN))
    rows["taker_side"] = numbers.choice([int(Side.BUY), int(Side.SELL)], RUN)
    rows["taker_fee"], rows["maker_fee"] = np.exp(numbers.uniform(0, 40, (2, RUN))).astype(np.int64)
    rows["unposted"] = numbers.random(RUN) < 0.95
    rows["auction"] = numbers.random(RUN) < 0.1
    return rows


class Oracle:
    """The same in words: one trade after the other, in Python's own numbers."""

    def __init__(self) -> None:
        self.volumes: dict[tuple[int, int], int] = defaultdict(int)  # account and day
        self._known: dict[tuple[int, int], int] = {}

    def fees(self, trade: dict[str, int]) -> Fees:
        """The taker's and the maker's."""
        day, number = trade["timestamp"] // DAY_NS, trade["instrument_id"]
        cost, goods = trade["price"] * trade["qty"] * UNIT, trade["qty"] * LOT
        mode = MODES[number - 1]
        found = []
        for role in ("taker", "maker"):
            most = trade[f"{role}_fee"]
            buys = (trade["taker_side"] == int(Side.BUY)) == (role == "taker")
            basis = goods if mode is FeeMode.BASE or (mode is FeeMode.RECEIVED and buys) else cost
            maker_rate, taker_rate = OWN
            if trade["sequence"] >= RUN * RUNS // 2 and number in (1, 2):
                volume = self._volume(trade[f"{role}_account"], day)
                _, maker_rate, taker_rate = [step for step in STEPS if step[0] <= volume][-1]
            rate = taker_rate if role == "taker" or trade["auction"] else maker_rate
            exact = -((-basis * rate) // 10**9)
            found.append(max(-most, min(exact, most)) if trade["unposted"] else most)
        for role in ("taker", "maker"):
            self.volumes[trade[f"{role}_account"], day] += cost
        return found[0], found[1]

    def _volume(self, account: int, day: int) -> int:
        """Of thirty days before; what they had does not change any more."""
        if (account, day) not in self._known:
            days = range(day - 30, day)
            self._known[account, day] = sum(self.volumes.get((account, each), 0) for each in days)
        return self._known[account, day]


@pytest.mark.req("A030", "B048")
def test_a_million_trades_are_charged_as_plain_arithmetic_says(tmp_path: Path) -> None:
    """Every fee; what buyers and sellers pay is what the house has, in each asset; volumes by day."""
    numbers, oracle = np.random.default_rng(31), Oracle()
    names = ("trade_id", "sequence", "timestamp", "price", "qty", "instrument_id", "taker_account",
             "maker_account", "taker_side", "taker_fee", "maker_fee", "unposted", "auction")  # fmt: skip
    with open_store(str(tmp_path), SPEC.name, SPEC.tables) as store:
        define(store)
        for turn in range(RUNS):
            trades = random_trades(numbers, 1 + turn * RUN)
            with store.begin() as tx:
                charged = charge(tx, trades)
            plain = [
                dict(zip(names, row, strict=True))
                for row in zip(*(trades[name].tolist() for name in names), strict=True)
            ]
            fees = [oracle.fees(trade) for trade in plain]
            buys = [trade["taker_side"] == int(Side.BUY) for trade in plain]
            assert charged["buyer_fee"].tolist() == [
                fee[0] if buy else fee[1] for fee, buy in zip(fees, buys, strict=True)
            ]
            assert charged["seller_fee"].tolist() == [
                fee[1] if buy else fee[0] for fee, buy in zip(fees, buys, strict=True)
            ]
            assert charged["cost"].tolist() == [trade["price"] * trade["qty"] * UNIT for trade in plain]
            assert charged["goods"].tolist() == [trade["qty"] * LOT for trade in plain]
        with store.read() as tx:
            stored = {(row.account, row.day): row.amount for row in tx.execute(select(VOLUMES))}
        assert stored == {key: min(amount, 2**63 - 1) for key, amount in oracle.volumes.items()}
