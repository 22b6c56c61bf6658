"""An independent venue in plain Python: the whole of docs/venue.md around the plain matching engine.

It shares nothing with the C++ core.
Money is Python's integers, fees are fractions, and whatever can be recomputed is.
"""

from tests.oracle.venue.state import Header
from tests.oracle.venue.venue import Venue

__all__ = ["Header", "Venue"]
