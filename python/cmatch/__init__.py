"""A deterministic price-time matching engine in C++ for any Python program.

>>> import cmatch
>>> engine = cmatch.Engine()
>>> engine.define_instrument(1)
Result(order_id=None, status=OrderStatus.ACCEPTED, reason=None, filled=0, remaining=0, trades=(), sequence=1)
>>> ask = engine.submit(1, "sell", 10, 101, account=7)
>>> engine.submit(1, "buy", 4, 101, account=8).filled
4
>>> engine.book(1).best
TopOfBook(bid_price=None, bid_qty=0, ask_price=101, ask_qty=6)

NumPy is imported when an array is first asked for.
"""

from typing import TYPE_CHECKING, Any

from cmatch._core import Result, TopOfBook, Trade, __version__
from cmatch.book import Book
from cmatch.decimals import Scale
from cmatch.engine import Engine
from cmatch.enums import (
    BandMode,
    CancelReason,
    CommandField,
    CommandKind,
    DefinitionField,
    EventField,
    EventKind,
    L3Action,
    OrderFlag,
    OrderPlace,
    OrderStatus,
    OrderType,
    Peg,
    Phase,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
)
from cmatch.errors import BadDecimal, EngineBusy, InvariantViolation, SnapshotError, UnknownInstrument
from cmatch.mirror import BookMirror
from cmatch.rejects import RejectCode
from cmatch.views import Indicative, Instrument, Order, QueuePosition

if TYPE_CHECKING:
    from cmatch.arrays import (
        COMMAND_DTYPE,
        DEFINITION_DTYPE,
        EVENT_DTYPE,
        L2_DELTA_DTYPE,
        L3_DELTA_DTYPE,
        L3_DTYPE,
        LEVEL_DTYPE,
        TAPE_DTYPE,
        commands,
        definitions,
    )

__all__ = [
    "COMMAND_DTYPE",
    "DEFINITION_DTYPE",
    "EVENT_DTYPE",
    "L2_DELTA_DTYPE",
    "L3_DELTA_DTYPE",
    "L3_DTYPE",
    "LEVEL_DTYPE",
    "TAPE_DTYPE",
    "BadDecimal",
    "BandMode",
    "Book",
    "BookMirror",
    "CancelReason",
    "CommandField",
    "CommandKind",
    "DefinitionField",
    "Engine",
    "EngineBusy",
    "EventField",
    "EventKind",
    "Indicative",
    "Instrument",
    "InvariantViolation",
    "L3Action",
    "Order",
    "OrderFlag",
    "OrderPlace",
    "OrderStatus",
    "OrderType",
    "Peg",
    "Phase",
    "QueuePosition",
    "RejectCode",
    "Result",
    "Scale",
    "Side",
    "SnapshotError",
    "StopWrongSide",
    "StpMode",
    "TimeInForce",
    "TopOfBook",
    "Trade",
    "TriggerSource",
    "UnknownInstrument",
    "__version__",
    "commands",
    "definitions",
]

_OF_ARRAYS = frozenset({name for name in __all__ if name.endswith("_DTYPE")} | {"commands", "definitions"})


def __getattr__(name: str) -> Any:
    """Import NumPy, and what is made of it, at the first use."""
    if name not in _OF_ARRAYS:
        raise AttributeError(f"module 'cmatch' has no attribute {name!r}")
    from cmatch import arrays

    globals().update({each: getattr(arrays, each) for each in _OF_ARRAYS})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
