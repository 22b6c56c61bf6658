"""Rows written as tuples: they go to the driver as they are.

SQLAlchemy takes three times as long to look at a row as it takes SQLite to write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table

from exchange.storage.sql.store import Transaction

_PLACEHOLDERS: Final = (("qmark", "?"), ("pyformat", "%s"))


class RowInsert:
    """A statement that inserts rows of a table.

    Args:
        into: The table; rows have its columns, in their order.
        more: What follows the values: what to do where a row is there.
    """

    def __init__(self, into: Table, more: str = "") -> None:
        names = ", ".join(column.name for column in into.columns)
        self._by_style = {
            style: f"INSERT INTO {into.name} ({names}) VALUES ({', '.join([mark] * len(into.columns))}){more}"  # noqa: S608
            for style, mark in _PLACEHOLDERS
        }

    def run(self, tx: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows; of none nothing is asked."""
        if rows:
            tx.exec_driver_sql(self._by_style[tx.dialect.paramstyle], rows)


def ascii_texts(values: Sequence[bytes]) -> list[str]:
    """Texts as a database takes them: what is no ASCII, or 0, is replaced."""
    found = b"\0".join(values).decode("ascii", "replace").split("\0")
    if len(found) == len(values):
        return found
    return [value.decode("ascii", "replace").replace("\0", "\ufffd") for value in values]


def signed(number: int) -> int:
    """A number of 64 bits as a column has it, whose own numbers have a sign."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """What such a column stands for."""
    return number & ((1 << 64) - 1)
