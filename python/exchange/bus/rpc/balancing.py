"""One way to several instances of a service: calls go to a healthy one with the fewest under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from exchange.bus.rpc.calls import NS_A_MS, Call, Metadata, Reply, loop_time
from exchange.bus.rpc.channels import Channel
from exchange.bus.rpc.dispatch import HEALTH_METHOD
from exchange.bus.rpc.streams import Stream
from exchange.errors import ExchangeError, RpcStatus, ServiceUnavailableError

_PROBE: Final = Metadata("health", "0", "health", "e30=")
_AWAY: Final = frozenset({RpcStatus.UNAVAILABLE, RpcStatus.DEADLINE_EXCEEDED})


@dataclass(slots=True)
class _Instance:
    """One of them. `healthy` is what its last probe or call said; an only one is not probed."""

    name: str
    channel: Channel
    prober: asyncio.Task[None] | None = None
    healthy: bool = False
    under_way: int = 0
    served: int = 0

    @property
    def is_there(self) -> bool:
        """Whether it gets calls: a connection that broke counts before a probe says so."""
        return self.healthy and self.channel.standing


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """An instance as the balancer sees it: whether it gets calls, those under way, and those it had."""

    healthy: bool
    under_way: int
    served: int


class BalancedChannel:
    """Several instances as one channel; belongs to the asyncio loop in which it is made.

    Each instance is asked `health.check` every so often, and gets calls while it answers OK. One whose call
    ends UNAVAILABLE, or whose connection breaks, is left out at once, until a probe succeeds. A call that may
    be carried out twice goes on to another instance then, within the same try of its policy; others fail.
    Where none is healthy a call waits for one until its deadline. An only instance is not probed: there is
    nothing to choose.

    Args:
        connect: Makes the channel to an instance, by its name: mostly its endpoint.
        instances: Their names; `update` changes them.
        interval_ms: Between two probes of an instance.
        timeout_ms: Of a probe.
    """

    in_process = False

    def __init__(
        self,
        connect: Callable[[str], Channel],
        instances: Collection[str],
        *,
        interval_ms: int = 500,
        timeout_ms: int = 1_000,
    ) -> None:
        self._connect = connect
        self._interval_ms = interval_ms
        self._timeout_ms = timeout_ms
        self._instances: dict[str, _Instance] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._changed = asyncio.Event()
        self._closed = False
        self.update(instances)

    @property
    def status(self) -> dict[str, InstanceStatus]:
        """The instances by name."""
        return {
            each.name: InstanceStatus(each.is_there, each.under_way, each.served)
            for each in self._instances.values()
        }

    @property
    def standing(self) -> bool:
        """See `Channel`."""
        return any(each.channel.standing for each in self._instances.values())

    def update(self, instances: Collection[str]) -> None:
        """These are there now: new ones join when they are healthy; the calls of those that left fail."""
        for name in [name for name in self._instances if name not in instances]:
            leaving = asyncio.get_running_loop().create_task(self._leave(self._instances.pop(name)))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        for name in instances:
            if name not in self._instances:
                self._instances[name] = _Instance(name, self._connect(name))
        several = len(self._instances) > 1
        for each in self._instances.values():
            if several and each.prober is None:
                each.prober = asyncio.get_running_loop().create_task(self._probe(each), name="probe")
            elif not several and each.prober is not None:
                each.prober.cancel()
                each.prober = None
        self._changed.set()

    async def ask(self, call: Call, deadline_ns: int) -> Reply:
        """See `Channel`."""
        tried: set[str] = set()
        while True:
            chosen = await self._choose(deadline_ns, tried)
            tried.add(chosen.name)
            chosen.under_way += 1
            chosen.served += 1
            try:
                reply = await chosen.channel.ask(call, deadline_ns)
            except ServiceUnavailableError as error:
                if error.status is not RpcStatus.UNAVAILABLE:
                    raise
                self._leave_out(chosen)
                if not self._has_another(call, tried):
                    raise
                continue
            finally:
                chosen.under_way -= 1
            if reply.status is RpcStatus.UNAVAILABLE:
                self._leave_out(chosen)
                if self._has_another(call, tried):
                    continue
            return reply

    def _has_another(self, call: Call, tried: set[str]) -> bool:
        """Whether a call that one instance did not answer goes to another one at once."""
        return call.repeatable and any(
            each.is_there and each.name not in tried for each in self._instances.values()
        )

    async def open(self, call: Call, window: int, opening_ns: int) -> Stream:
        """See `Channel`. A stream stays with its instance until it ends."""
        chosen = await self._choose(opening_ns)
        chosen.under_way += 1
        chosen.served += 1

        def ended(reply: asyncio.Future[Reply]) -> None:
            chosen.under_way -= 1
            if reply.result().status is RpcStatus.UNAVAILABLE:
                self._leave_out(chosen)

        try:
            stream = await chosen.channel.open(call, window, opening_ns)
        except BaseException as error:
            chosen.under_way -= 1
            if isinstance(error, ServiceUnavailableError):
                self._leave_out(chosen)
            raise
        stream.ended.add_done_callback(ended)
        return stream

    async def close(self) -> None:
        """See `Channel`."""
        self._closed = True
        self._changed.set()
        self.update(())
        await asyncio.gather(*self._leaving)

    async def _choose(self, deadline_ns: int, tried: Collection[str] = ()) -> _Instance:
        """Of the healthy ones not tried yet that with the fewest calls under way; among equals, in turn."""
        try:
            async with asyncio.timeout_at(loop_time(deadline_ns)):
                while True:
                    if self._closed:
                        raise ServiceUnavailableError("the channel is closed")
                    if len(self._instances) == 1:
                        return next(iter(self._instances.values()))
                    healthy = [
                        each for each in self._instances.values() if each.is_there and each.name not in tried
                    ]
                    if healthy:
                        self._turn += 1
                        ahead = self._turn % len(healthy)
                        return min(healthy[ahead:] + healthy[:ahead], key=lambda each: each.under_way)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            names = ", ".join(self._instances) or "none is known"
            raise ServiceUnavailableError(f"no instance is healthy: {names}") from None

    async def _probe(self, instance: _Instance) -> None:
        while True:
            instance.healthy = await self._answers(instance)
            if instance.healthy:
                self._changed.set()
            await asyncio.sleep(self._interval_ms / 1_000)

    async def _answers(self, instance: _Instance) -> bool:
        deadline_ns = time.monotonic_ns() + self._timeout_ms * NS_A_MS
        call = Call(HEALTH_METHOD, b"", _PROBE, deadline_ns)
        try:
            reply = await instance.channel.ask(call, deadline_ns)
        except ExchangeError:
            return False
        # One that refuses the probe for want of rights or room is there all the same.
        return reply.status not in _AWAY

    def _leave_out(self, instance: _Instance) -> None:
        instance.healthy = False

    async def _leave(self, instance: _Instance) -> None:
        instance.healthy = False
        if instance.prober is not None:
            instance.prober.cancel()
            with suppress(asyncio.CancelledError):
                await instance.prober
        await instance.channel.close()
