"""Takes snapshots of a fold that goes on: the state is copied between two slices, all else is done beside."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from cmatch._core import sync_segments
from exchange.errors import StorageError
from exchange.runtime.follow import JournalFollower
from exchange.runtime.log import log
from exchange.storage.digests import Digest, append_digest
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold
from exchange.storage.retention import verified_snapshots
from exchange.storage.snapshots import SnapshotFile, write_snapshot

_WRITER = "replica"


class Snapshotter:
    """Snapshots of one fold, one at a time.

    Args:
        directory: where they go.
        fold: what is copied.
        follower: what brings it forward, and stands still while it is copied.
        tidy: called after each verified snapshot, in a thread: removes what is not needed any more.
    """

    def __init__(
        self, directory: DataDirectory, fold: Fold, follower: JournalFollower, tidy: Callable[[], object]
    ) -> None:
        self._directory = directory
        self._fold = fold
        self._follower = follower
        self._tidy = tidy
        self._one = asyncio.Lock()
        self.taken = 0

    async def take(self) -> Digest:
        """Takes one now, unless there is a verified one of this very state; its digest.

        Raises:
            StorageError: it, or its digest, cannot be written, or it was read back as something else; then it
                is gone again.
        """
        async with self._one:
            start = time.monotonic()
            async with self._follower.alone():
                digest = await asyncio.to_thread(self._fold.digest, _WRITER)
                known = await asyncio.to_thread(verified_snapshots, self._directory)
                if known and known[-1].sequence == digest.sequence:
                    return digest
                content = await asyncio.to_thread(self._fold.venue.snapshot)
                history = await asyncio.to_thread(self._fold.history)
            held = time.monotonic() - start
            # A snapshot that outlives a power cut must not be ahead of the journal that does.
            await asyncio.to_thread(sync_segments, str(self._directory.journal))
            snapshots, size = self._directory.snapshots, len(content)
            file = await asyncio.to_thread(write_snapshot, snapshots, digest, content, history)
            del content, history
            await self._read_back(file)
            try:
                await asyncio.to_thread(append_digest, self._directory.digests, digest)
            except StorageError:  # without its line nobody would ever use or remove it
                file.remove()
                raise
            self.taken += 1
            log(
                "snapshot taken",
                sequence=digest.sequence,
                state_hash=f"{digest.state_hash:016x}",
                bytes=size,
                held_s=f"{held:.3f}",
                seconds=f"{time.monotonic() - start:.3f}",
            )
            await asyncio.to_thread(self._tidy)
            return digest

    async def note_digest(self) -> Digest:
        """Writes down where the fold is, without a snapshot."""
        async with self._follower.alone():
            digest = await asyncio.to_thread(self._fold.digest, _WRITER)
        await asyncio.to_thread(append_digest, self._directory.digests, digest)
        return digest

    async def _read_back(self, file: SnapshotFile) -> None:
        """In a process of its own: neither its memory nor its time is the replica's."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "exchange.storage.check_snapshot",
            str(file.path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, complaint = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            file.remove()
            why = complaint.decode("utf-8", "replace").strip() or f"exit code {process.returncode}"
            raise StorageError(f"a snapshot could not be read back and was removed: {why}")
