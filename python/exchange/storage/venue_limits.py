"""The sizes of the venue, fixed with the first start.

A reject for want of room is part of what a replay gives. They lie in `venue.json` of the data directory, so
that core, replica, `replay` and `verify` use the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exchange.config.settings import Settings
from exchange.errors import ConfigError, StorageError
from exchange.storage.directory import write_whole


def limits_of(settings: Settings) -> dict[str, Any]:
    """Settings as keyword arguments of `Venue`: whole numbers."""
    limits = settings.limits
    return {
        "max_accounts": limits.accounts,
        "max_assets": limits.assets,
        "max_instruments": limits.instruments,
        "max_orders": limits.orders,
        "max_transfers": limits.transfers,
        "max_client_ids": limits.client_order_ids,
        "queue_capacity": limits.queue_capacity,
        "queue_ttl": limits.queue_ttl_ms * 1_000_000,
    }


def read_limits(root: Path) -> dict[str, Any] | None:
    """The limits of a data directory; None where nothing was ever started on it.

    Raises:
        StorageError: they cannot be read.
    """
    path = root / "venue.json"
    try:
        content = json.loads(path.read_bytes())
        return {str(name): int(value) for name, value in content.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError, OverflowError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


def fix_limits(root: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a data directory, written down where it has none yet.

    Raises:
        ConfigError: it has others.
        StorageError: they cannot be read or written.
    """
    known = read_limits(root)
    if known is None:
        write_whole(root / "venue.json", json.dumps(dict(wanted), indent=2).encode("ascii"))
        return dict(wanted)
    had = limits_of(Settings()) | known  # one that could not be set then had its default
    for name, value in wanted.items():
        if had.get(name) != value:
            raise ConfigError(
                f"{root} was made with {name} = {had.get(name)}, not {value}:"
                " its journal can only be replayed with the same"
            )
    return known
