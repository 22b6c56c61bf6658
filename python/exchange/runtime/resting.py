"""How long who works through events in transactions rests between two of them, so that the next has more.

A transaction costs as much as hundreds of events, whatever it takes.
"""

from __future__ import annotations

from typing import Final

_WORTH_EVENTS: Final = 2_048
_SHARE: Final = 3
"""So many times as long as a transaction took: a quarter of a processor at most."""
_S_MAX: Final = 0.1


def rest_s(events: int, spent_s: float) -> float:
    """After one that took so many events and so long; 0 where it was worth its while.

    Args:
        events: That were taken.
        spent_s: Time for it, s.
    """
    return 0.0 if events >= _WORTH_EVENTS else min(_SHARE * spent_s, _S_MAX)
