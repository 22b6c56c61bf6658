"""Who follows the journal from elsewhere, and how far each has it: kept beside the journal, by the replica.

The journal is kept up to its limit of bytes, whoever follows. Who is behind that is lost: it has to begin
again with a snapshot.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from exchange.errors import StorageError
from exchange.storage.directory import write_whole


@dataclass(frozen=True, slots=True)
class Registration:
    """One follower.

    Args:
        name: Of it.
        sequence: Of the last command that it said it has, durably.
        lost: What follows was removed before it had it.
    """

    name: str
    sequence: int
    lost: bool = False


class FollowerRegistry:
    """The followers of one data directory. One process writes, in any thread; any may read.

    Args:
        path: Of its file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known = {each.name: each for each in read_followers(path)}

    def note(self, name: str, sequence: int) -> None:
        """A follower has the journal up to a sequence; written down where that is new.

        Raises:
            StorageError: it cannot be written.
        """
        with self._lock:
            known = self._known.get(name)
            if known is None or sequence != known.sequence:
                self._known[name] = Registration(name, sequence)
                self._write()

    def lose_before(self, first_sequence: int) -> list[Registration]:
        """The journal begins with a sequence now; who is lost by that.

        Raises:
            StorageError: it cannot be written.
        """
        with self._lock:
            lost = [
                Registration(each.name, each.sequence, lost=True)
                for each in self._known.values()
                if not each.lost and each.sequence + 1 < first_sequence
            ]
            self._known |= {each.name: each for each in lost}
            if lost:
                self._write()
        return lost

    def _write(self) -> None:
        rows = [asdict(each) for each in self._known.values()]
        write_whole(self._path, json.dumps(rows).encode("utf-8"))


def read_followers(path: Path) -> list[Registration]:
    """Who is registered; nobody where there is no file.

    Raises:
        StorageError: the file is none of ours.
    """
    try:
        rows = json.loads(path.read_bytes())
        return [Registration(str(row["name"]), int(row["sequence"]), bool(row["lost"])) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{path} is no list of followers: {error}") from error
