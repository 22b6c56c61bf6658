"""The witness and the disk model: what was not synced is lost, what was is not, and nothing goes unseen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.power.disk_model import DiskModel, Image, Loss, differences, write_tree
from tests.power.witness import Flag, Kind, Operation, Witness

_BEGIN = """
import os, sys
os.chdir(sys.argv[1])
def put(name, data, flags=os.O_WRONLY | os.O_CREAT):
    file = os.open(name, flags, 0o600)
    os.write(file, data)
    return file
def sync(path):
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
"""
Run = Callable[..., DiskModel]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file that was there before."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "old").write_bytes(b"old" + bytes(1_000))
    return root


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Iterator[Run]:
    """Runs programs above one witness, all of which may be cut, and gives the disk after them."""
    with Witness(root, tmp_path / "witness") as witness:

        def run_them(*programs: str, cut_after: int | None = None) -> DiskModel:
            model = DiskModel(root)
            if cut_after is not None:
                witness.cut_after(cut_after)
            for program in programs:
                words = [sys.executable, "-c", _BEGIN + program, str(root)]
                process = subprocess.run(words, env=witness.environment, check=False)
                assert process.returncode == (-9 if witness.is_dark() else 0)
            model.follow(witness.read())
            assert differences(root, model.live()) == []
            return model

        yield run_them


def after(model: DiskModel, loss: Loss, seed: int = 1) -> dict[str, bytes | None]:
    """Names and contents when the power is back."""
    tree = model.after(loss, Random(seed))
    return {name: None if image is None else image.whole() for name, image in tree.items()}


OLD = {"old": b"old" + bytes(1_000)}


def test_write_that_was_synced_with_its_name_survives(run: Run) -> None:
    """The way it should be done: file, fsync, rename, fsync of the directory."""
    model = run("f = put('draft', b'new'); os.fsync(f); os.rename('draft', 'good'); sync('.')")
    for loss in Loss:
        assert after(model, loss) == {**OLD, "good": b"new"}


def test_program_that_forgets_to_sync_its_file_is_caught(run: Run) -> None:
    """The name is durable and the content is not: the file is there, and empty."""
    model = run("put('draft', b'new'); os.rename('draft', 'good'); sync('.')")
    assert after(model, Loss.LOST) == {**OLD, "good": b""}
    assert after(model, Loss.KEPT) == {**OLD, "good": b"new"}


def test_program_that_forgets_to_sync_its_directory_is_caught(run: Run) -> None:
    """The content is durable and has no name, or its old one."""
    model = run("f = put('draft', b'new'); os.fsync(f); sync('.'); os.rename('draft', 'good')")
    assert after(model, Loss.LOST) == {**OLD, "draft": b"new"}
    assert after(model, Loss.KEPT) == {**OLD, "good": b"new"}


def test_second_name_of_a_file_is_there_once_its_directory_is_synced(run: Run) -> None:
    """Both names are of one file: what is written under the one is read under the other."""
    linked = "f = put('draft', b'new'); os.fsync(f); os.link('draft', 'good'); "
    model = run(linked, "os.unlink('draft')")
    assert after(model, Loss.LOST) == OLD
    assert after(model, Loss.KEPT) == {**OLD, "good": b"new"}
    model = run("f = put('good', b'er', os.O_WRONLY | os.O_APPEND); os.fsync(f); sync('.')")
    for loss in Loss:
        assert after(model, loss) == {**OLD, "good": b"newer"}


def test_directory_that_was_not_synced_takes_what_lies_in_it(run: Run) -> None:
    """A file and its directory are synced; the directory's own name is not."""
    model = run("os.mkdir('a'); f = put('a/b', b'x'); os.fsync(f); sync('a')")
    assert after(model, Loss.LOST) == OLD
    assert after(model, Loss.KEPT) == {**OLD, "a": None, "a/b": b"x"}


def test_removal_that_was_not_synced_is_undone(run: Run) -> None:
    """What was there before is there again."""
    model = run("os.unlink('old')")
    assert after(model, Loss.LOST) == OLD
    assert after(model, Loss.KEPT) == {}


def test_every_way_to_change_a_file_is_seen(run: Run) -> None:
    """Writes where the file stands, at an offset, at its end; truncations, allocations; then a sync."""
    program = (
        "f = put('old', b'AB'); os.write(f, b'C'); os.pwrite(f, b'Z', 600); os.ftruncate(f, 700);"
        "os.posix_fallocate(f, 0, 800); g = put('old', b'end', os.O_WRONLY | os.O_APPEND); {}"
        "open('new', 'wb').write(b'n' * 9); open('new', 'wb').write(b'm')"
    )
    changed = b"ABC" + bytes(597) + b"Z" + bytes(199) + b"end"
    model = run(program.format(""))
    assert after(model, Loss.LOST) == OLD
    assert after(model, Loss.KEPT) == {"old": changed, "new": b"m"}
    model = run(program.format("os.fdatasync(g);"))
    assert after(model, Loss.LOST)["old"] == changed


def test_cut_power_stops_the_program_before_its_operation(run: Run, root: Path) -> None:
    """Create, write, write: at the second write the power is gone, and no later program does anything."""
    program = "f = put('new', b'one'); os.write(f, b'two'); os.fsync(f); sync('.')"
    model = run(program, program, cut_after=2)
    assert (root / "new").read_bytes() == b"one"
    assert after(model, Loss.LOST) == OLD
    assert after(model, Loss.KEPT) == {**OLD, "new": b"onetwo"}  # the write in flight may have landed


def test_operations_of_a_program_that_forks_are_one_sequence(run: Run) -> None:
    """As the exchange's processes come to be; where each write ends up hangs on those of the others."""
    program = """
child = os.fork()
both = os.open('both', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
for number in range(3_000):
    os.write(both, (b'a' if child else b'bb') * (1 + number % 7))
if child:
    os.waitpid(child, 0)
"""
    both = after(run(program), Loss.KEPT)["both"]
    assert both is not None
    length = sum(1 + number % 7 for number in range(3_000))
    assert (both.count(b"a"), both.count(b"b")) == (length, 2 * length)


def test_operations_of_two_programs_are_one_sequence(run: Run) -> None:
    """One writes, another one syncs."""
    model = run("put('new', b'n')", "sync('new'); sync('.')")
    assert after(model, Loss.LOST) == {**OLD, "new": b"n"}


def test_what_lies_in_run_is_not_looked_at(run: Run) -> None:
    """Sockets and statistics die with the processes."""
    model = run("os.mkdir('run'); put('run/core.stats', b's')")
    assert after(model, Loss.KEPT) == OLD


def write(offset: int, data: bytes) -> Operation:
    """A write to the file with inode 1."""
    return Operation(Kind.WRITE, Flag(0), 1, offset, len(data), data, "", "")


def model_of(tmp_path: Path, *writes: Operation) -> DiskModel:
    """A disk with one file, whose name is durable, after these."""
    model = DiskModel(tmp_path)
    create = Operation(Kind.CREATE, Flag(0), 1, 0, 0, b"", "f", "")
    model.follow([create, Operation(Kind.SYNC_NAMES, Flag(0), 0, 0, 0, b"", "", ""), *writes])
    return model


def outcomes(model: DiskModel, loss: Loss) -> set[bytes]:
    """What chance makes of the file."""
    found = set()
    for seed in range(400):
        image = model.after(loss, Random(seed))["f"]
        assert image is not None
        found.add(image.whole())
    return found


def test_torn_writes_keep_a_first_part_that_ends_at_a_sector(tmp_path: Path) -> None:
    """Two writes, the second across two edges of sectors: every first part of both, and nothing else."""
    one, two = b"1" * 512, b"2" * 1_200
    model = model_of(tmp_path, write(0, one), write(512, two))
    expected = {b"", one, one + two[:512], one + two[:1_024], one + two}
    assert outcomes(model, Loss.TORN) == expected


def test_reordered_writes_keep_any_of_their_sectors(tmp_path: Path) -> None:
    """Three sectors: each there or not, a hole reads as zeros."""
    model = model_of(tmp_path, write(0, b"1" * 512), write(512, b"2" * 1_024))
    sectors = [b"1" * 512, b"2" * 512, b"2" * 512]
    expected = set()
    for there in range(8):
        parts = [sector if there >> n & 1 else bytes(512) for n, sector in enumerate(sectors)]
        expected.add(b"".join(parts[: there.bit_length()]))
    assert outcomes(model, Loss.REORDERED) == expected


def test_write_tree_makes_what_differences_finds_equal(tmp_path: Path) -> None:
    """And a byte, a size or a name more is a difference."""
    tree: dict[str, Image | None] = {"d": None, "d/f": Image(bytearray(b"x"), 100), "g": Image()}
    write_tree(tmp_path / "t", tree)
    assert differences(tmp_path / "t", tree) == []
    (tmp_path / "t" / "g").write_bytes(b"\0")
    (tmp_path / "t" / "d" / "f").write_bytes(b"y" + bytes(99))
    (tmp_path / "t" / "h").mkdir()
    assert sorted(differences(tmp_path / "t", tree)) == ["d/f", "g", "h"]
