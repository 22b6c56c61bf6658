"""The client alone, and with an exchange in one program: what a request and a report cost.

pytest bench/bench_client.py                      measures
pytest bench/bench_client.py --benchmark-disable  runs each case once, to see that its answer is right
"""

from __future__ import annotations

import time

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from cmatch.frames import EXECUTION_REPORT_DTYPE, ReportHeader, ReportList, encode_reports
from exchange.client import Client
from exchange.client.results import Reports
from exchange.client.session import Session, Settings
from exchange.domain.enums import ExecType, OrderStatus
from exchange.embedded import Exchange

REPORTS_A_FRAME = 200
FRAMES = 250
ORDERS = 2_000
ROUNDS = 5


def frames() -> list[bytes]:
    """Frames of trades of the same 200 orders."""
    rows = np.zeros(REPORTS_A_FRAME, EXECUTION_REPORT_DTYPE)
    rows["exec_type"], rows["order_status"] = ExecType.TRADE, OrderStatus.PARTIALLY_FILLED
    rows["session"], rows["account"], rows["side"], rows["type"], rows["time_in_force"] = 1, 7, 1, 1, 2
    rows["order_id"] = np.arange(1, REPORTS_A_FRAME + 1)
    rows["client_order_id_head"] = b"bot-mwq8wuyj-1"
    made = []
    for number in range(FRAMES):
        first = number * REPORTS_A_FRAME + 1
        rows["event_sequence"] = rows["sequence"] = np.arange(first, first + REPORTS_A_FRAME)
        made.append(encode_reports(ReportList.REPORTS, rows, ReportHeader(1, 1, first, first, first)))
    return made


def new_session() -> Session:
    """A session that has just asked to be let in; reports reach it all the same."""
    session = Session(Settings("bench", "bench", 1), time.time_ns)
    session.opened(0)
    return session


def receive(session: Session, received: list[bytes]) -> list[Reports]:
    """Take all frames in, own orders folded; gives the reports."""
    for frame in received:
        session.receive(frame, 0)
    assert len(session.orders) == REPORTS_A_FRAME
    return [event for event in session.take() if isinstance(event, Reports)]


def test_bench_client__reports_as_arrays(benchmark: BenchmarkFixture) -> None:
    """How many reports a second does a client take in, as arrays, with its own orders kept up?"""
    received = frames()
    benchmark.extra_info.update(reports=FRAMES * REPORTS_A_FRAME)
    taken = benchmark.pedantic(
        receive, setup=lambda: ((new_session(), received), {}), rounds=ROUNDS, iterations=1
    )
    assert sum(map(len, taken)) == FRAMES * REPORTS_A_FRAME


def test_bench_client__reports_as_objects(benchmark: BenchmarkFixture) -> None:
    """And how many, where an object is made of each?"""
    batches = receive(new_session(), frames())
    benchmark.extra_info.update(reports=FRAMES * REPORTS_A_FRAME)
    seen = benchmark.pedantic(
        lambda: [report.event_sequence for batch in batches for report in batch], rounds=ROUNDS, iterations=1
    )
    assert seen == list(range(1, FRAMES * REPORTS_A_FRAME + 1))


def opened() -> tuple[Exchange, Client]:
    """An exchange in this program, and a client with money."""
    exchange = Exchange.embedded()
    admin = exchange.client("operator").admin
    answers = [
        admin.define_asset(1, "A", 0),
        admin.define_asset(2, "B", 0),
        admin.define_instrument(
            1, "A-B", base="A", quote="B", price_scale=0, qty_scale=0, max_price=1_000, max_qty=1_000_000
        ),
        admin.open_account(1, tenant=1),
        admin.deposit("A", 1_000_000, account=1),
    ]
    assert [answer for answer in answers if not answer.ok] == []
    return exchange, exchange.client("bench", tenant=1, account=1)


def place(_: Exchange, client: Client) -> int:
    """Place orders one by one, each with its answer."""
    return sum(client.limit(1, "sell", 1, 100).ok for _ in range(ORDERS))


def test_bench_client__orders_embedded(benchmark: BenchmarkFixture) -> None:
    """How long does an order take in one program, request, journal, venue and answer as an object?"""
    benchmark.extra_info.update(orders=ORDERS)
    placed = benchmark.pedantic(place, setup=lambda: (opened(), {}), rounds=ROUNDS, iterations=1)
    assert placed == ORDERS
