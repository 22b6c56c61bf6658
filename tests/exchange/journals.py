"""Journals written by hand: requests of a client, appended as the core would append them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cmatch._core import Journal
from cmatch.frames import CommandHeader, CommandList, encode_commands
from exchange.client.face import Makers
from exchange.client.ids import Names
from exchange.client.requests import Request

TENANT, OTHER_TENANT = 1, 2
ALICE, BOB, CAROL = 11, 12, 13  # Carol is the other tenant's
BTC, USD, MARKET = 1, 2, 7
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Writer:
    """The end of a journal; one record a request.

    Args:
        directory: of the journal.
        segment_bytes: of new segments.
    """

    def __init__(self, directory: Path, segment_bytes: int = 8 << 20) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(str(directory), segment_bytes=segment_bytes, write_bytes=1 << 20)
        self.now = START_NS
        self.make = Makers(Names("test", lambda: self.now), "tester", None)

    @property
    def sequence(self) -> int:
        """Of the last command."""
        return int(self.journal.written_sequence)

    def write(self, *requests: Request[Any], tenant: int = TENANT) -> int:
        """Appends requests, a record each and a millisecond apart; the sequence of the last one."""
        for request in requests:
            rows = request.rows.copy()
            self.now += MS
            if "tenant" in (rows.dtype.names or ()) and request.family is not CommandList.ADMINISTRATION:
                rows["tenant"] = tenant
            header = CommandHeader(0, 1, self.sequence + 1, self.now)
            payload = encode_commands(request.family, rows, header, limit=1 << 20)
            self.journal.append(self.sequence + 1, len(rows), self.now, payload)
            if request.done is not None:
                self._learn(request)
        return self.sequence

    def _learn(self, request: Request[Any]) -> None:
        class Answer:
            ok = True

        if request.done is not None:
            request.done(Answer())

    def open_market(self) -> int:
        """Two assets, an instrument, three accounts with money."""
        admin = self.make.admin
        self.write(admin.define_asset(BTC, "BTC", 8), admin.define_asset(USD, "USD", 6))
        self.write(
            admin.define_instrument(
                MARKET, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, taker_rate=1_000_000
            )
        )
        for account, tenant in ((ALICE, TENANT), (BOB, TENANT), (CAROL, OTHER_TENANT)):
            self.write(admin.open_account(account, tenant=tenant))
            for asset, amount in (("BTC", "10"), ("USD", "1000000")):
                self.write(admin.deposit(asset, amount, account=account), tenant=tenant)
        return self.sequence

    def trade(self, count: int) -> int:
        """So many pairs of orders: a resting one of Alice, and half of it taken by Bob."""
        orders = self.make.orders
        for k in range(count):
            price = 100_00 + k % 50
            self.write(orders.limit(MARKET, "sell", 200, price, account=ALICE))
            self.write(orders.limit(MARKET, "buy", 100, price, account=BOB))
        return self.sequence

    def cancel(self, order_id: int, account: int) -> int:
        """One order of an account."""
        request = self.make.orders.cancel(order_id, account=account)
        request.rows["instrument_id"] = MARKET
        return self.write(request)

    def close(self) -> None:
        """Gives up the journal."""
        self.journal.close()
