"""Hot frames beside JSON: bytes a message, and what it costs to write and read one in Python.

    python bench/wire.py [--markdown]

An order as a client sends it and an execution report as it comes back, 1, 10 and 100 in a message. All start
from and end with what a Python program has: JSON with dicts, frames with tuples or with NumPy records.
CPU time, by turns in one run, pinned to one core; median of 7 rounds, and the ratio to JSON round by round.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.measure import Spread, machine, ratio, table, take_turns
from cmatch import frames
from cmatch.frames import CommandList, Records, ReportList

ROUNDS = 7
RECORDS = 20_000  # of a round
BATCHES = (1, 10, 100)

Rows = list[tuple[Any, ...]]

ORDER: dict[str, Any] = {
    "kind": 1,
    "side": 2,
    "type": 1,
    "time_in_force": 2,
    "instrument_id": 7,
    "present": 1,
    "account": 100_021,
    "sent_at": 1_790_000_000_000_000_000,
    "qty": 250,
    "price": 6_431_250,
    "client_order_id_head": b"c-4711-000123",
    "correlation_id_head": b"4711-000123",
}
REPORT: dict[str, Any] = {
    "exec_type": 3,
    "order_status": 3,
    "side": 2,
    "instrument_id": 7,
    "session": 12,
    "account": 100_021,
    "order_id": 81_234_567,
    "sequence": 81_234_590,
    "event_sequence": 160_234_101,
    "timestamp": 1_790_000_000_000_100_000,
    "client_order_id_head": b"c-4711-000123",
    "leaves_qty": 150,
    "cum_qty": 100,
    "price": 6_431_250,
    "last_qty": 100,
    "last_price": 6_431_250,
    "trade_id": 5_120_001,
    "order_qty": 250,
    "fee": 643,
    "fee_asset": 2,
    "liquidity": 1,
    "flags": 1,
}


@dataclass(frozen=True)
class Subject:
    """A kind of message: how it is encoded and decoded as a frame, and the same as JSON has it."""

    name: str
    encode: Callable[[Records], bytes]
    decode: Callable[[bytes], Records]
    records: Records
    dicts: list[dict[str, Any]]
    fields: list[str]

    def rows(self) -> Rows:
        """The records as tuples of the fields that are used."""
        return [tuple(row) for row in self.records[self.fields].tolist()]

    def array(self, rows: Rows) -> Records:
        """The records of such tuples."""
        records = np.zeros(len(rows), self.records.dtype)
        for name, column in zip(self.fields, zip(*rows, strict=True), strict=True):
            records[name] = column
        return records


def subject(kind: CommandList | ReportList, fields: dict[str, Any], count: int) -> Subject:
    """That many messages of one kind, each with another price."""
    is_order = isinstance(kind, CommandList)
    dtype = frames.ORDER_COMMAND_DTYPE if is_order else frames.EXECUTION_REPORT_DTYPE
    records = np.zeros(count, dtype)
    for name, value in fields.items():
        records[name] = value
    records["price"] += np.arange(count)
    texts = {name for name, value in fields.items() if isinstance(value, bytes)}
    dicts = [
        {
            name.removesuffix("_head"): row[name].decode() if name in texts else row[name].item()
            for name in fields
        }
        for row in records
    ]
    if is_order:
        return Subject(
            "order",
            lambda rows: frames.encode_commands(CommandList.ORDERS, rows),
            lambda data: frames.decode_commands(data)[2],
            records,
            dicts,
            list(fields),
        )
    return Subject(
        "execution report",
        lambda rows: frames.encode_reports(ReportList.REPORTS, rows),
        lambda data: frames.decode_reports(data)[2],
        records,
        dicts,
        list(fields),
    )


def subjects(count: int) -> list[Subject]:
    """An order and a report, that many in a message."""
    return [subject(CommandList.ORDERS, ORDER, count), subject(ReportList.REPORTS, REPORT, count)]


def as_json(what: Subject) -> list[dict[str, Any]]:
    """Write and read as JSON, as compactly as it goes."""
    read: list[dict[str, Any]] = json.loads(json.dumps(what.dicts, separators=(",", ":")).encode())
    return read


def as_tuples(what: Subject, rows: Rows) -> Rows:
    """Write and read as a frame, from and to tuples."""
    found: Rows = what.decode(what.encode(what.array(rows)))[what.fields].tolist()
    return found


def as_arrays(what: Subject) -> Records:
    """Write and read as a frame, from and to an array."""
    return what.decode(what.encode(what.records))


def sizes(what: Subject) -> tuple[int, int]:
    """Bytes of the message as JSON and as a frame."""
    return len(json.dumps(what.dicts, separators=(",", ":")).encode()), len(what.encode(what.records))


def _timed(messages: int, act: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        start = time.process_time_ns()
        for _ in range(messages):
            act()
        return (time.process_time_ns() - start) / messages

    return run


def lines() -> list[list[str]]:
    """A row a kind and size of message: bytes, ns a record, and how many times as fast as JSON."""
    found = []
    for batch in BATCHES:
        for what in subjects(batch):
            rows = what.rows()
            ways: dict[str, Callable[[], object]] = {
                "json": partial(as_json, what),
                "tuples": partial(as_tuples, what, rows),
                "arrays": partial(as_arrays, what),
            }
            times = take_turns(ROUNDS, {name: _timed(RECORDS // batch, act) for name, act in ways.items()})
            text, binary = sizes(what)
            found.append(
                [
                    f"{what.name} x {batch}",
                    f"{text / batch:.0f}",
                    f"{binary / batch:.0f}",
                    *(f"{Spread.of(times[name]).middle / batch:,.0f}" for name in ways),
                    ratio(times["json"], times["tuples"]).show(1),
                    ratio(times["json"], times["arrays"]).show(1),
                ]
            )
    return found


HEADING = [
    "message",
    "JSON, bytes a record",
    "frame, bytes a record",
    "JSON, ns a record",
    "frame and tuples, ns",
    "frame and arrays, ns",
    "tuples: times as fast",
    "arrays: times as fast",
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markdown", action="store_true", help="as docs/wire.md has it")
    markdown = parser.parse_args().markdown
    found = lines()
    if markdown:
        sys.stdout.write(table(HEADING, found) + f"\n\n{machine()}\n")
        return
    for row in (HEADING, *found):
        sys.stdout.write("  ".join(cell.rjust(22) for cell in row) + "\n")


if __name__ == "__main__":
    main()
