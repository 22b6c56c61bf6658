"""Candles, tickers and mirrors are folds of what was taken, wherever that begins and however it is cut."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmatch._core import JournalReader, JournalRecord, Venue
from exchange.domain.enums import BookView
from exchange.domain.events import TradeExecuted
from exchange.domain.queries import MarketTradeRow
from exchange.runtime.event_run import EventRun
from exchange.schema.events import EventBatch
from exchange.services.marketdata.mirrors import Mirrors
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.store import take_trades
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from tests.event_log.published import Exchange, load_settings
from tests.exchange.journals import ALICE, BOB, MARKET, Writer
from tests.marketdata.oracle import (
    OTHER_MARKET,
    batches,
    check,
    open_second_market,
    trade_now_and_then,
    trades_of,
)
from tests.marketdata.test_mirrors import Reader

PLACES = st.lists(st.floats(0, 1), min_size=1, max_size=6)
"""Where it begins, and where it is cut, as shares of all that there is."""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """A journal of orders that trade, rest and are cancelled in two markets, published."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        root = Path(memory)
        directory = DataDirectory(root)
        directory.snapshots.mkdir()
        made = Exchange(root, Writer(directory.journal))
        made.writer.open_market()
        open_second_market(made.writer)
        numbers = random.Random(6)
        for seed in range(12):
            trade_now_and_then(made.writer, seed, 12)
            order = made.writer.make.orders.limit(MARKET, "buy", 5, 9_900 + seed, account=ALICE)
            sequence = made.writer.write(order)
            if numbers.random() < 0.5:
                made.writer.write(made.writer.make.orders.cancel(sequence, account=ALICE))
            made.writer.write(made.writer.make.orders.mass_cancel(account=BOB))
        made.publish()
        yield made
        made.writer.close()


def limits(exchange: Exchange) -> dict[str, Any]:
    """Of an empty venue."""
    return dict(limits_of(load_settings(exchange.root)))


Taken = tuple[list[MarketTradeRow], list[tuple[EventBatch, int]]]


@pytest.fixture(scope="module")
def taken(exchange: Exchange) -> Taken:
    """Its trades, and where each lies in the log."""
    each = [(batch, place) for batch in batches(exchange) for place in range(len(batch))]
    return trades_of(exchange.directory.journal, limits(exchange)), each


def cuts_of(places: list[float], count: int) -> list[int]:
    """Where it begins, where it is cut, and its end; each once."""
    first, *others = (round(place * (count - 1)) for place in places)
    return sorted({first, count, *(other for other in others if other > first)})


@pytest.mark.req("A027", "B059", "B062")
@given(PLACES, st.randoms(use_true_random=False))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_candles_and_tickers_are_the_fold_from_any_beginning(
    taken: Taken, places: list[float], numbers: random.Random
) -> None:
    """Stretches of trades end in the middle of candles, of records, of anything."""
    wanted, each = taken
    cuts = cuts_of(places, len(each))
    with tempfile.TemporaryDirectory() as root, open_store(root, SPEC.name, SPEC.tables) as store:
        for first, end in pairwise(cuts):
            with store.begin() as tx:
                pieces = [(batch, place, place + 1) for batch, place in each[first:end]]
                take_trades(tx, EventRun(pieces, TradeExecuted))
        check(store, wanted[cuts[0] :], numbers)


@pytest.mark.req("A028", "B060")
@given(PLACES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mirrors_are_the_fold_from_any_beginning(exchange: Exchange, places: list[float]) -> None:
    """Who begins to watch anywhere, and hears of it in any steps, has the engine's books at the end."""
    records: list[JournalRecord] = list(JournalReader(str(exchange.directory.journal), 1))
    venue = Venue(**limits(exchange))
    cuts = cuts_of(places, len(records))
    for record in records[: cuts[0]]:
        venue.apply_payload(record.payload)
    mirrors = Mirrors(venue)
    with ExitStack() as opened:
        readers = [
            Reader(*opened.enter_context(mirrors.watching("A", instrument_id, view)))
            for instrument_id in (MARKET, OTHER_MARKET)
            for view in BookView
        ]
        for first, end in pairwise(cuts):
            for reader in readers:
                reader.read()
            for record in records[first:end]:
                mirrors.applied(*venue.apply_payload(record.payload))
            mirrors.look()
        while mirrors.behind:
            mirrors.look()
        for reader in readers:
            reader.read()
            reader.check(venue)
