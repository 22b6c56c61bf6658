"""The loop of the core process: one turn a batch, each stage one call into a kernel, nothing else in it.

A turn takes what is there and never waits for more. A command is written ahead before it changes anything,
and its answer leaves when it is as durable as the profile says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cmatch._core import Sequencer
from exchange.services.orders.stage import WatchedStage

_HOUSE_NS: Final = 20_000_000  # how often sessions are looked after


class CoreLoop:
    """Turns of the core over one sequencer. One thread.

    Args:
        sequencer: The stages.
        stage: Whether the matching stage is there.
        shards: The same of each shard, by its number.
        judges: The same of accounts and risk where they have processes of their own, by Judge.
        keepers: Called now and then, and never wait: who lets connections in, who fences an old leader.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        stage: WatchedStage,
        *,
        shards: Mapping[int, WatchedStage] | None = None,
        judges: Mapping[int, WatchedStage] | None = None,
        keepers: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._core = sequencer
        self._stages = {0: stage, **(shards or {})}
        self._judges = dict(judges or {})
        self._keepers = keepers
        self._next_house_ns = 0
        self.stopping = False

    def run(self) -> None:
        """Serves until `stopping` is set, or another core has taken over; finishes the batch that is there.

        Raises:
            JournalFailed: What the disk holds is unknown: the process has to exit.
        """
        while not self.stopping and not self._core.fenced_by:
            self._wait()
            self.turn()
        self.turn()
        while self._core.waits and not self._core.fenced_by:  # for verdicts, which come or are late
            self._wait()
            self.turn()
        self._core.close_sessions()

    def turn(self) -> None:
        """One batch, from the socket to the last answer."""
        core = self._core
        core.drain()
        if core.steady >= self._next_house_ns:
            self._keep_house()
        core.decode()
        if core.pending and core.propose() and core.append():
            core.apply()
            if core.syncs:
                core.sync()
        core.answer()
        core.finish()

    def hurry(self) -> None:
        """The next turn looks after sessions and stages, however lately that was done."""
        self._next_house_ns = 0

    def _wait(self) -> None:
        """Until a frame is there, a timer is due, or sessions are to be looked after."""
        self._core.wait(max(self._next_house_ns - self._core.steady, 0))

    def _keep_house(self) -> None:
        self._next_house_ns = self._core.steady + _HOUSE_NS
        for keep in self._keepers:
            keep()
        self._core.keep_house()
        for number, stage in self._stages.items():
            change = stage.look()
            if change is not None:
                self._core.set_stage(change, number)
        for judge, stage in self._judges.items():
            change = stage.look()
            if change is not None:
                self._core.set_judge(judge, change)
