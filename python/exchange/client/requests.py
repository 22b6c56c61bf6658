"""A request: its records as they are sent, each time the same, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Generic, TypeVar

import numpy as np

from cmatch.frames import COMMAND_DTYPES, ReportList
from exchange.client.ids import is_id
from exchange.client.records import Layout, Records
from exchange.domain.enums import CommandList

T = TypeVar("T")
WordT = TypeVar("WordT", bound=IntEnum)

LAYOUTS: Final = {family: Layout(dtype) for family, dtype in COMMAND_DTYPES.items()}

# In which list the answers to each come.
ANSWERED_IN: Final = {
    CommandList.ORDERS: ReportList.REPORTS,
    CommandList.LEDGER: ReportList.ANSWERS,
    CommandList.INSTRUMENTS: ReportList.ANSWERS,
    CommandList.ADMINISTRATION: ReportList.ANSWERS,
    CommandList.ORDER_QUERIES: ReportList.ORDER_STATES,
    CommandList.BALANCE_QUERIES: ReportList.BALANCE_STATES,
}


@dataclass(frozen=True, slots=True, eq=False)
class Request(Generic[T]):
    """What a client asks: commands of one family, or a question to the core. See `client.make`.

    Args:
        family: Of its records.
        rows: Its records, shape (n,), n >= 1. Never written to after it was made.
        read: Makes the answer of the answering records, one a record asked and in their order, and of the
            durability of each.
        keys: By which each record's answer is known: its correlation id, or the number of a question.
        ids: The client order id of each record about orders; empty for others.
        kinds: The action of each record about orders; empty for others.
        accounts: The account of each record about orders; empty for others.
        done: Called with the answer before anybody else gets it; None where there is nothing to do.
    """

    family: CommandList
    rows: Records
    read: Callable[[Records, Sequence[int]], T]
    keys: list[bytes] = field(repr=False)
    ids: list[bytes] = field(default_factory=list, repr=False)
    kinds: list[int] = field(default_factory=list, repr=False)
    accounts: list[int] = field(default_factory=list, repr=False)
    done: Callable[[T], None] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __str__(self) -> str:
        ids = [text.decode("ascii") for text in (self.ids or self.keys)[:3]]
        more = f" and {len(self) - 3} more" if len(self) > 3 else ""
        return f"{self.family!s} request {', '.join(ids)}{more}"

    @property
    def client_order_id(self) -> str:
        """Of its first record; empty where it has none."""
        return self.ids[0].decode("ascii") if self.ids else ""

    @property
    def correlation_id(self) -> str:
        """Of its first record, where that is a command."""
        return self.keys[0].decode("ascii")


# With the type of what was given, as True is equal to 1 and is no word.
_NUMBERS: dict[tuple[type[IntEnum], type, int | str], int] = {}


def number_of(kind: type[WordT], value: WordT | int | str, name: str) -> int:
    """The wire's number of an enum's member, its number or its lower-case word.

    Raises:
        ValueError: The enum has no such word.
        TypeError: Neither a member nor a word nor a number.
    """
    number = _NUMBERS.get((kind, value.__class__, value))
    if number is None:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise TypeError(f"{name} must be a {kind.__name__} or its word, not {type(value).__name__}")
        number = _NUMBERS[kind, value.__class__, value] = _number_of(kind, value, name)
    return number


def _number_of(kind: type[WordT], value: int | str, name: str) -> int:
    if isinstance(value, int):
        try:
            return int(kind(value))
        except ValueError:
            raise ValueError(f"{name} must be a {kind.__name__}, which has no {value}") from None
    member = kind.__members__.get(value.upper())
    if member is None or value != value.lower():
        words = ", ".join(repr(word.lower()) for word in kind.__members__)
        raise ValueError(f"{name} must be one of {words}, not {value!r}")
    return int(member)


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
