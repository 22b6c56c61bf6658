"""The consumer of a service: events of the log in, one transaction, events for the log out.

In one transaction lie what was taken (its ids, the watermark of its stream), the state that the handlers
changed, the events that they returned, and the cursor. So whatever stops it, wherever: nothing is lost and
nothing is done twice.

What a handler raises is of one of three classes (`exchange.errors.ErrorClass`). A batch is cut in halves
until the event at fault is alone; what comes before and behind it is taken. That event goes to the dead
letters, at once or after the ladder, and further events of its entity go behind it. While a dependency is
down the stream stands still, for ever if need be.

with Consumer(SPEC, store, event_log, topics) as consumer:
    consumer.run(stop)
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version as version_of
from typing import Final, Self

from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.resilience import Clock, SystemClock
from exchange.runtime.handling import Handling
from exchange.runtime.intake import Intake
from exchange.runtime.outbox import Outbox, OutboxPublisher
from exchange.runtime.replays import LOOK_S, Replays
from exchange.runtime.resting import rest_s
from exchange.runtime.spec import ServiceSpec
from exchange.storage.sql import Store, StoreUnavailable
from exchange.storage.sql.dead_letters import DeadLetters
from exchange.storage.sql.inbox import Inbox

_PRUNE_S: Final = 3_600.0
_HAD: Final = ("taken", "behind", "duplicates")
_KEPT_NS: Final = 7 * 86_400_000_000_000  # of the ids of what was taken; watermarks stay


class Consumer:
    """Takes the topics that a service reads, publishes what it writes. One thread.

    Args:
        spec: The service; its handlers are called as `handle(tx, events)`, with an `EventRun`.
        store: Of the service.
        event_log: The log.
        topics: The table of topics.
        version: Of the consumer, for its dead letters; this program's where None.
        clock: The time of pauses.
        now_ns: The time of records, ns since 1970.

    Raises:
        LogRefused: GROUP_IN_USE: another instance of the service consumes.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        store: Store,
        event_log: EventLog,
        topics: TopicTable,
        *,
        version: str | None = None,
        clock: Clock | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._spec = spec
        self._store = store
        self._log = event_log
        self._clock = clock or SystemClock()
        self._now_ns = now_ns
        self._pruned_at = self._clock.now()
        letters = DeadLetters(spec.name)
        handling = Handling(
            spec, version or version_of("cmatch"), Outbox(spec.name, topics), letters, self._now_ns
        )
        self.publisher = OutboxPublisher(store, event_log, self._clock)
        self.replays = Replays(spec.name, store, handling, self._clock, self._now_ns)
        self.intakes: list[Intake] = []
        try:
            for name in spec.reads:
                group = event_log.group(spec.name, topics.full_name(name))
                self.intakes.append(Intake(group, event_log, store, handling, self._clock, self._now_ns))
        except BaseException:
            self.close()
            raise

    @property
    def service(self) -> str:
        """Whose it is."""
        return self._spec.name

    @property
    def counts(self) -> Mapping[str, int]:
        """Events until now: taken, duplicates, behind, dead; and retries."""
        # Copied at once: the thread that consumes counts on.
        return sum((intake.counts.copy() for intake in self.intakes), Counter())

    @property
    def behind(self) -> int:
        """Records that the log has and that are not taken yet. May be asked by any thread."""
        return sum(max(self._log.extent(each.topic).end - each.done, 0) for each in self.intakes)

    @property
    def held(self) -> Mapping[str, str]:
        """Why something stands still, by topic or `outbox`; empty: nothing does."""
        why = {intake.topic: intake.hold.why for intake in self.intakes}
        why["outbox"] = self.publisher.hold.why
        return {place: reason for place, reason in why.items() if reason}

    def step(self) -> bool:
        """Takes what is there of every topic, tries what is due, publishes; whether anything was done.

        Raises:
            StreamGap, LogRefused, LogCorrupt: The log lacks what it should have: somebody has to look.
        """
        done = [intake.step() for intake in self.intakes]
        done += [self.replays.step(), self.publisher.step()]
        self._prune()
        return any(done)

    def run(self, stop: threading.Event, tell: Callable[[], object] = lambda: None) -> None:
        """Steps until it is told to stop, and tells after each that did something; waits where none does."""
        while not stop.is_set():
            began, before = self._clock.now(), self._events
            if not self.step():
                self._wait()
                continue
            tell()
            stop.wait(rest_s(self._events - before, self._clock.now() - began))

    def close(self) -> None:
        """Lets another instance take over."""
        for intake in self.intakes:
            intake.close()
        self.publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _events(self) -> int:
        """How many it has had of all topics together."""
        return sum(intake.counts[what] for intake in self.intakes for what in _HAD)

    def _wait(self) -> None:
        """Until something comes, or something is due."""
        pauses = [self.replays.wait_s, self.publisher.wait_s, *(intake.wait_s for intake in self.intakes)]
        pause = min((each for each in pauses if each > 0), default=LOOK_S)
        ready = [intake for intake in self.intakes if intake.wait_s <= 0]
        if ready:
            self._log.wait_any([intake.reader for intake in ready], pause)
        else:
            self._clock.sleep(pause)

    def _prune(self) -> None:
        now = self._clock.now()
        if now >= self._pruned_at + _PRUNE_S:
            self._pruned_at = now
            with suppress(StoreUnavailable), self._store.begin() as tx:
                Inbox(self._spec.name).prune(tx, self._now_ns() - _KEPT_NS)
