"""What the process is allowed to: real-time priority, files."""

from __future__ import annotations

import os
import resource
from typing import Literal

from exchange.runtime.machine.finding import Finding, Level, Machine


def check(machine: Machine) -> list[Finding]:
    """All findings on rights and limits."""
    return [
        realtime(may_run_realtime()),
        realtime_share(machine),
        open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    ]


Permission = Literal["granted", "denied", "unknown"]


def may_run_realtime() -> Permission:
    """Tries SCHED_FIFO on this very thread and takes it back at once."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return "denied"
    except OSError:
        return "unknown"
    os.sched_setscheduler(0, policy, parameters)
    return "granted"


def realtime(permission: Permission) -> Finding:
    """SCHED_FIFO keeps everybody else off the core's CPU while there are orders."""
    if permission == "granted":
        return Finding("real-time priority", Level.OK, "granted")
    mend = "ulimit -r 50 (rtprio in /etc/security/limits.d), or LimitRTPRIO=50 of its unit"
    found = "denied" if permission == "denied" else "this kernel does not offer it"
    return Finding("real-time priority", Level.WARN, found, mend)


def realtime_share(machine: Machine) -> Finding:
    """The kernel stops real-time threads for the rest of each period once their share is used up."""
    runtime = machine.number("proc/sys/kernel/sched_rt_runtime_us")
    period = machine.number("proc/sys/kernel/sched_rt_period_us")
    if runtime is None or period is None:
        return Finding("real-time share", Level.OK, "the kernel sets none")
    if runtime < 0 or runtime >= period:
        return Finding("real-time share", Level.OK, "unlimited")
    rest = f"{(period - runtime) / 1000:.0f} ms"
    found = f"{runtime / period:.0%}: a core that is busy for longer stands still for {rest}"
    return Finding("real-time share", Level.WARN, found, "sysctl kernel.sched_rt_runtime_us=-1")


def open_files(limit: int) -> Finding:
    """Every session is a file descriptor."""
    unlimited = limit == resource.RLIM_INFINITY
    found = "unlimited" if unlimited else f"at most {limit:,}"
    if unlimited or limit >= 65_536:
        return Finding("open files", Level.OK, found)
    mend = "ulimit -n 65536 (nofile in /etc/security/limits.d), or LimitNOFILE=65536 of its unit"
    return Finding("open files", Level.WARN if limit >= 4_096 else Level.FAIL, found, mend)
