"""A request: its records as they are sent, each time the same, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Generic, TypeVar, cast

import numpy as np

from cmatch.frames import COMMAND_DTYPES, REPORT_DTYPES, ReportList
from exchange.client.ids import is_id
from exchange.client.records import Layout, Records
from exchange.domain.enums import CommandList

T = TypeVar("T")
WordT = TypeVar("WordT", bound=IntEnum)

LAYOUTS: Final = {family: Layout(dtype) for family, dtype in COMMAND_DTYPES.items()}

# In which list the answers to each come.
_ANSWERED_IN: Final = {
    CommandList.ORDERS: ReportList.REPORTS,
    CommandList.LEDGER: ReportList.ANSWERS,
    CommandList.INSTRUMENTS: ReportList.ANSWERS,
    CommandList.ADMINISTRATION: ReportList.ANSWERS,
    CommandList.ORDER_QUERIES: ReportList.ORDER_STATES,
    CommandList.BALANCE_QUERIES: ReportList.BALANCE_STATES,
}
ANSWER_DTYPES: Final = {family: REPORT_DTYPES[kind] for family, kind in _ANSWERED_IN.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Request(Generic[T]):
    """What a client asks: commands of one family, or a question to the core. See `client.make`.

    Args:
        family: Of its records.
        rows: Its records, shape (n,), n >= 1. Never written to after it was made.
        read: Makes the answer of the answering records, one a record asked and in their order, and of the
            durability of each.
        done: Called with the answer before anybody else gets it; None where there is nothing to do.
    """

    family: CommandList
    rows: Records
    read: Callable[[Records, Sequence[int]], T]
    done: Callable[[T], None] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        ids = [text.decode("ascii") for text in correlations(self)[:3]]
        more = f" and {len(self) - 3} more" if len(self) > 3 else ""
        return f"{self.family!s} request {', '.join(ids)}{more}"

    @property
    def client_order_id(self) -> str:
        """Of its first record; empty where it has none."""
        if self.family is not CommandList.ORDERS:
            return ""
        row = self.rows[0]
        return cast("bytes", row["client_order_id_head"] + row["client_order_id_tail"]).decode("ascii")


def correlations(request: Request[Any]) -> list[bytes]:
    """What its answers will carry, one a record."""
    rows = request.rows
    if request.family is CommandList.ORDERS:
        heads: list[bytes] = rows["correlation_id_head"].tolist()
        tails: list[bytes] = rows["correlation_id_tail"].tolist()
        return [head + tail for head, tail in zip(heads, tails, strict=True)] if any(tails) else heads
    if request.family in (CommandList.ORDER_QUERIES, CommandList.BALANCE_QUERIES):
        return [b"#%d" % number for number in rows["request"].tolist()]
    return cast("list[bytes]", rows["correlation_id"].tolist())


def number_of(kind: type[WordT], value: WordT | int | str, name: str) -> int:
    """The wire's number of an enum's member, its number or its lower-case word.

    Raises:
        ValueError: The enum has no such word.
        TypeError: Neither a member nor a word nor a number.
    """
    if isinstance(value, str):
        member = kind.__members__.get(value.upper())
        if member is None or value != value.lower():
            words = ", ".join(repr(word.lower()) for word in kind.__members__)
            raise ValueError(f"{name} must be one of {words}, not {value!r}")
        return int(member)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a {kind.__name__} or its word, not {type(value).__name__}")
    try:
        return int(kind(value))
    except ValueError:
        raise ValueError(f"{name} must be a {kind.__name__}, which has no {value}") from None


def whole(name: str, value: int) -> int:
    """An int as it is.

    Raises:
        TypeError: A bool, a float, or anything else that is no int.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    return int(value)


def checked_id(name: str, text: str) -> str:
    """An id that a client chose, as it is.

    Raises:
        ValueError: Not 1 to 40 printable ASCII characters without a space.
    """
    if not is_id(text):
        raise ValueError(f"{name} must be 1 to 40 printable ASCII characters without a space, not {text!r}")
    return text
