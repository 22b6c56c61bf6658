"""Clients that trade one after the other's answer, and remember all that they were told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Self

from cmatch._core import Venue
from exchange.client import Client, Order, Reports, Resync
from exchange.errors import ExchangeError
from tests.crash.lives import Request

TENANT: Final = 1
_MID: Final = 50_000
_PAUSE_S: Final = 0.001
_ASSET: Final = 1
NOT_NOW: Final = ("read_only", "no_replica", "accounts_unavailable", "risk_unavailable")
Connect = Callable[[str, int], Client]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer.

    Args:
        request: What named it.
        asked_ns: When it was asked, of the monotonic clock.
        told_ns: When its answer came.
        reject: Name of the reject; empty where there was none.
        epoch: Of the core that answered last.
    """

    request: Request
    asked_ns: int
    told_ns: int
    reject: str
    epoch: int

    @property
    def lasts(self) -> bool:
        """Whether the journal has to have it: a core that takes nothing now says so, and forgets."""
        return self.reject not in NOT_NOW


@dataclass
class Trader:
    """One client of one account, in a thread of its own.

    Args:
        number: Its account, above 0.
        client: Its connection; closed with it.
        seed: Of its choices.
    """

    number: int
    client: Client
    seed: int
    told: list[Told] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    resyncs: list[Resync] = field(default_factory=list)
    failure: ExchangeError | None = None

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self.client.on_reports(self._note)
        self.client.on_resync(self.resyncs.append)
        self._thread = threading.Thread(target=self._run, name=f"trader-{self.number}")
        self._thread.start()

    def stop(self) -> None:
        """Returns when its last request is answered or has failed."""
        self._over.set()
        self._thread.join()

    def hear(self) -> None:
        """Returns when all reports until now are here: the answer to a question comes behind them."""
        with suppress(ExchangeError):
            self.client.balance(_ASSET)

    def told_after(self, ns: int) -> Told | None:
        """The first answer to a request that was asked after an instant, or under way then."""
        return self.carried_out_after(ns, 0, lasting=False)

    def carried_out_after(self, ns: int, epoch: int, *, lasting: bool = True) -> Told | None:
        """The first one of a core of this epoch, or a later one, that lasts."""
        first = None
        for each in reversed(self.told):
            if each.told_ns <= ns:
                break
            if each.epoch >= epoch and (each.lasts or not lasting):
                first = each
        return first

    def _note(self, reports: Reports) -> None:
        self.events.extend(reports.rows["event_sequence"].tolist())

    def _run(self) -> None:
        chance = Random(self.seed * 1_000 + self.number)
        own: list[Order] = []
        count = 0
        try:
            while not self._over.is_set():
                count += 1
                self._ask(chance, f"{self.number:02d}-{self.seed % 100:02d}-{count:06d}", own)
                time.sleep(_PAUSE_S)
        except ExchangeError as error:
            self.failure = error

    def _ask(self, chance: Random, name: str, own: list[Order]) -> None:
        client = self.client
        asked = time.monotonic_ns()
        if len(own) > 20 or (own and chance.random() < 0.4):
            order = own.pop(chance.randrange(len(own)))
            report = client.cancel(order, client_order_id=name)
        else:
            side = chance.choice(["buy", "sell"])
            away = chance.randrange(-3, 12) * (1 if side == "sell" else -1)
            report = client.limit(1, side, chance.randrange(1, 20), _MID + away, client_order_id=name)
            order_of = client.orders.find(name)
            if report.ok and order_of is not None:
                own.append(order_of)
        reject = "" if report.reject is None else str(report.reject.name)
        request = (self.number, name.encode("ascii"))
        self.told.append(Told(request, asked, time.monotonic_ns(), reject, client.epoch))


class Traders:
    """Several of them.

    Args:
        connect: Makes the client of a name and an account.
        count: How many, from account 1 on.
        seed: Of their choices.
    """

    def __init__(self, connect: Connect, count: int, seed: int) -> None:
        with ExitStack() as opened:
            clients = []
            for number in range(1, count + 1):
                clients.append(connect(f"trader-{number}", number))
                opened.callback(clients[-1].close)
            self.all = [Trader(number, client, seed) for number, client in enumerate(clients, 1)]
            opened.pop_all()

    def stop(self) -> None:
        """All answers are there when this returns, or have failed; what they did to others is known."""
        for trader in self.all:
            trader.stop()
        for trader in self.all:
            trader.hear()

    def close(self) -> None:
        """Stop, and end all connections."""
        for trader in self.all:
            trader.stop()
            trader.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def acknowledged(self) -> set[Request]:
        """Every request that was carried out, or refused for good."""
        return {each.request for trader in self.all for each in trader.told if each.lasts}

    def wait_carried_out(self, ns: int, epoch: int, timeout_s: float) -> int | None:
        """When the first of them was told what a core of this epoch, or a later one, had carried out."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            first = [trader.carried_out_after(ns, epoch) for trader in self.all]
            if times := [each.told_ns for each in first if each is not None]:
                return min(times)
            time.sleep(0.001)
        return None

    def wait_told_after(self, ns: int, timeout_s: float) -> list[int]:
        """When each of them was told something after an instant; as many as were, in time."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and not all(trader.told_after(ns) for trader in self.all):
            time.sleep(0.001)
        return [told.told_ns for trader in self.all if (told := trader.told_after(ns)) is not None]

    def complaints(self, venue: Venue) -> list[str]:
        """What the clients know that is not so, once they are stopped and the journal was folded.

        Args:
            venue: The fold of the whole journal.
        """
        wrong: list[str] = []
        for trader in self.all:
            if trader.failure is not None:
                wrong.append(f"trader {trader.number}: {trader.failure}")
            if trader.events != sorted(set(trader.events)):
                wrong.append(f"trader {trader.number} got reports twice, or out of order")
            if trader.resyncs:
                wrong.append(f"trader {trader.number} missed reports: {trader.resyncs}")
            known = {order.order_id: order.leaves_qty for order in trader.client.orders.live()}
            rows: Any = venue.open_orders(trader.number, 0)
            true = dict(zip(rows["order_id"].tolist(), rows["leaves_qty"].tolist(), strict=True))
            if known != true:
                wrong.append(f"trader {trader.number} knows {len(known)} live orders, and {len(true)} are")
        return wrong
