"""The processes of shards as an operator has them: killed, stopped, told of and assigned to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.cli import main
from exchange.config import load
from exchange.domain.enums import ExecType, OrderStatus
from exchange.errors import ConfigError
from exchange.runtime.exits import ExitCode
from exchange.services.matching.shard_process import main as run_shard
from exchange.topology.all_in_one import run_all
from exchange.topology.running import run_process
from tests.exchange.worlds import PRICE, Market, ProcessWorld, set_up, trader

SETTINGS = ("limits.queue_ttl_ms=600000", "matching.heartbeat_timeout_ms=5000")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessWorld]:
    """Give an exchange with a shard."""
    made = ProcessWorld("sync", tmp_path_factory.mktemp("x"), 1, *SETTINGS)
    yield made
    made.close()


def away(client: Any) -> bool:
    """Whether the status says so."""
    return bool(client.query.status().stage_away)


@pytest.mark.req("B042")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_shard_that_is_gone_leaves_orders_queued_and_takes_them_up(
    world: ProcessWorld, how: signal.Signals
) -> None:
    """Queued and cancelled while it is away, refused what may not wait; then each order once, in order."""
    market = Market(100 + int(how))
    operator = set_up(world, market)
    maker, taker = (trader(world, market, account) for account in (market.first, market.second))
    resting = maker.limit(market.symbol, "sell", 5, PRICE)
    pid = world.process_id("shard-1")
    os.kill(pid, signal.SIGSTOP)  # a killed one would be back before it is missed
    world.until(lambda: away(operator))
    queued = [maker.limit(market.symbol, "sell", 1, PRICE) for _ in range(3)]
    assert [report.order_status for report in queued] == 3 * [OrderStatus.PENDING_NEW]
    assert taker.market(market.symbol, "buy", 1).reject.name == "engine_unavailable"
    assert maker.replace(resting, qty=4).reject.name == "engine_unavailable"
    assert maker.cancel(queued[1]).exec_type is ExecType.CANCELED
    os.kill(pid, signal.SIGKILL if how is signal.SIGKILL else signal.SIGCONT)
    world.until(lambda: not away(operator))
    assert taker.limit(market.symbol, "buy", 7, PRICE).ok
    world.until(lambda: not maker.orders.live())
    assert [maker.orders.find(order.order_id).cum_qty for order in (resting, *queued)] == [5, 1, 0, 1]
    assert taker.query.positions()[0].position == 7
    assert maker.balance(market.base).reserved == 0
    world.done()


@pytest.mark.req("B042")
def test_symbols_of_two_shards_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Each has its own: while one is stopped its symbol's orders are queued, those of the other matched."""
    markets = Market(100), Market(101)
    world = ProcessWorld("sync", tmp_path, 2, *SETTINGS)
    try:
        operator, _ = (set_up(world, market) for market in markets)  # of shard 2
        assert operator.admin.assign_shard(markets[0].instrument_id, 1).ok
        makers, takers = (
            [trader(world, market, getattr(market, name)) for market in markets]
            for name in ("first", "second")
        )
        shard = world.process_id("shard-1")
        os.kill(shard, signal.SIGSTOP)
        world.until(lambda: away(operator))
        orders = [
            client.limit(market.symbol, side, 5, PRICE)
            for clients, side in ((makers, "sell"), (takers, "buy"))
            for client, market in zip(clients, markets, strict=True)
        ]
        world.until(lambda: not makers[1].orders.live())
        waits, filled = OrderStatus.PENDING_NEW, OrderStatus.FILLED
        found = [
            client.orders.find(order.order_id).order_status
            for client, order in zip((*makers, *takers), orders, strict=True)
        ]
        assert found == [waits, filled, waits, filled]
        os.kill(shard, signal.SIGCONT)
        world.until(lambda: not makers[0].orders.live())
        assert [client.query.positions()[0].position for client in takers] == [5, 5]
    finally:
        world.close()


def test_instrument_is_assigned_on_the_command_line(
    world: ProcessWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """`exchange admin shard`; a shard without a process is refused."""
    market = Market(300)
    set_up(world, market)
    data = str(world.data)
    assert main(["admin", "shard", market.symbol, "0", "--data", data]) == 0
    assert main(["admin", "shard", market.symbol, "2", "--data", data]) == 1
    told = capsys.readouterr()
    assert "unknown_shard" in (told.out + told.err).lower()
    world.done()


def test_shard_that_is_none_of_the_settings_refuses_to_start(tmp_path: Path) -> None:
    """Numbers go from 1 to matching.shards; one process runs none."""
    settings = load(environment={}, data_directory=tmp_path / "x", matching={"shards": 2})
    for number in (0, 3):
        with pytest.raises(ConfigError, match=r"expected 1 to matching\.shards, 2"):
            run_shard(settings, number)
        assert run_process("shard", settings, None, number) == ExitCode.CONFIG
    with pytest.raises(ConfigError, match="expected 0 for all in one process"):
        run_all(settings)
