"""A disk beneath one directory: what of its content and of its names a power cut leaves.

Content is durable once its file was synced, a name once its directory was, and never before: POSIX promises
no more. A cut keeps of the rest what chance says: of a file nothing, a first part of its writes with a torn
last one, or any of its sectors in any order; of the names the first few changes, in their order.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path, PurePosixPath
from random import Random
from typing import Final

from tests.power.witness import Flag, Kind, Operation

SECTOR_BYTES: Final = 512
_PASSING: Final = "run"  # what lies there dies with the processes
_PARENT_OF_ROOT: Final = "."


class Loss(Enum):
    """What a power cut makes of what was not synced."""

    KEPT = "kept"  # nothing: even the write in flight landed
    LOST = "lost"
    TORN = "torn"
    REORDERED = "reordered"


@dataclass(slots=True)
class Image:
    """The bytes of a file: what is there up to the last byte that is not zero, and a size."""

    data: bytearray = field(default_factory=bytearray)
    size: int = 0

    def copy(self) -> Image:
        """One that changes alone."""
        return Image(bytearray(self.data), self.size)

    def put(self, offset: int, length: int, data: bytes) -> None:
        """A write; no data stands for zeros."""
        self.size = max(self.size, offset + length)
        if data:
            if len(self.data) < offset:
                self.data.extend(bytes(offset - len(self.data)))
            self.data[offset : offset + length] = data
        elif offset < len(self.data):
            end = min(offset + length, len(self.data))
            self.data[offset:end] = bytes(end - offset)

    def resize(self, size: int) -> None:
        """A truncation, or growth by zeros."""
        self.size = size
        del self.data[size:]

    def whole(self) -> bytes:
        """All bytes."""
        return bytes(self.data) + bytes(self.size - len(self.data))


@dataclass(slots=True)
class File:
    """A file, whatever names it has."""

    live: Image
    durable: Image
    unsynced: list[Operation] = field(default_factory=list)

    def change(self, operation: Operation) -> None:
        """An operation on the content; what was in flight the running system never sees."""
        if not operation.flags & Flag.IN_FLIGHT:
            _apply(self.live, operation)
        self.unsynced.append(operation)

    def sync(self) -> None:
        """All of it becomes durable."""
        for operation in self.unsynced:
            _apply(self.durable, operation)
        self.unsynced.clear()

    def after(self, loss: Loss, chance: Random) -> Image:
        """What is there when the power is back."""
        image = self.durable.copy()
        if loss in (Loss.KEPT, Loss.TORN):
            whole = len(self.unsynced)
            if loss is Loss.TORN:
                whole = chance.randrange(whole + 1)
            for operation in self.unsynced[:whole]:
                _apply(image, operation)
            if whole < len(self.unsynced) and self.unsynced[whole].kind is Kind.WRITE:
                _tear(image, self.unsynced[whole], chance)
        elif loss is Loss.REORDERED:
            for operation in self.unsynced:
                _scatter(image, operation, chance)
        return image


def _apply(image: Image, operation: Operation) -> None:
    if operation.kind is Kind.WRITE:
        image.put(operation.offset, operation.length, operation.data)
    elif operation.kind is Kind.RESIZE or operation.offset > image.size:
        image.resize(operation.offset)


def _tear(image: Image, write: Operation, chance: Random) -> None:
    """Some of its first sectors."""
    edges = [edge for edge in _edges(write) if edge <= write.length]
    end = chance.choice(edges)
    if end:
        image.put(write.offset, end, write.data[:end])


def _scatter(image: Image, operation: Operation, chance: Random) -> None:
    """Each sector by its own chance."""
    if operation.kind is not Kind.WRITE:
        if chance.random() < 0.5:
            _apply(image, operation)
        return
    if not operation.data:  # zeros over zeros: one chance is as good as many
        if chance.random() < 0.5:
            _apply(image, operation)
        return
    edges = _edges(operation)
    for begin, end in pairwise(edges):
        if chance.random() < 0.5:
            image.put(operation.offset + begin, end - begin, operation.data[begin:end])


def _edges(write: Operation) -> list[int]:
    """Where its sectors begin and end, from the start of the write."""
    first = SECTOR_BYTES - write.offset % SECTOR_BYTES
    return [0, *range(first, write.length, SECTOR_BYTES), write.length]


@dataclass(frozen=True, slots=True)
class NameChange:
    """A name that is there from now on, one that is gone, or both at once. No file stands for a directory."""

    added: str | None
    file: File | None
    removed: str | None

    @property
    def directory(self) -> str:
        """Whose sync makes it durable."""
        name = self.added if self.added is not None else self.removed
        assert name is not None
        return _directory_of(name)

    def make(self, names: dict[str, File | None]) -> None:
        """Do it."""
        if self.added is not None:
            names[self.added] = self.file
        if self.removed is not None:
            names.pop(self.removed, None)


def _directory_of(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == _PARENT_OF_ROOT else parent


class DiskModel:
    """Begins with what is in a directory, all of it durable; then told of each operation.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        self._live: dict[str, File | None] = {}
        self._inodes: dict[int, File] = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if PurePosixPath(name).parts[0] == _PASSING:
                continue
            if path.is_dir():
                self._live[name] = None
                continue
            content = path.read_bytes()
            image = Image(bytearray(content.rstrip(b"\0")), len(content))
            self._live[name] = self._inodes[path.stat().st_ino] = File(image, image.copy())
        self._durable = dict(self._live)
        self.removed: dict[str, Image] = {}  # by the name under which each was, as it was then
        self._changes: list[NameChange] = []

    def follow(self, operations: Iterable[Operation]) -> None:
        """All of these were done, in this order."""
        for operation in operations:
            self._follow(operation)

    def _follow(self, operation: Operation) -> None:
        kind = operation.kind
        if kind is Kind.CREATE:
            self._inodes[operation.inode] = file = File(Image(), Image())
            self._change(NameChange(operation.name, file, None))
        elif kind is Kind.MAKE_DIRECTORY:
            self._change(NameChange(operation.name, None, None))
        elif kind is Kind.RENAME:
            self._change(NameChange(operation.new_name, self._live[operation.name], operation.name))
        elif kind is Kind.LINK:
            self._change(NameChange(operation.new_name, self._live[operation.name], None))
        elif kind is Kind.REMOVE:
            if (gone := self._live[operation.name]) is not None:
                self.removed[operation.name] = gone.live
            self._change(NameChange(None, None, operation.name))
        elif kind is Kind.SYNC_NAMES:
            self._sync_names(operation.name)
        elif kind is Kind.SYNC:
            self._inodes[operation.inode].sync()
        else:
            self._inodes[operation.inode].change(operation)

    def _change(self, change: NameChange) -> None:
        change.make(self._live)
        self._changes.append(change)

    def _sync_names(self, directory: str) -> None:
        later = []
        for change in self._changes:
            if change.directory == directory:
                change.make(self._durable)
            else:
                later.append(change)
        self._changes = later

    def after(self, loss: Loss, chance: Random) -> dict[str, Image | None]:
        """What is there when the power is back, by name; None is a directory. Without it nothing is in it."""
        names = dict(self._durable)
        kept = len(self._changes)
        if loss is not Loss.KEPT:
            kept = 0 if loss is Loss.LOST else chance.randrange(kept + 1)
        for change in self._changes[:kept]:
            change.make(names)
        there: dict[str, Image | None] = {}
        for name in sorted(names):
            directory, file = _directory_of(name), names[name]
            if directory == "" or directory in there:
                there[name] = None if file is None else file.after(loss, chance)
        return there

    def live(self) -> dict[str, Image | None]:
        """What the running programs see."""
        return {name: None if file is None else file.live for name, file in self._live.items()}


def write_tree(root: Path, content: dict[str, Image | None]) -> None:
    """Makes a directory hold this and nothing else; all of it is its owner's alone, as keys have to be."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name, image in content.items():
        path = root / name
        if image is None:
            path.mkdir(mode=0o700)
            continue
        with path.open("wb") as file:
            path.chmod(0o600)
            file.write(image.data)
            file.truncate(image.size)


def differences(root: Path, content: dict[str, Image | None]) -> list[str]:
    """The names under which a directory holds something else than this."""
    there = {
        str(path.relative_to(root)): path
        for path in root.rglob("*")
        if path.relative_to(root).parts[0] != _PASSING
    }
    wrong = sorted(there.keys() ^ content.keys())
    for name in there.keys() & content.keys():
        path, image = there[name], content[name]
        if path.is_dir() != (image is None) or (image is not None and path.read_bytes() != image.whole()):
            wrong.append(name)
    return wrong
