"""What the embedded log survives: dying at every step, torn tails, rot, full disks, disks that fail."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.bus.log.embedded import disk, log, writer
from exchange.bus.log.embedded.format import encode_record
from exchange.bus.log.interface import Batch, EventLog, Head
from exchange.errors import LogCorrupt, LogFault, LogRefused, LogUnavailable
from tests.event_log.backends import COLD, HOT, TOPICS, Embedded, batch
from tests.event_log.conformance import batches_of, read_on
from tests.event_log.victim import BATCHES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def embedded(memory: Path) -> Iterator[Embedded]:
    """Empty."""
    made = Embedded(memory)
    yield made
    made.close()


def segments(embedded: Embedded, topic: str = HOT) -> list[Path]:
    """The files, the oldest first."""
    return sorted((embedded.root / "log" / topic).glob("*.log"))


def written(embedded: Embedded, count: int, topic: str = HOT, size: int = 100) -> EventLog:
    """A log with so many batches, whose writer is gone."""
    made = embedded.open()
    with made.writer(topic) as open_writer:
        open_writer.append([batch(seq, size=size) for seq in range(1, count + 1)])
    return made


def size_of(each: Batch) -> int:
    """Of its record."""
    return sum(map(len, encode_record(0, each, 0)))


# Dying


@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.parametrize("topic", [HOT, COLD])
def test_killed_at_any_step_leaves_whole_batches_and_repeats_nothing(
    memory: Path, topic: str, many: int
) -> None:
    """A reader sees a prefix, a restarted publisher completes it, the cursor is never ahead of it."""
    victim = subprocess.run(
        [sys.executable, "-m", "tests.event_log.victim", str(memory), topic, str(many)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=True,
    )
    *codes, steps, ended = map(int, victim.stdout.split())
    assert (set(codes), ended) == ({-signal.SIGKILL}, 0)
    assert len(codes) == steps > 15
    for step in range(1, steps + 2):
        embedded = Embedded(memory / str(step))
        made = embedded.open()
        seen = batches_of(made, topic)
        assert seen == BATCHES[: len(seen)]
        with made.group("consumer", topic) as group:
            assert group.cursor in {*range(max(len(seen) - many, 0), len(seen) + 1), 0}
        if step > steps:
            assert len(seen) == len(BATCHES)
        with made.writer(topic) as open_writer:
            assert open_writer.append(BATCHES) == len(BATCHES) - len(seen)
        assert batches_of(embedded.open(), topic) == BATCHES
        embedded.close()


SLEEPER = """
import sys
from pathlib import Path
from tests.event_log.backends import HOT, Embedded
with Embedded(Path(sys.argv[1])).open() as log, log.reader(HOT) as reader:
    assert reader.wait(120)
    print("waited", flush=True)
    sys.stdin.readline()
    assert reader.wait(120)
    while reader.read():
        pass
    assert not reader.wait(1)
    print(reader.offset, flush=True)
"""


def test_reader_that_was_asleep_while_writers_came_and_went_goes_on(memory: Path) -> None:
    """Wake-ups that nobody takes pile up nowhere, and abort nobody."""
    embedded = Embedded(memory)
    made = written(embedded, 1)
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(embedded.root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sleeper:
        assert sleeper.stdin is not None
        assert sleeper.stdout is not None
        with made.writer(HOT) as open_writer:
            assert sleeper.stdout.readline() == "waited\n"
            time.sleep(0.3)  # until it is connected
            for seq in range(2, 1_001):
                open_writer.append([batch(seq, size=10)])
            time.sleep(0.3)
        with made.writer(HOT) as open_writer:
            open_writer.append([batch(1_001)])
        sleeper.stdin.write("go\n")
        sleeper.stdin.flush()
        assert sleeper.stdout.readline() == "1001\n"
        assert sleeper.wait(120) == 0
    embedded.close()


# Torn tails and rot


def test_tail_torn_at_any_byte_is_cut_and_the_range_is_logged(
    embedded: Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    """What lies before it is kept, what was cut is appended again."""
    made = written(embedded, 3)
    (path,) = segments(embedded)
    whole = path.read_bytes()
    last = len(whole) - size_of(batch(3))
    with caplog.at_level(logging.WARNING, "exchange"):
        for end in range(last + 1, len(whole), 5):
            path.write_bytes(whole[:end])
            assert batches_of(made, HOT) == [batch(1), batch(2)]
            with made.writer(HOT) as open_writer:
                assert (open_writer.head(1), open_writer.end) == (Head(1, 2), 2)
                assert path.stat().st_size == last
                assert open_writer.append([batch(2), batch(3)]) == 1
            assert path.read_bytes() == whole
            said = caplog.records[-1].__dict__["fields"]
            assert said == {"topic": HOT, "offset": 2, "from_byte": last, "to_byte": end}


def test_flipped_byte_in_the_last_record_is_a_torn_tail(embedded: Embedded) -> None:
    """Nothing behind it says that it was ever whole."""
    made = written(embedded, 3)
    (path,) = segments(embedded)
    whole = path.read_bytes()
    last = len(whole) - size_of(batch(3))
    for at in range(last, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        assert batches_of(made, HOT) == [batch(1), batch(2)]
        with made.writer(HOT) as open_writer:
            assert open_writer.append([batch(3)]) == 1
        assert path.read_bytes() == whole


def flip_in_the_first_record(path: Path) -> None:
    """One bit of its payload."""
    content = bytearray(path.read_bytes())
    content[content.index(b"1:1+1:1:1+1:")] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("topic", [HOT, COLD])
def test_flipped_byte_that_whole_records_follow_stops_everybody(embedded: Embedded, topic: str) -> None:
    """The machine ran all the time: it is no power cut, and nothing is changed."""
    made = written(embedded, 3, topic)
    (path,) = segments(embedded, topic)
    flip_in_the_first_record(path)
    damaged = path.read_bytes()
    with pytest.raises(LogCorrupt, match="whole records lie behind it"):
        made.writer(topic)
    with made.reader(topic) as reader:
        assert reader.wait(1) is True
        with pytest.raises(LogCorrupt):
            reader.read()
    assert path.read_bytes() == damaged


def test_holes_that_a_power_cut_left_are_cut_where_nothing_was_synced(
    embedded: Embedded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that is published again loses its tail; one that was synced has no excuse."""
    for topic in (HOT, COLD):
        written(embedded, 3, topic)
        flip_in_the_first_record(segments(embedded, topic)[0])
    monkeypatch.setattr(writer, "boot_id", lambda: "another")
    made = embedded.open()
    with made.writer(HOT) as open_writer:
        assert (open_writer.end, open_writer.head(1)) == (0, None)
        assert open_writer.append([batch(1), batch(2)]) == 2
    assert batches_of(made, HOT) == [batch(1), batch(2)]
    with pytest.raises(LogCorrupt):
        made.writer(COLD)


def test_damage_in_a_finished_segment_stops_its_readers(embedded: Embedded) -> None:
    """Before it they read, behind it they may."""
    made = written(embedded, 40, size=1_000)
    paths = segments(embedded)
    assert len(paths) > 5
    content = bytearray(paths[1].read_bytes())
    content[-1] ^= 1  # padding counts, too
    content[-500] ^= 1
    paths[1].write_bytes(content)
    following = int(paths[2].stem)
    with made.reader(HOT) as reader:
        with pytest.raises(LogCorrupt, match=paths[1].name):
            read_on(reader, [])
        assert reader.offset == following - 1
        reader.seek(following)
        assert reader.read(records_max=1)[0].offset == following


def test_damaged_head_of_a_segment_is_no_segment(embedded: Embedded) -> None:
    """Each byte of it counts."""
    made = written(embedded, 1)
    (path,) = segments(embedded)
    whole = path.read_bytes()
    length = int.from_bytes(whole[8:12], "little")
    for at in range(0, length, 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(LogCorrupt):
            made.writer(HOT)
        with made.reader(HOT) as reader, pytest.raises(LogCorrupt):
            reader.read()
    path.write_bytes(b"")
    with pytest.raises(LogCorrupt):
        made.writer(HOT)


def test_payload_that_holds_a_record_is_no_record(embedded: Embedded) -> None:
    """A copy of a segment within a torn record does not pass for what was written behind it."""
    made = written(embedded, 2)
    (path,) = segments(embedded)
    other = Embedded(embedded.root / "other")
    written(other, 60)
    copied = b"".join(each.read_bytes() for each in segments(other))
    other.close()
    with path.open("ab") as file:
        file.write(copied[: len(copied) // 8 * 8])
    with made.writer(HOT) as open_writer:
        assert open_writer.end == 2
    assert batches_of(made, HOT) == [batch(1), batch(2)]


def test_batches_of_one_append_are_one_write_a_segment(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes together costs one system call, and is what one by one would have been."""
    made, real, writes = embedded.open(), os.pwritev, list[int]()

    def counted(descriptor: int, parts: list[bytes], position: int) -> int:
        writes.append(len(parts))
        return real(descriptor, parts, position)

    monkeypatch.setattr(os, "pwritev", counted)
    batches = [batch(seq, size=10) for seq in range(1, 21)]
    with made.writer(HOT) as open_writer:
        assert open_writer.append([*batches[:2], *batches]) == len(batches)
    assert len(writes) == len(segments(embedded))
    assert batches_of(made, HOT) == batches


# Disks


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 8,000 bytes: the kernel writes what fits, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_full_disk_refuses_a_batch_and_keeps_what_is_there(tmp_path: Path) -> None:
    """The batch is nowhere; when there is room again it is taken."""
    with log.EmbeddedLog(tmp_path / "log", tmp_path / "run", TOPICS) as made, made.writer(HOT) as full:
        with pytest.raises(LogUnavailable):
            full.append([batch(seq, size=900) for seq in range(1, 20)])
        taken = full.end
        assert 5 < taken < 9
        expected = [batch(seq, size=900) for seq in range(1, taken + 1)]
        assert batches_of(made, HOT) == expected
        with pytest.raises(LogUnavailable):
            full.append([batch(taken + 1, size=900)])
        assert full.append([batch(taken)]) == 0
        assert full.append([batch(taken + 1, size=10)]) == 1
        assert batches_of(made, HOT) == [*expected, batch(taken + 1, size=10)]


def fail(error: int) -> object:
    """A function that fails so."""

    def failing(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    return failing


def test_segment_that_cannot_be_begun_refuses_the_batch(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one goes on when it can be; nothing half-made stays."""
    made = embedded.open()
    with made.writer(HOT) as full:
        full.append([batch(seq, size=1_000) for seq in range(1, 4)])
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", fail(errno.ENOSPC))
            with pytest.raises(LogUnavailable, match="cannot be made"):
                full.append([batch(4, size=1_000)])
        assert sorted(path.name for path in (embedded.root / "log" / HOT).iterdir()) == [
            f"{0:020d}.log",
            "writer",
        ]
        assert full.append([batch(4, size=1_000)]) == 1
    assert batches_of(made, HOT) == [batch(seq, size=1_000) for seq in range(1, 5)]
    assert len(segments(embedded)) == 2


def test_sync_that_failed_closes_the_writer(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what the disk has; the next writer finds out, and syncs again."""
    made = embedded.open()
    failed = made.writer(COLD)
    failed.append([batch(1)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail(errno.EIO))
        with pytest.raises(LogUnavailable, match="cannot be synced"):
            failed.append([batch(2)])
    for use in (lambda: failed.append([batch(2)]), failed.sync):
        with pytest.raises(LogUnavailable, match="closed"):
            use()
    with made.writer(COLD) as open_writer:
        assert open_writer.append([batch(1), batch(2)]) == 0


def test_end_that_cannot_be_restored_closes_the_writer(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What landed is a torn tail for the next one."""
    made = embedded.open()
    failed = made.writer(HOT)
    failed.append([batch(1)])
    real = os.pwritev

    def half(descriptor: int, parts: list[bytes], position: int) -> int:
        real(descriptor, [b"".join(parts)[:50]], position)
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", half)
        patch.setattr(os, "ftruncate", fail(errno.EIO))
        with pytest.raises(LogUnavailable):
            failed.append([batch(2)])
    assert batches_of(made, HOT) == [batch(1)]
    with made.writer(HOT) as open_writer:
        assert open_writer.append([batch(1), batch(2)]) == 1
    assert batches_of(made, HOT) == [batch(1), batch(2)]


# Cursors


def test_cursor_that_was_torn_is_the_one_before(embedded: Embedded) -> None:
    """Either slot may be lost, not both."""
    made = written(embedded, 3)
    with made.group("g", HOT) as group:
        group.commit(1)
        group.commit(2)
    path = embedded.root / "log" / HOT / "groups" / "g"
    whole = path.read_bytes()
    found = set()
    for slot in (0, 64):
        path.write_bytes(whole[: slot + 20] + b"\xff" + whole[slot + 21 :])
        with made.group("g", HOT) as group:
            found.add(group.cursor)
    assert found == {1, 2}
    path.write_bytes(whole[:20] + b"\xff" + whole[21:84] + b"\xff" + whole[85:])
    with pytest.raises(LogCorrupt):
        made.group("g", HOT)


def test_cursor_that_cannot_be_synced_stands_where_it_was(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consumer is told."""
    made = written(embedded, 3)
    with made.group("g", HOT) as group:
        group.commit(1)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail(errno.EIO))
            with pytest.raises(LogUnavailable):
                group.commit(2)
        assert group.cursor == 1
        group.commit(3)
        assert group.cursor == 3


def test_lock_that_cannot_be_had_is_said_with_who_has_it(embedded: Embedded) -> None:
    """The process that writes."""
    made = embedded.open()
    with made.writer(HOT), pytest.raises(LogRefused, match=f"process {os.getpid()}") as caught:
        embedded.open().writer(HOT)
    assert caught.value.fault is LogFault.TOPIC_IN_USE


def test_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "log").write_text("")
    with log.EmbeddedLog(tmp_path / "log", tmp_path / "run", TOPICS) as made:
        with pytest.raises(LogUnavailable):
            made.writer(HOT)
        with pytest.raises(LogUnavailable):
            disk.make_log_directory(tmp_path / "log" / "x")


# Where it ends


def test_end_is_looked_for_from_where_it_was_before(embedded: Embedded) -> None:
    """Over appends, new segments and a torn tail that is repaired; a topic that was made anew begins anew."""
    looks, seq = embedded.open(), 0

    def append(count: int) -> None:
        nonlocal seq
        with embedded.open().writer(HOT) as open_writer:
            open_writer.append([batch(seq + number, size=300) for number in range(1, count + 1)])
        seq += count

    for count in (1, 2, 40, 1, 1, 7):
        append(count)
        assert looks.extent(HOT).end == seq == embedded.open().extent(HOT).end
    assert len(segments(embedded)) > 2
    with segments(embedded)[-1].open("ab") as file:
        file.write(b"".join(encode_record(seq, batch(seq + 1, size=300), 0))[:-20])
    assert looks.extent(HOT).end == seq
    append(3)
    assert looks.extent(HOT).end == seq
    for path in (embedded.root / "log" / HOT).iterdir():
        path.unlink()
    assert looks.extent(HOT).end == 0
    seq = 0
    append(2)
    assert looks.extent(HOT).end == 2
