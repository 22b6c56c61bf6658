"""The audit's look at what market data has to have: rows at either end, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from exchange.resilience import SystemClock
from exchange.runtime.audit import audit
from exchange.runtime.audit.places import Places
from exchange.runtime.outbox import OutboxPublisher
from exchange.services.marketdata.audit import MarketDataAudit
from exchange.services.marketdata.service import SPEC
from exchange.services.settlement.service import SPEC as SETTLEMENT
from exchange.storage.sql import Store, open_store
from tests.event_log.published import TABLE, Exchange
from tests.marketdata.oracle import consume, trade_now_and_then
from tests.settlement.test_rows import consume as settle

DAMAGE = {
    "DELETE FROM trades": "trade 1 is missing",
    "DELETE FROM trades WHERE trade_id = 1": "trade 1 is missing",
    "DELETE FROM trades WHERE trade_id >= 5": "trade 5 is missing",
    "UPDATE progress SET trade_id = 2": "the store says it has trades to 2",
    "UPDATE progress SET settled = 0": "are settled, the store says 0",
    "UPDATE lasts SET trade_id = 1": "by the rows",
    "DELETE FROM candles": "is missing",
    "DELETE FROM cursors": "its consumer group",
}
NAMES = ("trades", "candles", "lasts", "progress", "cursors")


def looked_at(exchange: Exchange, store: Store) -> list[str]:
    """What the audit finds wrong with market data."""
    with exchange.open_log() as log:
        places = Places(log, TABLE, SPEC.name, SPEC.reads, runs=False)
        with store.read() as tx:
            *_, check = audit(exchange.root, auditors=[MarketDataAudit(store, tx, places)]).checks
    return check.wrong


def test_rows_that_the_log_still_has_may_not_be_missing(exchange: Exchange, tmp_path: Path) -> None:
    """Neither the first nor the last ones, nor what is settled."""
    trade_now_and_then(exchange.writer, 1, 60)
    exchange.publish()
    with open_store(tmp_path, SETTLEMENT.name, SETTLEMENT.tables) as settled:
        settle(exchange, settled)
        with exchange.open_log() as log:
            publisher = OutboxPublisher(settled, log, SystemClock())
            while publisher.step():
                pass
            publisher.close()
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        consume(exchange, store)
        assert looked_at(exchange, store) == []
        with store.read() as tx:
            kept = {name: tx.execute(text(f"SELECT * FROM {name}")).mappings().all() for name in NAMES}  # noqa: S608
        for statement, want in DAMAGE.items():
            with store.begin() as tx:
                tx.execute(text(statement))
            wrong = looked_at(exchange, store)
            assert any(want in sentence for sentence in wrong), (statement, wrong)
            with store.begin() as tx:
                for name, rows in kept.items():
                    tx.execute(text(f"DELETE FROM {name}"))  # noqa: S608
                    values = ", ".join(f":{column}" for column in rows[0])
                    tx.execute(text(f"INSERT INTO {name} VALUES ({values})"), [dict(row) for row in rows])  # noqa: S608
        assert looked_at(exchange, store) == []
