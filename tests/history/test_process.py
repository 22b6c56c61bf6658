"""The history of a running exchange: real processes, as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exchange.client import Client
from exchange.client.asking import ReplicaAsker, WayToReplica
from exchange.client.ids import Names
from exchange.client.instruments import Directory, Instrument
from exchange.client.past import EXECUTION_NAMES, ORDER_NAMES, order_record
from exchange.client.place import Place
from exchange.config import Settings, load
from exchange.domain.queries import HistoryOrderRow, HistoryOrdersRequest
from exchange.errors import ConfigError, RpcError, ServiceUnavailableError
from exchange.runtime.process_status import status_of
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import limits_of
from exchange.topology.handover import endpoints_of, settings_as_json, settings_of_json
from exchange.topology.services import spec_of
from tests.exchange.running import SMALL, Up, until
from tests.history.oracle import history_of, stored

WAIT_MS = 60_000
MARKET, TENANTS = 7, {11: 1, 12: 1}


def start(data: Path) -> Up:
    """An exchange that keeps a history."""
    made = Up.start(data, "history.enabled=true", "endpoints.metrics=127.0.0.1:0")
    until(made.announcement, "it did not start")
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests, with a market of two accounts."""
    made = start(tmp_path_factory.mktemp("history") / "data")
    try:
        with connect(made, 0) as client:
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 6)
            client.admin.define_instrument(
                MARKET, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, taker_rate=1_000_000
            )
            for account, tenant in TENANTS.items():
                client.admin.open_account(account, tenant=tenant)
                client.admin.deposit("BTC", "1000", account=account)
                client.admin.deposit("USD", "100000000", account=account)
        yield made
    finally:
        made.end()


@pytest.fixture
def up(made: Up) -> Up:
    """It, without an open order; started again where a test has stopped it."""
    if made.process.poll() is not None:
        made.process = start(made.data).process
    for account, tenant in TENANTS.items():
        with connect(made, tenant, account) as client:
            client.mass_cancel()
    return made


def connect(up: Up, tenant: int, account: int | None = None) -> Client:
    """A session."""
    client = Client.connect(
        f"ipc://{up.data}/run/orders.sock",
        tenant=tenant,
        name=f"tester-{tenant}-{account}",
        user="tester",
        account=account,
        connect_ms=WAIT_MS,
        timeout_ms=WAIT_MS,
    )
    if tenant:
        client.load_instruments()
    return client


def limits(up: Up) -> dict[str, int]:
    """Of the venue."""
    said = dict(pair.removeprefix("limits.").split("=") for pair in SMALL if pair.startswith("limits."))
    numbers = {name: int(value) for name, value in said.items()}
    return dict(limits_of(load(environment={}, data_directory=up.data, limits=numbers)))


def kill_history(up: Up, before: int) -> int:
    """Kills it and waits until another one runs; the id of that."""
    os.kill(before, signal.SIGKILL)
    now: int = until(
        lambda: (pid := up.announcement()["processes"]["history"]) not in {None, before} and pid,
        "the history was not started again",
    )
    return now


@pytest.mark.req("C029", "E068")
def test_history_killed_under_load_loses_nothing_and_has_nothing_twice(up: Up) -> None:
    """SIGKILL, again and again, while orders come; then its rows are the fold of the journal."""
    pid = up.announcement()["processes"]["history"]
    with connect(up, 1, 11) as maker, connect(up, 1, 12) as taker:
        begun = len(history_of(up.data / "journal", limits(up), TENANTS).orders)
        last = 0
        for life in range(4):
            for k in range(15):
                price = 100_00 + k
                make, take = maker.make.orders, taker.make.orders
                maker.batch([make.limit(MARKET, "sell", 20, price) for _ in range(20)])
                answers = taker.batch([take.limit(MARKET, "buy", 25, price) for _ in range(16)])
                last = answers[-1].sequence
            if life < 3:
                pid = kill_history(up, pid)
        orders = taker.ask(taker.make.query.past_orders(oldest_first=True, most=None, min_seq=last), WAIT_MS)
        executions = taker.ask(taker.make.query.past_executions(oldest_first=True, most=None), WAIT_MS)
    wanted = history_of(up.data / "journal", limits(up), TENANTS)
    assert len(orders) - begun == 4 * 15 * 36
    assert list(orders) == wanted.orders
    assert list(executions) == wanted.executions
    assert status_of(DataDirectory(up.data), "history")["held"] == 0


@pytest.mark.req("B004")
def test_orders_and_executions_by_command(up: Up, tmp_path: Path) -> None:
    """As a table, JSON and Arrow; nothing found, and a question that makes no sense."""
    with connect(up, 1, 11) as client:
        sold = client.limit("BTC-USD", "sell", "1.5", "200.25", client_order_id="first")
        client.replace(sold.order_id, instrument="BTC-USD", qty="1.4", client_order_id="second")
        bought = client.limit("BTC-USD", "buy", "0.5", "300", account=12)
        client.ask(client.make.query.past_orders(min_seq=bought.sequence), WAIT_MS)
        with pytest.raises(RpcError, match="at most 40"):
            client.query.past_orders(client_order_id="x" * 50)
    [order] = up.ask("history", "orders", "--order", "first", "--tenant", "1")
    assert tuple(order) == ORDER_NAMES
    expected = {
        "order_id": sold.order_id,
        "client_order_id": "second",
        "orig_client_order_id": "first",
        "symbol": "BTC-USD",
        "order_status": "partially_filled",
        "order_qty": "1.4000",
        "price": "200.25",
        "notional": "100.125000",
        "average_price": "200.250000",
        "fills": 1,
        "reject": None,
    }
    assert {name: order[name] for name in expected} == expected
    [line] = [each for each in up.say("history", "orders", "--most", "3").splitlines() if "second" in each]
    assert line.split()[1:7] == [str(sold.order_id), "second", "BTC-USD", "sell", "limit", "partially_filled"]
    file = tmp_path / "executions.arrow"
    words = ("history", "executions", "--order", "second", "--from", "2020-01-01", "--arrow", str(file))
    assert up.say(*words) == f"1 execution in {file}\n"
    with pa.OSFile(str(file)) as opened:
        whole = pa.ipc.open_file(opened).read_all()
    assert tuple(whole.column_names) == EXECUTION_NAMES
    assert str(whole["last_price"][0]) == "200.25"
    assert str(whole.schema.field("timestamp").type) == "timestamp[ns, tz=UTC]"
    assert up.say("history", "executions", "--to", "2020-01-01") == "no executions\n"
    assert json.loads(up.say("history", "orders", "--order", "nobody", "--json")) == []
    up.say("history", "orders", "--from", "yesterday", check=78)
    assert "history   process" in up.say("status", "--seconds", "0")


def test_exchange_stops_in_order_and_its_history_stays(up: Up) -> None:
    """Exit code 0; the store, read by itself, has all that the journal says."""
    assert up.announcement()["endpoints"]["history"] == f"ipc://{up.data}/run/history.sock"
    with connect(up, 1, 11) as client:
        last = client.mass_cancel()
        client.ask(client.make.query.past_orders(min_seq=last.sequence, most=1), WAIT_MS)
    assert up.stop() == 0, up.log[-3000:]
    spec = spec_of("history")
    with open_store(up.data / "stores", spec.name, spec.tables) as store:
        assert stored(store) == history_of(up.data / "journal", limits(up), TENANTS)


def test_settings_of_a_history_publish_events_or_say_why_not(tmp_path: Path) -> None:
    """Implied where nothing is said of it; two that do not fit together are refused."""

    def made(**more: Any) -> Settings:
        return load(environment={}, data_directory=tmp_path, history={"enabled": True}, **more)

    settings = made()
    assert settings.events.publish
    assert settings_of_json(settings_as_json(settings)) == settings
    assert endpoints_of(settings)["history"] == f"ipc://{tmp_path}/run/history.sock"
    with pytest.raises(ConfigError, match=r"events.publish is false: expected true beside history.enabled"):
        made(events={"publish": False})
    with pytest.raises(ConfigError, match=r"endpoints.history is that of queries: expected another one"):
        made(endpoints={"history": f"ipc://{tmp_path}/run/queries.sock"})


def test_client_that_knows_no_history_says_what_is_missing(tmp_path: Path) -> None:
    """Nobody is asked where no endpoint is known: over TCP none follows from that of the core."""

    async def ask() -> None:
        place = Place(("tcp://127.0.0.1:1",), (f"ipc://{tmp_path}/queries.sock",))
        asker = ReplicaAsker(WayToReplica(place, Names("x", lambda: 1), 1, "x", lambda: 0, 1_000))
        try:
            await asker.ask(HistoryOrdersRequest(), 1_000)
        finally:
            await asker.close()

    with pytest.raises(ServiceUnavailableError, match=r"no history is known: .* history.enabled is true"):
        asyncio.run(ask())
    assert Place(("tcp://127.0.0.1:1",)).histories == ()
    assert Place(("ipc:///x/run/orders.sock",)).histories == ("ipc:///x/run/history.sock",)


def test_record_of_an_unknown_instrument_keeps_whole_numbers() -> None:
    """A rejected order may name any. A known one has decimals, an exact notional, a rounded average."""
    known = Directory()
    row = HistoryOrderRow(instrument_id=9, order_qty=10, price=7, fills=2, cum_qty=3, notional_low=20)
    found = order_record(row, known)
    assert (found["symbol"], str(found["order_qty"]), str(found["average_price"])) == (None, "10", "6.6667")
    known.add(Instrument(9, "X-Y", 1, 2, 2, 1))
    found = order_record(row, known)
    assert [str(found[name]) for name in ("symbol", "order_qty", "price", "notional", "average_price")] == [
        "X-Y", "1.0", "0.07", "0.020", "0.066667",
    ]  # fmt: skip
