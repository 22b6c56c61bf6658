"""How durations of calls are told apart, wherever they are counted."""

from __future__ import annotations

from typing import Final

BUCKETS_S: Final = (
    *(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper limits of the buckets into which durations are counted, in seconds; one more has the rest."""
