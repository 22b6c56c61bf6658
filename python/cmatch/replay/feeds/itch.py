"""Nasdaq TotalView-ITCH 5.0, as in the files that Nasdaq publishes: messages, each after its length.

A length has two bytes; all numbers are big endian; a price has four decimals; times are nanoseconds after
midnight, without a date. Executions at the displayed price (E), or at another one and printed (C), are
fills. What an auction executes (C not printed) leaves the book without one: the auction's total is a print
(Q), as are hidden executions (P).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cmatch.replay.effects import EffectFlag, EffectKind, Records, Tape, empty_effects
from cmatch.replay.errors import FeedError, byte
from cmatch.replay.feeds.options import FeedOptions
from cmatch.replay.feeds.tape import finish
from cmatch.replay.files import plain_name, read_bytes

PRICE_DECIMALS = 4
_HALTED, _CALL, _CONTINUOUS = 5, 6, 3
_PHASES = {ord("H"): _HALTED, ord("P"): _HALTED, ord("Q"): _CALL, ord("T"): _CONTINUOUS}

# One row a message: its name and its length. Those that change a book are taken apart below.
MESSAGES: dict[int, tuple[str, int]] = {
    ord(letter): (name, length)
    for letter, name, length in (
        ("S", "system event", 12),
        ("R", "stock directory", 39),
        ("H", "trading action", 25),
        ("Y", "short sale restriction", 20),
        ("L", "market participant position", 26),
        ("V", "circuit breaker levels", 35),
        ("W", "circuit breaker status", 12),
        ("K", "quoting period update", 28),
        ("J", "auction collar", 35),
        ("h", "operational halt", 21),
        ("A", "add", 36),
        ("F", "add with attribution", 40),
        ("E", "execution", 31),
        ("C", "execution with price", 36),
        ("X", "cancel", 23),
        ("D", "delete", 19),
        ("U", "replace", 35),
        ("P", "hidden trade", 44),
        ("Q", "cross trade", 40),
        ("B", "broken trade", 19),
        ("I", "imbalance", 50),
        ("N", "retail interest", 20),
        ("O", "direct listing price discovery", 48),
    )
}

_HEAD = [("type", "u1"), ("locate", ">u2"), ("tracking", ">u2"), ("time_high", ">u2"), ("time_low", ">u4")]
_ADD = [*_HEAD, ("order_id", ">u8"), ("side", "u1"), ("shares", ">u4"), ("stock", "S8"), ("price", ">u4")]
_LAYOUTS: dict[str, list[tuple[str, str]]] = {
    "R": [*_HEAD, ("stock", "S8")],
    "H": [*_HEAD, ("stock", "S8"), ("state", "u1")],
    "A": _ADD,
    "F": _ADD,
    "E": [*_HEAD, ("order_id", ">u8"), ("shares", ">u4"), ("match", ">u8")],
    "C": [
        *_HEAD,
        ("order_id", ">u8"),
        ("shares", ">u4"),
        ("match", ">u8"),
        ("printable", "S1"),
        ("price", ">u4"),
    ],
    "X": [*_HEAD, ("order_id", ">u8"), ("shares", ">u4")],
    "D": [*_HEAD, ("order_id", ">u8")],
    "U": [*_HEAD, ("order_id", ">u8"), ("new_order_id", ">u8"), ("shares", ">u4"), ("price", ">u4")],
    "P": [*_HEAD, ("order_id", ">u8"), ("side", "u1"), ("shares", ">u4")],
    "Q": [*_HEAD, ("shares", ">u8")],
}


def sniff(path: Path, head: bytes) -> bool:
    """Whether the file looks like ITCH 5.0: its first messages have the lengths of their types."""
    at = seen = 0
    while at + 3 <= len(head) and seen < 8:
        length = int.from_bytes(head[at : at + 2], "big")
        if head[at + 2] not in MESSAGES or MESSAGES[head[at + 2]][1] != length:
            return False
        at += 2 + length
        seen += 1
    return seen > 0 and ("itch" in plain_name(path) or seen > 1)


def read(path: Path, options: FeedOptions) -> Tape:
    """Reads an ITCH file.

    Raises:
        FeedError: a message has a type or a length that ITCH 5.0 has not, or the file ends in one.
    """
    data = read_bytes(path)
    starts, types = _walk(path, data)
    raw = np.frombuffer(data, np.uint8)
    messages = {letter: _take(raw, starts, types, letter) for letter in _LAYOUTS}
    symbols, numbers = _symbols(path, messages, options)
    sides = _sides(messages)
    pieces = [
        piece for letter in _LAYOUTS if (piece := _effects(path, letter, *messages[letter], sides)).size
    ]
    if not pieces:
        raise FeedError(path, "", "no order events in it (read as Nasdaq ITCH 5.0)")
    effects: Records = np.concatenate(pieces)
    effects = effects[np.isin(effects["instrument"], np.fromiter(numbers, np.int64))]
    effects = effects[np.argsort(effects["position"], kind="stable")]
    largest = max(numbers, default=0)
    number = np.zeros(largest + 1, np.uint32)
    for locate, index in numbers.items():
        number[locate] = index
    effects["instrument"] = number[effects["instrument"]]
    _number_trades(effects)
    counts = np.bincount(types, minlength=256)
    return finish(
        path,
        "Nasdaq ITCH 5.0",
        effects,
        symbols,
        price_decimals=[PRICE_DECIMALS] * len(symbols),
        qty_decimals=[0] * len(symbols),
        rows=int(starts.size),
        unit="byte",
        trade_words="visible executions",
        counts={name: int(counts[code]) for code, (name, _) in MESSAGES.items() if counts[code]},
    )


def _walk(path: Path, data: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each message begins (its type), and its type."""
    lengths = [MESSAGES[code][1] if code in MESSAGES else -1 for code in range(256)]
    starts: list[int] = []
    append = starts.append
    at, end = 0, len(data)
    while at + 2 < end:
        length = data[at] << 8 | data[at + 1]
        if lengths[data[at + 2]] != length:
            _refuse(path, data, at, length)
        append(at + 2)
        at += 2 + length
    if at != end:
        where = starts[-1] - 2 if at > end and starts else at
        raise FeedError(path, byte(where), "the file is cut short within this message")
    places = np.array(starts, np.int64)
    return places, np.frombuffer(data, np.uint8)[places]


def _refuse(path: Path, data: bytes, at: int, length: int) -> None:
    code = data[at + 2]
    if code not in MESSAGES:
        raise FeedError(path, byte(at), f"{chr(code)!r} is not a message type of ITCH 5.0")
    name, right = MESSAGES[code]
    raise FeedError(path, byte(at), f"a message {chr(code)!r} ({name}) of {length} bytes, not {right}")


def _take(
    raw: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], types: npt.NDArray[np.uint8], letter: str
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    """All messages of a type, and where their frames begin."""
    layout = np.dtype(_LAYOUTS[letter])
    places = starts[types == ord(letter)]
    rows = np.ascontiguousarray(raw[places[:, None] + np.arange(layout.itemsize)])
    return rows.view(layout).reshape(-1), places - 2


def _symbols(
    path: Path,
    messages: dict[str, tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]],
    options: FeedOptions,
) -> tuple[list[str], dict[int, int]]:
    """The symbols that have orders, or those asked for; and the number that each locate code gets."""
    names: dict[int, str] = {}
    for letter in ("A", "F", "R"):
        rows = messages[letter][0]
        locates, first = np.unique(rows["locate"], return_index=True)
        for locate, k in zip(locates.tolist(), first.tolist(), strict=True):
            names[locate] = rows["stock"][k].decode("ascii", "replace").strip()
    ordered = np.unique(np.concatenate([messages[letter][0]["locate"] for letter in ("A", "F")])).tolist()
    if options.symbols:
        by_name = {name: locate for locate, name in names.items()}
        for symbol in options.symbols:
            if symbol not in by_name:
                raise FeedError(path, "", f"there is no symbol {symbol} in it")
        ordered = [by_name[symbol] for symbol in options.symbols]
    return [names.get(locate, str(locate)) for locate in ordered], {
        locate: k for k, locate in enumerate(ordered)
    }


def _sides(messages: dict[str, tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]]) -> dict[int, int]:
    """The side of every order: a replace does not repeat it."""
    sides: dict[int, int] = {}
    for letter in ("A", "F"):
        rows = messages[letter][0]
        numbers = np.where(rows["side"] == ord("B"), 1, 2).tolist()
        sides.update(zip(rows["order_id"].tolist(), numbers, strict=True))
    rows = messages["U"][0]
    for old, new in zip(rows["order_id"].tolist(), rows["new_order_id"].tolist(), strict=True):
        if old in sides:
            sides[new] = sides[old]
    return sides


def _effects(
    path: Path,
    letter: str,
    rows: npt.NDArray[np.void],
    places: npt.NDArray[np.int64],
    sides: dict[int, int],
) -> Records:
    """The effects of all messages of a type; `instrument` still is the locate code."""
    effects = _blank(rows, places)
    if letter == "R":
        return effects[:0]
    if letter == "H":
        effects["kind"] = EffectKind.PHASE
        effects["price"] = [_PHASES.get(state, 0) for state in rows["state"].tolist()]
        return effects[effects["price"] > 0]
    if letter in "AF":
        _check_sides(path, rows, places)
        effects["kind"] = EffectKind.ADD
        effects["side"] = np.where(rows["side"] == ord("B"), 1, 2)
        effects["price"], effects["qty"] = rows["price"], rows["shares"]
    elif letter == "E":
        effects["kind"] = EffectKind.FILL
        effects["qty"] = rows["shares"]
        effects["flags"] |= np.uint8(EffectFlag.NO_PRICE)
    elif letter == "C":
        printed = rows["printable"] == b"Y"
        effects["kind"] = np.where(printed, EffectKind.FILL, EffectKind.REDUCE)
        effects["price"], effects["qty"] = rows["price"], rows["shares"]
        # The price may lie between ticks and names what was paid, not where the order stood.
        effects["flags"] |= np.uint8(EffectFlag.NO_PRICE)
    elif letter == "X":
        effects["kind"] = EffectKind.REDUCE
        effects["qty"] = rows["shares"]
    elif letter == "D":
        effects["kind"] = EffectKind.DELETE
    elif letter == "U":
        return _replaces(effects, rows, sides)
    else:
        effects["kind"] = EffectKind.PRINT
        effects["order_id"] = 0
        effects["qty"] = rows["shares"]
    return effects


def _blank(rows: npt.NDArray[np.void], places: npt.NDArray[np.int64]) -> Records:
    effects = empty_effects(rows.size)
    effects["timestamp"] = rows["time_high"].astype(np.int64) << 32 | rows["time_low"].astype(np.int64)
    effects["instrument"] = rows["locate"]
    effects["position"] = places
    effects["flags"] = EffectFlag.LAST
    if "order_id" in (rows.dtype.names or ()):
        effects["order_id"] = rows["order_id"]
    return effects


def _check_sides(path: Path, rows: npt.NDArray[np.void], places: npt.NDArray[np.int64]) -> None:
    for wrong, reason in (
        (~np.isin(rows["side"], (ord("B"), ord("S"))), "the side is neither B nor S"),
        (rows["order_id"] == 0, "an order needs a reference number"),
        (rows["shares"] == 0, "an order needs shares"),
    ):
        if wrong.any():
            raise FeedError(path, byte(int(places[np.argmax(wrong)])), reason)


def _replaces(old: Records, rows: npt.NDArray[np.void], sides: dict[int, int]) -> Records:
    """A replace is a delete and, under its new id, an add; no add if the old order never came."""
    old["kind"] = EffectKind.DELETE
    new = old.copy()
    old["flags"] = 0
    new["kind"] = EffectKind.ADD
    new["order_id"] = rows["new_order_id"]
    new["side"] = [sides.get(order_id, 0) for order_id in rows["new_order_id"].tolist()]
    new["price"], new["qty"] = rows["price"], rows["shares"]
    both: Records = np.stack((old, new), axis=1).reshape(-1)
    known: Records = both[(both["kind"] != EffectKind.ADD) | (both["side"] != 0)]
    return known


def _number_trades(effects: Records) -> None:
    """Numbers the executions, each an incoming order of its own."""
    fills = np.flatnonzero(effects["kind"] == EffectKind.FILL)
    effects["event"][fills] = effects["aggressor"][fills] = np.arange(fills.size)
