"""What may never change in a schema: ids, ordinals, types and places, as `lock.json` has them."""

import json
from collections.abc import Iterator
from typing import Any

from exchange.schema.description import BITS, FileDescription

Lock = dict[str, Any]


def lock_of(files: tuple[FileDescription, ...]) -> Lock:
    """The lock: by file its id and parts, by part its id and members.

    A field is its ordinal, its type, its place in bits (pointers: in pointers), the discriminant where it is
    a member of a union, and its default. An enum is its members in order.
    """
    return {
        file.path: {
            "id": _id(file.id),
            "structs": {
                struct.name: {
                    "id": _id(struct.id),
                    "tags": struct.tags,
                    "fields": {
                        field.name: [field.ordinal, field.type, field.offset, field.member, field.default]
                        for field in struct.fields
                    },
                }
                for struct in file.structs
            },
            "enums": {
                enum.name: {
                    "id": _id(enum.id),
                    "members": {name: number for number, name in enumerate(enum.members)},
                }
                for enum in file.enums
            },
        }
        for file in files
    }


def text_of(lock: Lock) -> str:
    """As it lies in the file: one member a line."""
    lines = ["{"]
    for at, (path, file) in enumerate(lock.items()):
        lines.append(f'  "{path}": {{')
        lines.append(f'    "id": "{file["id"]}",')
        for part in ("structs", "enums"):
            lines.append(f'    "{part}": {{')
            lines += _separated(_part(name, what) for name, what in file[part].items())
            lines.append("    }" + "," * (part == "structs"))
        lines.append("  }" + "," * (at + 1 < len(lock)))
    return "\n".join([*lines, "}"]) + "\n"


def _part(name: str, what: Lock) -> str:
    head = {key: value for key, value in what.items() if key not in {"fields", "members"}}
    key = "fields" if "fields" in what else "members"
    members = what[key]
    rows = ",\n".join(
        f"        {json.dumps(member)}: {json.dumps(value)}" for member, value in members.items()
    )
    return f'      "{name}": {json.dumps(head)[:-1]}, "{key}": {{\n{rows}\n      }}}}'


def _separated(parts: Iterator[str]) -> list[str]:
    found = list(parts)
    return [part + "," * (at + 1 < len(found)) for at, part in enumerate(found)]


def changes(old: Lock, new: Lock) -> list[str]:
    """What in `new` is neither as in `old` nor an addition to it, a sentence each.

    A field called reserved is zero until it gets its name: that is an addition.
    """
    return list(_changes("", old, new))


def _changes(where: str, old: Lock, new: Lock) -> Iterator[str]:
    for key, value in old.items():
        name = f"{where}/{key}".lstrip("/")
        if key not in new:
            if not (
                key.startswith("reserved") and any(_is_same_place(value, other) for other in new.values())
            ):
                yield f"{name} is gone"
        elif isinstance(value, dict):
            yield from _changes(name, value, new[key])
        elif key == "tags" and value is None:
            continue  # a union may be added
        elif value != new[key]:
            yield f"{name} was {json.dumps(value)} and is {json.dumps(new[key])}"


def _is_same_place(old: list[Any], new: list[Any]) -> bool:
    """Whether a field lies where the other did, with the same ordinal and width: what was zero got a name."""
    bits = [BITS.get(field[1], 16 if field[1].startswith("enum ") else 0) for field in (old, new)]
    return bits[0] == bits[1] and [old[0], *old[2:]] == [new[0], *new[2:]]


def _id(number: int) -> str:
    return f"0x{number:016x}"
