"""`src/cmatch/io/wire_layout.hpp`: where everything in a hot frame lies, made from the compiled schemas."""

from collections.abc import Iterator, Mapping

from exchange.schema.description import (
    Comment,
    FieldDescription,
    FileDescription,
    StructDescription,
    snake,
    word_runs,
)

ROOTS = {"CommandFrame": "CommandHeader", "ReportFrame": "ReportHeader"}
LISTS = {"CommandFrame": "CommandList", "ReportFrame": "ReportList"}
_WIDTH = 110

_TOP = """\
// Made by `python -m exchange.schema.generate` from python/exchange/schema/v1: edit those, then run it.
// Where every field of a hot frame lies. Everything not said is zero, and so is every default.
// clang-format off
#pragma once

#include "cmatch/io/frame_header.hpp"
#include "cmatch/io/replication_records.hpp"
#include "cmatch/io/session_records.hpp"
#include "cmatch/io/stage_records.hpp"
#include "cmatch/io/wire_field.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

"""


def layout_header(files: tuple[FileDescription, ...], comments: Mapping[str, Comment]) -> str:
    """The header.

    Args:
        files: The schemas.
        comments: Of all files, by struct and field; ``[ASCII]`` is what tells text from numbers.

    Raises:
        ValueError: A struct of a hot frame has something that no record can have.
    """
    structs = {f"{file.domain}.{struct.name}": struct for file in files for struct in file.structs}
    text = _TOP
    records: list[tuple[str, FieldDescription, StructDescription]] = []
    for root, header in ROOTS.items():
        struct = structs[f"envelope.{root}"]
        lists = [field for field in struct.fields if field.type.startswith("List(")]
        records += [(root, field, structs[field.type[5:-1]]) for field in lists]
        members = ", ".join(f"{snake(field.name)} = {field.member}" for field in lists)
        text += f"enum class {LISTS[root]} : std::uint16_t {{ {members} }};\n"
        text += f"static_assert(sizeof({header}) == {struct.words * 8}"
        text += f" && offsetof({header}, list) == {struct.tags});\n"
        data = tuple(field for field in struct.fields if not field.is_pointer and field.bits)
        text += _fields(f"k{header}Fields", header, root, data, comments) + "\n"
    for root, field, struct in records:
        text += _record(root, field, struct, comments)
    text += "\n".join(_enums(files, [struct for _, _, struct in records]))
    return text + "\n\n} // namespace cmatch::io\n"


def _record(
    root: str, field: FieldDescription, struct: StructDescription, comments: Mapping[str, Comment]
) -> str:
    _check(struct)
    name = struct.name
    table = f"k{name}Fields"
    return (
        _fields(table, name, name, struct.fields, comments)
        + f"CM_WIRE_RECORD({name}, {ROOTS[root]}, {LISTS[root]}::{snake(field.name)}, {struct.words},"
        + f' "{snake(name).upper()}");\n\n'
    )


def _check(struct: StructDescription) -> None:
    if struct.pointers:
        raise ValueError(f"{struct.name} has pointers: a record is data alone")
    if struct.tags is not None or any("." in field.name for field in struct.fields):
        raise ValueError(f"{struct.name} has a union or group: a record has neither")
    if any(field.default for field in struct.fields):
        raise ValueError(f"{struct.name} has a default that is not zero")
    if any(field.bits % 8 or not field.bits for field in struct.fields):
        raise ValueError(f"{struct.name} has a field that is not whole bytes")
    end = 0
    for field in struct.fields:
        if field.offset != end:
            raise ValueError(
                f"{struct.name}.{field.name} lies at bit {field.offset}, not behind the one before"
            )
        end += field.bits
    if end != struct.words * 64:
        raise ValueError(f"{struct.name} ends with bits that no field names")


def _fields(
    table: str,
    record: str,
    scope: str,
    fields: tuple[FieldDescription, ...],
    comments: Mapping[str, Comment],
) -> str:
    entries = []
    for name, run in word_runs(fields):
        first = run[0]
        if comments[f"{scope}.{first.name}"].unit == "ASCII":
            kind = "S"
        else:
            kind = "i" if first.type.startswith("Int") else "u"
        size = sum(field.bits for field in run) // 8
        entries.append(f"CM_WIRE({record}, {snake(name)}, {first.offset // 8}, '{kind}', {size})")
    return f"inline constexpr WireField {table}[] = {{\n" + "\n".join(_wrapped(entries)) + "\n};\n"


def _wrapped(entries: list[str]) -> Iterator[str]:
    line = "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {entry},"
    yield line


def _enums(files: tuple[FileDescription, ...], structs: list[StructDescription]) -> Iterator[str]:
    """A check of each enum that a record has: its numbers are the schema's."""
    used = {field.type for struct in structs for field in struct.fields if field.type.startswith("enum ")}
    for file in files:
        for enum in file.enums:
            if f"enum {file.domain}.{enum.name}" in used:
                members = ", ".join(f"{enum.name}::{snake(member)}" for member in enum.members[1:])
                yield f"static_assert(numbered_from_one({members}));"
