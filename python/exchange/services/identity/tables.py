"""The tables of identity. Times are Unix time in ms."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

from exchange.storage.sql import Migration

METADATA: Final = MetaData()

# Lists are words with a space between them. `verifier` is a sealed secret, or a public half.
API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tenant", BigInteger, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("addresses", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("replaced_by", Text, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("reason", Text, nullable=False),
    Column("used_ms", BigInteger),
)
# Grows with every change of a key, so that who keeps them in memory sees in one number whether to look.
REVISION: Final = Table(
    "revision", METADATA, Column("one", BigInteger, primary_key=True), Column("number", BigInteger)
)

MIGRATIONS: Final = (
    Migration(
        1,
        "API keys",
        (
            """CREATE TABLE api_keys (
                 key_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, tenant BIGINT NOT NULL,
                 algorithm TEXT NOT NULL, verifier {bytes} NOT NULL, scopes TEXT NOT NULL,
                 accounts TEXT NOT NULL, addresses TEXT NOT NULL, created_ms BIGINT NOT NULL,
                 expires_ms BIGINT, replaced_by TEXT NOT NULL, revoked_ms BIGINT, reason TEXT NOT NULL,
                 used_ms BIGINT)""",
            "CREATE INDEX api_keys_by_name ON api_keys (tenant, name)",
            "CREATE TABLE revision (one BIGINT NOT NULL PRIMARY KEY, number BIGINT NOT NULL)",
            "INSERT INTO revision VALUES (1, 0)",
        ),
    ),
)
