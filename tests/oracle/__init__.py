"""An independent matching engine in plain Python: the whole of the specification, slow and readable.

It shares nothing with the C++ core.
It keeps lists, sorts them when it needs an order, and recomputes everything from scratch.
"""

from tests.oracle.engine import Oracle
from tests.oracle.words import Event

__all__ = ["Event", "Oracle"]
