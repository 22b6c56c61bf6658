"""One line of the doctor's table, and the machine that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How bad a finding is: `fail` keeps the exchange from its promises, `warn` costs latency."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    level: Level
    found: str  # as it is here
    mend: str = ""  # the command or change that mends it; empty where nothing needs to

    def as_json(self) -> dict[str, str]:
        """The finding by field names."""
        return {"topic": self.topic, "level": str(self.level), "found": self.found, "mend": self.mend}


@dataclass(frozen=True)
class Machine:
    """Where the system shows itself."""

    root: Path = Path("/")

    def text(self, path: str) -> str | None:
        """The stripped contents of a file below the root; None where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The integer that a file holds; None where there is none."""
        text = self.text(path)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    def paths(self, pattern: str) -> list[Path]:
        """The files below the root that match, sorted."""
        return sorted(self.root.glob(pattern))


def chosen(text: str) -> str:
    """The word in brackets of a kernel setting such as `always [madvise] never`."""
    inside = text.partition("[")[2].partition("]")[0]
    return inside or text


def count_cpus(listed: str) -> int:
    """How many CPUs a kernel list such as `2-3,8` names.

    Raises:
        ValueError: it is no such list.
    """
    total = 0
    for part in filter(None, listed.split(",")):
        first, dash, last = part.partition("-")
        total += int(last) - int(first) + 1 if dash else int(bool(first.strip()) and int(first) >= 0)
    return total
