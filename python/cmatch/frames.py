"""Hot frames: arrays of records to the bytes that client and core exchange, and back.

A frame holds records of one list. Its bytes are Cap'n Proto (`exchange/schema/v1`), its records lie in them
as in these dtypes, one a list: `COMMAND_DTYPES[CommandList.ORDERS]` is ORDER_COMMAND_DTYPE, and so on.
Importing this imports NumPy.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from cmatch import _core
from cmatch.enums import Word

Records: TypeAlias = npt.NDArray[np.void]

CLIENT_FRAME_BYTES: Final = _core.CLIENT_FRAME_BYTES
"""The most bytes of a frame between client and core."""
RECORD_BYTES: Final = _core.RECORD_BYTES
"""The most bytes of a frame that is the payload of a journal record."""
SCHEMA_VERSION: Final = _core.SCHEMA_VERSION
"""The major version, in every frame. It grows with what an older reader would misunderstand."""


class CommandList(Word):
    """The lists that a CommandFrame may hold; the first four and SHARD_EVENTS are journaled."""

    ORDERS = 1
    LEDGER = 2
    INSTRUMENTS = 3
    ADMINISTRATION = 4
    SESSIONS = 5
    ORDER_QUERIES = 6
    BALANCE_QUERIES = 7
    FOLLOW_REQUESTS = 8
    FOLLOW_ANSWERS = 9
    SHARD_EVENTS = 10
    VERDICTS = 11


class ReportList(Word):
    """The lists that a ReportFrame may hold."""

    REPORTS = 1
    ANSWERS = 2
    SESSIONS = 3
    ORDER_STATES = 4
    BALANCE_STATES = 5
    REFUSALS = 6


class FrameFault(Word):
    """What exactly is wrong with a frame that cannot be read; the reject code is the coarse word for it."""

    TOO_LARGE = 1
    LENGTH = 2
    """Not whole words, or too few for any frame."""
    SEGMENTS = 3
    """More than one segment, or its length is not the frame's."""
    FAR_POINTER = 4
    ROOT = 5
    """No struct that lies whole behind its pointer, with a pointer of its own."""
    VERSION = 6
    LIST_KIND = 7
    """The union is unset, or names a list that is not known here."""
    LIST = 8
    """Its pointer is no list of structs that lies whole behind the root."""
    ELEMENTS = 9
    """They have pointers, no words, do not fill their list, or are none."""
    TRAILING = 10
    """Something lies in the segment that nothing of ours points to."""
    COUNT = 11
    """The header counts other than the list."""

    @property
    def code(self) -> int:
        """The RejectCode that the sender of such a frame gets."""
        return {FrameFault.TOO_LARGE: 1002, FrameFault.VERSION: 1003}.get(self, 1001)


class BadFrame(ValueError):
    """Bytes that are no frame; `fault` says what exactly is wrong, `code` is its RejectCode."""

    def __init__(self, fault: FrameFault) -> None:
        super().__init__(f"the frame cannot be read: {fault}")
        self.fault = fault
        self.code = fault.code


class CommandHeader(NamedTuple):
    """What a CommandFrame says of itself; zero but in a journal record."""

    stream: int = 0
    epoch: int = 0
    first_seq: int = 0
    """Journal sequence of the first record."""
    ts_ns: int = 0
    """Journaled time of all, ns."""
    event_digest: int = 0
    """Over all events before this batch; 0: not said."""


class ReportHeader(NamedTuple):
    """What a ReportFrame says of itself."""

    durability: int = 0
    """What the answers in it have reached: 1 process, 2 disk, 3 replica."""
    epoch: int = 0
    sequence: int = 0
    """Of the journal, when this was sent."""
    durable_sequence: int = 0
    ts_ns: int = 0
    """Journaled time, ns."""


def _dtype(name: str) -> np.dtype[np.void]:
    size, fields = _core.FRAME_LAYOUTS[name]
    names, formats, offsets = zip(*fields, strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


ORDER_COMMAND_DTYPE = _dtype("ORDER_COMMAND")
LEDGER_COMMAND_DTYPE = _dtype("LEDGER_COMMAND")
INSTRUMENT_COMMAND_DTYPE = _dtype("INSTRUMENT_COMMAND")
ADMIN_COMMAND_DTYPE = _dtype("ADMIN_COMMAND")
SESSION_REQUEST_DTYPE = _dtype("SESSION_REQUEST")
ORDER_QUERY_DTYPE = _dtype("ORDER_QUERY")
BALANCE_QUERY_DTYPE = _dtype("BALANCE_QUERY")
FOLLOW_REQUEST_DTYPE = _dtype("FOLLOW_REQUEST")
FOLLOW_ANSWER_DTYPE = _dtype("FOLLOW_ANSWER")
SHARD_EVENT_DTYPE = _dtype("SHARD_EVENT")
VERDICT_DTYPE = _dtype("VERDICT")
EXECUTION_REPORT_DTYPE = _dtype("EXECUTION_REPORT")
ANSWER_DTYPE = _dtype("ANSWER")
SESSION_ANSWER_DTYPE = _dtype("SESSION_ANSWER")
ORDER_STATE_DTYPE = _dtype("ORDER_STATE")
BALANCE_STATE_DTYPE = _dtype("BALANCE_STATE")
REFUSAL_DTYPE = _dtype("REFUSAL")

COMMAND_DTYPES: Final = {
    CommandList.ORDERS: ORDER_COMMAND_DTYPE,
    CommandList.LEDGER: LEDGER_COMMAND_DTYPE,
    CommandList.INSTRUMENTS: INSTRUMENT_COMMAND_DTYPE,
    CommandList.ADMINISTRATION: ADMIN_COMMAND_DTYPE,
    CommandList.SESSIONS: SESSION_REQUEST_DTYPE,
    CommandList.ORDER_QUERIES: ORDER_QUERY_DTYPE,
    CommandList.BALANCE_QUERIES: BALANCE_QUERY_DTYPE,
    CommandList.FOLLOW_REQUESTS: FOLLOW_REQUEST_DTYPE,
    CommandList.FOLLOW_ANSWERS: FOLLOW_ANSWER_DTYPE,
    CommandList.SHARD_EVENTS: SHARD_EVENT_DTYPE,
    CommandList.VERDICTS: VERDICT_DTYPE,
}
REPORT_DTYPES: Final = {
    ReportList.REPORTS: EXECUTION_REPORT_DTYPE,
    ReportList.ANSWERS: ANSWER_DTYPE,
    ReportList.SESSIONS: SESSION_ANSWER_DTYPE,
    ReportList.ORDER_STATES: ORDER_STATE_DTYPE,
    ReportList.BALANCE_STATES: BALANCE_STATE_DTYPE,
    ReportList.REFUSALS: REFUSAL_DTYPE,
}


_NO_HEADER: Final = CommandHeader()
_COMMAND_LISTS: Final = {int(kind): kind for kind in CommandList}
_REPORT_LISTS: Final = {int(kind): kind for kind in ReportList}


def is_report_frame(frame: bytes) -> bool:
    """Whether a frame that came from the core holds reports, not commands of its journal.

    Reports have a durability, where such commands have stream 0.
    """
    return any(frame[18:20])


def encode_commands(
    kind: CommandList,
    records: Records,
    header: CommandHeader = CommandHeader(),  # noqa: B008 (a tuple)
    *,
    limit: int = CLIENT_FRAME_BYTES,
) -> bytes:
    """Make one frame of all the records.

    Args:
        kind: The list.
        records: Array of shape (n,) and dtype COMMAND_DTYPES[kind], n at least 1.
        header: Of a journal record; a client's is zero.
        limit: The most bytes of the frame.

    Raises:
        ValueError: No records, another shape, or more than one frame can hold.
        TypeError: Another dtype.
    """
    return _all_of(
        *_core.encode_command_frame(kind, _checked(COMMAND_DTYPES[kind], records), limit, *header), records
    )


def command_frames(
    kind: CommandList, records: Records, *, limit: int = CLIENT_FRAME_BYTES
) -> Iterator[bytes]:
    """Make as many frames as the records need, in order; as encode_commands()."""
    rows = _checked(COMMAND_DTYPES[kind], records)
    while len(rows):
        frame, count = _core.encode_command_frame(kind, rows, limit, *_NO_HEADER)
        if not count:
            raise ValueError(f"no record fits into {limit} bytes")
        yield frame
        if count == len(rows):
            return
        rows = rows[count:]


def encode_reports(
    kind: ReportList,
    records: Records,
    header: ReportHeader = ReportHeader(),  # noqa: B008 (a tuple)
    *,
    limit: int = CLIENT_FRAME_BYTES,
) -> bytes:
    """Make one frame of all the reports; as encode_commands(), with REPORT_DTYPES."""
    return _all_of(
        *_core.encode_report_frame(kind, _checked(REPORT_DTYPES[kind], records), limit, *header), records
    )


def decode_commands(
    data: bytes | bytearray | memoryview, *, limit: int = CLIENT_FRAME_BYTES
) -> tuple[CommandHeader, CommandList, Records]:
    """Read a frame of commands.

    Returns:
        Its header, its list, and a new array of shape (n,) and dtype COMMAND_DTYPES of that list. Nobody has
        looked at what the records say.

    Raises:
        BadFrame: The bytes are no frame of commands.
    """
    found = _core.decode_command_frame(data, limit)
    if isinstance(found, int):
        raise BadFrame(FrameFault(found))
    kind = _COMMAND_LISTS[found[0]]
    return CommandHeader(*found[2:]), kind, np.frombuffer(found[1], COMMAND_DTYPES[kind])


def decode_reports(
    data: bytes | bytearray | memoryview, *, limit: int = CLIENT_FRAME_BYTES
) -> tuple[ReportHeader, ReportList, Records]:
    """Read a frame of reports; as decode_commands(), with REPORT_DTYPES."""
    found = _core.decode_report_frame(data, limit)
    if isinstance(found, int):
        raise BadFrame(FrameFault(found))
    kind = _REPORT_LISTS[found[0]]
    return ReportHeader(*found[2:]), kind, np.frombuffer(found[1], REPORT_DTYPES[kind])


def text(records: Records, name: str) -> list[str]:
    """An ASCII field of every record, put together where it has two parts, as "client_order_id" has."""
    names = records.dtype.names or ()
    if name in names:
        return [part.decode("ascii", "backslashreplace") for part in records[name].tolist()]
    pairs = zip(records[f"{name}_head"].tolist(), records[f"{name}_tail"].tolist(), strict=True)
    return [(head + tail).decode("ascii", "backslashreplace") for head, tail in pairs]


def set_text(records: Records, name: str, values: list[str]) -> None:
    """Write an ASCII field of every record, in two parts where it has them.

    Raises:
        ValueError: Not ASCII, longer than the field, or not one value a record.
    """
    names = records.dtype.names or ()
    size = records.dtype[name].itemsize if name in names else 40
    try:
        encoded = [value.encode("ascii") for value in values]
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be ASCII") from None
    if len(encoded) != len(records):
        raise ValueError(f"{name} must have {len(records)} values, not {len(encoded)}")
    if any(len(value) > size for value in encoded):
        raise ValueError(f"{name} has at most {size} characters")
    if name in names:
        records[name] = encoded
        return
    head = records.dtype[f"{name}_head"].itemsize
    records[f"{name}_head"] = [value[:head] for value in encoded]
    records[f"{name}_tail"] = [value[head:] for value in encoded]


def _checked(dtype: np.dtype[np.void], records: Records) -> Records:
    if records.dtype is not dtype and records.dtype != dtype:
        raise TypeError(f"records have the wrong dtype: {records.dtype.names} instead of {dtype.names}")
    if records.ndim != 1:
        raise ValueError(f"records must have one dimension, not {records.ndim}")
    return np.ascontiguousarray(records)


def _all_of(frame: bytes, count: int, records: Records) -> bytes:
    if count != len(records):
        raise ValueError(f"one frame holds {count} of the {len(records)} records")
    if not count:
        raise ValueError("a frame has at least one record")
    return frame
