"""The settings as a table: keys, variables, bounds and meanings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Final, get_type_hints

from exchange.config.settings import Durability, Settings

VARIABLE_PREFIX: Final = "EXCHANGE_"
FILE_VARIABLE: Final = "EXCHANGE_CONFIG"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Args:
        section: The table in the file; empty for the settings at its top.
        name: The key.
        kind: `int`, `str`, `bool`, `Path` or `Durability`.
        optional: Whether it may be left empty.
        default: Its value where nothing is said.
        meaning: One sentence.
        bounds: The least and greatest value of a number.
        also: Another environment variable of the same meaning, which ours goes before; empty: none.
    """

    section: str
    name: str
    kind: type
    optional: bool
    default: object
    meaning: str
    bounds: tuple[int, int] | None
    also: str

    @property
    def key(self) -> str:
        """As errors and the page name it: `section.name`."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        """The environment variable."""
        return VARIABLE_PREFIX + self.key.replace(".", "_").upper()

    @property
    def expected(self) -> str:
        """What a value has to be, in words."""
        if self.bounds is not None:
            words = f"a whole number from {self.bounds[0]:,} to {self.bounds[1]:,}"
        elif self.kind is bool:
            words = "true or false"
        elif self.kind is Durability:
            words = " or ".join(Durability)
        else:
            words = "a path" if self.kind is Path else "text"
        return f"{words}, or nothing" if self.optional and self.kind is not str else words


def sections() -> dict[str, type]:
    """The sections of Settings, by name, in their order."""
    hints = get_type_hints(Settings)
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}


def rows() -> Iterator[Row]:
    """All settings, in the order of their classes."""
    yield from _rows_of("", Settings)
    for section, cls in sections().items():
        yield from _rows_of(section, cls)


def _rows_of(section: str, cls: type) -> Iterator[Row]:
    hints = get_type_hints(cls)
    for item in fields(cls):
        if item.default is MISSING:
            continue  # a section
        hint = hints[item.name]
        kinds = [kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)]
        metadata = item.metadata
        yield Row(
            section,
            item.name,
            kinds[0],
            type(None) in getattr(hint, "__args__", ()),
            item.default,
            metadata["meaning"],
            metadata["bounds"],
            metadata["also"],
        )
