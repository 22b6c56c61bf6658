"""How soon, and how often, something that fell over is started again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """None before the first new start, then pauses that double, within a bound on how many fit into a window.

    Args:
        first_s: The pause before the second new start, seconds.
        longest_s: No pause is longer.
        most: New starts that are allowed within the window; one more is refused.
        window_s: What happened longer ago than this is forgotten.
        rest_s: The pause of what is refused, and is started again all the same.
    """

    first_s: float = 0.1
    longest_s: float = 5.0
    most: int = 8
    window_s: float = 60.0
    rest_s: float = 60.0
    _starts: deque[float] = field(default_factory=deque)

    def next_pause(self, now_s: float) -> float | None:
        """Counts a failure at `now_s` (any monotonic clock); the pause to make, or None where it is over."""
        while self._starts and self._starts[0] <= now_s - self.window_s:
            self._starts.popleft()
        if len(self._starts) >= self.most:
            return None
        again = len(self._starts)
        pause = min(self.first_s * 2.0 ** (again - 1), self.longest_s) if again else 0.0
        self._starts.append(now_s)
        return pause

    @property
    def failures(self) -> int:
        """Failures that still count."""
        return len(self._starts)
