"""Settings that belong together, by the name of what they make of an exchange."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROFILES: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        # Document 003's services, each where it says; of the four there is market data.
        "four-services": MappingProxyType(
            {"market_data.enabled": True, "endpoints.prices": "127.0.0.1:8001"},
        ),
    }
)
"""By key, as a file would say them; whatever is said otherwise goes before."""
