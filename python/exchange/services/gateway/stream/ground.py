"""What streams of a gateway have in common: who is on, of which key or session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.config.settings import Gateway
from exchange.security.principal import Method, Principal
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.stream.closing import Close
from exchange.services.gateway.stream.hub import Hub
from exchange.services.gateway.stream.resume import Tokens
from exchange.services.gateway.stream.source import Source

if TYPE_CHECKING:
    from exchange.services.gateway.stream.conversation import Conversation


class Ground:
    """Belongs to one event loop.

    Args:
        settings: Bounds.
        source: What feeds are made of.
        hub: The feeds.
        limits: Budgets.
        tokens: To resume by.
        refused: Counts refusals, by the name of the number.
    """

    def __init__(
        self,
        settings: Gateway,
        source: Source,
        hub: Hub,
        limits: Limits,
        tokens: Tokens,
        refused: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.source = source
        self.hub = hub
        self.doors = source.exchange.doors
        self.limits = limits
        self.tokens = tokens
        self.refused = refused
        self._on: dict[tuple[Method, str], set[Conversation]] = defaultdict(set)

    def entered(self, conversation: Conversation, principal: Principal) -> bool:
        """One more is known; whether there is room. Of a session only the newest one stays."""
        whose = _whose(principal)
        others = self._on[whose]
        if principal.session_id:
            for other in tuple(others):
                other.outlet.end(Close.REPLACED)
            others.clear()
        elif len(others) >= self.settings.streams_per_key:
            return False
        others.add(conversation)
        return True

    def left(self, conversation: Conversation) -> None:
        """It has ended."""
        if conversation.principal is None:
            return
        whose = _whose(conversation.principal)
        self._on[whose].discard(conversation)
        if not self._on[whose]:
            del self._on[whose]


def _whose(principal: Principal) -> tuple[Method, str]:
    return principal.method, principal.session_id or principal.credential_id
