"""The tables that every service's store has beside its own: inbox, outbox, cursors, dead letters."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

from exchange.storage.sql.migrations import Migration

METADATA: Final = MetaData()


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=nullable)


# What was taken: one row an event, or a batch of a hot stream (tenant `*`, the id of its first event).
PROCESSED: Final = Table(
    "processed_events",
    METADATA,
    _text("tenant_id", key=True),
    _text("consumer_group", key=True),
    _text("event_id", key=True),
    _text("topic"),
    _number("last_seq"),
    _number("processed_at"),
)
# How far a group is in the gapless sequence of a stream: the key of a duplicate within a batch.
WATERMARKS: Final = Table(
    "watermarks",
    METADATA,
    _text("consumer_group", key=True),
    _text("topic", key=True),
    _number("stream", key=True),
    _number("last_seq"),
)
# The offset that a group reads next.
CURSORS: Final = Table(
    "cursors", METADATA, _text("consumer_group", key=True), _text("topic", key=True), _number("next_offset")
)
# The sequence that the next event of a topic gets.
OUTBOX_STREAMS: Final = Table("outbox_streams", METADATA, _text("topic", key=True), _number("next_seq"))
# Batches that the log may not have yet.
OUTBOX: Final = Table(
    "outbox",
    METADATA,
    _text("topic", key=True),
    _number("first_seq", key=True),
    _number("events"),
    _number("stream"),
    _number("ts_ns"),
    _text("entity_key"),
    Column("payload", LargeBinary, nullable=False),
)
DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    Column("letter", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    _text("consumer_group"),
    _text("topic"),
    _number("log_offset"),
    _number("stream"),
    _number("seq"),
    _text("tenant_id"),
    _text("event_id"),
    _text("event_type"),
    _text("entity_type"),
    _text("entity_id"),
    Column("envelope", LargeBinary, nullable=False),
    _text("reason"),
    _text("error"),
    _number("attempts"),
    _text("consumer_version"),
    _number("failed_at"),
    _text("status"),
)
# What was done about a letter: who, when, and why.
ACTIONS: Final = Table(
    "dead_letter_actions",
    METADATA,
    Column("action", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    _number("letter"),
    _text("what"),
    _text("who"),
    _text("reason"),
    _number("at"),
)

MIGRATIONS: Final = (
    Migration(
        1,
        "inbox, outbox, dead letters",
        (
            """CREATE TABLE processed_events (
                 tenant_id TEXT NOT NULL, consumer_group TEXT NOT NULL, event_id TEXT NOT NULL,
                 topic TEXT NOT NULL, last_seq BIGINT NOT NULL, processed_at BIGINT NOT NULL,
                 PRIMARY KEY (tenant_id, consumer_group, event_id))""",
            "CREATE INDEX processed_events_by_age ON processed_events (processed_at)",
            """CREATE TABLE watermarks (
                 consumer_group TEXT NOT NULL, topic TEXT NOT NULL, stream BIGINT NOT NULL,
                 last_seq BIGINT NOT NULL, PRIMARY KEY (consumer_group, topic, stream))""",
            """CREATE TABLE cursors (
                 consumer_group TEXT NOT NULL, topic TEXT NOT NULL, next_offset BIGINT NOT NULL,
                 PRIMARY KEY (consumer_group, topic))""",
            "CREATE TABLE outbox_streams (topic TEXT NOT NULL PRIMARY KEY, next_seq BIGINT NOT NULL)",
            """CREATE TABLE outbox (
                 topic TEXT NOT NULL, first_seq BIGINT NOT NULL, events BIGINT NOT NULL,
                 stream BIGINT NOT NULL, ts_ns BIGINT NOT NULL, entity_key TEXT NOT NULL,
                 payload {bytes} NOT NULL, PRIMARY KEY (topic, first_seq))""",
            """CREATE TABLE dead_letters (
                 letter {serial}, consumer_group TEXT NOT NULL, topic TEXT NOT NULL,
                 log_offset BIGINT NOT NULL, stream BIGINT NOT NULL, seq BIGINT NOT NULL,
                 tenant_id TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL,
                 entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, envelope {bytes} NOT NULL,
                 reason TEXT NOT NULL, error TEXT NOT NULL, attempts BIGINT NOT NULL,
                 consumer_version TEXT NOT NULL, failed_at BIGINT NOT NULL, status TEXT NOT NULL)""",
            """CREATE INDEX dead_letters_open ON dead_letters (consumer_group, letter)
                 WHERE status IN ('dead', 'behind', 'replay')""",
            """CREATE TABLE dead_letter_actions (
                 action {serial}, letter BIGINT NOT NULL REFERENCES dead_letters (letter),
                 what TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL)""",
            "CREATE INDEX dead_letter_actions_by_letter ON dead_letter_actions (letter)",
        ),
    ),
)
