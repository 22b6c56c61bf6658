"""What the schemas say, as plain data: what the generator, the lock and the reference page are made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent / "v1"

BITS: Final = {
    "Void": 0,
    "Bool": 1,
    "Int8": 8,
    "UInt8": 8,
    "Int16": 16,
    "UInt16": 16,
    "Int32": 32,
    "UInt32": 32,
    "Int64": 64,
    "UInt64": 64,
}


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """A field of a struct; one of a group is named ``group.field``.

    `type` is Cap'n Proto's own name, ``enum domain.Name`` or ``struct domain.Name``, or ``List(...)`` of one.
    `offset` counts bits from the start of the data section, or pointers in the pointer section. `member` is
    the discriminant of a member of a union.
    """

    name: str
    ordinal: int
    type: str
    offset: int
    bits: int
    default: int
    member: int | None

    @property
    def is_pointer(self) -> bool:
        """Whether it lies in the pointer section."""
        return self.type in {"Text", "Data"} or self.type.startswith(("List(", "struct "))


@dataclass(frozen=True, slots=True)
class StructDescription:
    """A struct: `words` of data and `pointers`. `tags` is the byte of the discriminant of its own union."""

    name: str
    id: int
    words: int
    pointers: int
    tags: int | None
    fields: tuple[FieldDescription, ...]


@dataclass(frozen=True, slots=True)
class EnumDescription:
    """An enum; the number of a member is its place in the tuple."""

    name: str
    id: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileDescription:
    """A schema file; `domain` is its name without the ending."""

    domain: str
    path: str
    id: int
    structs: tuple[StructDescription, ...]
    enums: tuple[EnumDescription, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """What the schema's text says of one thing; `unit` is what stands in brackets, or empty."""

    unit: str
    text: str


def paths() -> list[Path]:
    """Every schema file, by name."""
    return sorted(ROOT.rglob("*.capnp"))


def snake(name: str) -> str:
    """``clientOrderId`` as ``client_order_id``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def camel(name: str) -> str:
    """``client_order_id`` as ``clientOrderId``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def word_runs(fields: tuple[FieldDescription, ...]) -> Iterator[tuple[str, tuple[FieldDescription, ...]]]:
    """Yields the fields in order, with those that are one array of words in a record together.

    Such words are UInt64, follow each other, and are numbered from 0: ``symbol0``, ``symbol1``, ``symbol2``.

    Yields:
        The name without its number, and the fields: one, or at least two words of an array.
    """
    at = 0
    while at < len(fields):
        name = fields[at].name
        run = [fields[at]]
        if name.endswith("0") and fields[at].type == "UInt64":
            for number, field in enumerate(fields[at + 1 :], start=1):
                if field.name != f"{name[:-1]}{number}" or field.type != "UInt64":
                    break
                run.append(field)
        yield (name[:-1] if len(run) > 1 else name), tuple(run)
        at += len(run)


_BLOCK = re.compile(
    r"^\s*(?:struct|enum)\s+(\w+)\s.*\{\s*$|^\s*(\w+)\s*:(?:union|group)\s*\{\s*$|^\s*union\s*\{"
)
_MEMBER = re.compile(r"^\s*(\w+)\s*@\d+\s*(?::[^;]*)?;\s*(?:#\s*(.*))?$")
_LINE = re.compile(r"^\s*#\s?(.*)$")


def comments(path: Path) -> dict[str, Comment]:
    """The comments of a schema file.

    Returns:
        By name: ``""`` is the file, ``Struct`` a struct or enum (the lines below its first), ``Struct.field``
        a field (on its line), ``Struct.group.field`` one of a group.
    """
    found: dict[str, list[str]] = {"": []}
    scope: list[str] = []
    fresh = True  # whether the next whole-line comment is still about what was opened last
    for line in path.read_text(encoding="utf-8").splitlines():
        if block := _BLOCK.match(line):
            scope.append(block[1] or block[2] or "")
            found.setdefault(_name(scope), [])
            fresh = True
        elif member := _MEMBER.match(line):
            found[_name([*scope, member[1]])] = [member[2] or ""]
            fresh = False
        elif whole := _LINE.match(line):
            if fresh:
                found[_name(scope)].append(whole[1])
        else:
            fresh = False
            if line.strip() == "}":
                scope.pop()
    return {name: _comment(" ".join(lines).strip()) for name, lines in found.items()}


def _name(scope: list[str]) -> str:
    return ".".join(part for part in scope if part)


def _comment(text: str) -> Comment:
    match = re.match(r"\[([^\]]*)\]\s*(.*)", text)
    return Comment(match[1], match[2]) if match else Comment("", text)
