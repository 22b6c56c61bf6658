"""What an order waits for, and a question: no event log, matching not for long; models without a core."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.observability import StatsReader, StatsSnapshot, Status, stats_path
from exchange.observability.rates import quantiles
from exchange.runtime.registry import Registry
from tests.exchange.running import Up, until
from tests.gateway.door import ANN, BUY, SELL, Open
from tests.gateway.running import operator, watched
from tests.gateway.signed import Answer

ORDERS, QUEUE = 20, 3
QUESTIONS = (
    "/v1/orders/open", "/v1/orders", "/v1/executions", "/v1/balances", "/v1/positions", "/v1/limits",
    "/v1/instruments", "/v1/instruments/BTC-USD/book", "/v1/instruments/BTC-USD/trades",
    "/v1/instruments/BTC-USD/candles?interval=1m", "/v1/tickers",
)  # fmt: skip


def started(data: Path, *pairs: str) -> Iterator[tuple[Up, Open]]:
    """An exchange with a program that trades."""
    with watched(data, *pairs) as (up, door):
        door.add(ANN)
        yield up, door


@pytest.fixture
def without_log(tmp_path: Path) -> Iterator[tuple[Up, Open]]:
    """One that publishes nothing."""
    yield from started(tmp_path / "data", "events.publish=false", "gateway.answer_timeout_ms=60000")


@pytest.fixture
def with_models(tmp_path: Path) -> Iterator[tuple[Up, Open]]:
    """One with every service that answers questions; an order that nobody answers is given up soon."""
    yield from started(
        tmp_path / "data", "history.enabled=true", "market_data.enabled=true",
        "gateway.answer_timeout_ms=3000",
    )  # fmt: skip


@pytest.fixture
def with_shard(tmp_path: Path) -> Iterator[tuple[Up, Open]]:
    """One whose instrument a shard matches; few orders wait for it, and long."""
    waits = f"limits.queue_capacity={QUEUE}", "limits.queue_ttl_ms=600000"
    for up, door in started(
        tmp_path / "data", "matching.shards=1", "gateway.answer_timeout_ms=60000", *waits
    ):
        with operator(door.data) as client:
            assert client.admin.assign_shard("BTC-USD", 1).ok
        yield up, door


@pytest.mark.req("A003")
def test_order_is_answered_where_there_is_no_event_log(without_log: tuple[Up, Open]) -> None:
    """201 with what became of it, the other side's trade too; each was a batch that the core timed."""
    up, door = without_log
    assert set(up.announcement()["processes"]) == {"core", "replica", "gateway"}
    with StatsReader(stats_path(door.data)) as reader:
        before = reader.read()
        first = door.ann.ask("POST", "/v1/orders", SELL)
        for _ in range(ORDERS - 2):
            door.ann.ask("POST", "/v1/orders", SELL | {"qty": "0.1"})
        met = door.ann.ask("POST", "/v1/orders", SELL | {"side": "sell", "price": "101.00"})
        after = until(lambda: timed(reader, before), "the core did not time them")
    assert [each.status for each in (first, met)] == [201, 201]
    assert (first.body["orderStatus"], first.body["durability"]) == ("open", "process")
    assert int(met.body["sequence"]) - int(first.body["sequence"]) >= ORDERS - 1
    times = quantiles(after.histograms["batch_service"])
    assert 0 < times["p50"] <= times["p99"] <= times["max"]
    topics = {path.name for path in (door.data / "log").glob("*")}
    assert topics <= {"dev.identity.changes.v1"}  # keys of programs


def timed(reader: StatsReader, before: StatsSnapshot) -> StatsSnapshot | None:
    """What the core counted, once all orders are among it."""
    now = reader.read()
    more = now.histograms["batch_service"].count - before.histograms["batch_service"].count
    return now if more >= ORDERS else None


@pytest.mark.req("B069")
def test_questions_are_answered_while_the_core_stands_still_and_orders_are_not(
    with_models: tuple[Up, Open],
) -> None:
    """What may be a moment old a read model answers; the state of one order, which may not, the core."""
    up, door = with_models
    placed = door.ann.ask("POST", "/v1/orders", SELL)
    assert placed.status == 201
    traded = door.ann.ask("POST", "/v1/orders", SELL | {"price": "99.00"})
    assert traded.status == 201
    order = placed.body["orderId"]

    def known() -> bool:
        """Whether all of them have heard of the orders."""
        past = door.ann.ask("GET", "/v1/orders").body.get("orders", ())
        alive = door.ann.ask("GET", "/v1/orders/open").body.get("orders", ())
        return [len(past), len(alive)] == [2, 2]

    until(known, "the read models did not hear of the orders")
    until(lambda: door.ann.ask("GET", "/v1/tickers").status == 200, "market data does not answer")
    core = up.announcement()["processes"]["core"]
    registry = Registry({}, door.data / "run" / "instances")

    def missed() -> bool:
        gateway = registry.instance("gateway")
        return gateway is not None and gateway.dependencies.get("orders") is Status.DEGRADED

    os.kill(core, signal.SIGSTOP)
    try:
        until(missed, "the gateway does not miss the core")
        answers = {path: door.ann.ask("GET", path) for path in QUESTIONS}
        exact = door.ann.ask("GET", f"/v1/orders/{order}")
        refused = door.ann.ask("POST", "/v1/orders", BUY)
    finally:
        os.kill(core, signal.SIGCONT)
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert len(answers["/v1/instruments/BTC-USD/book"].body["asks"]) == 2
    assert {exact.status, refused.status} <= {503, 504}
    assert up.announcement()["processes"]["core"] == core
    until(lambda: door.ann.ask("POST", "/v1/orders", SELL).status == 201, "no order is taken any more")


@pytest.mark.req("A038")
def test_orders_wait_for_a_matching_engine_that_is_away_until_there_is_no_room(
    with_shard: tuple[Up, Open],
) -> None:
    """201 while there is room, else 503 with Retry-After; then each is entered, in order."""
    up, door = with_shard

    def entered(name: str) -> Answer:
        return door.ann.ask("POST", "/v1/orders", SELL | {"clientOrderId": name})

    shard = up.announcement()["processes"]["shard-1"]
    names = [f"waits-{number}" for number in range(QUEUE)]
    with operator(door.data) as client:
        os.kill(shard, signal.SIGSTOP)
        try:
            until(lambda: client.query.status().stage_away, "nobody misses the shard")
            waiting = [entered(name) for name in names]
            refused = entered("too-many")
        finally:
            os.kill(shard, signal.SIGCONT)
        until(lambda: not client.query.status().stage_away, "the shard stays away")
    assert [(each.status, each.body["orderStatus"]) for each in waiting] == [(201, "pending_new")] * QUEUE
    told = refused.status, refused.name, refused.body["transient"], refused.headers["retry-after"]
    assert told == (503, "QUEUE_FULL", True, "1")
    orders = [each.body["orderId"] for each in waiting]

    def rest() -> list[str]:
        book = door.nobody.ask("GET", "/v1/instruments/BTC-USD/book/orders").body
        return [each["orderId"] for each in book["asks"]]

    until(lambda: rest() == orders, f"not as they came: {rest()}, {orders}")
    looked = [door.ann.ask("GET", f"/v1/orders/{order}").body["orderStatus"] for order in orders]
    assert looked == ["open"] * QUEUE
    assert door.ann.ask("GET", "/v1/orders/client/too-many").status == 404
    assert entered("too-many").status == 201
