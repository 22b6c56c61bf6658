"""The checks behind `exchange doctor`, on machines made of files."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from exchange.runtime.machine import (
    Finding,
    Level,
    Machine,
    examine,
    memory,
    processor,
    rights,
    storage,
    wakeups,
)
from exchange.runtime.machine.finding import chosen, count_cpus
from exchange.runtime.priority import in_realtime


def machine(root: Path, **files: str) -> Machine:
    """A machine whose system files have these contents; `__` in a name stands for a slash."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Machine(root)


def test_examine_this_machine_looks_at_every_topic_once(tmp_path: Path) -> None:
    """Every check answers on a real machine, and whatever is not ok says how to mend it."""
    findings = examine(tmp_path / "not" / "there" / "yet")
    topics = [finding.topic for finding in findings]
    assert len(topics) == len(set(topics))
    assert set(topics) >= {
        "cpus", "isolated cpus", "governor", "turbo", "huge pages", "real-time priority", "locked memory",
        "swap", "file system", "fdatasync", "free space", "clock", "libzmq", "curve", "python",
        "python build", "open files",
    }  # fmt: skip
    assert [finding for finding in findings if finding.level is not Level.OK and not finding.mend] == []


@pytest.mark.parametrize(("count", "level"), [(1, Level.FAIL), (2, Level.WARN), (4, Level.OK)])
def test_cores_by_count_has_its_level(count: int, level: Level) -> None:
    """One CPU cannot run core and clients, four are enough."""
    assert processor.cores(count).level is level


def test_isolated_cpus_listed_are_ok_and_none_says_how(tmp_path: Path) -> None:
    """A list counts; an empty file is none."""
    cpu = "sys__devices__system__cpu__"
    with_tick = processor.isolated(
        machine(tmp_path / "a", **{f"{cpu}isolated": "2-3\n", f"{cpu}nohz_full": "(null)\n"})
    )
    assert with_tick == Finding("isolated cpus", Level.OK, "2-3, but with the scheduler's tick")
    none = processor.isolated(machine(tmp_path / "b", **{f"{cpu}isolated": "\n"}))
    assert (none.level, none.found) == (Level.WARN, "none")
    assert "isolcpus=" in none.mend


@pytest.mark.parametrize(("listed", "count"), [("", 0), ("3", 1), ("0-3", 4), ("0-1,4,6-7", 5)])
def test_count_cpus_of_a_kernel_list_counts_ranges(listed: str, count: int) -> None:
    """Ranges and single numbers."""
    assert count_cpus(listed) == count


def test_governor_that_saves_power_is_warned_of(tmp_path: Path) -> None:
    """All CPUs have to be at `performance`; where there is no governor nothing is wrong."""
    names = [f"sys__devices__system__cpu__cpu{k}__cpufreq__scaling_governor" for k in (0, 1)]
    mixed = machine(tmp_path / "a", **dict(zip(names, ("performance\n", "powersave\n"), strict=True)))
    assert processor.governor(mixed) == Finding(
        "governor", Level.WARN, "performance, powersave", "cpupower frequency-set -g performance"
    )
    good = machine(tmp_path / "b", **dict.fromkeys(names, "performance\n"))
    assert processor.governor(good).level is Level.OK
    assert processor.governor(machine(tmp_path / "c")).level is Level.OK


@pytest.mark.parametrize(
    ("file", "content", "level"),
    [
        ("sys__devices__system__cpu__intel_pstate__no_turbo", "1", Level.OK),
        ("sys__devices__system__cpu__intel_pstate__no_turbo", "0", Level.WARN),
        ("sys__devices__system__cpu__cpufreq__boost", "0", Level.OK),
        ("sys__devices__system__cpu__cpufreq__boost", "1", Level.WARN),
    ],
)
def test_turbo_on_is_warned_of(tmp_path: Path, file: str, content: str, level: Level) -> None:
    """Both ways in which kernels tell of it."""
    assert processor.turbo(machine(tmp_path, **{file: content})).level is level


def test_idle_state_that_wakes_late_is_warned_of_unless_disabled(tmp_path: Path) -> None:
    """The deepest state that is enabled counts."""
    at = "sys__devices__system__cpu__cpu0__cpuidle__state"
    files = {
        f"{at}0__latency": "2\n",
        f"{at}0__name": "C1\n",
        f"{at}1__latency": "133\n",
        f"{at}1__name": "C6\n",
    }
    deep = processor.sleep_states(machine(tmp_path / "a", **files))
    assert (deep.level, deep.found) == (Level.WARN, "C6 wakes up in 133 us at most")
    shallow = processor.sleep_states(machine(tmp_path / "b", **files, **{f"{at}1__disable": "1\n"}))
    assert (shallow.level, shallow.found) == (Level.OK, "C1 wakes up in 2 us at most")


@pytest.mark.parametrize(
    ("driver", "poll_ns", "level"),
    [("haltpoll", 0, Level.WARN), ("haltpoll", 200_000, Level.OK), ("acpi_idle", 0, Level.OK)],
)
def test_virtual_cpu_that_halts_at_once_is_warned_of(
    tmp_path: Path, driver: str, poll_ns: int, level: Level
) -> None:
    """What its one state says of itself is not what the host takes to wake it."""
    finding = processor.sleep_states(
        machine(
            tmp_path,
            sys__devices__system__cpu__cpuidle__current_driver=f"{driver}\n",
            sys__module__haltpoll__parameters__guest_halt_poll_ns=f"{poll_ns}\n",
            sys__devices__system__cpu__cpu0__cpuidle__state1__latency="1\n",
            sys__devices__system__cpu__cpu0__cpuidle__state1__name="haltpoll idle\n",
        )
    )
    assert finding.level is level
    if level is Level.WARN:
        assert finding.found == "an idle CPU halts at once, and the host has to wake it"
        assert finding.mend == "echo 200000 > /sys/module/haltpoll/parameters/guest_halt_poll_ns"


@pytest.mark.parametrize(
    ("source", "level"),
    [("tsc", Level.OK), ("kvm-clock", Level.OK), ("hpet", Level.FAIL), ("xen", Level.WARN)],
)
def test_clocksource_by_name_has_its_level(tmp_path: Path, source: str, level: Level) -> None:
    """A clock read by a system call costs every order."""
    name = "sys__devices__system__clocksource__clocksource0__current_clocksource"
    assert processor.clocksource(machine(tmp_path, **{name: source})).level is level


def test_stolen_time_of_a_busy_host_is_warned_of(tmp_path: Path) -> None:
    """The eighth number of the first line of /proc/stat."""
    calm = machine(tmp_path / "a", proc__stat="cpu 100 0 100 9800 0 0 0 0 0 0\ncpu0 1\n")
    busy = machine(tmp_path / "b", proc__stat="cpu 100 0 100 9700 0 0 0 100 0 0\n")
    assert processor.stolen(calm).level is Level.OK
    assert processor.stolen(busy).found == "1.00% of all CPU time went to other guests"


@pytest.mark.parametrize(
    ("longest", "level"), [(90_000, Level.OK), (900_000, Level.WARN), (9_000_000, Level.FAIL)]
)
def test_pauses_by_length_have_their_level(longest: int, level: Level) -> None:
    """Below a quarter of a millisecond nothing shows."""
    assert processor.pauses(longest).level is level


@pytest.mark.parametrize(("microseconds", "level"), [(4.0, Level.OK), (48.0, Level.WARN)])
def test_wakeups_by_time_have_their_level(microseconds: float, level: Level) -> None:
    """What it takes on the same processor is told beside it."""
    finding = wakeups.wakeups(3.0, microseconds)
    assert (finding.level, finding.found) == (
        level,
        f"3 us on the same processor, {microseconds:.0f} us on another",
    )


def test_wakeups_are_measured_and_leave_the_process_where_it_may_run() -> None:
    """Between two processes on one processor, which every machine has."""
    allowed = os.sched_getaffinity(0)
    here = min(allowed)
    assert 0 < wakeups.median_us(here, here) < 1_000_000
    assert os.sched_getaffinity(0) == allowed


def test_longest_pause_of_a_busy_thread_is_at_least_a_reading_of_the_clock() -> None:
    """It watches as long as it was told to, and something always passes between two readings."""
    assert 0 < processor.longest_pause(1_000_000) < 10_000_000_000


def test_available_memory_is_the_cgroup_limit_where_that_is_less(tmp_path: Path) -> None:
    """A container has less than its host."""
    info = "MemTotal: 99 kB\nMemAvailable:   16777216 kB\n"
    assert memory.available(machine(tmp_path / "a", proc__meminfo=info)).level is Level.OK
    limits = {"sys__fs__cgroup__memory.max": str(2 << 30), "sys__fs__cgroup__memory.current": str(1 << 29)}
    small = machine(tmp_path / "b", proc__meminfo=info, **limits)
    found = memory.available(small)
    assert (found.level, found.found) == (Level.WARN, "1.5 GiB available (a cgroup's limit)")


@pytest.mark.parametrize(
    ("text", "level"), [("always [madvise] never", Level.OK), ("[always] madvise never", Level.WARN)]
)
def test_huge_pages_always_is_warned_of(tmp_path: Path, text: str, level: Level) -> None:
    """The word in brackets is the setting."""
    name = "sys__kernel__mm__transparent_hugepage__enabled"
    assert memory.huge_pages(machine(tmp_path, **{name: text})).level is level


def test_chosen_word_without_brackets_is_the_whole_text() -> None:
    """Some settings have one word only."""
    assert (chosen("a [b] c"), chosen("plain")) == ("b", "plain")


def test_locked_memory_by_limit_has_its_level() -> None:
    """Unlimited, or enough."""
    assert memory.locked(resource.RLIM_INFINITY).level is Level.OK
    assert memory.locked(8 * 2**30).level is Level.OK
    assert memory.locked(8 * 2**20) == Finding(
        "locked memory",
        Level.WARN,
        "at most 8 MiB",
        "ulimit -l unlimited, or LimitMEMLOCK=infinity of its unit",
    )


def test_swap_that_is_there_is_warned_of(tmp_path: Path) -> None:
    """A head line alone is none."""
    head = "Filename Type Size Used Priority\n"
    assert memory.swap(machine(tmp_path / "a", proc__swaps=head)).level is Level.OK
    used = machine(
        tmp_path / "b", proc__swaps=head + "/dev/sda2 partition 1 0 -2\n", proc__sys__vm__swappiness="60"
    )
    assert memory.swap(used).found == "1 area, swappiness 60"


def test_realtime_permission_by_kind_has_its_level() -> None:
    """Granted, denied, or not offered."""
    levels = [rights.realtime(permission).level for permission in ("granted", "denied", "unknown")]
    assert levels == [Level.OK, Level.WARN, Level.WARN]


def test_realtime_block_ends_where_it_began() -> None:
    """Without a priority, or where the system denies it, nothing changes at all."""
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    with in_realtime(7) as taken:
        assert taken == (rights.may_run_realtime() == "granted")
        during = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
        assert during == ((os.SCHED_FIFO, 7) if taken else before)
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
    with in_realtime(0) as taken:
        assert not taken


def test_realtime_try_leaves_the_thread_as_it_was() -> None:
    """The policy is given back at once."""
    before = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
    assert rights.may_run_realtime() in ("granted", "denied", "unknown")
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before


@pytest.mark.parametrize(
    ("runtime", "level"), [("-1", Level.OK), ("1000000", Level.OK), ("950000", Level.WARN)]
)
def test_realtime_share_below_the_period_is_warned_of(tmp_path: Path, runtime: str, level: Level) -> None:
    """The kernel stops real-time threads when it is used up."""
    files = {
        "proc__sys__kernel__sched_rt_runtime_us": runtime,
        "proc__sys__kernel__sched_rt_period_us": "1000000",
    }
    assert rights.realtime_share(machine(tmp_path, **files)).level is level


@pytest.mark.parametrize(("limit", "level"), [(1024, Level.FAIL), (20_000, Level.WARN), (65_536, Level.OK)])
def test_open_files_by_limit_has_its_level(limit: int, level: Level) -> None:
    """Every session is one."""
    assert rights.open_files(limit).level is level


@pytest.mark.parametrize(
    ("kind", "level"),
    [("ext4", Level.OK), ("tmpfs", Level.WARN), ("overlay", Level.WARN), ("nfs4", Level.FAIL)],
)
def test_file_system_is_that_of_the_nearest_mount(tmp_path: Path, kind: str, level: Level) -> None:
    """Mounts above it, and mounts elsewhere, do not count."""
    lines = (
        "20 1 8:1 / / rw - xfs /dev/sda1 rw\n"
        f"21 20 8:2 / /srv/my\\040data rw,relatime shared:1 - {kind} none rw\n"
        "22 20 8:3 / /srv/mystery rw - cifs none rw\n"
    )
    found = storage.file_system(Path("/srv/my data/x"), machine(tmp_path, proc__self__mountinfo=lines))
    assert (found.level, found.found.split(",")[0]) == (level, kind)


def test_nearest_directory_of_a_path_that_is_not_there_exists(tmp_path: Path) -> None:
    """What will be made lies where the nearest directory is."""
    assert storage.nearest(tmp_path / "a" / "b") == tmp_path


def test_sync_latency_measures_real_writes_and_leaves_nothing(tmp_path: Path) -> None:
    """Times are positive and in order; the file is gone."""
    times = storage.measure_sync(tmp_path, 20)
    assert 0 < times.p50 <= times.p99
    assert list(tmp_path.iterdir()) == []


def test_sync_latency_where_nothing_can_be_written_fails(tmp_path: Path) -> None:
    """A place that is gone cannot be measured."""
    found = storage.sync_latency(tmp_path / "gone")
    assert (found.level, found.topic) == (Level.FAIL, "fdatasync")
