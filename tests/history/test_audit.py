"""The audit's look at the rows of the history."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, func, select, update

from exchange.runtime.audit import audit
from exchange.services.history.audit import HistoryAudit
from exchange.services.history.service import SPEC
from exchange.services.history.tables import EXECUTIONS, ORDERS
from exchange.storage.sql import Store, open_store
from tests.event_log.published import Exchange
from tests.history.oracle import consume, stored, trade_wildly


def looked_at(exchange: Exchange, store: Store) -> tuple[str, list[str]]:
    """What the audit says of the history, and what is wrong with it."""
    with store.read() as tx:
        *_, check = audit(exchange.root, auditors=[HistoryAudit(store, tx)]).checks
    assert check.name == "history"
    return check.says, check.wrong


def test_rows_are_held_against_the_journal(exchange: Exchange, store_url: str) -> None:
    """All of them, or as far as the history is; what is missing, other, or made up is named."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        assert looked_at(exchange, store) == (
            "0 executions and 0 orders as the journal makes them, each once; up to sequence 0",
            [],
        )
        trade_wildly(exchange.writer, 1, 80)
        exchange.publish()
        consume(exchange, store)
        taken, sequence = stored(store, limit=100).executions, exchange.writer.sequence
        with store.read() as tx:
            orders = tx.execute(select(func.count()).select_from(ORDERS)).scalar_one()
        trade_wildly(exchange.writer, 2, 40)
        says = (
            f"{len(taken)} executions and {orders} orders as the journal makes them, each once;"
            f" up to sequence {sequence}"
        )
        assert len(taken) > 20
        assert looked_at(exchange, store) == (says, [])

        first, second, third = (each.exec_id for each in taken[:3])
        last = taken[-1].exec_id
        other = replace(taken[1], last_qty=taken[1].last_qty + 1)
        with store.begin() as tx:
            row_of = EXECUTIONS.c.exec_id.__eq__
            tx.execute(update(EXECUTIONS).where(row_of(second)).values(last_qty=other.last_qty))
            tx.execute(delete(EXECUTIONS).where(row_of(third)))
            tx.execute(update(EXECUTIONS).where(row_of(last)).values(exec_id=last + 10**6))
        _, wrong = looked_at(exchange, store)
        assert first < second
        assert wrong == [
            (
                f"execution {second} has last_qty {other.last_qty};"
                f" the journal makes last_qty {taken[1].last_qty}"
            ),
            f"execution {third} is missing",
            f"execution {last} is missing",
            f"execution {last + 10**6} is not in the journal",
        ]
