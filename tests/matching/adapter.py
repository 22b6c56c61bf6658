"""Between the oracle's dictionaries and the records of the core: commands one way, events the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import cmatch
from tests.oracle import Event
from tests.oracle.words import (
    BAND_MODES,
    CANCEL_REASONS,
    EVENT_KINDS,
    KINDS,
    PEGS,
    PHASES,
    REJECTS,
    SIDES,
    STOP_WRONG_SIDES,
    STP_MODES,
    TIMES_IN_FORCE,
    TRIGGER_SOURCES,
    TYPES,
    Command,
)

Records = npt.NDArray[np.void]


def numbered(words: Sequence[str], start: int = 1) -> dict[str, int]:
    """The wire's number of each word."""
    return {word: number for number, word in enumerate(words, start)}


ENUMS = {
    "kind": numbered(KINDS),
    "side": numbered(SIDES),
    "type": numbered(TYPES),
    "time_in_force": numbered(TIMES_IN_FORCE),
    "stp_mode": numbered(STP_MODES, 0),
    "peg": numbered(PEGS),
    "trigger_source": numbered(TRIGGER_SOURCES),
    "stop_wrong_side": numbered(STOP_WRONG_SIDES),
    "band_mode": numbered(BAND_MODES),
    "phase": numbered(PHASES),
}
WORDS = {name: {number: word for word, number in numbers.items()} for name, numbers in ENUMS.items()}
REASONS = {
    "rejected": {number: word for word, number in REJECTS.items()},
    "canceled": dict(enumerate(CANCEL_REASONS, 1)),
}
EVENT_WORDS = dict(enumerate(EVENT_KINDS, 1))

PRESENT = {
    "price": 1 << 0,
    "stop_price": 1 << 1,
    "trail": 1 << 2,
    "peg": 1 << 3,
    "offset": 1 << 4,
    "display_qty": 1 << 5,
    "min_qty": 1 << 6,
    "expire_at": 1 << 7,
    "stp_group": 1 << 8,
}
PRESENT_REPLACE = {"qty": 1 << 9}
PRESENT_MASS_CANCEL = {"instrument_id": 1 << 10, "account": 1 << 11, "side": 1 << 12}
PRESENT_DEFINITION = {"collar": 1 << 0, "static_band": 1 << 1, "dynamic_band": 1 << 2, "reference": 1 << 3}
EVENT_PRESENT = {"price": 1 << 0, "stop_price": 1 << 1, "order_id": 1 << 2, "instrument_id": 1 << 3}

JUNK = {"peg": 0xEE, "side": 0xEE}
"""What absent fields hold where 0xEE.. does not fit: no absent value may be read."""


def presence(command: Command) -> dict[str, int]:
    """The bits of the optional fields of a command's kind."""
    if command["kind"] == "define_instrument":
        return PRESENT_DEFINITION
    if command["kind"] == "mass_cancel":
        return PRESENT_MASS_CANCEL
    return PRESENT | (PRESENT_REPLACE if command["kind"] == "replace" else {})


def write(row: np.void, command: Command) -> None:
    """One command into one record of either view."""
    bits = presence(command)
    present = 0
    for name, bit in bits.items():
        if name in command:
            present |= bit
        elif name == "instrument_id":
            row[name] = 0xEEEEEEEE
        else:
            row[name] = JUNK.get(name, 0x6EEE_EEEE_EEEE_EEEE)
    for name, value in command.items():
        row[name] = ENUMS[name][value] if isinstance(value, str) else value
    row["present"] = present


def rows(commands: Sequence[Command]) -> Records:
    """Commands as the array that submit_batch takes."""
    array = np.zeros(len(commands), cmatch.COMMAND_DTYPE)
    definitions = array.view(cmatch.DEFINITION_DTYPE)
    for i, command in enumerate(commands):
        write((definitions if command["kind"] == "define_instrument" else array)[i], command)
    return array


def optional(row: np.void, name: str) -> int | None:
    """A field of an event that has a presence bit."""
    return int(row[name]) if int(row["present"]) & EVENT_PRESENT[name] else None


def word(names: dict[int, str], number: int) -> str | int:
    """The word of a number, the number itself where there is none."""
    return names.get(number, number)


def integers(row: np.void, *names: str) -> Event:
    """Fields that are plain numbers."""
    return {name: int(row[name]) for name in names}


def accepted(row: np.void) -> Event:
    """The fields of Accepted."""
    event: Event = {"command": word(WORDS["kind"], int(row["command"]))}
    if event["command"] != "new":
        return event
    event |= integers(row, "order_id", "account", "qty")
    event |= {name: WORDS[name][int(row[name])] for name in ("side", "type", "time_in_force")}
    return event | {"price": optional(row, "price"), "stop_price": optional(row, "stop_price")}


def traded(row: np.void) -> Event:
    """The fields of Trade."""
    return integers(row, "trade_id", "price", "qty", "maker_order_id", "maker_account", "maker_leaves") | {
        "taker_order_id": int(row["order_id"]),
        "taker_account": int(row["account"]),
        "taker_leaves": int(row["leaves"]),
        "taker_side": WORDS["side"].get(int(row["side"])),
    }


def fields(kind: str, row: np.void) -> Event:
    """The fields of an event's kind."""
    if kind == "accepted":
        return accepted(row)
    if kind == "trade":
        return traded(row)
    if kind == "rejected":
        command = word(WORDS["kind"], int(row["command"]))
        reason = REASONS[kind][int(row["reason"])]
        return {"command": command, "order_id": optional(row, "order_id"), "reason": reason}
    if kind == "prevented":
        taker = {"taker_order_id": int(row["order_id"]), "taker_leaves": int(row["leaves"])}
        return integers(row, "maker_order_id", "price", "qty", "maker_leaves") | taker
    if kind == "canceled":
        return integers(row, "order_id", "qty") | {"reason": REASONS[kind][int(row["reason"])]}
    if kind == "phase_changed":
        return {"phase": WORDS["phase"][int(row["phase"])]}
    prices = {name: optional(row, name) for name in ("price", "stop_price")}
    return {
        "refreshed": lambda: integers(row, "order_id", "shown", "leaves"),
        "expired": lambda: integers(row, "order_id", "qty"),
        "replaced": lambda: integers(row, "order_id", "qty") | prices | {"kept": bool(row["kept"])},
        "triggered": lambda: integers(row, "order_id") | prices,
        "repriced": lambda: integers(row, "order_id") | {"price": prices["price"]},
        "uncrossed": lambda: integers(row, "price", "qty"),
    }[kind]()


def event(row: np.void) -> Event:
    """One record of the core as the oracle's event."""
    kind = EVENT_WORDS[int(row["kind"])]
    head: dict[str, Any] = integers(row, "sequence", "command_sequence", "timestamp")
    return head | {"instrument_id": optional(row, "instrument_id"), "kind": kind} | fields(kind, row)
