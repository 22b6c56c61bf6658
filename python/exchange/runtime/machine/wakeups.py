"""How long a sleeping process waits to be woken: an order passes from one to the next four to six times."""

from __future__ import annotations

import os
import time
from typing import Final

from exchange.runtime.machine.finding import Finding, Level, Machine

_ROUNDS: Final = 400
_GOOD_US: Final = 15.0


def check(_: Machine) -> list[Finding]:
    """The one finding on wake-ups."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return [Finding("wake-ups", Level.OK, "one processor: there is no other to wake")]
    return [wakeups(median_us(allowed[0], allowed[0]), median_us(allowed[0], allowed[-1]))]


def wakeups(same_us: float, other_us: float) -> Finding:
    """What it costs to wake a process on the same processor, and on another."""
    found = f"{same_us:.0f} us on the same processor, {other_us:.0f} us on another"
    if other_us <= _GOOD_US:
        return Finding("wake-ups", Level.OK, found)
    mend = (
        "give the core a processor of its own (core.cpu), so that its threads wake each other there;"
        " on a virtual machine ask for idle polling or dedicated processors"
    )
    return Finding("wake-ups", Level.WARN, found, mend)


def median_us(here: int, there: int) -> float:
    """One way, between two processes that wake each other by a pipe; median of some hundred round trips."""
    allowed = os.sched_getaffinity(0)
    (asked, ask), (answered, answer) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ask)
        os.sched_setaffinity(0, {there})
        while os.read(asked, 1):
            os.write(answer, b"a")
        os._exit(0)
    try:
        os.sched_setaffinity(0, {here})
        rounds = []
        for _ in range(_ROUNDS):
            start = time.perf_counter_ns()
            os.write(ask, b"a")
            os.read(answered, 1)
            rounds.append(time.perf_counter_ns() - start)
    finally:
        os.sched_setaffinity(0, allowed)
        for descriptor in (asked, ask, answered, answer):
            os.close(descriptor)
        os.waitpid(child, 0)
    return sorted(rounds)[_ROUNDS // 2] / 2_000
