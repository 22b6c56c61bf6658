"""`BalancedChannel` for those who have no event loop: nobody probes, a call that fails is the probe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from exchange.bus.rpc.blocking import BlockingChannel
from exchange.bus.rpc.calls import NS_A_MS, Call, Reply
from exchange.errors import DeadlineExceeded, RpcStatus, ServiceUnavailableError


@dataclass(slots=True, eq=False)
class _Instance:
    """One of them, and until when it is left out."""

    channel: BlockingChannel
    under_way: int = 0
    served: int = 0
    away_until_ns: int = 0


class BlockingBalancedChannel:
    """Several instances as one channel; any thread may use it.

    A call goes to the instance with the fewest under way. One that cannot be reached, answers UNAVAILABLE or
    too late is left out for a while, and the others are asked first. A call that may be carried out twice
    goes on to another instance, within the same try of its policy; others fail.

    Args:
        connect: Makes the channel to an instance, by its name: mostly its endpoint.
        instances: Their names; `update` changes them.
        away_ms: How long one is left out.
        reach_ms: How long one that cannot be reached is waited for, where there are others.
    """

    def __init__(
        self,
        connect: Callable[[str], BlockingChannel],
        instances: Collection[str],
        *,
        away_ms: int = 500,
        reach_ms: int = 500,
    ) -> None:
        self._connect = connect
        self._away_ns = away_ms * NS_A_MS
        self._reach_ns = reach_ms * NS_A_MS
        self._lock = threading.Lock()
        self._instances: dict[str, _Instance] = {}
        self._turn = 0
        self._closed = False
        self.update(instances)

    @property
    def served(self) -> dict[str, int]:
        """How many calls each instance had, by name."""
        with self._lock:
            return {name: each.served for name, each in self._instances.items()}

    def update(self, instances: Collection[str]) -> None:
        """These are there now; the calls of those that left fail."""
        with self._lock:
            if self._closed:
                return
            left = [self._instances.pop(name) for name in [*self._instances] if name not in instances]
            for name in instances:
                if name not in self._instances:
                    self._instances[name] = _Instance(self._connect(name))
        for each in left:
            each.channel.close()

    def ask(self, call: Call, deadline_ns: int) -> Reply:
        """See `BlockingChannel.ask`."""
        tried: list[_Instance] = []
        while True:
            chosen, alone = self._choose(tried)
            tried.append(chosen)
            reach_ns = deadline_ns if alone else min(deadline_ns, time.monotonic_ns() + self._reach_ns)
            try:
                reply = chosen.channel.ask(call, deadline_ns, reach_ns=reach_ns)
            except DeadlineExceeded:
                self._gave(chosen, away=True)
                raise
            except ServiceUnavailableError:
                if not self._gave(chosen, away=True) or not self._has_another(call, tried):
                    raise
                continue
            except BaseException:
                self._gave(chosen, away=False)
                raise
            away = reply.status is RpcStatus.UNAVAILABLE
            self._gave(chosen, away=away)
            if away and self._has_another(call, tried):
                continue
            return reply

    def close(self) -> None:
        """Give up what is under way, and let go of all instances."""
        self.update(())
        with self._lock:
            self._closed = True

    def _choose(self, tried: list[_Instance]) -> tuple[_Instance, bool]:
        """One that was not tried, and whether it is the only one there is."""
        with self._lock:
            left = [each for each in self._instances.values() if each not in tried]
            if not left:
                raise ServiceUnavailableError("no instance is known")
            now_ns = time.monotonic_ns()
            self._turn += 1
            ahead = self._turn % len(left)
            chosen = min(
                left[ahead:] + left[:ahead],
                key=lambda each: (max(each.away_until_ns - now_ns, 0), each.under_way),
            )
            chosen.under_way += 1
            chosen.served += 1
            return chosen, len(self._instances) == 1

    def _gave(self, instance: _Instance, *, away: bool) -> bool:
        """A call there is over; whether the channel is still open."""
        with self._lock:
            instance.under_way -= 1
            instance.away_until_ns = time.monotonic_ns() + self._away_ns if away else 0
            return not self._closed

    def _has_another(self, call: Call, tried: list[_Instance]) -> bool:
        """Whether a call that one instance did not answer goes to another one at once."""
        with self._lock:
            return call.repeatable and any(each not in tried for each in self._instances.values())
