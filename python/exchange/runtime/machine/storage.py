"""The disk below the data directory: what it is, how full, and how long a sync takes on it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from exchange.runtime.machine.finding import Finding, Level, Machine

_GIB = 2**30
_LOCAL = {"ext4", "xfs", "ext3", "btrfs", "zfs", "f2fs"}
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs"}
_WRITES = 200
_BLOCK = 4096
_READ_ONLY_SHARE = 0.85  # of the disk used: new orders are refused


def check(data: Path, machine: Machine) -> list[Finding]:
    """All findings on the file system that holds `data`."""
    place = nearest(data)
    return [file_system(place, machine), free_space(place), sync_latency(place)]


def nearest(path: Path) -> Path:
    """The path itself, or the nearest directory above it that exists."""
    place = path.absolute()
    while not place.is_dir():
        place = place.parent
    return place


def file_system(place: Path, machine: Machine) -> Finding:
    """Which kind of file system it is, from the mount that is nearest above it."""
    kind, mount = "unknown", Path("/")
    for line in (machine.text("proc/self/mountinfo") or "").splitlines():
        fields, _, source = line.partition(" - ")
        point = Path(fields.split()[4].replace("\\040", " "))
        if (place == point or point in place.parents) and len(point.parts) >= len(mount.parts):
            kind, mount = source.split()[0], point
    found = f"{kind}, mounted at {mount}"
    if kind in _LOCAL:
        return Finding("file system", Level.OK, found)
    mend = "put the data directory on a local ext4 or xfs file system (--data DIRECTORY)"
    if kind == "tmpfs":
        return Finding("file system", Level.WARN, f"{found}: nothing of it survives the machine", mend)
    return Finding("file system", Level.FAIL if kind in _REMOTE else Level.WARN, found, mend)


def free_space(place: Path) -> Finding:
    """The journal needs about 8 GB for 50 million orders."""
    usage = shutil.disk_usage(place)
    share = 1 - usage.free / usage.total
    found = f"{usage.free / _GIB:.1f} GiB free, {share:.0%} used"
    mend = f"free some: at {_READ_ONLY_SHARE:.0%} used new orders are refused"
    if share >= _READ_ONLY_SHARE or usage.free < _GIB:
        return Finding("free space", Level.FAIL, found, mend)
    return Finding(
        "free space",
        Level.OK if usage.free >= 10 * _GIB else Level.WARN,
        found,
        mend * (usage.free < 10 * _GIB),
    )


@dataclass(frozen=True)
class SyncTimes:
    """Microseconds of a 4 KiB write with its fdatasync."""

    p50: float
    p99: float


def measure_sync(place: Path, writes: int = _WRITES) -> SyncTimes:
    """Times writes of 4 KiB, each followed by fdatasync, into a preallocated and zero-filled file.

    Raises:
        OSError: nothing can be written there.
    """
    with tempfile.TemporaryFile(dir=place, buffering=0) as file:
        descriptor = file.fileno()
        file.write(bytes(_BLOCK * writes))
        os.fsync(descriptor)
        block, times = os.urandom(_BLOCK), []
        for k in range(writes):
            start = time.perf_counter_ns()
            os.pwrite(descriptor, block, k * _BLOCK)
            os.fdatasync(descriptor)
            times.append(time.perf_counter_ns() - start)
    times.sort()
    return SyncTimes(times[writes // 2] / 1000, times[min(writes * 99 // 100, writes - 1)] / 1000)


def sync_latency(place: Path) -> Finding:
    """What durability `disk` adds to each answer."""
    try:
        times = measure_sync(place)
    except OSError as error:
        return Finding(
            "fdatasync",
            Level.FAIL,
            f"cannot write below {place}: {error.strerror}",
            "choose a directory that can be written",
        )
    found = f"p50 {times.p50:,.0f} us, p99 {times.p99:,.0f} us"
    mend = "use a local NVMe disk with power-loss protection, or durability = process"
    if times.p99 <= 1_000:
        return Finding("fdatasync", Level.OK, found)
    return Finding("fdatasync", Level.WARN if times.p50 <= 20_000 else Level.FAIL, found, mend)
