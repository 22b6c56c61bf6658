"""A client that only reads: questions to read replicas, the history and market data, without a session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self, TypeVar

from exchange.bus.curve import KeyPair
from exchange.client.asking import WayToReplica
from exchange.client.face import Makers
from exchange.client.ids import Names
from exchange.client.inquiring import ThreadInquirer
from exchange.client.instruments import Directory
from exchange.client.place import Place, endpoints_of
from exchange.client.questions import Query

T = TypeVar("T")


class Reader:
    """Asks what `reader.make.query` makes. Nothing of it is journaled, and the core need not run.

    reader = Reader("ipc:///srv/exchange/run/orders.sock", tenant=1, name="report", user="alice")
    orders = reader.ask(reader.make.query.past_orders(instrument="BTC-USD", most=None))

    Args:
        endpoint: Of the core: `ipc://…`, beside whose socket the others are; or several; or None.
        tenant: On whose behalf; 0 is the operator's.
        name: For correlation ids.
        user: Who asks.
        account: Asked about where a question names none.
        timeout_ms: How long a question waits for its answer where it says nothing of it.
        queries, history, marketdata, admin, settlement: As of `Client.connect`.
        keys, server_key, security_context: Likewise.
    """

    def __init__(
        self,
        endpoint: str | Sequence[str] | None,
        *,
        tenant: int,
        name: str,
        user: str,
        account: int | None = None,
        queries: str | Sequence[str] | None = None,
        history: str | Sequence[str] | None = None,
        marketdata: str | Sequence[str] | None = None,
        admin: str | Sequence[str] | None = None,
        settlement: str | Sequence[str] | None = None,
        keys: KeyPair | None = None,
        server_key: str | None = None,
        timeout_ms: int = 5_000,
        security_context: str | None = None,
    ) -> None:
        place = Place(
            endpoints_of(endpoint),
            endpoints_of(queries),
            endpoints_of(history),
            keys,
            server_key,
            security_context,
            endpoints_of(marketdata),
            endpoints_of(admin),
            endpoints_of(settlement),
        )
        names = Names(name, time.time_ns)
        self.make = Makers(names, user, account)
        # It has written nothing that it could want to read.
        way = WayToReplica(place, names, tenant, user, lambda: 0, timeout_ms)
        self._inquirer = ThreadInquirer(name, way, self.make.query)

    @property
    def instruments(self) -> Directory:
        """The instruments and assets that it has heard of: of `make.query.instruments()`, and of rows."""
        return self.make.instruments

    def ask(self, query: Query[T], timeout_ms: int | None = None) -> T:
        """The answer.

        Raises:
            ServiceUnavailableError, DeadlineExceeded, RpcError: See `RpcClient.call`.
        """
        return self._inquirer.ask(query, timeout_ms)

    def close(self) -> None:
        """Give up what is under way."""
        self._inquirer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
