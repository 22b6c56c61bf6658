"""Numbers of the wire as members of its enums, a table each: a report has ten, and a table is no call.

Where a number stands for nothing, 0 is None. One that no table has raises WireError: the core is newer than
this client and says what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NoReturn, TypeVar

from exchange.domain.enums import (
    CancelReason,
    CommandList,
    Durability,
    ExecType,
    Liquidity,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.errors import WireError

WordT = TypeVar("WordT", bound=IntEnum)
MemberT = TypeVar("MemberT")


class Words(dict[int, MemberT]):
    """Those of one enum.

    Args:
        name: Of the enum.
        members: By number.
    """

    def __init__(self, name: str, members: Mapping[int, MemberT]) -> None:
        super().__init__(members)
        self._name = name

    def __missing__(self, number: int) -> NoReturn:
        raise WireError(f"the core sent {self._name} {number}, which this client does not know")


def _words(kind: type[WordT]) -> Words[WordT]:
    return Words(kind.__name__, {int(member): member for member in kind})


def _or_none(kind: type[WordT]) -> Words[WordT | None]:
    return Words(kind.__name__, {**_words(kind), 0: None})


EXEC_TYPES: Final = _words(ExecType)
STATUSES: Final = _words(OrderStatus)
FAMILIES: Final = _words(CommandList)
STATUSES_OR_NONE: Final = _or_none(OrderStatus)
SIDES: Final = _or_none(Side)
LIQUIDITIES: Final = _or_none(Liquidity)
CANCEL_REASONS: Final = _or_none(CancelReason)
ORDER_TYPES: Final = _or_none(OrderType)
TIMES_IN_FORCE: Final = _or_none(TimeInForce)
DURABILITIES: Final = _or_none(Durability)
