"""Memory: how much, whether it may be locked, and what the kernel does behind our back."""

from __future__ import annotations

import resource

from exchange.runtime.machine.finding import Finding, Level, Machine, chosen

_GIB = 2**30
_WANTED = 4 * _GIB


def check(machine: Machine) -> list[Finding]:
    """All findings on memory."""
    return [
        available(machine),
        huge_pages(machine),
        locked(resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]),
        swap(machine),
    ]


def available(machine: Machine) -> Finding:
    """What can be had, a container's limit included."""
    rows = dict(
        line.split(":", 1) for line in (machine.text("proc/meminfo") or "").splitlines() if ":" in line
    )
    free = int(rows.get("MemAvailable", "0 kB").split()[0]) * 1024
    limit = machine.number("sys/fs/cgroup/memory.max")
    used = machine.number("sys/fs/cgroup/memory.current") or 0
    if limit is not None:
        free = min(free, max(limit - used, 0))
    found = f"{free / _GIB:.1f} GiB available" + (" (a cgroup's limit)" if limit is not None else "")
    mend = "core and replica reserve room for a million orders each: give them 4 GiB, or lower the limits"
    if free >= _WANTED:
        return Finding("memory", Level.OK, found)
    return Finding("memory", Level.WARN if free >= _GIB else Level.FAIL, found, mend)


def huge_pages(machine: Machine) -> Finding:
    """`always` lets the kernel stop a process while it makes huge pages."""
    text = machine.text("sys/kernel/mm/transparent_hugepage/enabled")
    if text is None:
        return Finding("huge pages", Level.OK, "the kernel has none")
    setting = chosen(text)
    if setting != "always":
        return Finding("huge pages", Level.OK, setting)
    return Finding(
        "huge pages", Level.WARN, setting, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    )


def locked(limit: int) -> Finding:
    """The core locks its memory so that no page of it is ever away."""
    if limit == resource.RLIM_INFINITY:
        return Finding("locked memory", Level.OK, "unlimited")
    found = f"at most {limit / 2**20:,.0f} MiB"
    if limit >= _WANTED:
        return Finding("locked memory", Level.OK, found)
    return Finding(
        "locked memory", Level.WARN, found, "ulimit -l unlimited, or LimitMEMLOCK=infinity of its unit"
    )


def swap(machine: Machine) -> Finding:
    """A page that was swapped out costs a read from disk in the middle of an order."""
    rows = (machine.text("proc/swaps") or "").splitlines()[1:]
    if not rows:
        return Finding("swap", Level.OK, "none")
    swappiness = machine.number("proc/sys/vm/swappiness")
    found = f"{len(rows)} area{'s' * (len(rows) > 1)}, swappiness {swappiness}"
    return Finding("swap", Level.WARN, found, "swapoff -a, or sysctl vm.swappiness=1")
