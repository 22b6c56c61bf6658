"""What an audit found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

from cmatch._core import Venue
from exchange.storage.executions import Outcome

_TOLD_MOST: Final = 20


@dataclass
class Check:
    """One thing that was looked at.

    Attributes:
        name: In a word.
        says: What was looked at and found right, in a sentence with its figures.
        wrong: What is not right, a sentence each; of many alike the first ones.
        count: How many things are wrong, told or not.
    """

    name: str
    says: str = ""
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    def find(self, sentence: str) -> None:
        """Notes something that is wrong."""
        self.count += 1
        if len(self.wrong) < _TOLD_MOST:
            self.wrong.append(sentence)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.count == 0

    def body(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "name": self.name,
            "good": self.good,
            "says": self.says,
            "wrong": self.wrong,
            "count": self.count,
        }


class Auditor(Protocol):
    """Looks at what came of each record of the journal, one behind the other."""

    @property
    def check(self) -> Check:
        """What it found; it says so once it is closed."""
        ...

    def take(self, outcome: Outcome, venue: Venue) -> None:
        """Looks at the next record; the venue is the fold of all up to it."""
        ...

    def close(self, venue: Venue) -> None:
        """Looks at how it ended; the venue is the fold of all records."""
        ...


@dataclass(frozen=True)
class Audit:
    """All checks of one data directory.

    Attributes:
        checks: In the order in which they were made.
        commands: That the journal has behind where it begins.
        trades: Until its end.
        state_hash: There.
        seconds: What the replay took, reading included.
    """

    checks: tuple[Check, ...]
    commands: int
    trades: int
    state_hash: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.good for check in self.checks)

    def lines(self) -> Iterator[str]:
        """The report: a line a check, what is wrong below it, and the verdict."""
        width = max(len(check.name) for check in self.checks)
        for check in self.checks:
            yield f"{'ok' if check.good else 'WRONG':<6} {check.name:<{width}}  {check.says}".rstrip()
            for sentence in check.wrong:
                yield f"{'':<6} {'':<{width}}  - {sentence}"
            if check.count > len(check.wrong):
                yield f"{'':<6} {'':<{width}}  - and {check.count - len(check.wrong):,} more"
        wrong = sum(not check.good for check in self.checks)
        verdict = f"{wrong} of {len(self.checks)} checks WRONG" if wrong else "all is right"
        yield f"audit: {verdict} ({self.trades:,} trades, hash {self.state_hash:016x})"

    @classmethod
    def of_body(cls, body: Mapping[str, Any]) -> Self:
        """As `body` says it."""
        checks = [Check(each["name"], each["says"], each["wrong"], each["count"]) for each in body["checks"]]
        state_hash = int(body["state_hash"], 16)
        return cls(tuple(checks), body["commands"], body["trades"], state_hash, body["seconds"])

    def body(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "good": self.good,
            "commands": self.commands,
            "trades": self.trades,
            "state_hash": f"{self.state_hash:016x}",
            "seconds": round(self.seconds, 3),
            "checks": [check.body() for check in self.checks],
        }
