"""An exchange with a gateway and its market, and the programs that ask it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exchange.bus.topics import TopicTable
from exchange.client import Client
from exchange.security.api_keys import ApiKey
from exchange.security.sealing import Sealer
from exchange.security.signing import ED25519
from exchange.services.gateway.calls import Route
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
from tests.exchange.running import until
from tests.gateway.signed import Program

WAIT_MS = 60_000
SELL = {"symbol": "BTC-USD", "side": "sell", "qty": "0.5", "price": "100.00"}
BUY = SELL | {"side": "buy", "qty": "0.2"}


@dataclass
class Open:
    """An exchange with a gateway, and programs of two tenants."""

    data: Path
    port: int
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def ann(self) -> Program:
        """Of tenant 1, with account 11."""
        return self.programs["ann"]

    @property
    def bob(self) -> Program:
        """Of tenant 1, with account 12."""
        return self.programs["bob"]

    @property
    def eve(self) -> Program:
        """Of tenant 2, with account 21."""
        return self.programs["eve"]

    @property
    def nobody(self) -> Program:
        """Who signs nothing."""
        return Program(self.port)

    @contextlib.contextmanager
    def keys(self) -> Iterator[ApiKeys]:
        """The store of keys, beside the gateway that reads it."""
        with open_store(self.data / "stores", "identity", MIGRATIONS) as store:
            yield ApiKeys(IdentityStore(store, Sealer(self.data / "keys"), TopicTable("dev")))

    def program(self, key: ApiKey, secret: str) -> Program:
        """Who signs with a key, once the gateway has that."""
        said = {"key_id": key.key_id, "algorithm": key.algorithm, "secret": secret}
        made = Program(self.port, said)
        until(lambda: made.ask("GET", "/v1/balances").status in {200, 400}, "the key did not come")
        return made

    def add(self, *wanted: Wanted) -> None:
        """Programs of these names."""
        with self.keys() as keys:
            pairs = [keys.create(each) for each in wanted]
        self.programs |= {key.name: self.program(key, secret) for key, secret in pairs}


EVERY = ("read", "trade", "transfer")
ANN = Wanted(name="ann", tenant=1, scopes=EVERY, accounts=(11,))
BOB = Wanted(name="bob", tenant=1, scopes=("read", "trade"), accounts=(12,), algorithm=ED25519)
EVE = Wanted(name="eve", tenant=2, scopes=EVERY, accounts=(21,))


def open_market(data: Path) -> None:
    """With two accounts of tenant 1 and one of tenant 2."""
    with Client.connect(
        f"ipc://{data}/run/orders.sock",
        tenant=0,
        name="maker",
        user="maker",
        timeout_ms=WAIT_MS,
        connect_ms=WAIT_MS,
    ) as client:
        client.admin.define_asset(1, "BTC", 8)
        client.admin.define_asset(2, "USD", 6)
        client.admin.define_instrument(
            7, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, taker_rate=1_000_000
        )
        for account, tenant in ((11, 1), (12, 1), (21, 2)):
            client.admin.open_account(account, tenant=tenant)
            client.admin.deposit("BTC", "1000", account=account)
            client.admin.deposit("USD", "1000000", account=account)


def target_of(route: Route, path: str) -> str:
    """A path of the route, with the parameters that it needs."""
    needed = "?symbol=BTC-USD" if "market-data" in path else ""
    return re.sub(r"{\w+}", "7", path) + needed
