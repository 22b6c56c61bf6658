"""The table of settings as docs/configuration.md, on standard output."""

import sys
from collections.abc import Mapping

from exchange.config.profiles import PROFILES
from exchange.config.table import FILE_VARIABLE, rows, sections


def markdown() -> str:
    """The page as docs/configuration.md has it."""
    lines = [
        "# Configuration",
        "",
        "Made by `python -m exchange.config.page`; a test keeps it current.",
        "Each setting comes from the first of these that says something: arguments",
        "(`exchange.config.load(...)`, options of the command line), the environment,",
        f"the TOML file (`--config`, or `{FILE_VARIABLE}`), the profile (`--profile`), the default.",
        "Where two variables are named, the second is what other systems have; ours goes before it.",
        "An unknown key or variable is an error, as is a value out of its bounds.",
        *(f"The profile `{name}` says {_said(of)}." for name, of in PROFILES.items()),
    ]
    for section in ("", *sections()):
        lines += ["", f"## {f'[{section}]' if section else 'At the top of the file'}", ""]
        lines += ["| key | variable | expected | default | meaning |", "| --- | --- | --- | --- | --- |"]
        for row in rows():
            if row.section == section:
                default = "" if row.default in {None, ""} else f"`{_shown(row.default)}`"
                variables = f"`{row.variable}`" + (f", or `{row.also}`" if row.also else "")
                lines.append(f"| `{row.name}` | {variables} | {row.expected} | {default} | {row.meaning} |")
    return "\n".join(lines) + "\n"


def _said(settings: Mapping[str, object]) -> str:
    return ", ".join(f"`{key}={_shown(value)}`" for key, value in settings.items())


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
