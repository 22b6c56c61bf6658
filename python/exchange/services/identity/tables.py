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
    Column("user_id", Text, nullable=False),  # who made it for themselves; empty: an operator
)
USERS: Final = Table(
    "users",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tenant", BigInteger, nullable=False),
    Column("password", Text, nullable=False),  # of Argon2id, with its salt and parameters
    Column("roles", Text, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_ms", BigInteger),
    Column("reason", Text, nullable=False),
)
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("session_id", Text, primary_key=True),
    Column("token", Text, nullable=False),  # its SHA-256: 256 random bits need no slow hash
    Column("user_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("ended_ms", BigInteger),
    Column("reason", Text, nullable=False),
)
# Of those that count the newest signs; each is checked against.
SIGNING_KEYS: Final = Table(
    "signing_keys",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("private", LargeBinary, nullable=False),  # sealed
    Column("public", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
# Grows with every change, so that who keeps something in memory sees in one number whether to look.
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
    Migration(
        2,
        "users, sessions, keys that sign tokens",
        (
            "ALTER TABLE api_keys ADD COLUMN user_id TEXT NOT NULL DEFAULT ''",
            "CREATE INDEX api_keys_by_user ON api_keys (user_id)",
            """CREATE TABLE users (
                 user_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, tenant BIGINT NOT NULL,
                 password TEXT NOT NULL, roles TEXT NOT NULL, accounts TEXT NOT NULL,
                 created_ms BIGINT NOT NULL, disabled_ms BIGINT, reason TEXT NOT NULL)""",
            "CREATE INDEX users_by_tenant ON users (tenant, name)",
            """CREATE TABLE sessions (
                 session_id TEXT NOT NULL PRIMARY KEY, token TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL,
                 created_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL,
                 address TEXT NOT NULL, client TEXT NOT NULL, ended_ms BIGINT, reason TEXT NOT NULL)""",
            "CREATE INDEX sessions_by_user ON sessions (user_id, created_ms)",
            """CREATE TABLE signing_keys (
                 kid TEXT NOT NULL PRIMARY KEY, private {bytes} NOT NULL, public {bytes} NOT NULL,
                 created_ms BIGINT NOT NULL)""",
        ),
    ),
)
