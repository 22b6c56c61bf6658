"""What the loop waits for where nothing comes."""

from __future__ import annotations

from typing import Any, cast

from cmatch._core import Sequencer
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import WatchedStage
from tests.core_loop.bench_table import Bench

MS = 1_000_000
HOUSE_MS = 20


class Waiting:
    """A core whose waits take their time, or end early where a frame comes; all else is the core's.

    Args:
        bench: Has the core, and a clock that is set by hand.
        frames_ms: After how long a frame comes, of the waits in order; the loop is stopped after them.
    """

    def __init__(self, bench: Bench, frames_ms: list[int]) -> None:
        self._bench = bench
        self._frames_ms = frames_ms
        self.waited_ms: list[float] = []
        self.houses = 0
        self.loop = CoreLoop(
            cast(Sequencer, self),
            WatchedStage(bench.port, bench.policies.of("orders", "matching")),
            keepers=[self._keep],
        )

    def wait(self, most_ns: int) -> None:
        """As the core's, on this clock."""
        self.waited_ms.append(most_ns / MS)
        comes_ns = self._frames_ms[len(self.waited_ms) - 1] * MS
        self._bench.clock.advance(min(comes_ns, most_ns))
        self.loop.stopping = len(self.waited_ms) == len(self._frames_ms)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench.core, name)

    def _keep(self) -> None:
        self.houses += 1


def test_loop_waits_until_it_looks_after_sessions_and_no_longer_whatever_comes() -> None:
    """Fifty times a second where nothing comes; frames in between put nothing off."""
    never = 1_000
    core = Waiting(Bench(), [never, never, never, 7, 8, never, never])
    core.loop.run()
    assert core.waited_ms == [0, HOUSE_MS, HOUSE_MS, HOUSE_MS, 13, 5, HOUSE_MS]
    assert core.houses == 5
