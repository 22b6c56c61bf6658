"""What commands share: which exchange is meant, and how answers are shown."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cmatch.cli.words import place
from exchange.config import Settings, load
from exchange.config.profiles import PROFILES
from exchange.config.table import rows
from exchange.errors import ConfigError, ServiceUnavailableError, StorageError
from exchange.storage.directory import DataDirectory, DirectoryLock


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which exchange, and how it is set."""
    parser.add_argument(
        "--data",
        type=place,
        metavar="DIR",
        help="the data directory (default: exchange-data, or as configured)",
    )
    parser.add_argument(
        "--config", type=place, metavar="FILE", help="settings in TOML (docs/configuration.md)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, as in --set durability=disk or --set limits.accounts=1000; may be repeated",
    )
    parser.add_argument(
        "--profile",
        dest="set",
        action="append",
        type="profile={}".format,
        metavar="NAME",
        help=f"defaults that belong together: {', '.join(PROFILES)}; the same as --set profile=NAME",
    )


def settings_of(options: argparse.Namespace, **values: object) -> Settings:
    """The settings that the options mean.

    Args:
        options: with those of `add_settings`.
        values: settings that count where the options say nothing of them.

    Raises:
        ConfigError: one is unknown or out of bounds.
    """
    said: dict[str, Any] = dict(values)
    if options.data is not None:
        said["data_directory"] = options.data
    kinds = {row.key: row.kind for row in rows()}
    for pair in options.set:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: expected KEY=VALUE")
        if key not in kinds:
            raise ConfigError(
                f"--set {pair}: there is no setting {key}: expected one of docs/configuration.md"
            )
        section, dot, name = key.rpartition(".")
        place = said.setdefault(section, {}) if dot else said
        place[name if dot else key] = _value(kinds[key], text)
    return load(options.config, **said)


def _value(kind: type, text: str) -> object:
    if kind is int:
        return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def name_of(word: str) -> int | str:
    """A symbol, or the number that stands for it; of an amount, digits alone are units already.

    Raises:
        ValueError: It is empty, as that of a variable of the shell that is not set.
    """
    if not word:
        raise ValueError("an empty word names nothing")
    return int(word) if word.isascii() and word.isdigit() else word


def name_or_all(word: str | None) -> int | str:
    """The same of an option that need not be given: 0 stands for all."""
    return 0 if word is None else name_of(word)


def may_be_there(endpoint: str) -> bool:
    """Whether somebody may listen at an endpoint; of TCP nobody knows without asking.

    A socket's file stays behind when whoever listened there is gone; under a supervisor they come back.
    """
    if not endpoint.startswith("ipc://"):
        return True
    path = Path(endpoint.removeprefix("ipc://"))
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except ConnectionRefusedError:
            return DirectoryLock.is_held(DataDirectory(path.parent.parent).lock)
        except OSError:  # many want in at the moment, or we may not: who asks is told
            return True
    return True


def check_runs(settings: Settings, endpoints: Sequence[str] = ()) -> None:
    """Looks whether an exchange may run, which spares who asks the wait for an answer.

    Args:
        settings: Of the exchange.
        endpoints: Where its core is asked; by default as configured.

    Raises:
        ServiceUnavailableError: None runs.
    """
    if not any(may_be_there(endpoint) for endpoint in endpoints or [settings.endpoints.orders]):
        root = settings.data_directory
        raise ServiceUnavailableError(
            f"no exchange runs on {root}: start one with `exchange up --data {root}`"
        )


def check_made(settings: Settings) -> None:
    """Looks whether there is what a command wants to look at: looking shall not make it.

    Keys and people may be made before an exchange first runs, and stores may be on a server.

    Raises:
        StorageError: There is nothing of an exchange.
    """
    directory = DataDirectory(settings.data_directory)
    keys = settings.security.keys_directory or directory.keys
    made = settings.stores.url or any(each.exists() for each in (directory.stores, directory.log, keys))
    if not made and not any(directory.journal.glob("*.journal")):
        raise StorageError(
            f"there is no exchange in {directory.root.absolute()} (no journal):"
            " cd to where it was started, or --data DIR"
        )


def as_json(value: object) -> str:
    """A message, or a list of them, as JSON text: enums by name."""
    return json.dumps(plain(value), indent=2)


def plain(value: Any) -> Any:
    """Records as dictionaries, enums as their words, all else as JSON has it."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value) if hasattr(value, "name") else int(value)
    return str(value)


def table(head: tuple[str, ...], rows_of: Sequence[tuple[str, ...]], *, left: int = 1) -> str:
    """Rows in columns under a head; the first `left` columns stand on the left, the others on the right."""
    lines = [head, *rows_of]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join(
        "  ".join(
            word.ljust(width) if k < left else word.rjust(width)
            for k, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
