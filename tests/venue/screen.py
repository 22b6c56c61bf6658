"""Golden tables of the venue in the notation of a trading screen.

A file is a list of examples.
`# title [settings] : setup` opens one; each line below is
`command; ...; command -> told; ...; told; what changed`.
The setup and all but the last command of a line must only not be refused;
of the last command all that is told is compared, then every balance and position that it changed.

Orders are written o1, o2, ...: that is their client order id.
Accounts go by name and are opened, in tenant 1, when they are first named.
`at 40` is the time of the batch; what is left out is as it was.
A balance reads `ann usd 70 + 30`: available + reserved; a position `ann has 3 cost 300 realised -2`.
An order is limit and gtc unless it says otherwise, a market order ioc.
A tick times a lot is one unit of money, unless the settings have it otherwise.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.matching.screen import DEFAULT_DEFINITION, FLAGS, NUMBERS, WORDS
from tests.oracle.venue.model import Report
from tests.oracle.venue.words import HOUSE_EXTERNAL, HOUSE_FEES, LIMITS, SCOPES
from tests.oracle.words import PHASES, SIDES

Command = dict[str, Any]
Spoken = tuple[str, Command]
"""A family and a command of it."""

ASSETS = {"usd": 1, "btc": 2, "eur": 3}
HOUSE = {"external": HOUSE_EXTERNAL, "fees": HOUSE_FEES}
MARKET: Command = DEFAULT_DEFINITION | {
    "base": ASSETS["btc"],
    "quote": ASSETS["usd"],
    "instrument_kind": "spot",
    "fee_mode": "received",
    "symbol": "BTC-USD",
    "price_scale": 0,
    "qty_scale": 0,
    "maker_rate": 0,
    "taker_rate": 0,
    "max_price": 1_000,
    "max_qty": 1_000,
    "max_notional": 10**9,
}
del MARKET["timestamp"]
SCALES = {"usd_scale": 0, "btc_scale": 0, "eur_scale": 2}
ORDER_WORDS = NUMBERS | {"spend": "quote_qty", "sent": "sent_at"}
del ORDER_WORDS["at"]
COMMON_NUMBERS = ("session", "tenant", "sent")
WORD_OF_ENUM = {"set_phase": "phase", "set_reference": "price", "set_mark": "price"}


@dataclass(frozen=True)
class Line:
    """Commands, of which the last must cause exactly these texts."""

    commands: list[str]
    expected: list[str]
    text: str


@dataclass
class Example:
    """A golden example: settings, setup, and lines."""

    title: str
    settings: dict[str, int | str]
    setup: list[str]
    lines: list[Line] = field(default_factory=list)


class Reader:
    """Reads one command at a time; remembers who is who."""

    def __init__(self, settings: dict[str, int | str]) -> None:
        self.accounts = dict(HOUSE)
        self.order_ids: dict[str, int] = {}
        self.transfers: dict[str, int] = {}
        self.requests = 0
        self.settings = settings
        self.clock = 0

    def world(self) -> list[Spoken]:
        """The assets, and the instrument."""
        scales = {name: int(self.settings.get(name, scale)) for name, scale in SCALES.items()}
        commands: list[Spoken] = [
            (
                "instruments",
                {
                    "kind": "define_asset",
                    "asset": id_,
                    "symbol": name.upper(),
                    "asset_scale": scales[f"{name}_scale"],
                },
            )
            for name, id_ in ASSETS.items()
        ]
        rules = {
            name: value for name, value in self.settings.items() if name in MARKET or name in OPTIONAL_RULES
        }
        commands.append(("instruments", MARKET | rules))
        return commands

    def unopened(self, text: str) -> list[Spoken]:
        """The opening of the accounts that a command names for the first time."""
        words = text.split()
        verb = words[0]
        places = {"new": [2], "replace": [2], "cancel": [2], "mass_cancel": [1], "kill": [], "limits": [1]}
        places |= {"deposit": [1], "withdraw": [1], "transfer": [1, 2], "reserve": [2], "countdown": [1]}
        places |= {"post": [2], "void": [2]}
        names = [words[place] for place in places.get(verb, []) if len(words) > place]
        if "to" in words and verb == "post":
            names.append(words[words.index("to") + 1])
        found: list[Spoken] = []
        for name in names:
            if name not in self.accounts and name.isalpha() and name not in ("any", "nobody"):
                self.accounts[name] = len(self.accounts) - 1
                fields = {"kind": "open_account", "account": self.accounts[name], "tenant": 1}
                found.append(("administration", fields))
        return found

    def account(self, name: str) -> int:
        """The number of an account; `nobody` has one that is not open, `any` is 0."""
        if name == "nobody":
            return 999
        if name == "any":
            return 0
        return self.accounts.setdefault(name, len(self.accounts) - 1)

    def command(self, text: str) -> tuple[str, Command, int]:
        """One command with its family, and the time of its batch."""
        words = text.split()
        if "at" in words:
            place = words.index("at")
            self.clock = int(words[place + 1])
            del words[place : place + 2]
        common: Command = {}
        for name in COMMON_NUMBERS:
            if name in words[1:]:
                place = words.index(name)
                common["sent_at" if name == "sent" else name] = int(words[place + 1])
                del words[place : place + 2]
        verb = words.pop(0)
        family, read = VERBS[verb]
        command = read(self, verb, words) | common
        if family == "orders":
            command = {"sent_at": self.clock + 1} | command
        return family, command, self.clock

    # --- orders -----------------------------------------------------------------------------------

    def new(self, verb: str, words: list[str]) -> Command:
        """`new o1 ann buy [type] price x qty …`."""
        c: Command = {"kind": verb, "instrument_id": 1, "client_order_id": words.pop(0)}
        c |= {"account": self.account(words.pop(0)), "side": words.pop(0), "type": "limit"}
        c |= {"time_in_force": "gtc", "flags": 0, "stp_mode": "none"}
        self.order_words(c, words)
        if "trail" in c:
            c["type"] = "trailing_stop_limit" if "offset" in c else "trailing_stop"
        elif "stop_price" in c:
            c["type"] = "stop_limit" if "price" in c else "stop"
        return c

    def target(self, verb: str, words: list[str]) -> Command:
        """`cancel o1 ann`, `replace o1 ann 101 x 4`; `named` uses the client order id of the order."""
        label, name = words.pop(0), words.pop(0)
        c: Command = {"kind": verb, "account": self.account(name), "client_order_id": self.request_id()}
        c["instrument_id"] = 1
        if "named" in words:
            words.remove("named")
            c["orig_client_order_id"] = label
        else:
            c["order_id"] = self.order_ids.get(label, 10**9)
        self.order_words(c, words)
        return c

    def mass(self, verb: str, words: list[str]) -> Command:
        """`mass_cancel ann [sell] [here]`; `there` is instrument 2."""
        c: Command = {"kind": verb, "account": self.account(words.pop(0))}
        c["client_order_id"] = self.request_id()
        while words:
            word = words.pop(0)
            if word == "here":
                c |= {"scope_instrument": True, "instrument_id": 1}
            elif word == "there":
                c |= {"scope_instrument": True, "instrument_id": 2}
            elif word == "id":
                c["client_order_id"] = words.pop(0)
            elif word in SIDES:
                c |= {"scope_side": True, "side": word}
            else:
                raise ValueError(f"no such word: {word}")
        return c

    def request_id(self) -> str:
        """An id that no request had."""
        self.requests += 1
        return f"q{self.requests}"

    def order_words(self, c: Command, words: list[str]) -> None:
        """The words after the head of a command of orders, in any order."""
        while words:
            word = words.pop(0)
            if re.fullmatch(r"-?\d+", word):
                c["price"] = int(word)
            elif word == "id":
                c["client_order_id"] = words.pop(0)
            elif word == "on":
                c["instrument_id"] = int(words.pop(0))
            elif word == "verdict":
                c["verdict"] = words.pop(0)
            elif word in FLAGS:
                c["flags"] |= FLAGS[word]
            elif word in WORDS or word in ORDER_WORDS:
                c |= WORDS.get(word, {})
                if word in ORDER_WORDS:
                    c[ORDER_WORDS[word]] = int(words.pop(0))
            else:
                raise ValueError(f"no such word: {word}")

    # --- money ------------------------------------------------------------------------------------

    def money(self, verb: str, words: list[str]) -> Command:
        """`deposit ann 100 usd`, `transfer ann bob 5 usd`, `reserve h1 ann 30 usd until 50`."""
        kind = "void_hold" if verb == "void" else verb
        c: Command = {"kind": kind}
        if verb == "reserve":
            c["transfer_id"] = self.transfer(words.pop(0))
        elif verb in ("post", "void"):
            c["reservation_id"] = self.transfers.get(words.pop(0), 10**9)
        c["account"] = self.account(words.pop(0))
        if verb == "transfer":
            c["counter_account"] = self.account(words.pop(0))
        if verb != "void":
            c["amount"] = int(words.pop(0))
        c["asset"] = ASSETS.get(words.pop(0), 9)
        while words:
            word = words.pop(0)
            value = words.pop(0)
            match word:
                case "to":
                    c["counter_account"] = self.account(value)
                case "until":
                    c["expire_at"] = int(value)
                case "version":
                    c["expected_version"] = int(value)
                case "id":
                    c["transfer_id"] = self.transfer(value) if value != "0" else 0
                case _:
                    raise ValueError(f"no such word: {word}")
        if "transfer_id" not in c:
            c["transfer_id"] = self.transfer(self.request_id())
        return c

    def trade(self, verb: str, words: list[str]) -> Command:
        """`post_trade 1 fees 5 -2`: the buyer's, the seller's."""
        c: Command = {"kind": verb, "trade_id": int(words[0])}
        return c | dict(zip(("buyer_fee", "seller_fee"), map(int, words[2:]), strict=False))

    def transfer(self, name: str) -> int:
        """The transfer id that a name stands for; beyond 64 bits."""
        return self.transfers.setdefault(name, 2**64 * 7 + len(self.transfers) + 1)

    # --- the rest ---------------------------------------------------------------------------------

    def instrument(self, verb: str, words: list[str]) -> Command:
        """`set_phase closed`, `set_mark 100`."""
        word = words.pop(0)
        value = word if word in PHASES else int(word)
        return {"kind": verb, "instrument_id": 1, WORD_OF_ENUM[verb]: value}

    def definition(self, _verb: str, words: list[str]) -> Command:
        """`define name value …`: the instrument again, or another."""
        pairs = zip(words[::2], words[1::2], strict=True)
        changes = {name: int(value) if re.fullmatch(r"-?\d+", value) else value for name, value in pairs}
        own = {name: value for name, value in self.settings.items() if name in MARKET}
        return MARKET | own | changes

    def asset(self, _verb: str, words: list[str]) -> Command:
        """`asset 4 GBP 2`."""
        return {
            "kind": "define_asset",
            "asset": int(words[0]),
            "symbol": words[1],
            "asset_scale": int(words[2]),
        }

    def open(self, _verb: str, words: list[str]) -> Command:
        """`open ann [under bob]`; `tenant` as everywhere, 1 if it says nothing."""
        name = words.pop(0)
        c: Command = {"kind": "open_account", "account": self.account(name), "tenant": 1}
        if words:
            assert words.pop(0) == "under"
            c["parent"] = self.account(words.pop(0))
        return c

    def limits(self, _verb: str, words: list[str]) -> Command:
        """`limits ann 1 max_position 5 …`, `limits any any order_rate 2 rate_interval 10`."""
        c: Command = {"kind": "set_limits", "account": self.account(words.pop(0))}
        instrument = words.pop(0)
        c["instrument_id"] = 0 if instrument == "any" else int(instrument)
        for name, value in zip(words[::2], words[1::2], strict=True):
            assert name in (*LIMITS, "rate_interval")
            c[name] = int(value)
        return c

    def kill(self, _verb: str, words: list[str]) -> Command:
        """`kill venue`, `kill account ann`, `kill instrument 1`, `kill tenant 1`; `lift …` alike."""
        scope = words.pop(0) if words else "tenant"  # which was read as every command's tenant
        c: Command = {"kind": "kill", "scope": scope, "flag": int(_verb == "kill")}
        if scope == "account":
            c["account"] = self.account(words.pop(0))
        elif scope == "instrument":
            c["instrument_id"] = int(words.pop(0))
        assert scope in SCOPES
        return c

    def session(self, verb: str, words: list[str]) -> Command:
        """`open_session 7 cancels`, `lose_session 7`."""
        c: Command = {"kind": verb, "session": int(words.pop(0))}
        return c | ({"flag": 1} if words == ["cancels"] else {})

    def countdown(self, _verb: str, words: list[str]) -> Command:
        """`countdown ann 50`."""
        return {"kind": "set_countdown", "account": self.account(words[0]), "timeout": int(words[1])}

    def admin(self, verb: str, words: list[str]) -> Command:
        """`tick`, `stage away`, `stage back of 1`, `policy 1`, `settlement service`."""
        if verb == "settlement":
            return {"kind": "set_settlement", "flag": {"service": 1, "at_once": 0}.get(words[0], 2)}
        if verb == "stage":
            shard = {"shard": int(words[2])} if words[1:2] == ["of"] else {}
            return {"kind": "set_stage", "flag": {"away": 1, "back": 0}[words[0]]} | shard
        return {"kind": "tick"} if verb == "tick" else {"kind": "set_policy", "flag": int(words[0])}

    def collateral(self, _verb: str, words: list[str]) -> Command:
        """`collateral btc usd mark 100 haircut 200000000`."""
        c: Command = {"kind": "set_collateral", "asset": ASSETS.get(words[0], 9)}
        c["collateral_asset"] = ASSETS.get(words[1], 9)
        return c | {name: int(value) for name, value in zip(words[2::2], words[3::2], strict=True)}


Read = Callable[[Reader, str, list[str]], Command]
OPTIONAL_RULES = ("collar", "static_band", "dynamic_band", "reference")
VERBS: dict[str, tuple[str, Read]] = {
    "new": ("orders", Reader.new),
    "replace": ("orders", Reader.target),
    "cancel": ("orders", Reader.target),
    "mass_cancel": ("orders", Reader.mass),
    **dict.fromkeys(("deposit", "withdraw", "transfer", "reserve", "post", "void"), ("ledger", Reader.money)),
    "post_trade": ("ledger", Reader.trade),
    **dict.fromkeys(WORD_OF_ENUM, ("instruments", Reader.instrument)),
    "define": ("instruments", Reader.definition),
    "asset": ("instruments", Reader.asset),
    "open": ("administration", Reader.open),
    "limits": ("administration", Reader.limits),
    "kill": ("administration", Reader.kill),
    "lift": ("administration", Reader.kill),
    "open_session": ("administration", Reader.session),
    "lose_session": ("administration", Reader.session),
    "countdown": ("administration", Reader.countdown),
    **dict.fromkeys(("tick", "stage", "policy", "settlement"), ("administration", Reader.admin)),
    "collateral": ("administration", Reader.collateral),
}


def parts(text: str) -> list[str]:
    """What stands between semicolons."""
    return [part.strip() for part in text.split(";") if part.strip()]


def settings_of(text: str) -> dict[str, int | str]:
    """`name value, …`."""
    result: dict[str, int | str] = {}
    for setting in filter(None, (part.strip() for part in text.split(","))):
        name, value = setting.split()
        result[name] = int(value) if re.fullmatch(r"-?\d+", value) else value
    return result


def read_examples(path: Path) -> list[Example]:
    """All examples of a file."""
    return list(examples(path.read_text(encoding="utf-8").splitlines()))


def examples(lines: list[str]) -> Iterator[Example]:
    """All examples of a text."""
    example = None
    for line in lines:
        if line.startswith("# "):
            if example is not None:
                yield example
            head, _, setup = line[2:].partition(" : ")
            found = re.fullmatch(r"(.*?)\s*(?:\[(.*)\])?", head)
            assert found is not None
            example = Example(found[1].strip(), settings_of(found[2] or ""), parts(setup))
        elif line.strip():
            assert example is not None, f"a line before the first example: {line}"
            left, _, right = line.partition(" -> ")
            example.lines.append(Line(parts(left), parts(right), line))
    if example is not None:
        yield example


# --- telling ---------------------------------------------------------------------------------------


def camel(word: str) -> str:
    """A reject as the specification spells it."""
    return "".join(part.capitalize() for part in word.split("_"))


def told(record: Report) -> str:
    """A report or an answer as the screen shows it."""
    text = answer_text(record) if "family" in record else report_text(record)
    return f"again {text}" if record["duplicate"] else text


def answer_text(a: Report) -> str:
    """`done`, the balance where it is told, or the reject with its numbers."""
    if a["reject"] is not None:
        numbers = "" if a["detail"] is None else " {} {}".format(*a["detail"])
        return camel(a["reject"]) + numbers
    if a["balance"] is None:
        return "done"
    total, reserved, version = a["balance"]
    return f"done {total - reserved} + {reserved} v{version}"


def report_text(r: Report) -> str:
    """What happened, to which order, and what is peculiar to it."""
    return REPORTS[r["exec_type"]](r)


def accepted_text(r: Report) -> str:
    """With the status where it is not simply open."""
    status = "" if r["order_status"] == "open" else f" {r['order_status']}"
    filled = f" filled {r['cum_qty']}" if r["cum_qty"] else ""
    return f"accepted {r['client_order_id']} x {r['order_qty']}{status}{filled}"


def refused_text(r: Report) -> str:
    """The reject with its numbers."""
    numbers = "" if r["limit"] is None else " {} {}".format(*r["limit"])
    what = r["client_order_id"] if r["exec_type"] == "rejected" else ""
    return " ".join(filter(None, (r["exec_type"], what, camel(r["reject"]) + numbers)))


def trade_text(r: Report) -> str:
    """One side of a trade."""
    asset = next(name for name, id_ in ASSETS.items() if id_ == r["fee_asset"])
    fee = f" fee {r['fee']} {asset}" if r["fee"] else ""
    head = f"trade t{r['trade_id']} {r['client_order_id']} {r['last_price']} x {r['last_qty']}"
    unposted = " unposted" if r["unposted"] else ""
    return f"{head} {r['liquidity']}{fee}{unposted} leaves {r['leaves_qty']}"


def ended_text(r: Report) -> str:
    """Why it ended, and what it had got."""
    reason = f" {r['cancel_reason']}" if r["cancel_reason"] else ""
    filled = f" filled {r['cum_qty']}" if r["cum_qty"] else ""
    return f"{r['exec_type']} #{r['order_id']}{reason}{filled}"


def replaced_text(r: Report) -> str:
    """Its new price and quantity."""
    return f"replaced #{r['order_id']} {r['price']} x {r['order_qty']} {'kept' if r['kept'] else 'lost'}"


REPORTS: dict[str, Callable[[Report], str]] = {
    "accepted": accepted_text,
    "rejected": refused_text,
    "cancel_rejected": refused_text,
    "trade": trade_text,
    "canceled": ended_text,
    "expired": ended_text,
    "replaced": replaced_text,
    "triggered": lambda r: f"triggered #{r['order_id']}",
    "restated": lambda r: (
        f"restated #{r['order_id']} {'none' if r['price'] is None else r['price']} x {r['leaves_qty']}"
    ),
    "done": lambda r: f"done x {r['last_qty']}",
}
