"""Bytes to messages and back: the one module that knows pycapnp.

Hot frames (CommandFrame, ReportFrame) are read here for tools, tests and slow clients; the core and the SDK
read the same bytes with the compiled codec (`cmatch.frames`), with which this one must agree, refusals
included. Every other message is read by `decode_message`.

All is bounded before pycapnp sees it: size, segments, traversal, nesting. Enums are read as numbers, unions
by a guarded `which()`, and no reader of foreign bytes leaves this module or is ever printed.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import capnp

from exchange.domain import messages
from exchange.domain.messages import SCHEMA_VERSION, CommandFrame, ReportFrame
from exchange.errors import WireError
from exchange.schema import description
from exchange.schema.description import EnumDescription, FieldDescription, FileDescription, StructDescription
from exchange.schema.frame_shape import FRAME_BYTES_MAX, FrameError, check_frame

__all__ = [
    "FRAME_BYTES_MAX",
    "MESSAGE_BYTES_MAX",
    "FrameError",
    "decode_command_frame",
    "decode_list",
    "decode_message",
    "decode_report_frame",
    "describe",
    "encode_command_frame",
    "encode_list",
    "encode_message",
    "encode_report_frame",
]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a message that is no hot frame."""
_SEGMENTS_MAX: Final = 64
_NESTING_MAX: Final = 8

Message = TypeVar("Message")


# Schemas


@cache
def _schemas() -> dict[str, Any]:
    """Every struct of every file by its name; names are unique over all files."""
    return {
        nested.name: getattr(module, nested.name)
        for _, module in _compiled()[0]
        for nested in module.schema.node.nestedNodes
    }


@cache
def describe() -> tuple[FileDescription, ...]:
    """What the compiled schemas say, file by file."""
    files, names = _compiled()
    return tuple(
        FileDescription(
            domain=path.stem,
            path=str(path.relative_to(description.ROOT)),
            id=module.schema.node.id,
            structs=tuple(_describe_struct(part, names) for part in _parts(module, "struct")),
            enums=tuple(_describe_enum(part) for part in _parts(module, "enum")),
        )
        for path, module in files
    )


def describe_struct(name: str) -> StructDescription:
    """What the compiled schemas say of one struct; far quicker than all of them.

    Raises:
        KeyError: There is none of that name.
    """
    return _describe_struct(_schemas()[name].schema, _compiled()[1])


@cache
def _compiled() -> tuple[list[tuple[Path, Any]], dict[int, str]]:
    """The schemas by file, and the names of what is in them, by id."""
    files = [(path, capnp.load(str(path))) for path in description.paths()]
    names = {
        nested.id: f"{path.stem}.{nested.name}"
        for path, module in files
        for nested in module.schema.node.nestedNodes
    }
    return files, names


def _parts(module: Any, kind: str) -> list[Any]:
    found = [getattr(module, nested.name).schema for nested in module.schema.node.nestedNodes]
    return [part for part in found if str(part.node.which()) == kind]


def _describe_enum(schema: Any) -> EnumDescription:
    members = tuple(member.name for member in schema.node.enum.enumerants)
    return EnumDescription(_name(schema), schema.node.id, members)


def _describe_struct(schema: Any, names: Mapping[int, str]) -> StructDescription:
    struct = schema.node.struct
    fields = sorted(_describe_fields(schema, "", names), key=lambda field: field.ordinal)
    return StructDescription(
        name=_name(schema),
        id=schema.node.id,
        words=struct.dataWordCount,
        pointers=struct.pointerCount,
        tags=struct.discriminantOffset * 2 if struct.discriminantCount else None,
        fields=tuple(fields),
    )


def _describe_fields(schema: Any, prefix: str, names: Mapping[int, str]) -> list[FieldDescription]:
    found = []
    for name, field in schema.fields.items():
        proto = field.proto.to_dict()
        if "group" in proto:
            found += _describe_fields(field.schema, f"{prefix}{name}.", names)
            continue
        slot, member = proto["slot"], proto["discriminantValue"]
        kind = _type_name(slot["type"], names)
        bits = 16 if kind.startswith("enum ") else description.BITS.get(kind, 0)
        default = next(iter(slot["defaultValue"].values()))
        found.append(
            FieldDescription(
                name=prefix + name,
                ordinal=proto["ordinal"]["explicit"],
                type=kind,
                offset=slot["offset"] * (bits or 1),
                bits=bits,
                default=int(default) if isinstance(default, int) else 0,
                member=None if member == 0xFFFF else member,
            )
        )
    return found


def _type_name(kind: Mapping[str, Any], names: Mapping[int, str]) -> str:
    ((name, detail),) = kind.items()
    if name == "list":
        return f"List({_type_name(detail['elementType'], names).removeprefix('struct ')})"
    if name in {"struct", "enum"}:
        return f"{name} {names[detail['typeId']]}"
    return str(name).capitalize().replace("Uint", "UInt")


def _name(schema: Any) -> str:
    return str(schema.node.displayName).rsplit(":", 1)[1]


# How a field of a message lies in a struct. `read` takes a pycapnp reader, `write` a builder.


@dataclasses.dataclass(frozen=True, slots=True)
class _Slot:
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    message: Any
    schema: Any
    slots: Mapping[str, _Slot]

    def read(self, reader: Any) -> Any:
        return self.message(**{name: slot.read(reader) for name, slot in self.slots.items()})

    def write(self, builder: Any, message: Any) -> None:
        for name, slot in self.slots.items():
            slot.write(builder, getattr(message, name))


_plans: Final[dict[type[Any], _Plan]] = {}


def _plan(message: type[Any]) -> _Plan:
    if (plan := _plans.get(message)) is None:
        plan = _plans[message] = _make_plan(message)
    return plan


def _make_plan(message: type[Any]) -> _Plan:
    schema = _schemas()[message.__name__]
    hints = typing.get_type_hints(message)
    names = frozenset(schema.schema.fieldnames)
    return _Plan(message, schema, {name: _slot(message, names, name, hint) for name, hint in hints.items()})


def _slot(message: type[Any], names: frozenset[str], field: str, hint: Any) -> _Slot:
    name = description.camel(field)
    where = f"{message.__name__}.{field}"
    if name not in names:
        words = [
            f"{name}{part}{number}"
            for part in ("", "Head", "Tail")
            for number in range(8)
            if f"{name}{part}{number}" in names
        ]
        return _text_words(where, words) if hint is str else _number_words(where, words)
    optional = isinstance(hint, types.UnionType)
    kind = typing.get_args(hint)[0] if optional else hint
    if typing.get_origin(kind) is tuple:
        if typing.get_args(kind)[0] is str:
            return _texts_slot(where, name)
        return _list_slot(name, _plan(typing.get_args(kind)[0]))
    if dataclasses.is_dataclass(kind):
        return _struct_slot(name, _plan(typing.cast("type[Any]", kind)))
    if issubclass(kind, IntFlag):
        return _Slot(lambda reader: kind(getattr(reader, name)), _number_writer(where, name))
    if issubclass(kind, IntEnum):
        return _enum_slot(where, name, kind, optional=optional)
    if optional:
        return _optional_slot(where, name, message)
    if kind is str:
        return _text_slot(where, name)
    if kind is bytes:
        return _data_slot(where, name)
    if kind is bool:
        return _Slot(
            lambda reader: bool(getattr(reader, name)), lambda b, value: setattr(b, name, bool(value))
        )
    return _Slot(lambda reader: getattr(reader, name), _number_writer(where, name))


def _number_writer(where: str, name: str) -> Callable[[Any, Any], None]:
    def write(builder: Any, value: Any) -> None:
        _set(where, builder, name, _integer(where, value))

    return write


def _enum_slot(where: str, name: str, kind: type[IntEnum], *, optional: bool) -> _Slot:
    zero = 0 in {int(member) for member in kind}

    def read(reader: Any) -> IntEnum | None:
        value = getattr(reader, name)
        number = int(getattr(value, "raw", value))
        if number == 0 and optional and not zero:
            return None
        try:
            return kind(number)
        except ValueError:
            raise WireError(f"{where} is {number}, which is no {kind.__name__} that is known here") from None

    def write(builder: Any, value: Any) -> None:
        _set(where, builder, name, 0 if value is None and optional else int(kind(value)))

    return _Slot(read, write)


def _text_slot(where: str, name: str) -> _Slot:
    def read(reader: Any) -> str:
        try:
            return str(getattr(reader, name))
        except UnicodeDecodeError:
            raise WireError(f"{where} is no UTF-8") from None

    def write(builder: Any, value: Any) -> None:
        if not isinstance(value, str):
            raise WireError(f"{where} must be a text, not {type(value).__name__}")
        try:
            setattr(builder, name, value)
        except UnicodeEncodeError:
            raise WireError(f"{where} is no text that can be sent") from None

    return _Slot(read, write)


def _texts_slot(where: str, name: str) -> _Slot:
    def read(reader: Any) -> tuple[str, ...]:
        try:
            return tuple(str(text) for text in getattr(reader, name))
        except UnicodeDecodeError:
            raise WireError(f"{where} is no UTF-8") from None

    def write(builder: Any, value: Any) -> None:
        rows = builder.init(name, len(value))
        for at, text in enumerate(value):
            if not isinstance(text, str):
                raise WireError(f"{where} must have texts, not {type(text).__name__}")
            try:
                rows[at] = text
            except UnicodeEncodeError:
                raise WireError(f"{where} has a text that cannot be sent") from None

    return _Slot(read, write)


def _data_slot(where: str, name: str) -> _Slot:
    def write(builder: Any, value: Any) -> None:
        if not isinstance(value, bytes):
            raise WireError(f"{where} must be bytes, not {type(value).__name__}")
        setattr(builder, name, value)

    return _Slot(lambda reader: bytes(getattr(reader, name)), write)


def _text_words(where: str, words: list[str]) -> _Slot:
    """Printable ASCII, padded with zeros."""

    def read(reader: Any) -> str:
        text = b"".join(getattr(reader, word).to_bytes(8, "little") for word in words).rstrip(b"\0")
        if not all(0x21 <= byte <= 0x7E for byte in text):
            raise WireError(f"{where} is not printable ASCII without spaces, padded with zeros")
        return text.decode("ascii")

    def write(builder: Any, value: Any) -> None:
        size = 8 * len(words)
        if not isinstance(value, str) or len(value) > size:
            raise WireError(f"{where} must be a text of at most {size} characters")
        if not all("!" <= letter <= "~" for letter in value):
            raise WireError(f"{where} must be printable ASCII without spaces")
        text = value.encode("ascii").ljust(size, b"\0")
        for at, word in enumerate(words):
            setattr(builder, word, int.from_bytes(text[8 * at : 8 * at + 8], "little"))

    return _Slot(read, write)


def _number_words(where: str, words: list[str]) -> _Slot:
    """An unsigned number of 64 bits a word, the low word first."""
    if not words:
        raise WireError(f"no field of the schema is {where}")

    def read(reader: Any) -> int:
        return sum(int(getattr(reader, word)) << 64 * at for at, word in enumerate(words))

    def write(builder: Any, value: Any) -> None:
        number = _integer(where, value)
        if not 0 <= number < 1 << 64 * len(words):
            raise WireError(f"{where} must be from 0 to 2**{64 * len(words)} - 1")
        for at, word in enumerate(words):
            setattr(builder, word, number >> 64 * at & (1 << 64) - 1)

    return _Slot(read, write)


def _optional_slot(where: str, name: str, message: type[Any]) -> _Slot:
    """A union of `unset` and one number."""
    group = _schemas()[message.__name__].schema.fields[name].schema
    value_name = next(member for member in group.union_fields if member != "unset")

    def read(reader: Any) -> int | None:
        union = getattr(reader, name)
        kind = _which(where, union)
        return None if kind == "unset" else getattr(union, kind)

    def write(builder: Any, value: Any) -> None:
        if value is not None:
            _set(where, getattr(builder, name), value_name, _integer(where, value))

    return _Slot(read, write)


def _list_slot(name: str, plan: _Plan) -> _Slot:
    def read(reader: Any) -> tuple[Any, ...]:
        return tuple(plan.read(row) for row in getattr(reader, name))

    def write(builder: Any, value: Any) -> None:
        rows = builder.init(name, len(value))
        for at, row in enumerate(value):
            plan.write(rows[at], row)

    return _Slot(read, write)


def _struct_slot(name: str, plan: _Plan) -> _Slot:
    def read(reader: Any) -> Any:
        return plan.read(getattr(reader, name)) if reader._has(name) else None  # noqa: SLF001

    def write(builder: Any, value: Any) -> None:
        if value is not None:
            plan.write(builder.init(name), value)

    return _Slot(read, write)


def _which(where: str, reader: Any) -> str:
    try:
        return str(reader.which())
    except capnp.KjException:
        raise WireError(f"{where} is of a kind that is not known here") from None


def _integer(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError(f"{where} must be an int, not {type(value).__name__}")
    return int(value)


def _set(where: str, builder: Any, name: str, value: int) -> None:
    try:
        setattr(builder, name, value)
    except (capnp.KjException, OverflowError):
        raise WireError(f"{where} does not fit its field: {value}") from None


# Messages


def encode_message(message: object) -> bytes:
    """A message of an RPC as bytes.

    Raises:
        WireError: A value does not fit its field, or all of it is larger than MESSAGE_BYTES_MAX.
    """
    plan = _plan(type(message))
    builder = plan.schema.new_message()
    plan.write(builder, message)
    encoded: bytes = builder.to_bytes()
    if len(encoded) > MESSAGE_BYTES_MAX:
        raise WireError(f"the message has {len(encoded)} bytes, more than {MESSAGE_BYTES_MAX}")
    return encoded


def decode_message(kind: type[Message], data: bytes) -> Message:
    """The message of an RPC that these bytes are.

    Fields that a newer writer added are ignored.

    Raises:
        WireError: They are none, or say what is not known here.
    """
    plan = _plan(kind)
    _check_segments(data)
    try:
        with plan.schema.from_bytes(
            data, traversal_limit_in_words=2 * (len(data) // 8) + 64, nesting_limit=_NESTING_MAX
        ) as reader:
            return typing.cast("Message", plan.read(reader))
    except capnp.KjException:
        raise WireError(f"these bytes are no {kind.__name__}") from None


def encode_list(root: str, field: str, rows: Sequence[object], **head: int) -> bytes:
    """A message that is a list of others.

    Args:
        root: The struct that has the list.
        field: The list, as the schema names it.
        rows: Messages of one class, at least one.
        head: Numbers beside the list, as the schema names them.

    Raises:
        WireError: As encode_message().
    """
    plan = _plan(type(rows[0]))
    builder = _schemas()[root].new_message()
    for name, value in head.items():
        _set(f"{root}.{name}", builder, name, value)
    made = builder.init(field, len(rows))
    for at, row in enumerate(rows):
        plan.write(made[at], row)
    encoded: bytes = builder.to_bytes()
    if len(encoded) > MESSAGE_BYTES_MAX:
        raise WireError(f"the message has {len(encoded)} bytes, more than {MESSAGE_BYTES_MAX}")
    return encoded


def decode_list(root: str, field: str, kind: type[Message], data: bytes) -> tuple[Message, ...]:
    """The messages of such a list.

    Raises:
        WireError: As decode_message(); also where a union of the root has another member.
    """
    plan = _plan(kind)
    _check_segments(data)
    try:
        with _schemas()[root].from_bytes(
            data, traversal_limit_in_words=2 * (len(data) // 8) + 64, nesting_limit=_NESTING_MAX
        ) as reader:
            return tuple(plan.read(row) for row in getattr(reader, field))
    except capnp.KjException:
        raise WireError(f"these bytes are no {root} with {field}") from None


def _check_segments(data: bytes) -> None:
    """Few segments that together fill the message."""
    size = len(data)
    if size > MESSAGE_BYTES_MAX:
        raise WireError(f"the message has {size} bytes, more than {MESSAGE_BYTES_MAX}")
    if size < 16 or size % 8:
        raise WireError(f"the message has {size} bytes, which is no whole number of words")
    segments = int.from_bytes(data[:4], "little") + 1
    if segments > _SEGMENTS_MAX:
        raise WireError(f"the message has {segments} segments, more than {_SEGMENTS_MAX}")
    head = (4 + 4 * segments + 7) // 8 * 8
    lengths = (int.from_bytes(data[4 + 4 * at : 8 + 4 * at], "little") for at in range(segments))
    if head > size or head + 8 * sum(lengths) != size:
        raise WireError("the segments of the message are not as long as it says")


# Hot frames


def encode_command_frame(frame: CommandFrame, *, limit: int = FRAME_BYTES_MAX) -> bytes:
    """A frame of commands of one kind, unpacked, of one segment.

    Args:
        frame: What to send.
        limit: The most bytes that it may have.

    Raises:
        WireError: It is empty, mixes kinds, does not fit, or has a value that does not fit its field.
    """
    return _encode_frame(_COMMAND_FRAME, frame, limit)


def decode_command_frame(data: bytes, *, limit: int = FRAME_BYTES_MAX) -> CommandFrame:
    """The commands that these bytes are.

    Raises:
        FrameError: They are no frame; C++ finds the same fault.
        WireError: They are one that has a value which is not known here.
    """
    return typing.cast("CommandFrame", _decode_frame(_COMMAND_FRAME, data, limit))


def encode_report_frame(frame: ReportFrame, *, limit: int = FRAME_BYTES_MAX) -> bytes:
    """A frame of reports of one kind; as encode_command_frame()."""
    return _encode_frame(_REPORT_FRAME, frame, limit)


def decode_report_frame(data: bytes, *, limit: int = FRAME_BYTES_MAX) -> ReportFrame:
    """The reports that these bytes are; as decode_command_frame()."""
    return typing.cast("ReportFrame", _decode_frame(_REPORT_FRAME, data, limit))


@dataclasses.dataclass(frozen=True, slots=True)
class _FrameKind:
    """One of the two roots: its message, its lists by number, and what its header is called in the schema."""

    message: Any
    lists: Mapping[Any, Any]
    header: Mapping[str, str]

    @property
    def schema(self) -> Any:
        return _schemas()[self.message.__name__]


_COMMAND_FRAME: Final = _FrameKind(
    CommandFrame,
    messages.COMMANDS,
    {
        "stream": "stream",
        "epoch": "epoch",
        "first_seq": "firstSeq",
        "ts_ns": "tsNs",
        "event_digest": "eventDigest",
    },
)
_REPORT_FRAME: Final = _FrameKind(
    ReportFrame,
    messages.REPORTS,
    {
        "durability": "durability",
        "epoch": "epoch",
        "sequence": "sequence",
        "durable_sequence": "durableSequence",
        "ts_ns": "tsNs",
    },
)


def _encode_frame(kind: _FrameKind, frame: Any, limit: int) -> bytes:
    if not frame.records:
        raise WireError("a frame has at least one record")
    record = type(frame.records[0])
    if any(type(other) is not record for other in frame.records):
        raise WireError("a frame has records of one kind")
    number = next((number for number, known in kind.lists.items() if known is record), None)
    if number is None:
        raise WireError(f"a {kind.message.__name__} has no {record.__name__}")
    plan = _plan(record)
    root, row = kind.schema.schema.node.struct, plan.schema.schema.node.struct
    words = 2 + root.dataWordCount + root.pointerCount + row.dataWordCount * len(frame.records)
    if 8 + 8 * words > limit:
        raise WireError(f"the frame has {8 + 8 * words} bytes, more than {limit}")
    builder = kind.schema.new_message(num_first_segment_words=words)
    builder.schemaVersion = SCHEMA_VERSION
    builder.count = len(frame.records)
    for name, field in kind.header.items():
        value = getattr(frame, name)
        _set(f"{kind.message.__name__}.{name}", builder, field, 0 if value is None else int(value))
    rows = builder.init(description.camel(str(number)), len(frame.records))
    for at, message in enumerate(frame.records):
        plan.write(rows[at], message)
    encoded: bytes = builder.to_bytes()
    return encoded


def _decode_frame(kind: _FrameKind, data: bytes, limit: int) -> Any:
    number = check_frame(data, kind.lists, limit=limit)
    plan = _plan(kind.lists[number])
    try:
        with kind.schema.from_bytes(
            data, traversal_limit_in_words=2 * (len(data) // 8) + 64, nesting_limit=_NESTING_MAX
        ) as reader:
            rows = getattr(reader, description.camel(str(number)))
            header = {name: _header_value(reader, name, field) for name, field in kind.header.items()}
            return kind.message(records=tuple(plan.read(row) for row in rows), **header)
    except capnp.KjException:
        raise WireError(f"these bytes are no {kind.message.__name__}") from None


def _header_value(reader: Any, name: str, field: str) -> Any:
    if name == "durability":
        return _plan(messages.SessionAnswer).slots["durability"].read(reader)
    return getattr(reader, field)
