"""What a supervisor said of its processes counts as long as it lives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.runtime.supervisor import Announcement, read_announcement
from exchange.storage.directory import DataDirectory, DirectoryInUse, DirectoryLock


def test_announcement_of_a_supervisor_that_was_killed_is_none(tmp_path: Path) -> None:
    """It stays where it is, even where another process has its number by now; the lock does not."""
    directory = DataDirectory(tmp_path)
    directory.run.mkdir()
    said = {"supervisor": 1, "processes": {"core": 2}, "restarts": {"core": 0}, "endpoints": {}}
    directory.announcement.write_text(json.dumps(said))
    assert read_announcement(directory) is None
    lock = DirectoryLock.take(directory.lock)
    for _ in range(3):  # who looks takes nothing away
        assert read_announcement(directory) == Announcement(1, {"core": 2}, {"core": 0}, {})
        with pytest.raises(DirectoryInUse):
            DirectoryLock.take(directory.lock)
    lock.release()
    assert read_announcement(directory) is None
    DirectoryLock.take(directory.lock).release()
