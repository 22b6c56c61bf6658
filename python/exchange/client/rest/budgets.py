"""What is left of the budgets that answers tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent still, as of the last answer that said so.

    Args:
        limit: Weight that may be spent at once when the budget is full.
        remaining: Of it now.
        reset_s: Seconds until it is full again.
    """

    limit: int
    remaining: int
    reset_s: int


def budget_of(headers: Mapping[str, str]) -> Budget | None:
    """What an answer says; None where it says nothing that can be read."""
    try:
        return Budget(*(int(headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset")))
    except (KeyError, ValueError):
        return None


class Budgets:
    """Those of one client.

    Attributes:
        key: Of requests of the key; None before the first answer.
        cancels: Of its cancels.
        address: Of public requests from this address.
    """

    def __init__(self) -> None:
        self.key: Budget | None = None
        self.cancels: Budget | None = None
        self.address: Budget | None = None

    def note(self, headers: Mapping[str, str], *, signed: bool, cancels: bool) -> None:
        """An answer came."""
        budget = budget_of(headers)
        if budget is None:
            return
        if not signed:
            self.address = budget
        elif cancels:
            self.cancels = budget
        else:
            self.key = budget
