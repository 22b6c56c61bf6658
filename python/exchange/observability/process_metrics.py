"""What the kernel and the interpreter know of a process: time, memory, descriptors, threads, collections."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from exchange.observability.catalogue import METRICS
from exchange.observability.health import distribution_version
from exchange.observability.openmetrics import Family

PROC: Final = Path("/proc")
_TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """A process at one moment.

    Args:
        state: `R` running, `S` waiting, `D` waiting for a disk, `T` stopped, `Z` ended.
        cpu_s: Processor time since its start, seconds.
        started_s: Its start, seconds since 1970.
        rss_bytes, virtual_bytes: Memory resident, and mapped.
        threads: Of it.
        fds: Descriptors open; None where we may not look.
        fds_max: Descriptors that may be open; None where there is no limit.
        switches: Voluntary and involuntary context switches.
    """

    state: str
    cpu_s: float
    started_s: float
    rss_bytes: int
    virtual_bytes: int
    threads: int
    fds: int | None
    fds_max: int | None
    switches: tuple[int, int]


def usage_of(pid: int, proc: Path = PROC) -> Usage | None:
    """What the kernel knows of a process; None where there is none of that id, or no such kernel."""
    folder = proc / str(pid)
    try:
        # The name of the program is in brackets and may hold anything, brackets too.
        fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        status = dict(
            line.split(":", 1)
            for line in (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
            if ":" in line
        )
        return Usage(
            state=fields[0],
            cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_A_S,
            started_s=_boot_s(proc) + int(fields[19]) / _TICKS_A_S,
            rss_bytes=int(fields[21]) * _PAGE_BYTES,
            virtual_bytes=int(fields[20]),
            threads=int(fields[17]),
            fds=_fds(folder),
            fds_max=_fds_max(folder),
            switches=(
                int(status.get("voluntary_ctxt_switches", 0)),
                int(status.get("nonvoluntary_ctxt_switches", 0)),
            ),
        )
    except (OSError, ValueError, IndexError):
        return None


def process_families(pid: int) -> Iterator[Family]:
    """What the kernel knows of a process, as metrics; nothing of one that is gone."""
    usage = usage_of(pid)
    if usage is None:
        return
    yield METRICS["process_cpu_seconds"].one(usage.cpu_s)
    yield METRICS["process_resident_memory_bytes"].one(usage.rss_bytes)
    yield METRICS["process_virtual_memory_bytes"].one(usage.virtual_bytes)
    yield METRICS["process_threads"].one(usage.threads)
    yield METRICS["process_start_time_seconds"].one(usage.started_s)
    if usage.fds is not None:
        yield METRICS["process_open_fds"].one(usage.fds)
    if usage.fds_max is not None:
        yield METRICS["process_max_fds"].one(usage.fds_max)
    kinds = zip(("voluntary", "involuntary"), usage.switches, strict=True)
    yield METRICS["process_context_switches"].family(((kind,), number) for kind, number in kinds)


def build_families() -> Iterator[Family]:
    """Which program runs."""
    build = (distribution_version(), platform.python_version(), platform.python_implementation())
    yield METRICS["exchange_build_info"].family([(build, 1)])


def interpreter_families() -> Iterator[Family]:
    """What this interpreter's collector of garbage did."""
    of = list(enumerate(gc.get_stats()))
    yield METRICS["python_gc_collections"].family(
        ((str(generation),), each["collections"]) for generation, each in of
    )
    yield METRICS["python_gc_objects_collected"].family(
        ((str(generation),), each["collected"]) for generation, each in of
    )


def _fds(folder: Path) -> int | None:
    try:
        return len(os.listdir(folder / "fd"))  # noqa: PTH208 (only counted)
    except OSError:
        return None


def _fds_max(folder: Path) -> int | None:
    for line in (folder / "limits").read_text(encoding="ascii").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None


@cache
def _boot_s(proc: Path) -> int:
    """When the machine started, seconds since 1970."""
    lines = (proc / "stat").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("btime")).split()[1])
