"""The audit's look at the rows of settlement: whatever is missing, other or made up is named."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select, text

from exchange.resilience import SystemClock
from exchange.runtime.audit import audit
from exchange.runtime.audit.places import Places
from exchange.runtime.outbox import OutboxPublisher
from exchange.schema.event_rows import EventList, decode_rows, encode_rows
from exchange.services.settlement.audit import SettlementAudit
from exchange.services.settlement.posting import Poster
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import TRADES
from exchange.storage.directory import DataDirectory
from exchange.storage.journal import remove_segments_before
from exchange.storage.sql import Store, open_store
from exchange.storage.sql.tables import OUTBOX
from tests.event_log.published import TABLE, Exchange
from tests.exchange.journals import ALICE, BOB, MARKET, Writer
from tests.history.test_audit_rows import fill_segment
from tests.settlement.test_rows import consume, trade_for_days

DAMAGE = {
    "DELETE FROM trades": "trade 1 is missing",
    "DELETE FROM trades WHERE trade_id = 1": "trade 1 is missing",
    "UPDATE progress SET trade_id = 0, posted = 0; DELETE FROM trades": "trade 1 is missing",
    "UPDATE progress SET posted = 2": "the store says that trades to 2 are settled",
    "UPDATE progress SET trade_id = 2": "the store says it has trades to 2",
    "UPDATE trades SET cost = cost + 1 WHERE trade_id = 3": "trade 3 has cost",
    "UPDATE trades SET goods = 7 WHERE trade_id = 3": "trade 3 has goods 7; the journal makes",
    "UPDATE trades SET buyer_tenant = 99 WHERE trade_id = 3": "trade 3 has buyer_tenant 99",
    "UPDATE trades SET seller_fee_asset = 9 WHERE trade_id = 3": "trade 3 has seller_fee_asset 9",
    "UPDATE trades SET buyer_is_maker = 1 - buyer_is_maker WHERE trade_id = 3": "trade 3 has buyer_is_maker",
    "UPDATE trades SET correlation_id = 'x' WHERE trade_id = 3": "trade 3 has correlation_id x",
    "DELETE FROM postings WHERE trade_id = (SELECT MIN(trade_id) FROM postings)": "when and by what trade",
    "UPDATE postings SET settled_at = settled_at + 1": "when and by what trade",
    "UPDATE postings SET sequence = sequence + 1": "is told otherwise than its row is",
    "DELETE FROM sides WHERE trade_id = 3": "trade 3 is missing among the trades of account",
    "INSERT INTO sides VALUES (99, 3)": "trade 3 is none of account 99",
    "UPDATE volumes SET amount = 1": ", its volume is 1",
    "DELETE FROM volumes": ", its volume is 0",
    "DELETE FROM cursors": "its consumer group",
    "UPDATE cursors SET next_offset = 10000": "which ends at",
}


def posted(exchange: Exchange, store: Store, most: int) -> None:
    """Posts what waits, so many at a time, as the poster does, in the journal and in the store."""
    writer = exchange.writer
    ground: Any = SimpleNamespace(
        store=store, topics=TABLE, consumes=None, taken=None, fail=None, event_log=None
    )
    poster = Poster(ground, None, None)  # type: ignore[arg-type]
    while waiting := poster._waiting():
        ids = waiting["trade_id"][:most]
        fees = (waiting[name][:most] for name in ("buyer_fee", "seller_fee"))
        sequence = writer.write(writer.make.admin.post_trades(ids, *fees), tenant=0)
        said: Any = SimpleNamespace(done=len(ids), sequence=sequence, timestamp=writer.now)
        poster._settled(waiting, [((0, len(ids)), said)])


def tell(exchange: Exchange, store: Store) -> None:
    """Publishes the outbox."""
    with exchange.open_log() as log, ExitStack() as opened:
        publisher = OutboxPublisher(store, log, SystemClock())
        opened.callback(publisher.close)
        while publisher.step():
            pass


def settle(exchange: Exchange, store: Store) -> None:
    """Trades at once and by service, all posted and told; the last ones wait."""
    trade_for_days(exchange, 3, 5)
    exchange.publish()
    consume(exchange, store)
    posted(exchange, store, 3)
    tell(exchange, store)
    for side, account in (("sell", ALICE), ("buy", BOB)):
        order = exchange.writer.make.orders.limit(MARKET, side, 900, 10_000, account=account)
        exchange.writer.write(order)
    exchange.publish()
    consume(exchange, store)


def looked_at(exchange: Exchange, store: Store) -> tuple[str, list[str]]:
    """What the audit says of settlement, and what is wrong with it."""
    with exchange.open_log() as log:
        places = Places(log, TABLE, SPEC.name, SPEC.reads, runs=False)
        with store.read() as tx:
            *_, check = audit(exchange.root, auditors=[SettlementAudit(store, tx, places)]).checks
    assert check.name == "settlement"
    return check.says, check.wrong


def test_rows_are_held_against_the_journal(exchange: Exchange, tmp_path: Path) -> None:
    """What is right is found right; each damage is found."""
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        settle(exchange, store)
        says, wrong = looked_at(exchange, store)
        assert wrong == []
        assert int(says.split()[0]) > 10
        names = ("trades", "sides", "volumes", "postings", "progress", "cursors")
        kept = {}
        with store.read() as tx:
            for name in names:
                kept[name] = tx.execute(text(f"SELECT * FROM {name}")).mappings().all()  # noqa: S608
        for statements, want in DAMAGE.items():
            with store.begin() as tx:
                for statement in statements.split("; "):
                    tx.execute(text(statement))
            _, wrong = looked_at(exchange, store)
            assert any(want in sentence for sentence in wrong), (statements, wrong)
            with store.begin() as tx:
                for name, rows in kept.items():
                    tx.execute(text(f"DELETE FROM {name}"))  # noqa: S608
                    columns = list(rows[0])
                    values = ", ".join(f":{column}" for column in columns)
                    tx.execute(text(f"INSERT INTO {name} VALUES ({values})"), [dict(row) for row in rows])  # noqa: S608
        assert looked_at(exchange, store) == (says, [])


def test_journal_that_begins_with_a_snapshot_is_compared_from_there(memory: Path, tmp_path: Path) -> None:
    """Trades that waited there are posted behind it."""
    directory = DataDirectory(memory)
    directory.snapshots.mkdir()
    exchange = Exchange(memory, Writer(directory.journal, segment_bytes=(1 << 20) + (16 << 10)))
    with closing(exchange.writer), open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        exchange.writer.open_market()
        settle(exchange, store)
        fill_segment(exchange.writer)
        trade_for_days(exchange, 4, 3)
        waits = exchange.writer.sequence
        trade_for_days(exchange, 5, 1)
        exchange.publish()
        consume(exchange, store)
        posted(exchange, store, 5)
        whole, wrong = looked_at(exchange, store)
        assert wrong == []
        exchange.snapshot(waits)
        assert remove_segments_before(directory.journal, waits) > 0
        says, wrong = looked_at(exchange, store)
        assert wrong == []
        assert 0 < int(says.split()[0]) < int(whole.split()[0])


def test_posting_whose_answer_was_lost_is_noted_with_the_later_one(
    exchange: Exchange, tmp_path: Path
) -> None:
    """Trades that were posted once are asked for again, with others: that answer is the one that is noted."""
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        trade_for_days(exchange, 3, 5)
        exchange.publish()
        consume(exchange, store)
        with store.read() as tx:
            asked = select(TRADES.c.trade_id, TRADES.c.buyer_fee, TRADES.c.seller_fee)
            first = tx.execute(asked.where(TRADES.c.at_once == 0).order_by(TRADES.c.trade_id).limit(4)).all()
        post = exchange.writer.make.admin.post_trades
        exchange.writer.write(post(*zip(*first[:2], strict=True)), tenant=0)
        exchange.writer.write(post(*zip(*first[2:], strict=True)), tenant=0)
        posted(exchange, store, 6)
        assert looked_at(exchange, store)[1] == []
        with store.begin() as tx:
            tx.execute(text("UPDATE postings SET settled_at = settled_at - 1"))
        assert "when and by what trade" in looked_at(exchange, store)[1][0]


def test_what_is_told_is_held_against_the_rows(exchange: Exchange, tmp_path: Path) -> None:
    """A topic that was removed, or written anew from other rows; what waits in the outbox is told, too."""
    topic = TABLE.full_name("posttrade.settlement")
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        trade_for_days(exchange, 3, 5)
        exchange.publish()
        consume(exchange, store)
        posted(exchange, store, 3)
        assert looked_at(exchange, store)[1] == []  # nothing is published yet
        with store.begin() as tx:
            kept = tx.execute(text("SELECT * FROM outbox")).mappings().all()
            tx.execute(text("DELETE FROM outbox WHERE first_seq = (SELECT MAX(first_seq) FROM outbox)"))
        assert (
            f" to {kept[-1]['first_seq'] + kept[-1]['events'] - 1} are missing"
            in looked_at(exchange, store)[1][0]
        )
        with store.begin() as tx:
            tx.execute(insert(OUTBOX), [dict(kept[-1])])
        tell(exchange, store)
        assert looked_at(exchange, store)[1] == []
        whole = exchange.directory.log / topic
        whole.rename(exchange.root / "aside")
        assert "posttrade.settlement: events 1 to" in looked_at(exchange, store)[1][0]
        with store.begin() as tx:
            for row in kept:
                rows = decode_rows(row["payload"]).rows.copy()
                rows["buyer_fee"] += 1
                again = {"payload": encode_rows(EventList.SETTLEMENTS, rows, 0)}
                tx.execute(insert(OUTBOX), [{**row, **again}])
        tell(exchange, store)
        wrong = looked_at(exchange, store)[1]
        assert wrong[0] == "posttrade.settlement: events 1 to 3 are missing"
        assert "posttrade.settlement: trade 5 is told otherwise than its row is" in wrong
