"""Both clients over real sockets, with a core that is told what to do: one suite for the two."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from cmatch.frames import ReportList, decode_reports
from exchange.bus.curve import Authenticator, KeyPair, Keyring, Principal
from exchange.client import (
    AsyncClient,
    Client,
    ClientClosed,
    LogonRefused,
    ReportsLost,
    RequestTimeout,
    State,
    empty_commands,
)
from exchange.domain.enums import CommandList, ExecType, OrderStatus, RejectCode, SessionOutcome
from exchange.errors import ConfigError, DeadlineExceeded, SecurityError
from tests.exchange.clients import Connector
from tests.exchange.scripted_core import ScriptedCore

WAIT_S = 60.0
_numbers = count()


@pytest.fixture(params=["sync", "async"])
def connector(request: pytest.FixtureRequest) -> Iterator[Connector]:
    """Give what makes clients of either kind."""
    made = Connector(request.param)
    yield made
    made.close()


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    """Give a private socket."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    return f"ipc://{run}/c{next(_numbers)}.sock"


@pytest.fixture
def core(endpoint: str) -> Iterator[ScriptedCore]:
    """Give a core that does as it should."""
    with ScriptedCore(endpoint) as made:
        yield made


@pytest.fixture
def client(connector: Connector, core: ScriptedCore, endpoint: str) -> Any:
    """Give a client of that core."""
    assert core.logic.state.sequence == 0
    return connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)


def without_reports(_: bytes, frame: bytes) -> list[bytes]:
    """Lose every answer to an order, and nothing else."""
    return [] if decode_reports(frame)[1] is ReportList.REPORTS else [frame]


def peer_of(core: ScriptedCore) -> bytes:
    """The connection of the only session."""
    [session] = core.logic.state.sessions.values()
    assert session.peer is not None
    return session.peer


def test_client_connected_is_active(client: Any) -> None:
    """Who has been let in can order."""
    assert client.state is State.ACTIVE
    assert client.session == 1
    report = client.limit(1, "buy", 10, 100)
    assert (report.exec_type, report.account, report.order_qty) == (ExecType.ACCEPTED, 7, 10)
    assert client.sequence == report.sequence == 1


def test_client_orders_replaces_and_cancels_by_every_name(client: Any) -> None:
    """An order is named by itself, a report of it, its order_id, or its client order id."""
    report = client.limit(1, "buy", 10, 100, client_order_id="first")
    assert client.replace(report, price=101).price == 101
    assert client.replace(report.order_id, price=102).price == 102
    assert client.replace("first", price=103).price == 103
    [order] = client.orders.live()
    assert order.price == 103
    assert client.cancel(order).order_status is OrderStatus.CANCELED
    assert client.cancel("first").reject.name == "unknown_order"
    assert client.mass_cancel().exec_type is ExecType.DONE
    assert client.orders.find("first").order_status is OrderStatus.CANCELED


def test_client_asks_the_core_for_one_order_and_one_balance(client: Any) -> None:
    """The two small questions are answered by the core itself."""
    report = client.limit(1, "sell", 4, 90)
    state = client.order(report.order_id)
    assert (state.order_id, state.leaves_qty, state.price, state.reject) == (report.order_id, 4, 90, None)
    assert client.order(999).reject.name == "unknown_order"
    balance = client.balance(3)
    assert (balance.asset, balance.total, balance.reserved, balance.available) == (3, 1_000, 250, 750)


def test_administration_is_answered_as_data(client: Any) -> None:
    """Commands of operators come back with what they did."""
    answer = client.admin.deposit(3, 500)
    assert answer.ok
    assert (answer.family, answer.balance.total, answer.balance.version) == (CommandList.LEDGER, 500, 1)
    assert client.admin.kill("venue").ok
    assert client.admin.open_account(8, tenant=1).ok


def test_definitions_that_were_answered_are_known_by_symbol_and_scale(client: Any) -> None:
    """What a client defines it can use with decimals at once."""
    client.admin.define_asset(1, "BTC", 8)
    client.admin.define_asset(2, "USD", 2)
    client.admin.define_instrument(1, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4)
    report = client.limit("BTC-USD", "buy", "0.5", "64000.01")
    assert (report.order_qty, report.price) == (5_000, 6_400_001)
    assert client.instruments.instrument("BTC-USD").price(report.price) == "64000.01"


def test_requests_pipelined_are_answered_each(client: Any) -> None:
    """Many requests may be under way; each handle gets its own answer."""
    handles = [client.submit(client.make.orders.limit(1, "buy", qty, 100)) for qty in range(1, 201)]
    assert [handle.result(WAIT_S).order_qty for handle in handles] == list(range(1, 201))
    assert client.waiting == 0


def test_batch_and_array_are_answered_in_order(client: Any) -> None:
    """A batch gives objects and an array gives an array, both in the order asked."""
    make = client.make.orders
    reports = client.batch([make.limit(1, "buy", qty, 100) for qty in (3, 1, 2)])
    assert [report.order_qty for report in reports] == [3, 1, 2]
    rows = empty_commands(500)
    rows["instrument_id"], rows["side"], rows["type"], rows["time_in_force"] = 1, 1, 1, 2
    rows["qty"], rows["price"], rows["present"] = np.arange(1, 501), 100, 1
    answers = client.submit_array(rows).result(WAIT_S)
    assert answers.rows["order_qty"].tolist() == list(range(1, 501))
    assert answers[499].order_qty == 500


def test_reports_come_in_order_each_once(client: Any, core: ScriptedCore) -> None:
    """A reader sees answers and executions by event sequence, without a gap of its session's."""
    stream = client.reports()
    order_id = client.limit(1, "buy", 10, 100).order_id
    for _ in range(10):
        core.push(peer_of(core), core.logic.reports_frame(core.logic.trade(order_id, 1, 100)))
    seen = [next(stream) for _ in range(11)]
    assert [report.event_sequence for report in seen] == list(range(1, 12))
    assert [report.cum_qty for report in seen] == list(range(11))
    assert seen[-1].order_status is OrderStatus.FILLED
    assert len(client.orders) == 0


def test_reports_reach_callbacks_in_order(client: Any, core: ScriptedCore) -> None:
    """A callback gets whole frames, in order, and one that raises stops nothing."""
    seen: list[int] = []
    enough = threading.Event()

    def note(reports: Any) -> None:
        seen.extend(report.event_sequence for report in reports)
        if len(seen) == 5:
            enough.set()
        raise ValueError("not my day")

    leave = client.on_reports(note)
    order_id = client.limit(1, "buy", 10, 100).order_id
    for _ in range(4):
        core.push(peer_of(core), core.logic.reports_frame(core.logic.trade(order_id, 1, 100)))
    assert enough.wait(WAIT_S)
    assert seen == [1, 2, 3, 4, 5]
    leave()
    assert client.limit(1, "buy", 10, 100).ok
    assert len(seen) == 5


def test_answer_lost_is_asked_again_and_executed_once(
    connector: Connector, core: ScriptedCore, endpoint: str
) -> None:
    """A lost answer costs a retry, or more where the next one comes late, and not an order."""
    client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7, retry_ms=50)
    lost: list[bytes] = []

    def lose_first(_: bytes, frame: bytes) -> list[bytes]:
        if not lost and decode_reports(frame)[1] is ReportList.REPORTS:
            lost.append(frame)
            return []
        return [frame]

    core.logic.tamper = lose_first
    report = client.limit(1, "buy", 10, 100)
    assert report.duplicate
    assert core.logic.state.new_orders == 1
    assert client.retries >= 1
    assert [order.order_id for order in client.orders.live()] == [report.order_id]


def test_no_answer_raises_request_timeout_and_may_be_asked_again(
    connector: Connector, core: ScriptedCore, endpoint: str
) -> None:
    """An accident is raised with the request; asking again is safe."""
    client = connector.connect(
        endpoint, tenant=1, name="bot", user="ann", account=7, timeout_ms=2_000, retry_ms=80
    )
    core.logic.tamper = without_reports
    with pytest.raises(RequestTimeout) as caught:
        client.limit(1, "buy", 10, 100)
    core.logic.tamper = lambda _peer, frame: [frame]
    report = client.submit(caught.value.request).result(WAIT_S)
    assert report.duplicate
    assert core.logic.state.new_orders == 1


def test_core_killed_and_started_again_loses_and_doubles_nothing(connector: Connector, endpoint: str) -> None:
    """Requests under way when the core dies are answered by the next one, each executed once."""
    core = ScriptedCore(endpoint)
    client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)
    stream = client.reports()
    assert client.limit(1, "buy", 1, 100).ok
    core.logic.tamper = without_reports
    handles = [client.submit(client.make.orders.limit(1, "buy", qty, 100)) for qty in range(2, 52)]
    while len(core.logic.heard) < 20:
        pass
    core.stop()
    with ScriptedCore(endpoint, core.logic.state, epoch=2) as second:
        assert [handle.result(WAIT_S).order_qty for handle in handles] == list(range(2, 52))
        assert second.logic.state.new_orders == 51
        assert client.epoch == 2
        assert client.reconnects >= 1
        assert sorted(order.order_qty for order in client.orders.live()) == list(range(1, 52))
        seen = [next(stream) for _ in range(51)]
        events = [report.event_sequence for report in seen]
        assert events == sorted(set(events))
        assert sorted(report.order_qty for report in seen) == list(range(1, 52))


def test_client_of_several_endpoints_finds_who_leads(
    connector: Connector, core: ScriptedCore, endpoint: str
) -> None:
    """Nobody listens at the first, the second only follows: neither is waited for."""
    with ScriptedCore(f"{endpoint}2") as follower:
        follower.logic.refuse_logon = RejectCode.NOT_LEADER
        for number in range(20):  # on a machine that has much to do one of them is quick
            start = time.monotonic()
            client = connector.connect(
                [f"{endpoint}1", f"{endpoint}2", endpoint], tenant=1, name=f"b{number}", user="ann", account=7
            )
            if time.monotonic() - start < 1:  # a silent one is left after two seconds
                break
        else:
            pytest.fail("somebody was waited for each time")
        assert client.limit(1, "buy", 1, 100).ok
        assert core.logic.state.new_orders == 1
        assert {kind for kind, _ in follower.logic.heard} == {CommandList.SESSIONS}


def test_leader_killed_is_succeeded_and_nothing_is_lost_or_doubled(
    connector: Connector, endpoint: str
) -> None:
    """Requests under way are answered by the standby once it leads, each executed once; no report is lost."""
    leader = ScriptedCore(endpoint)
    with ScriptedCore(f"{endpoint}2", leader.logic.state, epoch=2) as standby:
        standby.logic.refuse_logon = RejectCode.NOT_LEADER
        client = connector.connect([endpoint, f"{endpoint}2"], tenant=1, name="bot", user="ann", account=7)
        stream = client.reports()
        assert client.limit(1, "buy", 1, 100).ok
        leader.logic.tamper = without_reports
        handles = [client.submit(client.make.orders.limit(1, "buy", qty, 100)) for qty in range(2, 52)]
        while len(leader.logic.heard) < 20:
            pass
        leader.stop()
        threading.Timer(0.3, lambda: setattr(standby.logic, "refuse_logon", 0)).start()
        assert [handle.result(WAIT_S).order_qty for handle in handles] == list(range(2, 52))
        assert (standby.logic.state.new_orders, client.epoch) == (51, 2)
        seen = [next(stream) for _ in range(51)]
        events = [report.event_sequence for report in seen]
        assert events == sorted(set(events))
        assert sorted(report.order_qty for report in seen) == list(range(1, 52))


def test_leader_that_was_succeeded_is_asked_nothing(connector: Connector, endpoint: str) -> None:
    """It would let the client in: its epoch says that it must not be believed."""
    leader = ScriptedCore(endpoint, epoch=3)
    with ScriptedCore(f"{endpoint}2", epoch=2) as stale:
        client = connector.connect([endpoint, f"{endpoint}2"], tenant=1, name="bot", user="ann", account=7)
        assert client.limit(1, "buy", 1, 100).ok
        leader.stop()
        handle = client.submit(client.make.orders.limit(1, "buy", 2, 100))
        while len(stale.logic.heard) < 3:
            pass
        assert not handle.done
        with ScriptedCore(endpoint, leader.logic.state, epoch=3) as again:
            assert handle.result(WAIT_S).ok
            assert again.logic.state.new_orders == 2
        assert {kind for kind, _ in stale.logic.heard} == {CommandList.SESSIONS}
        assert stale.logic.state.new_orders == 0


def test_reports_missed_while_away_come_first(connector: Connector, endpoint: str) -> None:
    """What happened to own orders while the connection was down is delivered before anything new."""
    core = ScriptedCore(endpoint)
    client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)
    stream = client.reports()
    order_id = client.limit(1, "buy", 10, 100).order_id
    core.stop()
    core.logic.trade(order_id, 4, 100)
    core.logic.trade(order_id, 6, 100)
    with ScriptedCore(endpoint, core.logic.state, epoch=2):
        assert [next(stream).cum_qty for _ in range(3)] == [0, 4, 10]
        assert client.limit(1, "buy", 1, 100).event_sequence == 4


def test_reports_gone_are_told_to_the_reader_who_goes_on(connector: Connector, endpoint: str) -> None:
    """Reports that the core no longer has are an accident for readers, who see everything after it."""
    core = ScriptedCore(endpoint)
    client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)
    stream = client.reports()
    order_id = client.limit(1, "buy", 10, 100).order_id
    assert next(stream).order_id == order_id
    core.stop()
    core.logic.trade(order_id, 4, 100)
    core.logic.forget_before = 2
    with ScriptedCore(endpoint, core.logic.state, epoch=2) as second:
        second.logic.forget_before = 2
        with pytest.raises(ReportsLost) as caught:
            next(stream)
        assert (caught.value.after, caught.value.upto) == (1, 2)
        report = client.limit(1, "buy", 1, 100)
        assert next(stream).order_id == report.order_id


def test_reader_too_slow_is_told_what_it_missed(client: Any, core: ScriptedCore) -> None:
    """A reader's backlog is bounded: the oldest reports go, and the reader hears of it."""
    stream = client.reports(rows_max=3)
    order_id = client.limit(1, "buy", 10, 100).order_id
    last = 0
    done = threading.Event()

    def note(reports: Any) -> None:
        nonlocal last
        last = reports[-1].event_sequence
        if last == 6:
            done.set()

    client.on_reports(note)
    for _ in range(5):
        core.push(peer_of(core), core.logic.reports_frame(core.logic.trade(order_id, 1, 100)))
    assert done.wait(WAIT_S)
    with pytest.raises(ReportsLost, match="nobody took them"):
        next(stream)
    rest: list[int] = []
    while (batch := stream.take(0)) is not None:
        rest.extend(report.event_sequence for report in batch)
    assert rest == list(range(7 - len(rest), 7))
    assert 1 <= len(rest) <= 3


def test_session_taken_over_elsewhere_ends_for_good(client: Any, core: ScriptedCore) -> None:
    """A session that another connection took over does not fight for it."""
    [session] = core.logic.state.sessions.values()
    stream = client.reports()
    core.push(peer_of(core), core.logic.session_frame(SessionOutcome.BYE, session, 4001))
    with pytest.raises(LogonRefused):
        next(stream)
    assert client.state is State.CLOSED
    with pytest.raises(LogonRefused):
        client.limit(1, "buy", 1, 100)


def test_client_closed_fails_what_waits_and_takes_no_more(
    connector: Connector, core: ScriptedCore, endpoint: str
) -> None:
    """Closing ends readers, fails handles, and the session is logged off."""
    client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)
    core.logic.tamper = without_reports
    stream = client.reports()
    handle = client.submit(client.make.orders.limit(1, "buy", 1, 100))
    client.close()
    with pytest.raises(ClientClosed):
        handle.result(WAIT_S)
    with pytest.raises(ClientClosed):
        client.limit(1, "buy", 1, 100)
    assert list(stream) == []
    client.close()


def test_connect_without_a_core_says_so_in_time(connector: Connector, endpoint: str) -> None:
    """Nobody there is an accident with a sentence that helps."""
    with pytest.raises(DeadlineExceeded, match="is the exchange up"):
        connector.connect(endpoint, tenant=1, name="bot", user="ann", connect_ms=100)


def test_connect_where_nobody_leads_says_so_in_time(
    connector: Connector, core: ScriptedCore, endpoint: str
) -> None:
    """Refused for now by all there are: tried again until the time is over, and then said why."""
    core.logic.refuse_logon = RejectCode.NOT_LEADER
    connect_ms, why = 1_000, ""
    while len(core.logic.heard) <= 2:  # with more time, until it was refused so often
        with pytest.raises(DeadlineExceeded) as late:
            connector.connect(
                [endpoint, f"{endpoint}2"], tenant=1, name="bot", user="ann", connect_ms=connect_ms
            )
        connect_ms, why = 2 * connect_ms, str(late.value)
    assert "refused for now, the last time with not_leader" in why


def test_connect_before_the_core_is_up_waits_for_it(connector: Connector, endpoint: str) -> None:
    """A client may be there first."""
    cores: list[ScriptedCore] = []
    starter = threading.Timer(0.2, lambda: cores.append(ScriptedCore(endpoint)))
    starter.start()
    try:
        client = connector.connect(endpoint, tenant=1, name="bot", user="ann", account=7)
        assert client.limit(1, "buy", 1, 100).ok
    finally:
        starter.join()
        cores[0].stop()


def test_connect_refused_says_why(connector: Connector, core: ScriptedCore, endpoint: str) -> None:
    """A refusal for good comes with its code."""
    core.logic.refuse_logon = 4001
    with pytest.raises(LogonRefused) as caught:
        connector.connect(endpoint, tenant=1, name="bot", user="ann")
    assert caught.value.reject.number == 4001


def test_connect_to_no_endpoint_is_refused(connector: Connector) -> None:
    """An empty list of them is a mistake, not a wait."""
    with pytest.raises(ConfigError, match="needs an endpoint"):
        connector.connect([], tenant=1, name="bot", user="ann")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_connect_with_half_the_keys_is_refused(kind: Any) -> None:
    """CURVE needs both keys."""
    import asyncio

    def connect() -> Any:
        made = kind.connect("ipc:///nowhere/x", tenant=1, name="b", user="u", keys=KeyPair.generate())
        return asyncio.run(made) if asyncio.iscoroutine(made) else made

    with pytest.raises((ConfigError, SecurityError)):
        connect()


def curve_core(endpoint: str, server: KeyPair, keyring: Keyring) -> tuple[ScriptedCore, Authenticator]:
    """A core that lets in who is in the keyring, and who answers for it."""
    made: list[Authenticator] = []

    def prepare(socket: zmq.Socket[bytes]) -> None:
        authenticator = Authenticator(socket.context, keyring)
        authenticator.protect(socket, server)
        made.append(authenticator)

    core = ScriptedCore(endpoint, prepare=prepare)
    return core, made[0]


def serve(authenticator: Authenticator, over: threading.Event) -> None:
    """Answer who may come in until it is over."""
    while not over.is_set():
        if authenticator.socket.poll(10):
            authenticator.answer()


@pytest.fixture
def keyed() -> Iterator[tuple[ScriptedCore, KeyPair, KeyPair]]:
    """Give a core over TCP that knows one key; its keys, and the client's."""
    server, known = KeyPair.generate(), KeyPair.generate()
    keyring = Keyring({known.public: Principal("bot", "acme")})
    core, authenticator = curve_core("tcp://127.0.0.1:*", server, keyring)
    over = threading.Event()
    thread = threading.Thread(target=serve, args=(authenticator, over))
    thread.start()
    yield core, server, known
    over.set()
    thread.join()
    authenticator.close()
    core.stop()


@pytest.fixture
def tcp(keyed: tuple[ScriptedCore, KeyPair, KeyPair]) -> str:
    """Give the endpoint of that core."""
    return keyed[0].endpoint


def test_curve_keys_known_let_the_client_in(
    connector: Connector, keyed: tuple[ScriptedCore, KeyPair, KeyPair], tcp: str
) -> None:
    """Over TCP a client shows its key, and knows the core's."""
    _, server, known = keyed
    client = connector.connect(
        tcp,
        tenant=1,
        name="bot",
        user="ann",
        account=7,
        keys=known,
        server_key=server.public,
    )
    assert client.limit(1, "buy", 1, 100).ok


def test_curve_keys_unknown_are_refused_at_once(
    connector: Connector, keyed: tuple[ScriptedCore, KeyPair, KeyPair], tcp: str
) -> None:
    """A key that the core does not know ends the attempt with a sentence, not with a timeout."""
    _, server, _ = keyed
    with pytest.raises(SecurityError, match="refused this client's CURVE keys"):
        connector.connect(
            tcp,
            tenant=1,
            name="bot",
            user="ann",
            keys=KeyPair.generate(),
            server_key=server.public,
        )


@pytest.mark.parametrize("with_keys", [False, True])
def test_curve_core_never_lets_in_who_has_no_or_the_wrong_server_key(
    connector: Connector, keyed: tuple[ScriptedCore, KeyPair, KeyPair], tcp: str, with_keys: bool
) -> None:
    """Without keys, or with a server key that is not the core's, nobody comes in."""
    core, _, known = keyed
    keys = {"keys": known, "server_key": KeyPair.generate().public} if with_keys else {}
    with pytest.raises((DeadlineExceeded, SecurityError)):
        connector.connect(tcp, tenant=1, name="bot", user="ann", connect_ms=700, **keys)
    assert core.logic.heard == []
