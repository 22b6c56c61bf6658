"""Names and scales that a service has from a cache, and from the replica where that has none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange.domain.queries import (
    AssetRow,
    HistoryExecutionRow,
    HistoryExecutionsReply,
    HistoryExecutionsRequest,
    HistoryOrderRow,
    HistoryOrdersReply,
    HistoryOrdersRequest,
    InstrumentRow,
    InstrumentScales,
    InstrumentsReply,
)
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.caching import forgetting
from exchange.runtime.reference import Reference
from exchange.services.history.naming import Answered, Asked, named
from exchange.storage.cache import Cache
from tests.cache.changed import changed_entity

BTC, USD, EUR = (
    AssetRow(asset=1, symbol="BTC", scale=8),
    AssetRow(asset=2, symbol="USD", scale=6),
    AssetRow(asset=3),
)
MARKETS = {7: ("BTC-USD", 1, 2), 8: ("EUR-USD", 3, 2)}


class Replica:
    """Answers what a replica would; may be away."""

    def __init__(self, numbers: Iterable[int] = (7, 8)) -> None:
        self.numbers = list(numbers)
        self.asked: list[int] = []
        self.away = False

    def __call__(self, min_seq: int) -> InstrumentsReply:
        """All of them."""
        self.asked.append(min_seq)
        if self.away:
            raise ServiceUnavailableError("nobody answers")
        rows = tuple(
            InstrumentRow(
                instrument_id=number,
                symbol=MARKETS[number][0],
                base=MARKETS[number][1],
                quote=MARKETS[number][2],
                price_scale=2,
                qty_scale=4,
                tick_step=1,
                lot_step=1,
            )
            for number in self.numbers
        )
        return InstrumentsReply(assets=(BTC, USD, EUR), instruments=rows)


def scales(number: int) -> InstrumentScales:
    """As the replica has them."""
    symbol, base, quote = MARKETS[number]
    return InstrumentScales(
        instrument_id=number, symbol=symbol, base=base, quote=quote, price_scale=2, qty_scale=4,
        tick_step=1, lot_step=1,
    )  # fmt: skip


def test_replica_is_asked_once_for_all_and_again_after_a_change(cache: Cache) -> None:
    """As of the change; what there is not is remembered, too."""
    replica, changed = Replica([7]), [0]
    reference = Reference(cache, replica, lambda: changed[0])
    for _ in range(3):
        assert reference.instruments([7, 8, 7]) == (scales(7),)
        assert reference.instrument_id("BTC-USD") == 7
        assert reference.assets([2, 1, 9]) == (BTC, USD)
    assert reference.instrument_id("EUR-USD") is reference.instrument_id("EUR-USD") is None
    assert replica.asked == [0, 0, 0]  # all; then that there is no asset 9, and no EUR-USD
    replica.numbers, changed[0] = [7, 8], 41
    forgetting(cache)([changed_entity("Instrument")])
    assert reference.instrument_id("EUR-USD") == 8
    assert reference.instruments([8]) == (scales(8),)
    assert replica.asked[3:] == [41]


def test_one_asks_for_all_who_wait(cache: Cache) -> None:
    """Threads that miss the same entries at the same time."""
    inside, going = threading.Event(), threading.Event()
    replica = Replica()

    def load(min_seq: int) -> InstrumentsReply:
        inside.set()
        assert going.wait(60)
        return replica(min_seq)

    reference = Reference(cache, load, lambda: 0)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(reference.instruments, [7])
        assert inside.wait(60)
        others = [pool.submit(reference.instruments, [7, 8]) for _ in range(4)]
        going.set()
        assert [first.result(), *(each.result() for each in others)] == [
            (scales(7),),
            *4 * [(scales(7), scales(8))],
        ]
    assert replica.asked == [0]


def test_replica_that_is_away_is_not_asked_by_everybody(cache: Cache) -> None:
    """For a second the first failure stands for all; what is in the cache is there regardless."""
    replica, now = Replica(), [100.0]
    reference = Reference(cache, replica, lambda: 0, lambda: now[0])
    replica.away = True
    for _ in range(3):
        with pytest.raises(ServiceUnavailableError, match="instruments cannot be asked for: nobody answers"):
            reference.instruments([7])
    assert replica.asked == [0]
    replica.away, now[0] = False, 101.0
    assert reference.instruments([7]) == (scales(7),)
    replica.away = True
    assert reference.instruments([7, 8]) == (scales(7), scales(8))


def test_answers_of_the_history_come_with_what_their_rows_name(cache: Cache) -> None:
    """By symbol, too; an unknown one is refused. Without a replica rows come without names."""
    replica = Replica([7])
    reference = Reference(cache, replica, lambda: 0)
    asked: list[Asked] = []

    def ask(reply: Answered) -> Callable[[Asked], Answered]:
        def answer(request: Asked) -> Answered:
            asked.append(request)
            return reply

        return answer

    orders = HistoryOrdersReply(sequence=5, orders=(HistoryOrderRow(instrument_id=7),) * 2, more=True)
    reply = named(reference, HistoryOrdersRequest(symbol="BTC-USD", account=3), ask(orders))
    assert asked == [HistoryOrdersRequest(symbol="BTC-USD", account=3, instrument_id=7)]
    assert reply == HistoryOrdersReply(
        sequence=5, orders=orders.orders, more=True, instruments=(scales(7),), assets=(BTC, USD)
    )
    rows = (HistoryExecutionRow(instrument_id=7, fee_asset=3), HistoryExecutionRow(instrument_id=9))
    executions = named(reference, HistoryExecutionsRequest(), ask(HistoryExecutionsReply(executions=rows)))
    assert (executions.instruments, executions.assets) == ((scales(7),), (BTC, USD, EUR))
    with pytest.raises(RpcError, match="'X-Y' is not known") as refused:
        named(reference, HistoryOrdersRequest(symbol="X-Y"), ask(orders))
    assert refused.value.code is RpcStatus.NOT_FOUND
    cache.forget("instruments")
    replica.away = True
    assert named(reference, HistoryOrdersRequest(instrument_id=7), ask(orders)) == orders
    with pytest.raises(ServiceUnavailableError):
        named(reference, HistoryOrdersRequest(symbol="BTC-USD"), ask(orders))
