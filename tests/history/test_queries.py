"""What the history answers: what was asked for, of whom one may see, in pages that do not move."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from exchange.domain.enums import Liquidity, OrderStatus, Side
from exchange.domain.queries import HistoryExecutionsRequest, HistoryOrdersRequest
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import Caller
from exchange.services.history import queries
from exchange.services.history.service import SPEC
from exchange.storage.sql import Store, open_store
from tests.event_log.published import Exchange
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, START_NS, TENANT
from tests.history.oracle import MS, History, consume, stored, trade_wildly

ORDER, EXECUTION = HistoryOrdersRequest, HistoryExecutionsRequest
Asked = HistoryOrdersRequest | HistoryExecutionsRequest


@pytest.fixture
def store(exchange: Exchange, store_url: str) -> Iterator[Store]:
    """With some hundred orders."""
    trade_wildly(exchange.writer, 3, 250)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as made:
        consume(exchange, made)
        yield made


def ask(store: Store, request: Asked, caller: Caller) -> tuple[tuple[Any, ...], bool]:
    """A page, and whether another one follows."""
    with store.read() as tx:
        if isinstance(request, HistoryOrdersRequest):
            orders = queries.orders(tx, request, caller)
            return orders.orders, orders.more
        executions = queries.executions(tx, request, caller)
        return executions.executions, executions.more


def all_pages(store: Store, request: Asked, caller: Caller) -> list[Any]:
    """Page by page, as a client asks."""
    found: list[Any] = []
    while True:
        rows, more = ask(store, request, caller)
        assert len(rows) <= request.limit or not request.limit
        found += rows
        if not more:
            return found
        request = replace(request, after=key_of(found[-1]))


def key_of(row: Any) -> int:
    """By which rows are in order."""
    key: int = getattr(row, "entered_sequence", None) or row.exec_id
    return key


def matches(row: Any, request: Asked, caller: Caller, history: History) -> bool:
    """Whether a row is to be found."""
    if caller.tenant not in {0, row.tenant} or (caller.accounts and row.account not in caller.accounts):
        return False
    same = ("account", "instrument_id", "order_id", "trade_id", "order_status", "side", "liquidity")
    for item in fields(request):
        wanted = getattr(request, item.name)
        if item.name in same and wanted and getattr(row, item.name) != wanted:
            return False
    if text := request.client_order_id:
        key = "entered_sequence" if isinstance(request, HistoryOrdersRequest) else "order_id"
        named = [each for each in history.orders if text in {each.client_order_id, each.orig_client_order_id}]
        if getattr(row, key) not in {getattr(each, key) for each in named} - {0}:
            return False
    when = getattr(row, "entered_at", None) or row.timestamp
    return request.from_ns <= when and (not request.to_ns or when < request.to_ns)


def some_request(numbers: random.Random, history: History) -> Asked:
    """With some of what may be asked for."""
    kind: type[Any] = numbers.choice([ORDER, EXECUTION])
    rows = history.orders if kind is ORDER else history.executions
    row: Any = numbers.choice(rows)
    time = START_NS + numbers.randrange(600) * MS
    may = {
        "account": row.account,
        "instrument_id": numbers.choice([MARKET, 99]),
        "order_id": row.order_id,
        "client_order_id": numbers.choice([row.client_order_id, row.client_order_id, "no"]),
        "side": numbers.choice(list(Side)),
        "from_ns": time,
        "to_ns": time + numbers.randrange(300) * MS,
    }
    may |= (
        {"order_status": numbers.choice(list(OrderStatus))}
        if kind is ORDER
        else {"liquidity": numbers.choice(list(Liquidity)), "trade_id": row.trade_id}
    )
    chosen = numbers.sample(sorted(may), numbers.choice([0, 1, 1, 2, 3]))
    request: Asked = kind(
        oldest_first=numbers.random() < 0.5,
        limit=numbers.choice([1, 3, 50, 0]),
        **{name: may[name] for name in chosen},
    )
    return request


def test_answers_are_what_a_look_at_every_row_finds(store: Store) -> None:
    """Any selection, either way round, in pages of any size, whoever asks."""
    numbers, history = random.Random(1), stored(store)
    callers = [Caller(0), Caller(TENANT), Caller(OTHER_TENANT), Caller(TENANT, frozenset({BOB})), Caller(9)]
    found = 0
    for _ in range(60):
        request, caller = some_request(numbers, history), numbers.choice(callers)
        rows: list[Any] = list(history.orders if isinstance(request, ORDER) else history.executions)
        wanted = [row for row in rows if matches(row, request, caller, history)]
        if len(wanted) > 40 and request.limit == 1:
            request = replace(request, limit=7)
        assert all_pages(store, request, caller) == wanted[:: 1 if request.oldest_first else -1], request
        found += len(wanted)
    assert found > 500


def test_tenant_finds_nothing_of_another_one_not_even_that_it_is_there(store: Store) -> None:
    """By account, order or client order id the answer is that of what never was."""
    history = stored(store)
    theirs = next(order for order in history.orders if order.account == CAROL and order.fills)
    for request in (
        ORDER(account=CAROL),
        ORDER(order_id=theirs.order_id),
        ORDER(client_order_id=theirs.client_order_id),
        ORDER(account=2**64 - 1),
        EXECUTION(account=CAROL),
        EXECUTION(order_id=theirs.order_id),
        EXECUTION(client_order_id=theirs.client_order_id),
    ):
        assert ask(store, request, Caller(TENANT)) == ((), False)
    assert {order.tenant for order in all_pages(store, ORDER(), Caller(OTHER_TENANT))} == {OTHER_TENANT}
    # Who named an account of another tenant's is not among that account's orders.
    trespassing = [order for order in history.orders if order.tenant == 0]
    assert trespassing
    assert {order.account for order in trespassing} >= {CAROL, ALICE}


def test_pages_do_not_move_while_orders_come(exchange: Exchange, store: Store) -> None:
    """The newest first: what comes later is before the first page, not within the second."""
    request = ORDER(limit=50)
    first, more = ask(store, request, Caller(0))
    assert more
    wanted = all_pages(store, ORDER(limit=1_000), Caller(0))
    trade_wildly(exchange.writer, 4, 100)
    exchange.publish()
    consume(exchange, store)
    rest = all_pages(store, replace(request, after=first[-1].entered_sequence), Caller(0))
    keys = [each.entered_sequence for each in (*first, *rest)]
    assert keys == [each.entered_sequence for each in wanted]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ORDER(client_order_id="x" * 41), "at most 40"),
        (ORDER(client_order_id="ü"), "at most 40"),
        (EXECUTION(client_order_id="a\0b"), "printable"),
        (ORDER(after=2**63), "no page after"),
    ],
)
def test_question_that_makes_no_sense_is_refused(tmp_path: Path, request_: Asked, words: str) -> None:
    """INVALID_ARGUMENT, with a sentence."""
    store = open_store(tmp_path, SPEC.name, SPEC.tables)
    with store, pytest.raises(RpcError, match=words) as caught:
        ask(store, request_, Caller(0))
    assert caught.value.code is RpcStatus.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "request_",
    [
        ORDER(account=11),
        ORDER(order_id=20),
        ORDER(client_order_id="c3-1"),
        ORDER(instrument_id=MARKET, order_status=OrderStatus.FILLED),
        ORDER(account=11, from_ns=START_NS, to_ns=START_NS + MS, oldest_first=True, after=3),
        EXECUTION(order_id=20),
        EXECUTION(client_order_id="c3-1"),
        EXECUTION(trade_id=3),
        EXECUTION(account=12, from_ns=START_NS, after=99),
    ],
    ids=str,
)
def test_selections_are_ranges_of_an_index(tmp_path: Path, request_: Asked) -> None:
    """No table is read through; a page needs no sorting, but of the few orders of one client order id."""
    plans: list[str] = []
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:

        def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
            if "FROM orders" in statement or "FROM executions" in statement:
                cursor = connection.connection.cursor()
                plans.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

        event.listen(store.engine, "before_cursor_execute", explain)
        ask(store, request_, Caller(TENANT))
    assert plans
    assert not [line for line in plans if line.startswith("SCAN")], plans
    sorts = [line for line in plans if "TEMP B-TREE" in line]
    assert not sorts or request_.client_order_id, plans
