"""What a service remembers in SQL: SQLite by default, PostgreSQL by the same code."""

from exchange.storage.sql.kept import Kept
from exchange.storage.sql.migrations import Migration
from exchange.storage.sql.rows import RowInsert, ascii_texts, signed, unsigned
from exchange.storage.sql.store import Store, StoreUnavailable, Transaction, open_store

__all__ = [
    "Kept",
    "Migration",
    "RowInsert",
    "Store",
    "StoreUnavailable",
    "Transaction",
    "ascii_texts",
    "open_store",
    "signed",
    "unsigned",
]
