"""The records as NumPy dtypes, and arrays of commands. Importing this imports NumPy.

COMMAND_DTYPE       what goes into submit_batch(), 128 bytes a command
DEFINITION_DTYPE    the same record as a define_instrument sees it: ``commands.view(DEFINITION_DTYPE)``
EVENT_DTYPE         what comes out of submit_batch() and drain_events(), 128 bytes an event
LEVEL_DTYPE         a row of l2(); L3_DTYPE of l3(); TAPE_DTYPE of trades()
L2_DELTA_DTYPE      a row of drain_l2_deltas(); L3_DELTA_DTYPE of drain_l3_deltas()
BALANCE_DTYPE …     rows of a Venue's views, each named there; HISTORY_… of a Follower's

The records of hot frames are here by their names: ORDER_COMMAND is `cmatch.frames.ORDER_COMMAND_DTYPE`.

Every byte of a record belongs to a named field, in the byte order of the machine.
"""

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch import _core
from cmatch._core import LAYOUTS
from cmatch.enums import (
    BandMode,
    CommandField,
    CommandKind,
    DefinitionField,
    OrderFlag,
    OrderType,
    Peg,
    Phase,
    Side,
    StopWrongSide,
    StpMode,
    TimeInForce,
    TriggerSource,
)

Records = npt.NDArray[np.void]


def _dtype(name: str) -> np.dtype[np.void]:
    size, fields = LAYOUTS[name]
    names, formats, offsets = zip(*fields, strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


ADMIN_COMMAND: np.dtype[np.void]
ANSWER: np.dtype[np.void]
BALANCE_QUERY: np.dtype[np.void]
BALANCE_STATE: np.dtype[np.void]
EXECUTION_REPORT: np.dtype[np.void]
INSTRUMENT_COMMAND: np.dtype[np.void]
LEDGER_COMMAND: np.dtype[np.void]
ORDER_COMMAND: np.dtype[np.void]
ORDER_QUERY: np.dtype[np.void]
ORDER_STATE: np.dtype[np.void]
REFUSAL: np.dtype[np.void]
SESSION_ANSWER: np.dtype[np.void]
SESSION_REQUEST: np.dtype[np.void]
SHARD_EVENT: np.dtype[np.void]


def __getattr__(name: str) -> Any:
    record = name.removesuffix("_DTYPE")
    if record not in _core.FRAME_LAYOUTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cmatch import frames

    found = globals()[name] = getattr(frames, f"{record}_DTYPE")
    return found


COMMAND_DTYPE = _dtype("COMMAND")
DEFINITION_DTYPE = _dtype("DEFINITION")
EVENT_DTYPE = _dtype("EVENT")
TAPE_DTYPE = _dtype("TAPE")
LEVEL_DTYPE = _dtype("LEVEL")
L3_DTYPE = _dtype("L3")
L2_DELTA_DTYPE = _dtype("L2_DELTA")
L3_DELTA_DTYPE = _dtype("L3_DELTA")
BALANCE_DTYPE = _dtype("BALANCE")
HOLD_DTYPE = _dtype("HOLD")
ACCOUNT_DTYPE = _dtype("ACCOUNT")
ASSET_DTYPE = _dtype("ASSET")
VENUE_ORDER_DTYPE = _dtype("VENUE_ORDER")
POSITION_DTYPE = _dtype("POSITION")
LIMITS_DTYPE = _dtype("LIMITS")
SESSION_DTYPE = _dtype("SESSION")
SHARD_DTYPE = _dtype("SHARD")
VENUE_STATUS_DTYPE = _dtype("VENUE_STATUS")
HISTORY_ORDER_DTYPE = _dtype("HISTORY_ORDER")
HISTORY_FILL_DTYPE = _dtype("HISTORY_FILL")
HISTORY_TRADE_DTYPE = _dtype("HISTORY_TRADE")

_WORDS: dict[str, type[IntEnum] | type[IntFlag]] = {
    "kind": CommandKind,
    "side": Side,
    "type": OrderType,
    "time_in_force": TimeInForce,
    "flags": OrderFlag,
    "stp_mode": StpMode,
    "peg": Peg,
    "phase": Phase,
    "trigger_source": TriggerSource,
    "stop_wrong_side": StopWrongSide,
    "band_mode": BandMode,
}

# The bit of `present` that a field given by name sets, for the commands that look at it.
_OPTIONAL = {
    "price": CommandField.PRICE,
    "stop_price": CommandField.STOP_PRICE,
    "trail": CommandField.TRAIL,
    "peg": CommandField.PEG,
    "offset": CommandField.OFFSET,
    "display_qty": CommandField.DISPLAY_QTY,
    "min_qty": CommandField.MIN_QTY,
    "expire_at": CommandField.EXPIRE_AT,
    "stp_group": CommandField.STP_GROUP,
}
_SCOPE = {
    "instrument_id": CommandField.INSTRUMENT,
    "account": CommandField.ACCOUNT,
    "side": CommandField.SIDE,
}
_DEFINITION_OPTIONAL = {
    "collar": DefinitionField.COLLAR,
    "static_band": DefinitionField.STATIC_BAND,
    "dynamic_band": DefinitionField.DYNAMIC_BAND,
    "reference": DefinitionField.REFERENCE,
}
_DEFINITION_DEFAULTS: dict[str, Any] = {
    "kind": CommandKind.DEFINE_INSTRUMENT,
    "tick_step": 1,
    "lot_step": 1,
    "min_price": 1,
    "max_price": 10**9,
    "max_qty": 10**9,
    "max_notional": 2**63 - 1,
    "max_parts": 10_000,
    "max_pegs": 1024,
    "trigger_source": TriggerSource.LAST,
    "stop_wrong_side": StopWrongSide.REJECT,
    "band_mode": BandMode.REJECT,
    "phase": Phase.CONTINUOUS,
}


def commands(n: int, **fields: Any) -> Records:
    """Make n commands, by default good-till-cancel limit orders.

    Args:
        n: How many.
        **fields: Values by field name of COMMAND_DTYPE: an int or an array of n ints, for enums also a word
            or n of them. An optional field that is given here is marked in ``present``; one that is written
            later is not.

    Returns:
        Array of shape (n,) and dtype COMMAND_DTYPE; all else is zero.

    Raises:
        TypeError: No such field, or a value that is no int.
        ValueError: A word that the enum does not have, or a wrong shape.
        OverflowError: An int that does not fit its field.
    """
    rows = np.zeros(n, COMMAND_DTYPE)
    defaults = {"kind": CommandKind.NEW_ORDER, "type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
    _fill(rows, defaults | fields, "commands()")
    for name in fields.keys() & _OPTIONAL.keys():
        rows["present"] |= _OPTIONAL[name].value
    if "qty" in fields:
        rows["present"][rows["kind"] == CommandKind.REPLACE] |= CommandField.QTY.value
    for name in fields.keys() & _SCOPE.keys():
        rows["present"][rows["kind"] == CommandKind.MASS_CANCEL] |= _SCOPE[name].value
    return rows


def definitions(n: int, **fields: Any) -> Records:
    """Make n define_instrument commands with the defaults of Engine.define_instrument.

    Args:
        n: How many.
        **fields: Values by field name of DEFINITION_DTYPE, as in commands().

    Returns:
        Array of shape (n,) and dtype DEFINITION_DTYPE; ``.view(COMMAND_DTYPE)`` joins it with other commands.

    Raises:
        TypeError, ValueError, OverflowError: As commands().
    """
    rows = np.zeros(n, DEFINITION_DTYPE)
    _fill(rows, _DEFINITION_DEFAULTS | fields, "definitions()")
    for name in fields.keys() & _DEFINITION_OPTIONAL.keys():
        rows["present"] |= _DEFINITION_OPTIONAL[name].value
    return rows


def as_commands(commands: object) -> Records:
    """Convert what submit_batch() was given and is not yet an array of our dtype, or refuse it by name.

    Returns:
        Array of shape (n,) and dtype COMMAND_DTYPE or DEFINITION_DTYPE.

    Raises:
        TypeError: No array, or one with fields that are not ours.
        ValueError: More or fewer than one dimension.
    """
    expected = "an array of cmatch.COMMAND_DTYPE or cmatch.DEFINITION_DTYPE"
    if not isinstance(commands, np.ndarray):
        raise TypeError(f"commands must be {expected}, not {type(commands).__name__}")
    if isinstance(commands, np.ma.MaskedArray):
        raise TypeError(f"commands must be {expected}, not a masked array: select the rows that count first")
    if commands.dtype.names is None:
        raise TypeError(f"commands must be {expected}, not of dtype {commands.dtype}")
    if commands.ndim != 1:
        raise ValueError(f"commands must have one dimension, not {commands.ndim}")
    ours = DEFINITION_DTYPE if "tick_step" in commands.dtype.names else COMMAND_DTYPE
    _check_fields(commands.dtype, ours)
    if commands.dtype == ours:
        return np.asarray(commands)
    rows = np.zeros(len(commands), ours)
    for name in commands.dtype.names:
        rows[name] = commands[name]
    return rows


def _check_fields(dtype: np.dtype[np.void], ours: np.dtype[np.void]) -> None:
    kind = "DEFINITION_DTYPE" if ours is DEFINITION_DTYPE else "COMMAND_DTYPE"
    given, known = dtype.names or (), ours.names or ()
    for name in given:
        if name not in known:
            raise TypeError(f"commands has a field {name!r} that cmatch.{kind} does not have")
        field, wanted = dtype[name], ours[name]
        fits = field.base.kind in "iu" and field.shape == wanted.shape and np.can_cast(field, wanted, "safe")
        if not fits:
            raise TypeError(f"field {name!r} of commands must be {wanted}, not {field}")
    for name in known:
        if name not in given and not name.startswith("reserved"):
            raise TypeError(f"commands lacks the field {name!r} of cmatch.{kind}")


def _fill(rows: Records, fields: dict[str, Any], caller: str) -> None:
    for name, value in fields.items():
        if name not in (rows.dtype.names or ()) or name == "present" or name.startswith("reserved"):
            raise TypeError(f"{caller} has no field {name!r}")
        values = _integers(name, value)
        limits = np.iinfo(rows.dtype[name])
        if values.size and (int(values.min()) < limits.min or int(values.max()) > limits.max):
            raise OverflowError(f"{name} does not fit {rows.dtype[name]}")
        rows[name] = values


def _integers(name: str, value: Any) -> npt.NDArray[Any]:
    words = _WORDS.get(name)
    values = np.asarray(value)
    if words is not None and values.dtype.kind == "U":
        by_name = {word.lower(): int(member) for word, member in words.__members__.items()}
        unknown = sorted(set(values.ravel().tolist()) - by_name.keys())
        if unknown:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, by_name))}, not {unknown[0]!r}")
        values = np.array([by_name[word] for word in values.ravel().tolist()]).reshape(values.shape)
    if values.dtype.kind == "O" and all(type(item) is int for item in values.ravel()):
        raise OverflowError(f"{name} does not fit an integer of 64 bits")
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} must be ints, not {values.dtype}")
    return values
