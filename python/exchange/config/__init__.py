"""Settings of an exchange and its processes: `load` reads them, `Settings` holds them."""

from exchange.config.load import load
from exchange.config.settings import (
    Core,
    Durability,
    Endpoints,
    Limits,
    Matching,
    Security,
    Sessions,
    Settings,
)

__all__ = [
    "Core",
    "Durability",
    "Endpoints",
    "Limits",
    "Matching",
    "Security",
    "Sessions",
    "Settings",
    "load",
]
