"""Damages the journal and the snapshots of finished sessions: nothing of it is ever served.

    python -m tests.power.damage [--count 10000] [--seed 1]

Bits are turned, blocks zeroed and files cut, one or two of them at a time. What a core then makes of it when
it starts has to be what docs/journal.md says, to the sequence:

- refused, with the file and the offset, where a whole record behind the damage knew it to be durable;
- cut off and reported as lost, from the first damaged group on, where none did;
- passed over (a snapshot), or not noticed and without effect (bytes that nothing reads).

Whatever is recovered hashes to the state and the events that were true at its sequence.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from cmatch._core import Journal, JournalReader, Venue
from cmatch.errors import JournalCorrupt, JournalError, JournalGap
from exchange.errors import StorageError
from exchange.storage.digests import Digest
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import starting_venue
from tests.power.segments import HEADER_BYTES, RECORD_HEADER_BYTES, Record, Segment
from tests.power.session import LIMITS, SEGMENT_BYTES, WRITE_BYTES, Session, make

# So little journal is folded again behind a snapshot that each of them is used.
_HISTORY_BYTES: Final = 2 * SEGMENT_BYTES
_BLOCKS: Final = (8, 64, 512, 4_096)


class Undetected(Exception):
    """Damage was served, or an intact record was not."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done.

    Args:
        kind: In a word.
        places: Files, and where in them.
    """

    kind: str
    places: tuple[str, ...]


def hurt(files: dict[str, bytes], chance: Random) -> tuple[dict[str, bytes], Damage]:
    """Files with a damage, and which."""
    changed = dict(files)
    kind = chance.choice(["flip", "zero", "cut"])
    places = []
    for _ in range(chance.choice([1, 1, 1, 2])):
        name = chance.choice([name for name in sorted(files) if files[name]])
        content = bytearray(changed[name])
        at = chance.randrange(len(content)) if content else 0
        if kind == "cut":
            del content[at:]
        elif kind == "zero":
            size = chance.choice(_BLOCKS)
            begin = at // size * size
            end = min(begin + size, len(content))
            content[begin:end] = bytes(end - begin)
        elif content:
            for _ in range(chance.choice([1, 1, 2, 8])):
                content[min(at + chance.randrange(8), len(content) - 1)] ^= 1 << chance.randrange(8)
        changed[name] = bytes(content)
        places.append(f"{name} at {at}")
    return changed, Damage(kind, tuple(places))


def begin(root: Path) -> Venue:
    """What a core begins with: a snapshot, or nothing.

    Raises:
        StorageError: It refuses to.
    """
    return starting_venue(DataDirectory(root), LIMITS, _HISTORY_BYTES)


def recover(root: Path, venue: Venue) -> int | None:
    """What a core does then: finds the journal's end and folds the rest; the first sequence that is gone.

    Raises:
        JournalError: It refuses to.
    """
    start = venue.sequence
    directory = str(DataDirectory(root).journal)
    with Journal(
        directory, segment_bytes=SEGMENT_BYTES, write_bytes=WRITE_BYTES, recover_from=start + 1
    ) as journal:
        for record in JournalReader(directory, start + 1):
            venue.apply_payload(record.payload)
        cut = journal.recovery["cut"]
        if venue.sequence != journal.written_sequence:
            raise Undetected(
                f"the journal ends with {journal.written_sequence}, the fold with {venue.sequence}"
            )
    venue.check_invariants()
    return None if cut is None else int(cut["lost_first"])


def expected(session: Session, files: dict[str, bytes], start: int) -> int | None:
    """The last sequence that docs/journal.md lets survive where a core begins at `start`; None: refused."""

    def same(name: str, begin: int, end: int) -> bool:
        path = f"journal/{name}"
        return files[path][begin:end] == session.files[path][begin:end]

    def entered(segment: Segment) -> bool:
        return same(segment.name, 0, HEADER_BYTES)

    def intact(record: Record) -> bool:
        return same(record.segment, record.offset, record.end)

    def ends(segment: Segment) -> bool:
        records = session.records[segment.name]
        end = records[-1].end if records else HEADER_BYTES
        following = files[f"journal/{segment.name}"][end : end + RECORD_HEADER_BYTES]
        return len(following) < RECORD_HEADER_BYTES or not any(following)

    first = max(n for n, each in enumerate(session.segments) if each.first <= start + 1 or n == 0)
    while first > 0 and not entered(session.segments[first]):
        first -= 1
    if not entered(session.segments[first]):
        return None
    reach = group = session.segments[first].first - 1
    known, broken = 0, False
    for segment in session.segments[first:]:
        broken = broken or not entered(segment)
        if broken and entered(segment):
            known = max(known, segment.durable)
        for record in session.records[segment.name]:
            broken = broken or not intact(record)
            if not broken:
                reach = record.last
                group = group if record.left else reach
            elif intact(record):
                known = max(known, record.durable)
        broken = broken or not ends(segment)
    return None if known > group or group < start else group


def judge(session: Session, files: dict[str, bytes], root: Path) -> str:
    """What became of the damage: `refused`, `passed over`, `cut off`, `without effect`.

    Raises:
        Undetected: Something else.
    """
    try:
        venue = begin(root)
    except StorageError as error:
        if all(files[name] == session.files[name] for name in files if name.startswith("snapshots/")):
            raise Undetected(f"the snapshots are whole, and refused: {error}") from error
        return "refused"
    start = venue.sequence
    wanted = expected(session, files, start)
    try:
        lost_first = recover(root, venue)
    except JournalError as error:
        if wanted is not None:
            raise Undetected(f"{wanted} sequences should have survived: {error}") from error
        if not isinstance(error, JournalGap) and not (
            isinstance(error, JournalCorrupt) and _names(error, files)
        ):
            raise Undetected(f"refused without file and offset: {error!r}") from error
        return "refused"
    found = Digest(venue.sequence, venue.event_digest, venue.state_hash())
    if session.digests.get(found.sequence) != found:
        raise Undetected(f"recovered to {found}, and true is {session.digests.get(found.sequence)}")
    if wanted != found.sequence:
        raise Undetected(f"recovered to {found.sequence} of {session.last}, and expected is {wanted}")
    if lost_first not in (None, found.sequence + 1):
        raise Undetected(f"recovered to {found.sequence}, and it says: lost from {lost_first} on")
    if found.sequence < session.last:
        if lost_first is None and _is_left(session, files, found.sequence):
            raise Undetected(f"recovered to {found.sequence} of {session.last}, and not a word of it")
        return "cut off"
    return "without effect" if start == session.start else "passed over"


def _names(error: JournalCorrupt, files: dict[str, bytes]) -> bool:
    path = f"journal/{Path(error.file).name}"
    return path in files and 0 <= error.offset <= max(len(files[path]), SEGMENT_BYTES)


def _is_left(session: Session, files: dict[str, bytes], last: int) -> bool:
    """Whether anything is there of what came behind a sequence."""
    for segment in session.segments:
        content = files[f"journal/{segment.name}"]
        behind = [record.offset for record in session.records[segment.name] if record.first > last]
        if segment.first > last + 1 or any(content[behind[0] if behind else HEADER_BYTES + len(content) :]):
            return True
    return False


def run(count: int, seed: int, say: bool = True) -> Counter[str]:
    """The campaign: how often what came of which damage.

    Raises:
        Undetected: At the first damage that was.
    """
    chance = Random(seed)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="damage-") as place:
        sessions = []
        for number, (durable, trimmed) in enumerate([(True, False), (True, True), (False, False)]):
            root = Path(place) / f"s{number}"
            root.mkdir()
            session = make(root, seed + number, durable=durable, trimmed=trimmed)
            session.start = begin(root).sequence
            sessions.append(session)
        for number in range(count):
            session = sessions[number % len(sessions)]
            files, damage = hurt(session.files, chance)
            root = Path(place) / "x"
            for name, content in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
            for stray in set((root / "journal").iterdir()) - {root / name for name in files}:
                stray.unlink()
            for stray in set((root / "snapshots").glob("*")) - {root / name for name in files}:
                stray.unlink()
            try:
                outcome = judge(session, files, root)
            except Undetected as error:
                raise Undetected(
                    f"damage {number} ({damage.kind} of {', '.join(damage.places)}): {error}"
                ) from error
            outcomes[f"{damage.kind} {outcome}"] += 1
            if say and number % 1_000 == 999:
                print(f"{number + 1}: {dict(outcomes)}", flush=True)
    return outcomes


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.monotonic()
    try:
        outcomes = run(options.count, options.seed)
    except Undetected as error:
        print(f"FAILED: {error}")
        return 1
    words = ", ".join(f"{number} {what}" for what, number in sorted(outcomes.items()))
    seconds = time.monotonic() - start
    print(f"ok: {options.count} damages, all detected or without effect: {words}; {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
