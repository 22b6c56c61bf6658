"""Tells the core what market data says mark prices are: limits, losses and stops are measured by them.

market data ── GetMarkPrice, each look ──▶ marks ── set_mark, where the core has another ──▶ core ──▶ journal

A mark enters as a journaled command, as all that a replay needs. A process of its own, for its key may
administer: market data, which hears other venues, has none that may. It remembers nothing: what the core has
is asked of the replica, so an instrument that is defined anew has its mark again with the next look.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from exchange.client import Client
from exchange.config.index_sources import index_sources
from exchange.config.settings import Settings
from exchange.domain.queries import InstrumentRow
from exchange.errors import DeadlineExceeded, RpcError, ServiceUnavailableError
from exchange.runtime.beside_core import keys_beside_core
from exchange.runtime.exits import ExitCode
from exchange.runtime.log import log
from exchange.runtime.vitals import Vitals, telling

NAME: Final = "marks"
_ASK_MS: Final = 1_000
_CONNECT_MS: Final = 2_000
_BEAT_S: Final = 0.25
_AWAY: Final = (ServiceUnavailableError, DeadlineExceeded, RpcError)


class MarkTeller:
    """Holds the core's mark prices against those of market data. One thread.

    Args:
        client: Of the operator's tenant.
        symbols: Of the instruments that have mark prices.
        beat: Called between any two waits.
    """

    def __init__(self, client: Client, symbols: tuple[str, ...], beat: Callable[[], object]) -> None:
        self._client = client
        self._symbols = symbols
        self._beat = beat
        self._refused: dict[str, int] = {}
        self._said: dict[str, int] = {}

    def look(self) -> int:
        """Tells the core those that are others, and not stale; how many it took.

        Raises:
            ExchangeError: The core, or its replica, does not answer.
        """
        known = self._client.ask(self._client.make.query.instruments(), _ASK_MS)  # with what was told before
        rows = {row.symbol: row for row in known.instruments}
        return sum(self._tell(rows[symbol]) for symbol in self._symbols if symbol in rows)

    def _tell(self, row: InstrumentRow) -> bool:
        self._beat()
        price = self._price(row)
        if price is None or price in (row.mark, self._refused.get(row.symbol)):
            return False
        self._refused.pop(row.symbol, None)
        make = self._client.make.admin
        answer = self._client.call(make.set_mark(row.instrument_id, price), _ASK_MS)
        if answer.reject is not None:
            # What is refused is journaled, too: it is not said again before it is another, or may go well.
            if not answer.reject.transient:
                self._refused[row.symbol] = price
            if self._said.get(row.symbol) != price:
                self._said[row.symbol] = price
                log("mark refused", level=logging.WARNING, symbol=row.symbol, mark=price, why=answer.reject)
            return False
        self._said.pop(row.symbol, None)
        return True

    def _price(self, row: InstrumentRow) -> int | None:
        """What market data is sure of, ticks; None: of nothing."""
        try:
            mark = self._client.ask(self._client.make.market_data.mark_price(row.symbol), _ASK_MS)
        except _AWAY:
            return None
        return None if mark.stale else mark.mark_price


def main(settings: Settings) -> int:
    """Looks until it is told to stop; its exit code.

    Raises:
        LogonRefused, SecurityError, ConfigError: The core will never let it in.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)
    return ExitCode.STOPPED


def run(settings: Settings, stop: threading.Event) -> None:
    """Looks until it is told to stop. While core or replica are away it says so once, and goes on.

    Raises:
        LogonRefused, SecurityError, ConfigError: The core will never let it in.
    """
    with telling(settings, NAME, ["risk"]) as vitals:
        told = _tell(settings, stop, vitals)
    log("marks stopped", told=told)


def _tell(settings: Settings, stop: threading.Event, vitals: Vitals) -> int:
    symbols = tuple(index_sources(settings.market_data.index))
    told, away = 0, False

    def beat() -> None:
        vitals.beat(told=told)

    while not stop.is_set():
        beat()
        try:
            with closing(_connect(settings)) as client:
                teller = MarkTeller(client, symbols, beat)
                while not stop.is_set():
                    told += teller.look()
                    if away:
                        log("marks are told again")
                        away = False
                    _wait(stop, settings.risk.marks_ms / 1_000, beat)
        except (DeadlineExceeded, ServiceUnavailableError, RpcError) as error:
            if not away:
                log("marks cannot be told", level=logging.WARNING, why=error)
            away = True
            _wait(stop, settings.risk.marks_ms / 1_000, beat)
    return told


def _wait(stop: threading.Event, seconds: float, beat: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        stop.wait(min(left, _BEAT_S))
        beat()


def _connect(settings: Settings) -> Client:
    endpoints = settings.endpoints
    keys, server_key = None, None
    if endpoints.orders.startswith("tcp://"):
        keys, server_key = keys_beside_core(settings, NAME)
    return Client.connect(
        endpoints.orders,
        tenant=0,
        name=NAME,
        user=NAME,
        queries=endpoints.queries,
        marketdata=endpoints.marketdata,
        keys=keys,
        server_key=server_key,
        timeout_ms=_ASK_MS,
        connect_ms=_CONNECT_MS,
    )
