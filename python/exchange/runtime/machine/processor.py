"""Cores, their clocks, and how steadily a busy thread runs on them."""

from __future__ import annotations

import os
import time

from exchange.runtime.machine.finding import Finding, Level, Machine, count_cpus

_CPU = "sys/devices/system/cpu"
_GOOD_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "ptp")
_PROBE_NS = 200_000_000
_HALT_POLL_NS = 200_000  # what an idle CPU looks for work before it halts: longer than between two orders


def check(machine: Machine) -> list[Finding]:
    """All findings on processors."""
    return [
        cores(len(os.sched_getaffinity(0))),
        isolated(machine),
        governor(machine),
        turbo(machine),
        sleep_states(machine),
        clocksource(machine),
        stolen(machine),
        pauses(longest_pause(_PROBE_NS)),
    ]


def cores(count: int) -> Finding:
    """Core, replica, supervisor and the clients want a CPU each."""
    mend = "give the machine at least 4 CPUs: core, replica, supervisor and clients each keep one busy"
    if count >= 4:
        return Finding("cpus", Level.OK, f"{count} usable")
    return Finding("cpus", Level.WARN if count >= 2 else Level.FAIL, f"{count} usable", mend)


def isolated(machine: Machine) -> Finding:
    """A CPU that the scheduler gives to nobody else is the core's best friend."""
    listed = machine.text(f"{_CPU}/isolated") or ""
    ticks = machine.text(f"{_CPU}/nohz_full") or ""
    if listed and count_cpus(listed):
        without = "" if ticks.strip("()") not in ("", "null") else ", but with the scheduler's tick"
        return Finding("isolated cpus", Level.OK, listed + without)
    last = max((os.cpu_count() or 1) - 1, 0)
    return Finding(
        "isolated cpus",
        Level.WARN,
        "none",
        f"boot with isolcpus={last} nohz_full={last} rcu_nocbs={last}, and pin the core there (cpu = {last})",
    )


def governor(machine: Machine) -> Finding:
    """A governor that saves power makes the first order after a pause slow."""
    governors = {path.read_text().strip() for path in machine.paths(f"{_CPU}/cpu*/cpufreq/scaling_governor")}
    if not governors:
        return Finding(
            "governor", Level.OK, "not this system's to choose (a virtual machine, or fixed clocks)"
        )
    found = ", ".join(sorted(governors))
    if governors == {"performance"}:
        return Finding("governor", Level.OK, found)
    return Finding("governor", Level.WARN, found, "cpupower frequency-set -g performance")


def turbo(machine: Machine) -> Finding:
    """Turbo makes the clock depend on heat and on the neighbours."""
    no_turbo = machine.number(f"{_CPU}/intel_pstate/no_turbo")
    boost = machine.number(f"{_CPU}/cpufreq/boost")
    if no_turbo is None and boost is None:
        return Finding("turbo", Level.OK, "not this system's to choose")
    if no_turbo == 1 or boost == 0:
        return Finding("turbo", Level.OK, "off: steady clocks")
    file = f"/{_CPU}/intel_pstate/no_turbo" if no_turbo is not None else f"/{_CPU}/cpufreq/boost"
    value = 1 if no_turbo is not None else 0
    return Finding(
        "turbo", Level.WARN, "on: faster at best, less even", f"for even latency: echo {value} > {file}"
    )


def sleep_states(machine: Machine) -> Finding:
    """How long an idle CPU needs to wake up at worst; by the host, where it halts at once."""
    halted = machine.number("sys/module/haltpoll/parameters/guest_halt_poll_ns")
    if halted == 0 and machine.text(f"{_CPU}/cpuidle/current_driver") == "haltpoll":
        mend = f"echo {_HALT_POLL_NS} > /sys/module/haltpoll/parameters/guest_halt_poll_ns"
        return Finding(
            "idle states", Level.WARN, "an idle CPU halts at once, and the host has to wake it", mend
        )
    latencies = [
        (int(path.read_text()), (path.parent / "name").read_text().strip())
        for path in machine.paths(f"{_CPU}/cpu0/cpuidle/state*/latency")
        if (machine.number(str((path.parent / "disable").relative_to(machine.root))) or 0) == 0
    ]
    if not latencies:
        return Finding("idle states", Level.OK, "not this system's to choose")
    worst, name = max(latencies)
    found = f"{name} wakes up in {worst} us at most"
    if worst <= 20:
        return Finding("idle states", Level.OK, found)
    return Finding(
        "idle states", Level.WARN, found, "cpupower idle-set -D 20, or boot with intel_idle.max_cstate=1"
    )


def clocksource(machine: Machine) -> Finding:
    """A clock that is read with a system call costs a microsecond an order."""
    source = machine.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
    if source is None:
        return Finding("clock", Level.WARN, "its source cannot be seen", "")
    if source.startswith(_GOOD_CLOCKS):
        return Finding("clock", Level.OK, source)
    mend = "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource"
    return Finding(
        "clock", Level.FAIL if source in ("hpet", "acpi_pm", "jiffies") else Level.WARN, source, mend
    )


def stolen(machine: Machine) -> Finding:
    """Time that the host gave to somebody else, since boot."""
    line = (machine.text("proc/stat") or "").partition("\n")[0].split()[1:]
    ticks = [int(word) for word in line]
    if len(ticks) < 8 or not sum(ticks):
        return Finding("stolen time", Level.OK, "not told by this system")
    share = ticks[7] / sum(ticks[:8])
    found = f"{share:.2%} of all CPU time went to other guests"
    if share < 0.001:
        return Finding("stolen time", Level.OK, found)
    return Finding(
        "stolen time", Level.WARN, found, "move to a host that is not shared, or to dedicated CPUs"
    )


def longest_pause(duration_ns: int) -> int:
    """The longest time, ns, for which a busy thread did not run, watched for `duration_ns`."""
    clock = time.perf_counter_ns
    longest, last = 0, clock()
    end = last + duration_ns
    while last < end:
        now = clock()
        longest = max(longest, now - last)
        last = now
    return longest


def pauses(longest_ns: int) -> Finding:
    """What interrupts, neighbours and the hypervisor do to a busy thread."""
    found = f"a busy thread stood still for {longest_ns / 1000:,.0f} us at most in {_PROBE_NS / 1e6:.0f} ms"
    if longest_ns <= 250_000:
        return Finding("pauses", Level.OK, found)
    level = Level.WARN if longest_ns <= 5_000_000 else Level.FAIL
    return Finding("pauses", level, found, "stop what else runs here, or isolate a CPU for the core")
