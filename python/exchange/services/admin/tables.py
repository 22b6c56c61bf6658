"""The tables of administration. Texts of `before`, `afterwards` and `body` are JSON; times are ns."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from exchange.storage.sql import Migration

METADATA: Final = MetaData()


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


# A change, or what was refused, by the id of its event.
CHANGES: Final = Table(
    "changes",
    METADATA,
    _text("change_id", key=True),
    _number("changed_at"),
    _text("change"),
    _text("entity_type"),
    _text("entity_id"),
    _text("who"),
    _text("why"),
    _text("before"),
    _text("afterwards"),
    _number("reject"),
    _number("sequence"),
    _number("version"),
    _text("correlation_id"),
)
# What each thing is now, and since which version.
ENTITIES: Final = Table(
    "entities",
    METADATA,
    _text("entity_type", key=True),
    _text("entity_id", key=True),
    _number("version"),
    _text("body"),
)
# Why the commands of a correlation id are sent.
REASONS: Final = Table("reasons", METADATA, _text("correlation_id", key=True), _text("reason"))
# One row: the journal's sequence of the last change that was taken.
PROGRESS: Final = Table("progress", METADATA, _number("sequence"))

MIGRATIONS: Final = (
    Migration(
        1,
        "changes and what they lead to",
        (
            """CREATE TABLE changes (
                 change_id TEXT PRIMARY KEY NOT NULL, changed_at BIGINT NOT NULL, change TEXT NOT NULL,
                 entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
                 before TEXT NOT NULL, afterwards TEXT NOT NULL, reject BIGINT NOT NULL,
                 sequence BIGINT NOT NULL, version BIGINT NOT NULL, correlation_id TEXT NOT NULL)""",
            "CREATE INDEX changes_by_entity ON changes (entity_type, entity_id, change_id)",
            "CREATE INDEX changes_by_who ON changes (who, change_id)",
            "CREATE INDEX changes_by_sequence ON changes (sequence)",
            "CREATE INDEX changes_by_correlation ON changes (correlation_id)",
            "CREATE INDEX changes_by_time ON changes (changed_at, change_id)",
            """CREATE TABLE entities (
                 entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, version BIGINT NOT NULL,
                 body TEXT NOT NULL, PRIMARY KEY (entity_type, entity_id))""",
            "CREATE TABLE reasons (correlation_id TEXT PRIMARY KEY NOT NULL, reason TEXT NOT NULL)",
            "CREATE TABLE progress (sequence BIGINT NOT NULL)",
            "INSERT INTO progress VALUES (0)",
        ),
    ),
)
