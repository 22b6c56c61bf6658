"""What a release sent: `python -m tests.wire.old_wire` adds tests/old_wire/VERSION.json.

Such a file is never changed again. It has, for every message, its bytes and what they say. Every later
release must read the same in them.
"""

import dataclasses
import json
import sys
import types
import typing
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import cmatch
from exchange.domain import messages, queries
from exchange.domain.enums import Durability
from exchange.domain.messages import CommandFrame, ReportFrame
from exchange.schema import codec, frames
from exchange.schema.description import camel
from tests.wire.oracle import structs

FOLDER = Path(__file__).parents[1] / "old_wire"


def example(message: type[Any]) -> Any:
    """A message in which every field says something else."""
    hints = typing.get_type_hints(message)
    return message(
        **{name: _value(message, name, hint, at) for at, (name, hint) in enumerate(hints.items(), 1)}
    )


def _value(message: type[Any], name: str, hint: Any, at: int) -> Any:
    kind = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    if typing.get_origin(kind) is tuple:
        return (example(typing.get_args(kind)[0]),) * 2
    if dataclasses.is_dataclass(kind):
        return example(typing.cast("type[Any]", kind))
    if kind is bool:
        return True
    if kind is str:
        return "BTC-USD" if name == "symbol" else f"{name.replace('_', '-')}-{at}"
    if issubclass(kind, IntFlag):
        return kind(at % 7 + 1)
    if issubclass(kind, IntEnum):
        return list(kind)[at % len(kind)]
    fields = {field.name: field for field in structs()[message.__name__].fields}
    field = fields.get(camel(name))
    if field is None:
        return (at << 64) + 1 if name.endswith("_id") else at * 1000
    return at * 1001 % ((1 << field.bits - 1) - 1) * (-1 if field.type == "Int64" and at % 5 == 0 else 1)


def plain(message: Any) -> Any:
    """A message as JSON has it: numbers for enums, lists for tuples."""
    if dataclasses.is_dataclass(message):
        names = [field.name for field in dataclasses.fields(message)]
        return {name: plain(getattr(message, name)) for name in names}
    if isinstance(message, tuple):
        return [plain(item) for item in message]
    return int(message) if isinstance(message, int) and not isinstance(message, bool) else message


def release() -> dict[str, Any]:
    """Everything that this release sends: by name its bytes in hexadecimal and what they say."""
    sent: dict[str, Any] = {}
    for kind, message in messages.COMMANDS.items():
        journaled = CommandFrame(
            records=(example(message),) * 2, stream=1, epoch=2, first_seq=3, ts_ns=4, event_digest=5
        )
        sent[message.__name__] = _entry(_command_bytes(kind, journaled), journaled)
    for report_kind, report in messages.REPORTS.items():
        frame = ReportFrame(
            records=(example(report),) * 2,
            durability=Durability.DISK,
            epoch=2,
            sequence=9,
            durable_sequence=8,
            ts_ns=4,
        )
        sent[report.__name__] = _entry(_report_bytes(report_kind, frame), frame)
    for query in [*queries.QUERIES, *queries.QUERIES.values()]:
        sent[query.__name__] = _entry(codec.encode_message(example(query)), example(query))
    return sent


def _command_bytes(kind: Any, frame: CommandFrame) -> bytes:
    """As the compiled codec writes them, which is what clients and the journal have."""
    header, _, records = frames.decode_commands(codec.encode_command_frame(frame))
    return frames.encode_commands(kind, records, header)


def _report_bytes(kind: Any, frame: ReportFrame) -> bytes:
    header, _, records = frames.decode_reports(codec.encode_report_frame(frame))
    return frames.encode_reports(kind, records, header)


def _entry(data: bytes, message: Any) -> dict[str, Any]:
    return {"bytes": data.hex(), "says": plain(message)}


def main() -> int:
    """Adds the file of this release. Returns the exit code."""
    path = FOLDER / f"{cmatch.__version__}.json"
    if path.exists():
        print(f"{path.name} is there, and is never changed", file=sys.stderr)
        return 1
    path.write_text(json.dumps(release(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
