"""Golden tables in the notation of a trading screen: read into commands, events and books written as text.

A file is a list of examples.
`# title [settings] : setup` opens one; each line below is
`command; ...; command -> event; ...; event; book bids | asks`.
The setup and all but the last command of a line must only not be rejected;
of the last command the whole event text and then the displayed book are compared.
Order ids are written o1, o2, ...; accounts by name; `at 40` is the timestamp, `gtd 50` goes until 50.
An order is limit and gtc unless it says otherwise, a market order ioc.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracle import Event
from tests.oracle.words import HIDDEN, POST_ONLY, REDUCE_ONLY, SIDES, STP_MODES, TIMES_IN_FORCE

Command = dict[str, Any]

INSTRUMENT = 1
WORDS: dict[str, Command] = {
    "market": {"type": "market", "time_in_force": "ioc"},
    "market_to_limit": {"type": "market_to_limit"},
    "primary": {"type": "pegged", "peg": "primary"},
    "midpoint": {"type": "pegged", "peg": "midpoint"},
    "gtd": {"time_in_force": "gtd"},
} | {word: {"time_in_force": word} for word in TIMES_IN_FORCE if word != "gtd"}
WORDS |= {word: {"stp_mode": word} for word in STP_MODES}
FLAGS = {"post_only": POST_ONLY, "reduce_only": REDUCE_ONLY, "hidden": HIDDEN}
NUMBERS = {
    "x": "qty",
    "stop": "stop_price",
    "trail": "trail",
    "gtd": "expire_at",
    "show": "display_qty",
    "min": "min_qty",
    "offset": "offset",
    "worst": "price",
    "limit": "price",
    "group": "stp_group",
    "at": "timestamp",
}
DEFAULT_DEFINITION: Command = {
    "kind": "define_instrument",
    "timestamp": 0,
    "instrument_id": INSTRUMENT,
    "tick_step": 1,
    "lot_step": 1,
    "min_price": 1,
    "max_price": 1_000_000,
    "max_qty": 1_000_000,
    "max_notional": 10**15,
    "max_parts": 1_000,
    "max_pegs": 100,
    "trigger_source": "last",
    "stop_wrong_side": "reject",
    "band_mode": "reject",
    "phase": "continuous",
}


@dataclass(frozen=True)
class Line:
    """Commands, of which the last must cause exactly these texts, the last of them the book."""

    commands: list[Command]
    expected: list[str]
    text: str


@dataclass
class Example:
    """A golden example: the definition of its instrument, the setup, and the lines."""

    title: str
    definition: Command
    setup: list[Command]
    lines: list[Line] = field(default_factory=list)


class Reader:
    """Reads commands; remembers which number stands for which account."""

    def __init__(self) -> None:
        self.accounts: dict[str, int] = {}

    def account(self, name: str) -> int:
        """The number of an account, given out in order of first use."""
        return self.accounts.setdefault(name, len(self.accounts) + 1)

    def command(self, text: str) -> Command:
        """One command."""
        words = text.split()
        verb = words.pop(0)
        c: Command = {"kind": verb, "timestamp": 0, "instrument_id": INSTRUMENT}
        if verb == "new":
            self.new(c, words)
        elif verb in ("replace", "cancel"):
            c |= {"order_id": order_id(words.pop(0)), "account": self.account(words.pop(0))}
            self.tail(c, words)
        elif verb == "mass_cancel":
            self.mass_cancel(c, words)
        elif verb == "set_phase":
            c["phase"] = words.pop(0)
            self.tail(c, words)
        elif verb in ("set_reference", "set_mark"):
            c["price"] = int(words.pop(0))
            self.tail(c, words)
        elif verb == "retire_ids":
            c["up_to"] = order_id(words.pop(0))
        elif verb == "advance_time":
            self.tail(c, words)
        else:
            raise ValueError(f"no such command: {text}")
        return c

    def new(self, c: Command, words: list[str]) -> None:
        """`new o1 ann buy [type] price x qty …`."""
        c |= {"order_id": order_id(words.pop(0)), "account": self.account(words.pop(0)), "side": words.pop(0)}
        c |= {"type": "limit", "time_in_force": "gtc", "flags": 0, "stp_mode": "none"}
        self.tail(c, words)
        if "trail" in c:
            c["type"] = "trailing_stop_limit" if "offset" in c else "trailing_stop"
        elif "stop_price" in c:
            c["type"] = "stop_limit" if "price" in c else "stop"

    def mass_cancel(self, c: Command, words: list[str]) -> None:
        """`mass_cancel ann sell`, `mass_cancel all buy`, `mass_cancel everywhere ann`."""
        for word in words:
            if word == "everywhere":
                del c["instrument_id"]
            elif word in SIDES:
                c["side"] = word
            elif word != "all":
                c["account"] = self.account(word)

    def tail(self, c: Command, words: list[str]) -> None:
        """The words after the head of a command, in any order."""
        while words:
            word = words.pop(0)
            if re.fullmatch(r"-?\d+", word):
                c["price"] = int(word)
                continue
            if word not in FLAGS and word not in WORDS and word not in NUMBERS:
                raise ValueError(f"no such word: {word}")
            c |= WORDS.get(word, {})
            if word in FLAGS:
                c["flags"] |= FLAGS[word]
            if word in NUMBERS:
                c[NUMBERS[word]] = int(words.pop(0))


def order_id(word: str) -> int:
    """`o7` as 7."""
    if not re.fullmatch(r"o\d+", word):
        raise ValueError(f"not an order id: {word}")
    return int(word[1:])


def definition(settings: str) -> Command:
    """The definition of an example's instrument from its `[name value, …]`."""
    result = dict(DEFAULT_DEFINITION)
    for setting in filter(None, (part.strip() for part in settings.split(","))):
        name, value = setting.split()
        result[name] = int(value) if re.fullmatch(r"-?\d+", value) else value
    return result


def parts(text: str) -> list[str]:
    """What stands between semicolons."""
    return [part.strip() for part in text.split(";") if part.strip()]


def read_examples(path: Path) -> list[Example]:
    """All examples of a file."""
    return list(examples(path.read_text(encoding="utf-8").splitlines()))


def examples(lines: list[str]) -> Iterator[Example]:
    """All examples of a text."""
    example, reader = None, Reader()
    for line in lines:
        if line.startswith("# "):
            if example is not None:
                yield example
            reader = Reader()
            head, _, setup = line[2:].partition(" : ")
            found = re.fullmatch(r"(.*?)\s*(?:\[(.*)\])?", head)
            assert found is not None
            commands = [reader.command(part) for part in parts(setup)]
            example = Example(found[1].strip(), definition(found[2] or ""), commands)
        elif line.strip():
            assert example is not None, f"a line before the first example: {line}"
            left, _, right = line.partition(" -> ")
            example.lines.append(Line([reader.command(part) for part in parts(left)], parts(right), line))
    if example is not None:
        yield example


def event_text(event: Event) -> str:
    """An event as the screen shows it."""
    return WRITERS[event["kind"]](event)


def accepted_text(e: Event) -> str:
    """Of a new order with its id."""
    return f"accepted o{e['order_id']}" if e["command"] == "new" else "accepted"


def rejected_text(e: Event) -> str:
    """The reason as the specification spells it."""
    return "rejected " + "".join(word.capitalize() for word in e["reason"].split("_"))


def repriced_text(e: Event) -> str:
    """The new price, or none."""
    return f"repriced o{e['order_id']} {'none' if e['price'] is None else e['price']}"


WRITERS: dict[str, Callable[[Event], str]] = {
    "accepted": accepted_text,
    "rejected": rejected_text,
    "trade": lambda e: (
        f"trade t{e['trade_id']} o{e['maker_order_id']}/o{e['taker_order_id']} {e['price']} x {e['qty']}"
    ),
    "refreshed": lambda e: f"refreshed o{e['order_id']} shows {e['shown']}",
    "prevented": lambda e: f"prevented o{e['maker_order_id']}/o{e['taker_order_id']} x {e['qty']}",
    "canceled": lambda e: f"canceled o{e['order_id']} x {e['qty']} {e['reason']}",
    "expired": lambda e: f"expired o{e['order_id']} x {e['qty']}",
    "replaced": lambda e: f"replaced o{e['order_id']} {'kept' if e['kept'] else 'lost'}",
    "triggered": lambda e: f"triggered o{e['order_id']}",
    "repriced": repriced_text,
    "uncrossed": lambda e: f"uncrossed {e['price']} x {e['qty']}",
    "phase_changed": lambda e: f"phase {e['phase']}",
}


def side_text(levels: list[tuple[int, int, int]]) -> str:
    """`100 x 8, 99 x 5`, or `-`."""
    return ", ".join(f"{price} x {qty}" for price, qty, _ in levels) or "-"


def book_text(bids: list[tuple[int, int, int]], asks: list[tuple[int, int, int]]) -> str:
    """The displayed book."""
    return f"book {side_text(bids)} | {side_text(asks)}"
