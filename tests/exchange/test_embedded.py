"""The exchange in one program: its clock, its crashes, and that it is the same each time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client, ClientClosed, ReportsLost, RequestTimeout, State
from exchange.domain.enums import CancelReason, Durability, ExecType, OrderStatus
from exchange.embedded import Exchange, Power

PRICE = "64000.00"
SECOND = 1_000_000_000


def open_market(exchange: Exchange) -> Client:
    """BTC-USD, and accounts 1 and 2 of tenant 5 with money; gives the operator."""
    operator = exchange.client("operator")
    admin = operator.admin
    answers = [
        admin.define_asset(1, "BTC", 8),
        admin.define_asset(2, "USD", 6),
        admin.define_instrument(
            1, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4, max_price="100000.00"
        ),
    ]
    for account in (1, 2):
        answers.append(admin.open_account(account, tenant=5))
        answers.append(admin.deposit("USD", "1000000", account=account))
        answers.append(admin.deposit("BTC", "10", account=account))
    assert [answer for answer in answers if not answer.ok] == []
    return operator


def trader(exchange: Exchange, account: int, **options: Any) -> Client:
    """A client of an account that knows the market."""
    client = exchange.client(f"trader{account}", tenant=5, account=account, **options)
    client.load_instruments()
    return client


def test_clock_stands_still_while_calls_are_made() -> None:
    """No call takes time; only the clock's own do."""
    with Exchange.embedded(start_ns=5 * SECOND) as exchange:
        open_market(exchange)
        report = trader(exchange, 1).limit("BTC-USD", "sell", 1, PRICE)
        assert (report.timestamp, exchange.clock.now_ns) == (5 * SECOND, 5 * SECOND)
        exchange.clock.advance(seconds=1.5, ns=1)
        assert exchange.clock.now_ns == 6_500_000_001
        with pytest.raises(ValueError, match="does not run backwards"):
            exchange.clock.advance_to(0)


def test_clock_advanced_expires_orders_at_their_time() -> None:
    """A good-till-date order ends at its time, on the way to wherever the clock goes."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        ends = exchange.clock.now_ns + 60 * SECOND
        client.new_order("BTC-USD", "sell", 1, PRICE, time_in_force="gtd", expire_at=ends)
        exchange.clock.advance_to(ends - 1)
        assert len(client.orders) == 1
        stream = client.reports()
        exchange.clock.advance(seconds=3_600)
        [report] = list(stream)
        assert (report.exec_type, report.timestamp) == (ExecType.EXPIRED, ends)
        assert client.balance("BTC").reserved == 0


def test_clock_advanced_runs_a_countdown_out() -> None:
    """A countdown that is not renewed cancels the account's orders, at its time."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        client.limit("BTC-USD", "sell", 1, PRICE)
        assert client.admin.set_countdown(10 * SECOND).ok
        exchange.clock.advance(seconds=9)
        assert client.admin.set_countdown(10 * SECOND).ok
        exchange.clock.advance(seconds=9)
        assert len(client.orders) == 1
        stream = client.reports()
        exchange.clock.advance(seconds=2)
        [report] = list(stream)
        assert report.cancel_reason is CancelReason.COUNTDOWN


def test_reservation_of_the_ledger_expires_with_the_clock() -> None:
    """What was set aside is free again at its time."""
    with Exchange.embedded() as exchange:
        operator = open_market(exchange)
        ends = exchange.clock.now_ns + SECOND
        assert operator.admin.reserve("USD", "5", account=1, expire_at=ends).balance is not None
        assert operator.balance("USD", account=1).reserved == 5_000_000
        exchange.clock.advance(seconds=1)
        assert operator.balance("USD", account=1).reserved == 0


def session(exchange: Exchange) -> tuple[int, int, int]:
    """A little of everything; gives how the exchange is after it."""
    open_market(exchange)
    first, second = trader(exchange, 1), trader(exchange, 2)
    for step in range(50):
        first.limit("BTC-USD", "sell", 10 + step, 6_400_000 + step)
        second.limit("BTC-USD", "buy", 7, 6_400_000 + 2 * step)
        exchange.clock.advance(ns=step * 1_000_003)
    first.mass_cancel()
    replayed = exchange.replay()
    return replayed.commands, replayed.state_hash, replayed.event_digest


def test_same_calls_give_the_same_exchange() -> None:
    """Nothing is random: two runs of one program end in one state, by one sequence of events."""
    with Exchange.embedded() as first, Exchange.embedded() as second:
        assert session(first) == session(second)


def test_replay_gives_what_the_live_exchange_is() -> None:
    """Folding the journal into a new venue gives the same state and the same events."""
    with Exchange.embedded() as exchange:
        commands, state_hash, event_digest = session(exchange)
        venue = exchange.venue
        assert (commands, state_hash, event_digest) == (
            venue.sequence,
            venue.state_hash(),
            venue.event_digest,
        )
        venue.check_invariants()


@pytest.mark.req("A010")
def test_reject_for_want_of_money_is_kept_across_a_restart() -> None:
    """Insufficient funds: no order, no reservation, no change; the same id gets the same reject for good."""
    with Exchange.embedded() as exchange:
        operator = open_market(exchange)
        client = trader(exchange, 1)
        before = client.balance("BTC")
        refused = client.limit("BTC-USD", "sell", "10.5", PRICE, client_order_id="too-much")
        assert refused.reject is not None
        assert refused.reject.name == "insufficient_funds"
        assert client.query.open_orders() == ()
        after = client.balance("BTC")
        assert (after.total, after.reserved, after.version) == (before.total, before.reserved, before.version)
        operator.admin.deposit("BTC", "100", account=1)
        exchange.crash()
        exchange.restart()
        again = client.limit("BTC-USD", "sell", "10.5", PRICE, client_order_id="too-much")
        assert again.reject is not None
        assert (again.reject.name, again.duplicate) == ("insufficient_funds", True)
        assert client.limit("BTC-USD", "sell", "10.5", PRICE).ok


def test_crash_while_requests_are_under_way_answers_them_after_it() -> None:
    """Requests that the core never saw are asked again when it is back, and executed once."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        stream = client.reports()
        assert client.limit("BTC-USD", "sell", 1, PRICE).ok
        handles = [client.submit(client.make.orders.limit("BTC-USD", "sell", qty, PRICE)) for qty in (2, 3)]
        exchange.crash()
        with pytest.raises(RuntimeError, match="the core is down"):
            exchange.venue.state_hash()
        exchange.restart()
        assert [handle.result().order_qty for handle in handles] == [2, 3]
        assert [report.order_qty for report in stream] == [1, 2, 3]
        assert [order.order_qty for order in client.orders.live()] == [1, 2, 3]
        assert client.reconnects == 1


@pytest.mark.parametrize("power", ["lost", "torn", "reordered"])
def test_power_cut_loses_nothing_that_was_answered_from_disk(power: Power) -> None:
    """With durability `disk` an answer survives whatever a power cut leaves of the rest."""
    with Exchange.embedded(durability="disk") as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        for seed in range(5):
            report = client.limit("BTC-USD", "sell", 1, PRICE)
            assert report.durability is Durability.DISK
            exchange.crash(power, seed)
            exchange.restart()
            assert len(client.query.open_orders()) == seed + 1
            assert client.limit("BTC-USD", "sell", 1, "65000.00", client_order_id=f"x{seed}").ok
            assert client.cancel(f"x{seed}").ok
        exchange.replay()


def test_power_cut_loses_answers_of_the_process_and_clients_find_out() -> None:
    """With durability `process` a power cut may take acknowledged orders: clients learn what is left."""
    with Exchange.embedded(durability="process") as exchange:
        open_market(exchange)
        exchange.sync()
        client = trader(exchange, 1)
        stream = client.reports()
        kept = client.limit("BTC-USD", "sell", 1, PRICE)
        exchange.sync()
        lost = client.limit("BTC-USD", "sell", 2, PRICE)
        assert [report.order_id for report in stream] == [kept.order_id, lost.order_id]
        exchange.crash("lost")
        exchange.restart()
        exchange.clock.advance(seconds=1)
        with pytest.raises(ReportsLost) as caught:
            next(stream)
        assert (caught.value.after, caught.value.upto) == (kept.event_sequence, lost.event_sequence)
        assert [order.order_id for order in client.orders.live()] == [kept.order_id]
        new = client.limit("BTC-USD", "sell", 3, PRICE)
        assert next(stream).order_id == new.order_id
        exchange.replay()


def test_core_down_makes_requests_time_out_and_they_can_be_asked_again() -> None:
    """While nobody answers time passes up to the deadline; later the same request has the same bytes."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1, timeout_ms=3_000)
        exchange.crash()
        before = exchange.clock.now_ns
        with pytest.raises(RequestTimeout) as caught:
            client.limit("BTC-USD", "sell", 1, PRICE)
        assert exchange.clock.now_ns - before == 3 * SECOND
        exchange.restart()
        report = client.submit(caught.value.request).result()
        assert (report.ok, report.duplicate) == (True, False)


def test_reports_gone_from_the_core_make_the_client_ask_the_replica() -> None:
    """Where the core no longer has what was missed, own orders are right again all the same."""
    with Exchange.embedded(ring_reports=8) as exchange:
        open_market(exchange)
        client, other = trader(exchange, 1), trader(exchange, 2)
        filled = client.limit("BTC-USD", "sell", 1, PRICE)
        partly = client.limit("BTC-USD", "sell", 5, PRICE)
        quiet = client.limit("BTC-USD", "sell", 1, "70000.00")
        resyncs: list[Any] = []
        client.on_resync(resyncs.append)
        stream = client.reports()
        link = exchange.link("trader1")
        link.up = False
        link.cut()
        other.limit("BTC-USD", "buy", 3, PRICE)
        for price in range(100, 120):
            other.limit("BTC-USD", "buy", 1, price)
        link.up = True
        exchange.clock.advance(seconds=5)
        assert len(resyncs) == 1
        with pytest.raises(ReportsLost, match="no longer has them"):
            next(stream)
        live = {order.order_id: (order.cum_qty, order.leaves_qty) for order in client.orders.live()}
        assert live == {partly.order_id: (2, 3), quiet.order_id: (0, 1)}
        ended = client.orders.find(filled.order_id)
        assert ended is not None
        assert (ended.order_status, ended.cum_qty) == (OrderStatus.FILLED, 1)
        assert client.cancel(quiet).ok
        assert len(client.orders) == 1


def test_states_of_a_session_are_told_until_that_is_ended() -> None:
    """One whose connection breaks comes back; who has heard enough hears nothing more."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        states: list[State] = []
        enough = client.on_state(states.append)
        exchange.link("trader1").cut()
        exchange.clock.advance(seconds=5)
        assert states == [State.DISCONNECTED, State.LOGGING_ON, State.ACTIVE]
        enough()
        client.close()
        assert (client.state, len(states)) == (State.CLOSED, 3)


def test_session_lost_for_good_is_cancelled_after_its_silence() -> None:
    """A client that falls silent loses its session, and where it asked to, its orders."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1, cancel_on_disconnect=True, heartbeat_ms=1_000)
        watcher = exchange.client("watcher", tenant=5, account=1)
        order = client.limit("BTC-USD", "sell", 1, PRICE)
        link = exchange.link("trader1")
        link.up = False
        link.cut()
        exchange.clock.advance(seconds=0.5)
        assert len(watcher.query.open_orders()) == 1
        exchange.clock.advance(seconds=2)
        row = watcher.query.order(order.order_id)
        assert row is not None
        assert (row.order_status, row.cancel_reason) == (OrderStatus.CANCELED, CancelReason.DISCONNECT)
        link.up = True
        exchange.clock.advance(seconds=5)
        assert client.state is State.ACTIVE
        assert len(client.orders) == 0  # as another session, which asked the replica


def test_heartbeats_keep_a_quiet_session() -> None:
    """Two sides with nothing to say stay connected for hours."""
    with Exchange.embedded() as exchange:
        client = exchange.client("quiet", heartbeat_ms=60_000)
        exchange.clock.advance(seconds=3 * 3_600)
        assert (client.state, client.reconnects) == (State.ACTIVE, 0)


def test_stage_away_queues_orders_until_it_is_back() -> None:
    """With the matching stage away limit orders wait in line; when it is back they trade in order."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client, other = trader(exchange, 1), trader(exchange, 2)
        client.limit("BTC-USD", "sell", 5, PRICE)
        exchange.stage.away = True
        exchange.clock.advance(seconds=1)
        waiting = other.limit("BTC-USD", "buy", 3, PRICE)
        assert waiting.order_status is OrderStatus.PENDING_NEW
        refused = other.market("BTC-USD", "buy", 1)
        assert refused.reject is not None
        assert (refused.reject.name, refused.reject.transient) == ("engine_unavailable", True)
        exchange.stage.away = False
        exchange.clock.advance(seconds=2)
        ended = other.orders.find(waiting.order_id)
        assert ended is not None
        assert (ended.order_status, ended.cum_qty) == (OrderStatus.FILLED, 3)
        exchange.replay()


def test_disk_full_refuses_and_goes_on_when_there_is_room() -> None:
    """A full disk makes the exchange read-only: every command is refused, nothing is half done."""
    with Exchange.embedded(segment_bytes=1 << 22, capacity_bytes=5 << 20) as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        report = client.limit("BTC-USD", "sell", 1, PRICE)
        for price in range(1_000_000):
            report = client.limit(
                "BTC-USD", "sell", 1, 6_400_000 + price % 1_000, client_order_id=f"o{price}"
            )
            if not report.ok:
                break
            if price % 500 == 499:
                client.mass_cancel()
        assert report.reject is not None
        assert (report.reject.name, report.reject.transient, report.sequence) == ("read_only", True, 0)
        assert client.query.status().read_only
        exchange.replay()


def test_callback_that_waits_is_told_so_and_one_that_submits_is_not() -> None:
    """A callback runs within the exchange's step: it may ask, and must not wait."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        errors: list[Exception] = []
        handles: list[Any] = []

        def answer(reports: Any) -> None:
            if reports[0].exec_type is ExecType.ACCEPTED and not handles:
                try:
                    client.limit("BTC-USD", "sell", 2, PRICE)
                except RuntimeError as error:
                    errors.append(error)
                handles.append(client.submit(client.make.orders.limit("BTC-USD", "sell", 3, PRICE)))

        client.on_reports(answer)
        client.limit("BTC-USD", "sell", 1, PRICE)
        assert "must not wait" in str(errors[0])
        assert handles[0].result().order_qty == 3
        assert sorted(order.order_qty for order in client.orders.live()) == [1, 2, 3]


def test_status_has_the_hash_of_the_state_where_it_is_asked_for() -> None:
    """The same as the core's own, and the same journal's; not computed for those who do not ask."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1)
        client.limit("BTC-USD", "sell", 7, PRICE)
        status = client.query.status(with_hash=True)
        assert status.state_hash == exchange.venue.state_hash() == exchange.replay().state_hash
        assert client.query.status().state_hash == 0


def test_directory_keeps_the_exchange(tmp_path: Path) -> None:
    """An exchange in a directory is gone on with by the next program."""
    with Exchange.embedded(tmp_path / "journal") as exchange:
        open_market(exchange)
        order = trader(exchange, 1).limit("BTC-USD", "sell", 7, PRICE)
        state = exchange.replay()
    with Exchange.embedded(tmp_path / "journal") as exchange:
        assert exchange.replay().state_hash == exchange.venue.state_hash()
        assert exchange.venue.sequence >= state.commands
        client = trader(exchange, 1, after=order.event_sequence)
        assert client.cancel(order).ok
        with pytest.raises(ValueError, match="only a disk in memory"):
            exchange.crash("lost")
        exchange.crash()
        exchange.restart()
        assert exchange.replay().commands == exchange.venue.sequence


def test_frames_lost_and_doubled_by_the_network_change_nothing() -> None:
    """Whatever answers the network loses or repeats, a client ends up with one order a request."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        client = trader(exchange, 1, retry_ms=10)
        stream = client.reports()
        count = 0

        def network(frame: bytes) -> list[bytes]:
            nonlocal count
            count += 1
            return [[frame], [], [frame, frame]][count % 3]

        exchange.link("trader1").network = network
        reports = [client.limit("BTC-USD", "sell", qty, PRICE) for qty in range(1, 31)]
        exchange.link("trader1").network = None
        assert [report.order_qty for report in reports] == list(range(1, 31))
        assert len({report.order_id for report in reports}) == 30
        assert sorted(order.order_qty for order in client.orders.live()) == list(range(1, 31))
        assert len(client.query.open_orders()) == 30
        events = [report.event_sequence for report in stream]
        assert events == sorted(set(events))


def test_async_clients_trade_within_one_loop() -> None:
    """Tasks of one loop ask many things at once, and read each other's trades."""

    async def main(exchange: Exchange) -> list[int]:
        first = exchange.async_client("a", tenant=5, account=1)
        second = exchange.async_client("b", tenant=5, account=2)
        await first.load_instruments()
        await second.load_instruments()
        seen: list[int] = []

        async def watch() -> None:
            async with first.reports() as stream:
                async for report in stream:
                    if report.exec_type is ExecType.TRADE:
                        seen.append(report.last_qty)
                        if sum(seen) == 6:
                            return

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(first.limit("BTC-USD", "sell", 2, PRICE) for _ in range(3)))
        await asyncio.gather(*(second.limit("BTC-USD", "buy", 1, PRICE) for _ in range(6)))
        await watching
        await first.close()
        await second.close()
        return seen

    with Exchange.embedded() as exchange:
        open_market(exchange)
        assert asyncio.run(main(exchange)) == [1] * 6


def test_async_deadline_passes_only_while_somebody_awaits() -> None:
    """A request that nobody answers times out for who awaits it; time stands still for who does not."""

    async def main(exchange: Exchange) -> None:
        client = exchange.async_client("a", tenant=5, account=1, timeout_ms=1_000)
        await client.load_instruments()
        exchange.link("a").network = lambda _: []
        before = exchange.clock.now_ns
        handle = client.submit(client.make.orders.limit("BTC-USD", "sell", 1, PRICE))
        for _ in range(10):
            await asyncio.sleep(0)
        assert exchange.clock.now_ns == before
        with pytest.raises(RequestTimeout):
            await handle
        assert exchange.clock.now_ns == before + SECOND
        await client.close()
        with pytest.raises(ClientClosed):
            await client.limit("BTC-USD", "sell", 1, PRICE)

    with Exchange.embedded() as exchange:
        open_market(exchange)
        asyncio.run(main(exchange))
