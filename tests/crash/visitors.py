"""Programs that trade through either of two gateways, and ask the other one where one does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

from exchange.bus.topics import TopicTable
from exchange.client.rest import RestClient, hmac_key
from exchange.client.rest.connecting import Options
from exchange.client.rest.errors import RestError
from exchange.errors import ExchangeError, RpcError, SecurityFault, ServiceUnavailableError
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store
from tests.crash.lives import Request
from tests.crash.traders import NOT_NOW, TENANT

_SYMBOL: Final = "BTC-USD"
_PAUSE_S: Final = 0.02
_TRY_S: Final = 5.0
_PATIENCE_S: Final = 120.0


@dataclass
class Visitor:
    """One program of one account, in a thread of its own.

    Args:
        account: Its account, above 0.
        gateways: Clients of each, closed with it.
        seed: Of its choices.
    """

    account: int
    gateways: Sequence[RestClient]
    seed: int
    acknowledged: set[Request] = field(default_factory=set)
    last_told_ns: int = 0
    again: int = 0
    failure: str = ""

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._at = 0
        self._thread = threading.Thread(target=self._run, name=f"visitor-{self.account}")
        self._thread.start()

    def stop(self) -> None:
        """Returns when its last order is answered."""
        self._over.set()
        self._thread.join()

    def close(self) -> None:
        """Stops, and lets its connections go."""
        self.stop()
        for each in self.gateways:
            each.close()

    def _run(self) -> None:
        chance = Random(self.seed * 1_000 + self.account)
        count = 0
        while not self._over.is_set() and not self.failure:
            count += 1
            name = f"v{self.account}-{self.seed % 100}-{count}"
            side = chance.choice(["buy", "sell"])
            away = chance.randrange(-3, 12) * (1 if side == "sell" else -1)
            self._enter(name, side, f"0.{chance.randrange(1, 20):04d}", f"{(50_000 + away) / 100:.2f}")
            time.sleep(_PAUSE_S)

    def _enter(self, name: str, side: str, qty: str, price: str) -> None:
        until = time.monotonic() + _PATIENCE_S
        why = ""
        while time.monotonic() < until:
            gateway = self.gateways[self._at]
            try:
                answer = gateway.limit(_SYMBOL, side, qty, price, client_order_id=name)  # type: ignore[arg-type]
            except RestError as refused:
                why = str(refused)
                if refused.of_exchange and refused.name.lower() not in NOT_NOW:
                    self._told(name)
                    return
                new = refused.number == SecurityFault.UNKNOWN_KEY and not self.acknowledged
                if not (new or refused.transient or refused.http_status in (0, 500, 502, 503, 504)):
                    self.failure = f"visitor of {self.account}: {name}: {refused}"
                    return
            except (RpcError, ServiceUnavailableError) as lost:
                why = str(lost)
            else:
                if (answer.client_order_id, answer.account) != (name, self.account):
                    self.failure = f"visitor of {self.account}: {name} was answered with {answer}"
                self._told(name)
                return
            self.again += 1
            self._at = 1 - self._at
            time.sleep(0.1)
        self.failure = f"visitor of {self.account}: {name} has no answer: {why}"

    def _told(self, name: str) -> None:
        self.acknowledged.add((self.account, name.encode("ascii")))
        self.last_told_ns = time.monotonic_ns()


class Visitors:
    """Several of them, each with a key of its own.

    Args:
        directory: Of the data of the exchange, whose identity has its store there.
        ports: Of the gateways.
        accounts: One each.
        seed: Of their choices.
    """

    def __init__(self, directory: Path, ports: Sequence[int], accounts: Sequence[int], seed: int) -> None:
        self.all = [
            Visitor(account, [_client(port, *key) for port in ports], seed)
            for account, key in zip(accounts, _keys(directory, accounts), strict=True)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self.all:
            each.close()

    def stop(self) -> None:
        """All answers are there when this returns, or have failed."""
        for each in self.all:
            each.stop()

    @property
    def acknowledged(self) -> set[Request]:
        """Every request that was carried out, or refused for good."""
        return {request for each in self.all for request in each.acknowledged}

    @property
    def again(self) -> int:
        """How often one of them asked again."""
        return sum(each.again for each in self.all)

    @property
    def complaints(self) -> list[str]:
        """What failed for good."""
        return [each.failure for each in self.all if each.failure]

    def told_after(self, ns: int) -> bool:
        """Whether each of them was told something after an instant, or has failed."""
        return all(each.last_told_ns > ns or each.failure for each in self.all)


def _client(port: int, key_id: str, secret: str) -> RestClient:
    return RestClient(f"http://127.0.0.1:{port}", hmac_key(key_id, secret), options=Options(timeout_s=_TRY_S))


def _keys(directory: Path, accounts: Sequence[int]) -> list[tuple[str, str]]:
    with open_store(directory / "stores", "identity", MIGRATIONS) as store:
        keys = ApiKeys(IdentityStore(store, Sealer(directory / "keys"), TopicTable("dev")))
        made = [
            keys.create(Wanted(name=f"v{each}", tenant=TENANT, scopes=("read", "trade"), accounts=(each,)))
            for each in accounts
        ]
    return [(key.key_id, secret) for key, secret in made]


class Operator:
    """Changes the fees of the market again and again, through the service that administers.

    Args:
        change: Makes the change of that number; raises ExchangeError where it is not answered.
    """

    def __init__(self, change: Callable[[int], object]) -> None:
        self._change = change
        self._over = threading.Event()
        self.done = 0
        self._thread = threading.Thread(target=self._run, name="operator")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Returns when its last change is answered, or has failed."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(0.5):
            number += 1
            try:
                self._change(number)
            except ExchangeError:
                continue  # may be done or not: both are fine, the next one comes
            self.done += 1
