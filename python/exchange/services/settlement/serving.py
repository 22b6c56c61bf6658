"""The poster runs as long as the service does; beside it the service answers questions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from exchange.errors import ServiceUnavailableError
from exchange.runtime.chores import chores
from exchange.runtime.service_host import Ground
from exchange.services.settlement.posting import Poster


@asynccontextmanager
async def serve(ground: Ground) -> AsyncIterator[Mapping[str, Any]]:
    """No methods beyond the queries; posts, for as long as the block lasts."""
    if ground.core is None:
        raise ServiceUnavailableError("settlement has no way to the core")
    poster = Poster(ground, ground.core, ground.policies.of("settlement", "orders"))
    async with chores(poster.run()):
        yield {}
