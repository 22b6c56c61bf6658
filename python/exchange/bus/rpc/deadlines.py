"""When the calls of a connection are out of time, by one timer for all of them.

Nearly every call is answered long before: a timer of its own would be set and cancelled for nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from exchange.bus.rpc.calls import loop_time


class Deadlines:
    """Tells of each call whose time is over, once. Belongs to the loop in which it is used.

    The timer stands at the earliest deadline that there was when it was set; calls that ended leave it there,
    so it goes off for nothing at most once in the time that a call has.

    Args:
        on_late: Is told of a call whose deadline passed, which is then forgotten; must not raise.
    """

    def __init__(self, on_late: Callable[[int], None]) -> None:
        self._on_late = on_late
        self._deadlines_ns: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._set_for_ns = 0

    def add(self, call_id: int, deadline_ns: int) -> None:
        """A call waits until then; monotonic."""
        self._deadlines_ns[call_id] = deadline_ns
        if self._timer is None or deadline_ns < self._set_for_ns:
            self._set(deadline_ns)

    def remove(self, call_id: int) -> None:
        """It waits no longer."""
        self._deadlines_ns.pop(call_id, None)

    def close(self) -> None:
        """Forget all."""
        self._deadlines_ns.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, deadline_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for_ns = deadline_ns
        self._timer = asyncio.get_running_loop().call_at(loop_time(deadline_ns), self._pass)

    def _pass(self) -> None:
        self._timer = None
        now_ns = time.monotonic_ns()
        late = [call_id for call_id, at_ns in self._deadlines_ns.items() if at_ns <= now_ns]
        for call_id in late:
            self.remove(call_id)
            self._on_late(call_id)
        if self._deadlines_ns:
            self._set(min(self._deadlines_ns.values()))
