"""Between the plain venue's dictionaries and the compiled one's records: commands there, all told back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch import arrays
from tests.matching.adapter import ENUMS as MATCHING_ENUMS
from tests.matching.adapter import EVENT_PRESENT, PRESENT, PRESENT_DEFINITION, PRESENT_REPLACE, numbered
from tests.oracle.venue.model import Report
from tests.oracle.venue.shards import Wire
from tests.oracle.venue.state import EMPTY_ANSWER, EMPTY_REPORT
from tests.oracle.venue.words import (
    ACTIONS,
    CANCEL_REASONS,
    EXEC_TYPES,
    FAMILIES,
    FEE_MODES,
    INSTRUMENT_KINDS,
    LIMITS,
    LIQUIDITIES,
    ORDER_STATUSES,
    REJECTS,
    SCOPES,
    SHARD_EVENTS,
)
from tests.oracle.words import EVENT_KINDS

Records = npt.NDArray[np.void]
Command = Mapping[str, Any]
Fields = dict[str, Any]
"""Those of a record by name, as plain objects: ten times as quick as to ask the record for each."""

FAMILY_NUMBERS = numbered(FAMILIES) | {SHARD_EVENTS: 10}
KINDS = {family: numbered(words) for family, words in ACTIONS.items()} | {SHARD_EVENTS: numbered(EVENT_KINDS)}
ENUMS = MATCHING_ENUMS | {
    "instrument_kind": numbered(INSTRUMENT_KINDS),
    "fee_mode": numbered(FEE_MODES),
    "scope": numbered(SCOPES),
    "verdict": REJECTS,
}
DTYPES = {
    "orders": arrays.ORDER_COMMAND,
    "ledger": arrays.LEDGER_COMMAND,
    "instruments": arrays.INSTRUMENT_COMMAND,
    "administration": arrays.ADMIN_COMMAND,
    SHARD_EVENTS: arrays.SHARD_EVENT,
}
ZEROS = {
    family: dict(zip(dtype.names or (), np.zeros((), dtype).tolist(), strict=True))
    for family, dtype in DTYPES.items()
}
SCOPE_BITS = {"scope_instrument": 1 << 10, "scope_side": 1 << 12}
ORDER_BITS = PRESENT | PRESENT_REPLACE | {"quote_qty": 1 << 13}
BITS: dict[str, dict[str, int]] = {
    "orders": ORDER_BITS,
    "ledger": {"expected_version": 1 << 0, "expire_at": 1 << 1},
    "instruments": PRESENT_DEFINITION,
    "administration": {name: 1 << place for place, name in enumerate(LIMITS)},
}
TEXTS = ("client_order_id", "orig_client_order_id", "correlation_id", "symbol", "actor")
REPORT_WORDS = {
    "exec_type": numbered(EXEC_TYPES),
    "order_status": numbered(ORDER_STATUSES),
    "side": ENUMS["side"],
    "reject": REJECTS,
    "liquidity": numbered(LIQUIDITIES),
    "cancel_reason": CANCEL_REASONS,
    "type": ENUMS["type"],
    "time_in_force": ENUMS["time_in_force"],
}
REPORT_FLAGS = {"price": 1, "stop_price": 2, "duplicate": 4, "limit": 8, "kept": 16, "unposted": 32}
REPORT_NUMBERS = [name for name, value in EMPTY_REPORT.items() if value == 0 and value is not False]
ANSWER_NUMBERS = [
    name
    for name, value in EMPTY_ANSWER.items()
    if value == 0 and value is not False and name != "transfer_id"
]
ANSWER_FLAGS = {"duplicate": 1, "balance": 2, "detail": 4}


def write_text(fields: Fields, name: str, text: str) -> None:
    """An ASCII id, in one part or two."""
    data = text.encode("latin-1")
    if name in fields:
        fields[name] = data
    else:
        fields[f"{name}_head"], fields[f"{name}_tail"] = data[:16], data[16:]


def is_present(family: str, command: Command, name: str) -> bool:
    """Whether a command gives an optional field. A new order's quantity has no bit."""
    return name in command and not (family == "orders" and name == "qty" and command["kind"] == "new")


def write(family: str, command: Command, junk: int) -> tuple[Any, ...]:
    """One command as the fields of a record. Absent ones hold junk: no absent value may be read."""
    fields = dict(ZEROS[family])
    present = int(command.get("extra_present", 0))
    for name, bit in BITS[family].items():
        if is_present(family, command, name):
            present |= bit
        elif name in fields and name not in command and name != "qty":
            fields[name] = junk % 127
    for name, bit in SCOPE_BITS.items():
        present |= bit if name in command else 0
    for name, value in command.items():
        if name in TEXTS:
            write_text(fields, name, value)
        elif name in ("transfer_id", "reservation_id"):
            fields[name] = [value % 2**64, value >> 64]
        elif name not in ("extra_present", *SCOPE_BITS):
            assert name in fields, name
            fields[name] = number(family, name, value)
    fields["present"] = present
    return tuple(fields.values())


def number(family: str, name: str, value: Any) -> int:
    """The wire's number of a value."""
    if value is None:
        return 0
    if not isinstance(value, str):
        return int(value)
    return (KINDS[family] if name == "kind" else ENUMS[name])[value]


def rows(family: str, commands: Sequence[Command], first: int) -> Records:
    """Commands as the array that apply takes; from sequence `first` on, each with junk of its own."""
    array = np.zeros(len(commands), DTYPES[family])
    for i, command in enumerate(commands):
        if family == SHARD_EVENTS:
            write_shard_event(array[i], command)
            continue
        array[i] = write(family, command, first + i)
    return array


def write_shard_event(row: np.void, event: Command) -> None:
    """One event of a shard, byte for byte as its process sends it."""
    names = (*EVENT_NUMBERS, "session", "tenant")
    for name in names:
        row[name] = event.get(name, 0)
    row["kind"] = KINDS[SHARD_EVENTS].get(event["kind"], 0)
    row["reason"] = (REJECTS if event["kind"] == "rejected" else CANCEL_REASONS).get(event["reason"], 0)
    row["flags"], row["kept"] = int(event["last"]), int(event["kept"])
    for name in ("side", "phase"):
        row[name] = ENUMS[name].get(event[name], 0)
    present = EVENT_PRESENT["instrument_id"]
    for name in ("price", "stop_price"):
        row[name] = 0 if event[name] is None else event[name]
        present |= 0 if event[name] is None else EVENT_PRESENT[name]
    row["present"] = present | (EVENT_PRESENT["order_id"] if event["order_id"] else 0)


EVENT_NUMBERS = (
    "shard",
    "number",
    "answers",
    "instrument_id",
    "order_id",
    "qty",
    "leaves",
    "maker_order_id",
    "maker_leaves",
)


def shard_event(row: np.void) -> Wire:
    """One event of a shard, in words."""
    kind = word(KINDS[SHARD_EVENTS], int(row["kind"]))
    found: Wire = {name: int(row[name]) for name in EVENT_NUMBERS} | {"kind": kind}
    found["reason"] = word(REJECTS if kind == "rejected" else CANCEL_REASONS, int(row["reason"]))
    found |= {"last": bool(row["flags"]), "kept": bool(row["kept"])}
    found |= {name: word(ENUMS[name], int(row[name])) for name in ("side", "phase")}
    for name in ("price", "stop_price"):
        found[name] = int(row[name]) if int(row["present"]) & EVENT_PRESENT[name] else None
    assert (row["session"], row["tenant"]) == (0, 0)
    return found


def word(names: dict[str, int], value: int) -> str | int | None:
    """The word of a number; none for 0, the number itself where there is no word."""
    if value == 0:
        return None
    return next((name for name, each in names.items() if each == value), value)


def read(records: Records) -> list[Fields]:
    """Records as their fields."""
    names = records.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in records.tolist()]


def read_text(fields: Fields, name: str) -> str:
    """An ASCII id."""
    if name in fields:
        whole: bytes = fields[name]
    else:
        whole = (fields[f"{name}_head"].ljust(16, b"\0") + fields[f"{name}_tail"]).rstrip(b"\0")
    return whole.decode("latin-1")


def flagged(row: Fields, value: Any, bit: int, empty: Any) -> Any:
    """A value that counts where its flag is set; without the flag it has to be zero."""
    if row["flags"] & bit:
        return value
    return None if value == empty else ("without its flag", value)


def report(row: Fields) -> Report:
    """One execution report as the plain venue tells it."""
    found: Report = {name: row[name] for name in REPORT_NUMBERS}
    found |= {name: word(words, row[name]) for name, words in REPORT_WORDS.items()}
    found |= {name: read_text(row, name) for name in ("client_order_id", "correlation_id")}
    for name in ("price", "stop_price"):
        found[name] = flagged(row, row[name], REPORT_FLAGS[name], 0)
    numbers = (row["limit_value"], row["limit_asked"])
    found["limit"] = flagged(row, numbers, REPORT_FLAGS["limit"], (0, 0))
    for name in ("duplicate", "kept", "unposted"):
        found[name] = bool(row["flags"] & REPORT_FLAGS[name])
    assert row["flags"] < 64
    assert not row["reserved0"]
    assert not any(row["reserved1"])
    return found


def answer(row: Fields) -> Report:
    """One answer as the plain venue tells it."""
    found: Report = {name: row[name] for name in ANSWER_NUMBERS}
    found["family"] = word(FAMILY_NUMBERS, row["family"])
    found["kind"] = word(KINDS[str(found["family"])], row["kind"]) or 0
    found["reject"] = word(REJECTS, row["reject"])
    found["transfer_id"] = int(row["transfer_id"][0]) + (int(row["transfer_id"][1]) << 64)
    balance = (row["total"], row["reserved"], row["version"])
    found["balance"] = flagged(row, balance, ANSWER_FLAGS["balance"], (0, 0, 0))
    detail = (row["detail_value"], row["detail_asked"])
    found["detail"] = flagged(row, detail, ANSWER_FLAGS["detail"], (0, 0))
    found["duplicate"] = bool(row["flags"] & ANSWER_FLAGS["duplicate"])
    found["correlation_id"] = read_text(row, "correlation_id")
    assert row["flags"] < 8
    return found


def told(reports: Records, answers: Records) -> list[Report]:
    """Both outputs of a batch in their causal order."""
    found = [report(row) for row in read(reports)] + [answer(row) for row in read(answers)]
    return sorted(found, key=lambda record: int(record["event_sequence"]))
