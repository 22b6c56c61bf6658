"""The read replica: a real journal followed, queries over a real socket, snapshots, and read your writes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
import zmq

from cmatch._core import Venue
from exchange.bus.rpc import Call, Dispatcher, Metadata, RpcClient, RpcServer, SocketChannel
from exchange.client.asking import ReplicaAsker, WayToReplica
from exchange.client.ids import Names
from exchange.client.place import Place
from exchange.config import load
from exchange.config.settings import Durability, Log
from exchange.domain import queries as q
from exchange.domain.enums import Liquidity, OrderStatus, Side
from exchange.domain.replication import JournalRequest
from exchange.errors import DeadlineExceeded, RpcError, RpcStatus
from exchange.observability import StatsUnavailable
from exchange.runtime import log as logs
from exchange.runtime.auditing import ProcessAudit
from exchange.runtime.core_status import CoreStatistics
from exchange.runtime.history import JOURNAL_METHOD
from exchange.runtime.process_status import is_healthy, status_of
from exchange.runtime.registry import Registry
from exchange.runtime.replica import (
    SNAPSHOT_METHOD,
    Replica,
    ReplicaPlan,
    ReplicaPorts,
)
from exchange.runtime.unsettled import UnsettledWatch
from exchange.runtime.vitals import telling
from exchange.schema.codec import decode_message, encode_message
from exchange.security import KeyStore, StoredContexts
from exchange.storage.digests import read_digests
from exchange.storage.directory import DataDirectory, replace_file, write_whole
from exchange.storage.followers import Registration, read_followers
from exchange.storage.replay import replay, verify
from exchange.storage.snapshots import list_snapshots, restore
from exchange.topology.services import SERVICES
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, START_NS, TENANT, Writer
from tests.exchange.rpc_world import policy_of

P = ParamSpec("P")
R = TypeVar("R", bound=q.Reply)


def asynchronous(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Runs a test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def no_statistics() -> Any:
    """There is no core."""
    raise StatsUnavailable("none")


@dataclass
class World:
    """A running replica and a way to ask it."""

    directory: DataDirectory
    replica: Replica
    client: RpcClient

    async def ask(
        self, request: q.Request, kind: type[R], tenant: int = TENANT, timeout_ms: int = 60_000
    ) -> R:
        """The reply to a query of a tenant."""
        service = next(spec for spec in SERVICES if type(request) in spec.queries)
        payload = await self.client.call(
            f"{service.name}.{type(request).__name__}",
            encode_message(request),
            metadata=Metadata("test", str(tenant), "tester", "e30="),
            timeout_ms=timeout_ms,
        )
        return decode_message(kind, payload)

    async def snapshot(self, tenant: int = 0) -> str:
        """Has it take one."""
        metadata = Metadata("test", str(tenant), "tester", "e30=")
        answer = await self.client.call(SNAPSHOT_METHOD, metadata=metadata, timeout_ms=60_000)
        return answer.decode("ascii")


@asynccontextmanager
async def running(root: Path, venue: Venue | None = None) -> AsyncIterator[World]:
    """A replica of a data directory."""
    directory = DataDirectory(root)
    directory.snapshots.mkdir(exist_ok=True)
    directory.run.mkdir(mode=0o700, exist_ok=True)
    logs.configure("test", io.StringIO())
    ports = ReplicaPorts(directory.journal, venue or Venue())
    ports.statistics = CoreStatistics(no_statistics, Durability.PROCESS)
    endpoint = f"ipc://{directory.run}/queries.sock"
    keys = KeyStore(directory.keys)
    settings = load(environment={}, data_directory=root)
    with telling(settings, "replica") as vitals:
        replica = Replica(
            ReplicaPlan(
                directory,
                ports,
                SERVICES,
                endpoint,
                RpcServer,
                "standby",
                0,
                lambda: None,
                vitals,
                StoredContexts(keys),
                ProcessAudit(directory.audit, "replica", keys.head_signer),
                UnsettledWatch(Registry({})),
            )
        )
        task = asyncio.create_task(replica.run())
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            async with RpcClient(SocketChannel(context, endpoint), policy_of()) as client:
                yield World(directory, replica, client)
                replica.stop()
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            context.destroy(linger=0)


@pytest.fixture
def writer(tmp_path: Path) -> Any:
    """A journal with a market in it."""
    made = Writer(tmp_path / "journal")
    made.open_market()
    yield made
    made.close()


@asynchronous
async def test_replica_is_well_and_answers_while_its_state_is_copied(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may look into the venue meanwhile: heartbeats and questions go on, before and after."""
    monkeypatch.setattr("exchange.runtime.replica._STATUS_INTERVAL_S", 0.0005)
    for _ in range(5_000):
        writer.write(writer.make.orders.limit(MARKET, "sell", 1, 500_00, account=ALICE))
    async with running(tmp_path) as world:
        for _ in range(10):
            at = writer.write(writer.make.orders.limit(MARKET, "sell", 1, 500_00, account=ALICE))
            await world.ask(q.StatusRequest(min_seq=at), q.StatusReply)
            copied = asyncio.create_task(world.snapshot())
            while not copied.done():
                reply = await world.ask(q.StatusRequest(min_seq=at), q.StatusReply)
                assert reply.sequence == at
            assert int((await copied).split()[0]) == at
        told = status_of(world.directory, "replica")["heartbeat_ns"]
        deadline = time.monotonic() + 60
        while status_of(world.directory, "replica")["heartbeat_ns"] == told:
            assert time.monotonic() < deadline, "it says no more how it is"
            await asyncio.sleep(0.01)


@asynchronous
async def test_replica_answers_while_its_own_files_take_long(
    tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system in a commit keeps the status, and the standby that asks for its place; nobody else."""
    writing, go_on = [threading.Event(), threading.Event()], threading.Event()

    def slowly(number: int, write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def slow(path: Path, content: bytes) -> None:
            writing[number].set()
            assert go_on.wait(60)
            write(path, content)

        return slow

    at = writer.write(writer.make.orders.limit(MARKET, "sell", 1, 500_00, account=ALICE))
    async with running(tmp_path) as world:
        monkeypatch.setattr("exchange.runtime.process_status.replace_file", slowly(0, replace_file))
        monkeypatch.setattr("exchange.storage.followers.write_whole", slowly(1, write_whole))
        request = encode_message(JournalRequest(after_sequence=at, epoch=1, name="standby"))
        metadata = Metadata("test", "0", "standby", "e30=")
        standby = asyncio.create_task(
            world.client.call(JOURNAL_METHOD, request, metadata=metadata, timeout_ms=60_000)
        )
        try:
            assert all([await asyncio.to_thread(each.wait, 60) for each in writing])
            reply = await asyncio.wait_for(world.ask(q.StatusRequest(min_seq=at), q.StatusReply), 30)
            assert (reply.sequence, go_on.is_set(), standby.done()) == (at, False, False)
        finally:
            go_on.set()
        await standby
        assert read_followers(world.directory.followers) == [Registration("standby", at)]


@pytest.mark.req("B034")
@asynchronous
async def test_query_of_every_kind_tells_what_the_journal_says(tmp_path: Path, writer: Writer) -> None:
    """Orders, money, positions, books, trades and instruments after one partly filled order."""
    writer.trade(1)
    cancelled = writer.cancel(writer.sequence - 1, ALICE)
    second = writer.write(writer.make.orders.limit(MARKET, "sell", 300, 101_00, account=ALICE))
    async with running(tmp_path) as world:
        status = await world.ask(q.StatusRequest(min_seq=second), q.StatusReply)
        assert (status.sequence, status.live_orders, status.accounts) == (second, 1, 3)
        assert status.durability is None  # no core runs

        live = await world.ask(q.OpenOrdersRequest(account=ALICE), q.OpenOrdersReply)
        assert [row.order_id for row in live.orders] == [second]
        assert (live.orders[0].leaves_qty, live.orders[0].price, live.orders[0].side) == (
            300,
            101_00,
            Side.SELL,
        )
        assert (live.orders[0].reserved_asset, live.orders[0].reserved_amount) == (1, 300 * 10_000)

        past = await world.ask(q.OrderHistoryRequest(account=ALICE), q.OrderHistoryReply)
        assert [(row.order_id, row.order_status) for row in past.orders] == [
            (second, OrderStatus.OPEN),
            (cancelled - 2, OrderStatus.CANCELED),
        ]
        assert (past.orders[1].cum_qty, past.orders[1].average_price, past.orders[1].leaves_qty) == (
            100,
            100_00,
            0,
        )

        balances = await world.ask(q.BalancesRequest(account=BOB), q.BalancesReply)
        money = {row.symbol: (row.total, row.available, row.reserved) for row in balances.balances}
        fee = 100 * 10_000 // 1000  # of the goods, 0.1 %
        assert money == {
            "BTC": (10 * 10**8 + 100 * 10_000 - fee,) * 2 + (0,),
            "USD": (10**12 - 100 * 100_00,) * 2 + (0,),
        }

        held = await world.ask(q.ReservationsRequest(account=ALICE), q.ReservationsReply)
        assert [(row.order_id, row.asset, row.amount) for row in held.reservations] == [
            (second, 1, 300 * 10_000)
        ]

        positions = await world.ask(q.PositionsRequest(account=BOB), q.PositionsReply)
        assert [(row.instrument_id, row.position) for row in positions.positions] == [(MARKET, 100)]

        top = await world.ask(q.BookTopRequest(instrument_id=MARKET), q.BookTopReply)
        assert (top.bid, top.ask, top.last) == (None, q.LevelRow(price=101_00, qty=300, count=1), 100_00)
        levels = await world.ask(q.BookLevelsRequest(instrument_id=MARKET), q.BookLevelsReply)
        assert (levels.bids, levels.asks) == ((), (q.LevelRow(price=101_00, qty=300, count=1),))
        book = await world.ask(q.BookOrdersRequest(instrument_id=MARKET), q.BookOrdersReply)
        assert book.asks == (q.BookOrderRow(order_id=second, price=101_00, qty=300),)

        trades = await world.ask(q.TradesRequest(instrument_id=MARKET), q.TradesReply)
        assert [(row.price, row.qty, row.taker_side) for row in trades.trades] == [(100_00, 100, Side.BUY)]
        fills = await world.ask(q.TradesRequest(account=BOB), q.TradesReply)
        fill = fills.trades[0].fill
        assert fill is not None
        assert (fill.side, fill.liquidity, fill.fee, fill.fee_asset) == (Side.BUY, Liquidity.TAKER, fee, 1)

        known = await world.ask(q.InstrumentsRequest(), q.InstrumentsReply)
        assert [row.symbol for row in known.assets] == ["BTC", "USD"]
        assert [(row.symbol, row.base, row.quote, row.last) for row in known.instruments] == [
            ("BTC-USD", 1, 2, 100_00)
        ]


@asynchronous
async def test_query_with_min_seq_waits_until_it_was_applied(tmp_path: Path, writer: Writer) -> None:
    """Read your writes: the reply has seen the sequence; one that never comes is out of time."""
    async with running(tmp_path) as world:
        due = writer.sequence + 1
        asked = asyncio.create_task(world.ask(q.StatusRequest(min_seq=due), q.StatusReply))
        await world.ask(q.StatusRequest(), q.StatusReply)
        assert not asked.done()
        writer.write(writer.make.orders.limit(MARKET, "buy", 100, 99_00, account=BOB))
        assert (await asked).sequence == due
        with pytest.raises(DeadlineExceeded):
            await world.ask(q.StatusRequest(min_seq=due + 1), q.StatusReply, timeout_ms=100)


@asynchronous
async def test_account_of_another_tenant_is_as_unknown_as_none(tmp_path: Path, writer: Writer) -> None:
    """Every query about an account gives the same refusal, the operator's are answered."""
    requests = (
        (q.OpenOrdersRequest, q.OpenOrdersReply),
        (q.OrderHistoryRequest, q.OrderHistoryReply),
        (q.BalancesRequest, q.BalancesReply),
        (q.ReservationsRequest, q.ReservationsReply),
        (q.PositionsRequest, q.PositionsReply),
        (q.LimitsRequest, q.LimitsReply),
        (q.TradesRequest, q.TradesReply),
        (q.AccountsRequest, q.AccountsReply),
    )
    async with running(tmp_path) as world:
        for request, reply in requests:
            for account, tenant in ((CAROL, TENANT), (ALICE, OTHER_TENANT), (99, TENANT)):
                with pytest.raises(RpcError) as caught:
                    await world.ask(request(account=account), reply, tenant=tenant)
                assert (caught.value.code, caught.value.message) == (
                    RpcStatus.NOT_FOUND,
                    f"account {account} is not known",
                )
            await world.ask(request(account=CAROL), reply, tenant=0)
        mine = await world.ask(q.AccountsRequest(), q.AccountsReply)
        assert [row.account for row in mine.accounts] == [ALICE, BOB]
        everyone = await world.ask(q.AccountsRequest(limit=2), q.AccountsReply, tenant=0)
        assert ([row.account for row in everyone.accounts], everyone.more) == ([ALICE, BOB], True)
        rest = await world.ask(q.AccountsRequest(after=BOB), q.AccountsReply, tenant=0)
        assert ([row.account for row in rest.accounts], rest.more) == ([CAROL], False)


@pytest.mark.req("B034")
@asynchronous
async def test_history_in_pages_gives_every_order_once(tmp_path: Path, writer: Writer) -> None:
    """The newest first; filters and single orders by both of their ids."""
    writer.trade(30)
    async with running(tmp_path) as world:
        seen: list[int] = []
        after, more = 0, True
        while more:
            request = q.OrderHistoryRequest(account=BOB, limit=7, after=after, min_seq=writer.sequence)
            page = await world.ask(request, q.OrderHistoryReply)
            seen += [row.order_id for row in page.orders]
            after, more = seen[-1], page.more
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 30
        filled = q.OrderHistoryRequest(account=BOB, order_status=OrderStatus.FILLED, limit=100)
        assert len((await world.ask(filled, q.OrderHistoryReply)).orders) == 30
        one = (
            await world.ask(q.OrderHistoryRequest(account=BOB, order_id=seen[3]), q.OrderHistoryReply)
        ).orders
        named = q.OrderHistoryRequest(account=BOB, client_order_id=one[0].client_order_id)
        assert (await world.ask(named, q.OrderHistoryReply)).orders == one
        others = await world.ask(q.OrderHistoryRequest(account=ALICE, order_id=seen[3]), q.OrderHistoryReply)
        assert others.orders == ()
        since = q.OrderHistoryRequest(account=BOB, from_ns=one[0].entered_at, limit=100)
        assert len((await world.ask(since, q.OrderHistoryReply)).orders) == 4
        assert one[0].entered_at > START_NS
        with pytest.raises(RpcError, match="40 ASCII"):
            await world.ask(q.OrderHistoryRequest(account=BOB, client_order_id="x" * 41), q.OrderHistoryReply)


@pytest.mark.req("B006", "B007")
@asynchronous
async def test_snapshot_on_request_is_written_verified_and_restores(tmp_path: Path, writer: Writer) -> None:
    """Its digest is that of a replay; a second one of the same state is the first; only operators may ask."""
    writer.trade(50)
    async with running(tmp_path) as world:
        await world.ask(q.StatusRequest(min_seq=writer.sequence), q.StatusReply)
        line = await world.snapshot()
        assert line == await world.snapshot()
        with pytest.raises(RpcError, match="only the operator"):
            await world.snapshot(tenant=TENANT)
        files = list_snapshots(world.directory.snapshots)
        assert [file.sequence for file in files] == [writer.sequence]
        replayed = replay(tmp_path)
        assert line.split()[:3] == str(replayed.digest).split()[:3]
        assert restore(files[0], Venue.restore).state_hash() == replayed.digest.state_hash
        writer.trade(5)
    verdict = verify(tmp_path)
    assert verdict.same
    assert [digest.sequence for digest in verdict.compared] == [writer.sequence - 10, writer.sequence]


@asynchronous
async def test_replica_from_a_snapshot_is_the_same_as_from_the_start(tmp_path: Path, writer: Writer) -> None:
    """It goes on where the snapshot ends, and stops with the digest of a whole replay."""
    writer.trade(20)
    async with running(tmp_path) as world:
        await world.ask(q.StatusRequest(min_seq=writer.sequence), q.StatusReply)
        await world.snapshot()
    writer.trade(20)
    venue = restore(list_snapshots(tmp_path / "snapshots")[0], Venue.restore)
    async with running(tmp_path, venue) as world:
        past = await world.ask(
            q.OrderHistoryRequest(account=BOB, min_seq=writer.sequence), q.OrderHistoryReply
        )
        assert len(past.orders) == 20  # what was before the snapshot is not remembered
    replayed = replay(tmp_path)
    assert (
        str(read_digests(tmp_path / "snapshots" / "live.digest")[-1]).split()[:3]
        == (str(replayed.digest).split()[:3])
    )


@asynchronous
async def test_question_waits_as_long_as_its_client_does_or_as_it_says(tmp_path: Path) -> None:
    """Not longer than the one, nor than the other."""
    (tmp_path / "run").mkdir(mode=0o700)
    endpoint, remaining_s = f"ipc://{tmp_path}/run/queries.sock", list[float]()

    async def note(call: Call) -> bytes:
        remaining_s.append(call.remaining_ns / 1e9)
        return encode_message(q.StatusReply())

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    names = Names("test", lambda: START_NS)
    async with RpcServer(context, endpoint, Dispatcher({"orders.StatusRequest": note})):
        way = WayToReplica(Place((), (endpoint,)), names, TENANT, "me", lambda: 0, 50_000)
        asker = ReplicaAsker(way)
        for timeout_ms in (None, 10_000):
            await asker.ask(q.StatusRequest(), timeout_ms)
        await asker.close()
    context.destroy(linger=0)
    as_the_client, as_it_says = remaining_s
    assert 10 < as_the_client <= 50
    assert 0 < as_it_says <= 10


@asynchronous
async def test_replica_says_how_far_it_is_while_it_runs(tmp_path: Path, writer: Writer) -> None:
    """Its status names its process; when it stopped there is none."""
    directory = DataDirectory(tmp_path)
    async with running(tmp_path):
        async with asyncio.timeout(120):
            while not is_healthy(directory, "replica", os.getpid()):  # noqa: ASYNC110 (of another task's file)
                await asyncio.sleep(0.01)
            while status_of(directory, "replica")["sequence"] < writer.sequence:  # noqa: ASYNC110 (likewise)
                await asyncio.sleep(0.01)
        assert status_of(directory, "replica")["sequence"] == writer.sequence
        assert not is_healthy(directory, "replica", os.getpid() + 1)
    assert status_of(directory, "replica") == {}


@pytest.mark.req("E012")
@asynchronous
async def test_calls_are_guarded_counted_and_logged_without_being_asked_to(
    tmp_path: Path, writer: Writer
) -> None:
    """Three interceptors are on by default: one call that is answered, one with a context nobody signed."""
    lines = io.StringIO()
    async with running(tmp_path) as world:
        logs.configure("replica", lines, logging.DEBUG, Log(format="json"))
        await world.ask(q.StatusRequest(min_seq=writer.sequence), q.StatusReply)
        forged = Metadata("c-2", "7", "mallory", "Zm9yZ2Vk")
        with pytest.raises(RpcError) as refused:
            await world.client.call("orders.StatusRequest", metadata=forged)
        assert refused.value.code is RpcStatus.UNAUTHENTICATED
        counted = {
            tuple(value for _, value in labels): value
            for family in world.replica._plan.vitals.families()
            if family.name == "exchange_rpc_server_calls"
            for _, labels, value in family.samples
        }
    assert counted["orders.StatusRequest", "OK"] == counted["orders.StatusRequest", "UNAUTHENTICATED"] == "1"
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    calls = [line for line in found if line["event"].startswith("call ")]
    assert [(line["level"], line["event"], line["method"], line["status"]) for line in calls] == [
        ("debug", "call served", "orders.StatusRequest", "OK"),
        ("warning", "call failed", "orders.StatusRequest", "UNAUTHENTICATED"),
    ]
    assert (calls[1]["correlation_id"], calls[1]["tenant"], calls[1]["user"]) == ("c-2", "7", "mallory")
