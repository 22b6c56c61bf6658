"""Random frames, damaged ones and noise: whatever they are, the two readers of hot frames must agree."""

import random
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

from cmatch import frames
from cmatch.frames import BadFrame, CommandList, FrameFault, Records
from exchange.domain import messages
from exchange.errors import WireError
from exchange.schema import codec
from exchange.schema.description import snake
from exchange.schema.frame_shape import FrameError
from tests.wire import oracle
from tests.wire.oracle import LISTS, List

Verdict = FrameFault | str


def made_frames(source: random.Random) -> Iterator[bytes]:
    """Frames without end: some as they should be, the others hurt in a few places, or noise."""
    while True:
        frame = bytearray(_frame(source))
        for _ in range(source.choice((0, 1, 1, 2, 5))):
            _hurt(frame, source)
        if source.random() < 0.7:
            _mend(frame)
        if source.random() < 0.02:
            frame = bytearray(source.randbytes(source.randrange(200)))
        yield bytes(frame)


def _frame(source: random.Random) -> bytes:
    kind = source.choice(LISTS)
    ours = oracle.record_of(kind).words
    count, size = source.choice((0, 1, 1, 1, 2, 2, 5)), source.choice((ours, 1, 3, ours - 1, ours + 2))
    root, pointers = source.choice((2, 2, 5, 6, 8)), source.choice((1, 1, 1, 2))
    head = [
        1 | source.choice((0, count)) << 32,
        int(kind),
        *(source.getrandbits(64) for _ in range(root - 2)),
    ]
    tail = [(pointers - 1) << 2 | 1 | 7 << 32 | count * size << 35, *[0] * (pointers - 1)]
    body = [_word(source) for _ in range(count * size)]
    if source.random() < 0.8:
        body[::size] = [_sane(kind)] * count
    words = [pointers << 48 | root << 32, *head, *tail, size << 32 | count << 2, *body]
    return struct.pack(f"<{len(words) + 1}Q", len(words) << 32, *words)


def _sane(kind: List) -> int:
    """The first word of a record, with a known kind: so that what follows it is looked at, too."""
    return 1 if kind in {CommandList.ORDERS, CommandList.SESSIONS} else 0x0001_0001


def _word(source: random.Random) -> int:
    return source.choice((0, 0, 0, 1, source.getrandbits(16), source.getrandbits(64)))


def _mend(frame: bytearray) -> None:
    """Makes it one segment of its own length again, so that the other faults are met, too."""
    del frame[len(frame) // 8 * 8 :]
    frame[0:8] = (max(len(frame) // 8 - 1, 0) << 32).to_bytes(8, "little")


def _hurt(frame: bytearray, source: random.Random) -> None:
    """One of: a bit, a byte, a word of the shape, a piece cut out or doubled, a ragged end."""
    if len(frame) < 16:
        return
    how = source.randrange(6)
    at = source.randrange(len(frame))
    if how == 0:
        frame[at] ^= 1 << source.randrange(8)
    elif how == 1:
        frame[at] = source.randrange(256)
    elif how == 2:
        word = source.randrange(min(12, len(frame) // 8)) * 8
        value = source.choice((0, 1, 2, 3, (1 << 64) - 1, 1 << 63, source.getrandbits(64), FAR, EMPTY))
        frame[word : word + 8] = value.to_bytes(8, "little")
    elif how == 3:
        del frame[at : at + source.choice((1, 8, 16))]
    elif how == 4:
        frame[at:at] = frame[at : at + 8]
    else:
        words = len(frame) // 8 + source.choice((-1, 0, 1)) - 1
        frame[0:8] = (max(words, 0) << 32).to_bytes(8, "little")


FAR = 2 | 1 << 35
EMPTY = 0x3FFFFFFF << 2


def verdict(frame: bytes, *, of_reports: bool) -> Verdict:
    """What both readers say of a frame.

    Returns:
        The fault for which both refuse it; "read" where both read the same; "value" where it is a frame, but
        has a value that codec.py does not know.

    Raises:
        AssertionError: They differ, or what they read cannot be written and read again.
    """
    fault = _compiled_fault(frame, of_reports=of_reports)
    if fault is not None:
        assert _fault_of(frame, of_reports=of_reports) == fault, frame.hex()
        return fault
    header, kind, records = frames.decode_reports(frame) if of_reports else frames.decode_commands(frame)
    decode: Any = codec.decode_report_frame if of_reports else codec.decode_command_frame
    encode: Any = codec.encode_report_frame if of_reports else codec.encode_command_frame
    try:
        read = decode(frame)
    except FrameError as error:
        raise AssertionError(f"codec.py alone refuses {frame.hex()}: {error}") from error
    except WireError:
        assert _odd(records) or getattr(header, "durability", 0) > 3, frame.hex()
        return "value"
    assert len(read.records) == len(records), frame.hex()
    again = encode(read, limit=1 << 20)
    found: Any = (
        frames.decode_reports(again, limit=1 << 20)
        if of_reports
        else frames.decode_commands(again, limit=1 << 20)
    )
    assert found[0] == header, frame.hex()
    assert found[1] == kind, frame.hex()
    assert _without_padding(found[2]) == _without_padding(records), frame.hex()
    return "read"


def _compiled_fault(frame: bytes, *, of_reports: bool) -> FrameFault | None:
    try:
        frames.decode_reports(frame) if of_reports else frames.decode_commands(frame)
    except BadFrame as bad:
        return bad.fault
    return None


def _fault_of(frame: bytes, *, of_reports: bool) -> FrameFault:
    try:
        codec.decode_report_frame(frame) if of_reports else codec.decode_command_frame(frame)
    except FrameError as error:
        return error.fault
    raise AssertionError(f"the compiled codec alone refuses {frame.hex()}")


def _odd(records: Records) -> bool:
    """Whether some record has an enum or a text that nobody knows."""
    kind = next(kind for kind in LISTS if oracle.DTYPES[type(kind), int(kind)] == records.dtype)
    enums = _enum_sizes()
    for field in oracle.record_of(kind).fields:
        if field.type.startswith("enum "):
            values = records[snake(field.name)]
            required = field.name in {"kind", "execType"}
            if (values >= enums[field.type.rsplit(".", 1)[1]]).any() or (required and (values == 0).any()):
                return True
    names = records.dtype.names or ()
    if "family" in names and ((records["family"] == 0) | (records["family"] > 7)).any():
        return True
    reasons = {0, *range(1, 12), *range(101, 105)}
    if "cancel_reason" in names and not set(records["cancel_reason"].tolist()) <= reasons:
        return True
    texts = [name for name in names if records.dtype[name].kind == "S"]
    return any(_bad_text(part) for name in texts for part in _parts(records, name, names))


@cache
def _enum_sizes() -> dict[str, int]:
    return {enum.name: len(enum.members) for file in codec.describe() for enum in file.enums}


def _parts(records: Records, name: str, names: tuple[str, ...]) -> list[bytes]:
    if name.endswith("_tail"):
        return []
    raw = [bytes(record[name].ljust(records.dtype[name].itemsize, b"\0")) for record in records]
    if not name.endswith("_head"):
        return raw
    tail = name.removesuffix("_head") + "_tail"
    assert tail in names
    return [head + bytes(record[tail]) for head, record in zip(raw, records, strict=True)]


def _bad_text(text: bytes) -> bool:
    return any(not 0x21 <= byte <= 0x7E for byte in text.rstrip(b"\0"))


def _without_padding(records: Records) -> list[bytes]:
    """Every field that means something, column by column; codec.py neither reads nor writes padding."""
    names = records.dtype.names or ()
    kind = next(kind for kind in LISTS if oracle.DTYPES[type(kind), int(kind)] == records.dtype)
    known = messages.COMMANDS if isinstance(kind, CommandList) else messages.REPORTS
    own = known[kind].__slots__  # type: ignore[index]
    padding = {"reserved", "reserved0", "reserved1", "padding"} - set(own)
    return [records[name].tobytes() for name in names if name not in padding]
