"""A trading desk: commands in the notation of the screen, answered by the plain venue or by both."""

import re
from typing import Any, Protocol

from tests.oracle.venue import Venue
from tests.oracle.venue.model import Report, Sizes
from tests.venue.screen import ASSETS, Command, Reader, settings_of, told

SIZES = Sizes.__dataclass_fields__.keys()


class Applies(Protocol):
    """What a desk gives commands to."""

    oracle: Venue

    def apply(self, family: str, timestamp: int, commands: list[Command]) -> list[Report]:
        """One batch."""


class Alone:
    """The plain venue without the compiled one."""

    def __init__(self, sizes: Sizes) -> None:
        self.oracle = Venue(sizes)

    def apply(self, family: str, timestamp: int, commands: list[Command]) -> list[Report]:
        """One batch."""
        from tests.oracle.venue import Header

        records = self.oracle.apply(family, Header(self.oracle.sequence + 1, timestamp), commands)
        self.oracle.check_invariants()
        return records


def sizes_of(settings: dict[str, int | str]) -> Sizes:
    """The limits of size among an example's settings."""
    return Sizes(**{name: int(value) for name, value in settings.items() if name in SIZES})


class Desk:
    """A venue with one instrument, and who is who."""

    def __init__(self, settings: dict[str, int | str] | str = "", venue: Applies | None = None) -> None:
        settings = settings_of(settings) if isinstance(settings, str) else settings
        self.venue = venue or Alone(sizes_of(settings))
        self.reader = Reader(settings)
        for family, command in self.reader.world():
            assert self.speak(family, command)[-1]["reject"] is None, command

    def speak(self, family: str, command: Command, timestamp: int = 0) -> list[Report]:
        """One command in a batch of its own."""
        return self.venue.apply(family, timestamp, [command])

    def do(self, text: str) -> list[Report]:
        """One command, typed, after the opening of accounts that it names first."""
        for family, command in self.reader.unopened(text):
            assert self.speak(family, command, self.reader.clock)[-1]["reject"] is None
        family, command, timestamp = self.reader.command(text)
        records = self.speak(family, command, timestamp)
        for record in records:
            if record.get("exec_type") == "accepted" and not record["duplicate"]:
                self.reader.order_ids[record["client_order_id"]] = record["order_id"]
        return records

    def play(self, *texts: str) -> list[str]:
        """Commands, of which all but the last are not refused: what the last one told and changed."""
        for text in texts[:-1]:
            self.expect_done(text)
        before = self.money_and_positions()
        for family, command in self.reader.unopened(texts[-1]):
            assert self.speak(family, command, self.reader.clock)[-1]["reject"] is None
        records = self.do(texts[-1])
        after = self.money_and_positions()
        changes = [f"{name} {value}" for name, value in after.items() if before.get(name) != value]
        return [*(self.labelled(told(record)) for record in records), *changes]

    def expect_done(self, text: str) -> None:
        """A command that is not refused."""
        for record in self.do(text):
            assert record["reject"] is None, (text, told(record))

    def labelled(self, text: str) -> str:
        """With names of orders for their ids."""
        labels = {id_: label for label, id_ in self.reader.order_ids.items()}
        return re.sub(r"#(\d+)", lambda found: labels.get(int(found[1]), found[0]), text)

    def money_and_positions(self) -> dict[str, str]:
        """Every balance and position by its name."""
        oracle = self.venue.oracle
        names = {id_: name for name, id_ in self.reader.accounts.items()}
        assets = {id_: name for name, id_ in ASSETS.items()}
        shown: dict[str, str] = {}
        for (account, asset), balance in sorted(oracle.ledger.balances.items()):
            if balance.version:
                shown[f"{names[account]} {assets[asset]}"] = f"{balance.available} + {balance.reserved}"
        for (account, instrument), position in sorted(oracle.positions.items()):
            where = "" if instrument == 1 else f" of {instrument}"
            text = f"{position.qty} cost {position.cost} realised {position.realised}"
            if text != "0 cost 0 realised 0" or f"{names[account]} has{where}" in shown:
                shown[f"{names[account]} has{where}"] = text
        return shown


def words(record: dict[str, Any]) -> str:
    """A record as text, for messages."""
    return told(record)
