"""What processes of one exchange tell each other: settings, and where to connect."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from exchange.config import Settings, load
from exchange.errors import ConfigError

SETTINGS_VARIABLE: Final = "EXCHANGE_RUN_SETTINGS"
"""Where a supervisor gives a process all settings at once."""


def endpoints_of(settings: Settings) -> dict[str, str]:
    """Where to connect, by name."""
    endpoints = {"orders": settings.endpoints.orders, "queries": settings.endpoints.queries}
    if settings.history.enabled:
        endpoints["history"] = settings.endpoints.history
    if settings.market_data.enabled:
        endpoints["marketdata"] = settings.endpoints.marketdata
    if settings.admin.enabled:
        endpoints["admin"] = settings.endpoints.admin
    if settings.settlement.enabled:
        endpoints["settlement"] = settings.endpoints.settlement
    if settings.gateway.enabled:
        for instance in range(settings.gateway.instances):
            name = f"gateway-{instance + 1}" if instance else "gateway"
            endpoints[name] = f"http://{settings.gateway.host}:{settings.gateway.port + instance}"
    if settings.endpoints.metrics:
        endpoints["metrics"] = f"http://{settings.endpoints.metrics}/metrics"
    return endpoints


def settings_as_json(settings: Settings) -> str:
    """Settings as text that `settings_of_json` reads back."""
    return json.dumps(asdict(settings), default=str)


def settings_of_json(text: str) -> Settings:
    """Settings that another process has loaded, without this one's environment and files.

    Raises:
        ConfigError: they are none.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"settings of another process are no JSON: {error}") from None
    return load(environment={}, **values)
