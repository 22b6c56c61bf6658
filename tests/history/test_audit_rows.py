"""The audit's look at all columns of the history's rows: whatever is missing, other or made up is named."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from exchange.runtime.audit import audit
from exchange.runtime.audit.places import Places
from exchange.services.history import audit as history_audit
from exchange.services.history.audit import HistoryAudit
from exchange.services.history.service import SPEC
from exchange.storage.directory import DataDirectory
from exchange.storage.journal import remove_segments_before
from exchange.storage.sql import Store, open_store
from tests.event_log.published import TABLE, Exchange
from tests.exchange.journals import ALICE, Writer
from tests.history.oracle import consume, trade_wildly

WORDS = {
    "LAST": "(SELECT MAX(exec_id) FROM executions)",
    "SOME": "(SELECT MAX(order_id) FROM orders WHERE fills > 0)",
}
DAMAGE = {
    "DELETE FROM executions": "is missing",
    "DELETE FROM executions WHERE exec_id = LAST": "is missing",
    "DELETE FROM executions WHERE exec_id = (SELECT MIN(exec_id) FROM executions)": "is missing",
    "UPDATE executions SET account = 999 WHERE exec_id = LAST": "has account 999; the journal makes",
    "UPDATE executions SET tenant = 5 WHERE exec_id = LAST": "has tenant 5",
    "UPDATE executions SET side = 3 - side WHERE exec_id = LAST": "has side",
    "UPDATE executions SET liquidity = 9 WHERE exec_id = LAST": "has liquidity 9",
    "UPDATE executions SET instrument_id = 77 WHERE exec_id = LAST": "has instrument_id 77",
    "UPDATE executions SET fee = -5 WHERE exec_id = LAST": "has fee -5",
    "UPDATE executions SET timestamp = 1 WHERE exec_id = LAST": "has timestamp 1",
    "UPDATE executions SET client_order_id = 'x' WHERE exec_id = LAST": "has client_order_id x",
    "DELETE FROM orders": "is missing",
    "DELETE FROM orders WHERE order_id IS NULL": "the rejected order of event",
    "UPDATE orders SET order_status = 3, cum_qty = 1, price = 77 WHERE order_id = SOME": "price 77",
    "UPDATE orders SET fills = fills + 1 WHERE order_id = SOME": "has fills",
    "UPDATE orders SET notional_low = 1 WHERE order_id = SOME": "has notional_low 1",
    "UPDATE orders SET orig_client_order_id = 'x' WHERE order_id = SOME": "orig_client_order_id x",
    "UPDATE orders SET order_id = order_id + 1000000 WHERE order_id = SOME": "1 orders are not",
    "UPDATE progress SET sequence = 0; DELETE FROM orders; DELETE FROM executions": "is missing",
    "DELETE FROM cursors": "its consumer group",
}  # fmt: skip
NAMES = ("orders", "executions", "progress", "cursors")


def looked_at(exchange: Exchange, store: Store) -> tuple[str, list[str]]:
    """What the audit says of the history, and what is wrong with it."""
    with exchange.open_log() as log:
        places = Places(log, TABLE, SPEC.name, SPEC.reads, runs=False)
        with store.read() as tx:
            *_, check = audit(exchange.root, auditors=[HistoryAudit(store, tx, places)]).checks
    assert check.name == "history"
    return check.says, check.wrong


def damage(store: Store, statements: str) -> None:
    """Changes rows behind the service's back."""
    for word, query in WORDS.items():
        statements = statements.replace(word, query)
    with store.begin() as tx:
        for statement in statements.split("; "):
            tx.execute(text(statement))


@pytest.mark.parametrize("at_once", [1, 50, 10**6])
def test_all_columns_are_held_against_the_journal(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """What is right is found right however it is folded; each damage is found."""
    monkeypatch.setattr(history_audit, "_AT_ONCE", at_once)
    trade_wildly(exchange.writer, 1, 150)
    exchange.publish()
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        trade_wildly(exchange.writer, 3, 40)
        exchange.publish()  # of which the history has not heard
        says, wrong = looked_at(exchange, store)
        assert wrong == []
        assert int(says.split()[0]) > 30
        if at_once != 50:
            return
        with store.read() as tx:
            kept = {name: tx.execute(text(f"SELECT * FROM {name}")).mappings().all() for name in NAMES}  # noqa: S608
        for statements, want in DAMAGE.items():
            damage(store, statements)
            _, wrong = looked_at(exchange, store)
            assert any(want in sentence for sentence in wrong), (statements, wrong)
            with store.begin() as tx:
                for name, rows in kept.items():
                    tx.execute(text(f"DELETE FROM {name}"))  # noqa: S608
                    values = ", ".join(f":{column}" for column in rows[0])
                    tx.execute(text(f"INSERT INTO {name} VALUES ({values})"), [dict(row) for row in rows])  # noqa: S608
        assert looked_at(exchange, store) == (says, [])


def fill_segment(writer: Writer) -> None:
    """Has the journal go on in another one."""
    journal = Path(writer.journal.directory)
    while len(list(journal.glob("0*.journal"))) < 2:
        for _ in range(100):
            writer.write(writer.make.admin.deposit("USD", "1", account=ALICE))


def test_journal_that_begins_with_a_snapshot_is_compared_from_there(memory: Path, tmp_path: Path) -> None:
    """Of orders that were entered before, what their last report says."""
    directory = DataDirectory(memory)
    directory.snapshots.mkdir()
    exchange = Exchange(memory, Writer(directory.journal, segment_bytes=(1 << 20) + (16 << 10)))
    with closing(exchange.writer), open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        exchange.writer.open_market()
        trade_wildly(exchange.writer, 1, 100)
        fill_segment(exchange.writer)
        middle = exchange.writer.sequence
        trade_wildly(exchange.writer, 2, 100)
        exchange.publish()
        consume(exchange, store)
        whole, wrong = looked_at(exchange, store)
        assert wrong == []
        exchange.snapshot(middle)
        assert remove_segments_before(directory.journal, middle) > 0
        says, wrong = looked_at(exchange, store)
        assert wrong == []
        assert 20 < int(says.split()[0]) < int(whole.split()[0])
        damage(store, "UPDATE orders SET cum_qty = 9999 WHERE order_id = SOME")
        assert "has cum_qty 9999" in looked_at(exchange, store)[1][0]
