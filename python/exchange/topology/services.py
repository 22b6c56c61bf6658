"""The services, by their specs."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from exchange.runtime.spec import ServiceSpec, check_table
from exchange.services.accounts.service import SPEC as ACCOUNTS
from exchange.services.matching.service import SPEC as MATCHING
from exchange.services.orders.service import SPEC as ORDERS
from exchange.services.risk.service import SPEC as RISK

SERVICES: Final[tuple[ServiceSpec, ...]] = (ORDERS, ACCOUNTS, RISK, MATCHING)
"""The kernels."""

check_table(SERVICES, outside=("core.commands",))


def spec_of(name: str) -> ServiceSpec:
    """A service of the table, which is imported for it."""
    spec: ServiceSpec = import_module(f"exchange.services.{name}.service").SPEC
    return spec
