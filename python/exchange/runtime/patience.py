"""When something that failed is tried again: the pauses of the ladder, the last of them over and over."""

from __future__ import annotations

from exchange.resilience import LADDER_S, Clock


class Patience:
    """Of one thing that is tried again. One thread.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._not_before = 0.0
        self.failures = 0
        self.why = ""

    @property
    def wait_s(self) -> float:
        """How long until the next try."""
        return max(0.0, self._not_before - self._clock.now()) if self.failures else 0.0

    @property
    def exhausted(self) -> bool:
        """Whether it was tried once after every pause of the ladder."""
        return self.failures >= len(LADDER_S)

    def failed(self, error: BaseException) -> bool:
        """It failed once more; whether for the first time."""
        pause = LADDER_S[min(self.failures, len(LADDER_S) - 1)]
        self._not_before = self._clock.now() + pause
        self.failures += 1
        self.why = f"{type(error).__name__}: {error}"
        return self.failures == 1

    def succeeded(self) -> None:
        """It went well: the next failure is the first."""
        self.failures = 0
        self.why = ""
