"""Private directories and files: made, checked, and refused when they are anybody else's."""

from __future__ import annotations

import os
import resource
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exchange.bus.endpoints import ipc_endpoint
from exchange.config.private import (
    private_directory,
    read_private_file,
    replace_private_file,
    write_private_file,
)
from exchange.errors import ConfigError, SecurityError
from exchange.security.sealing import Sealer

OTHER_USER = 65_534


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_private_directory_that_is_missing_is_made_for_its_user_alone(tmp_path: Path) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        made = private_directory(tmp_path / "run")
    finally:
        os.umask(before)
    assert (made, mode_of(made)) == (tmp_path / "run", 0o700)
    assert private_directory(made) == made


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o755, 0o777])
def test_private_directory_that_is_open_to_others_is_refused_and_left_as_it_is(
    tmp_path: Path, mode: int
) -> None:
    """The user is told the mode; nothing is changed behind their back."""
    path = tmp_path / "run"
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(SecurityError) as refused:
        private_directory(path)
    assert str(refused.value) == f"{path} is open to group or others (mode {mode:04o}, expected 0700)"
    assert mode_of(path) == mode


def test_private_directory_that_is_a_link_or_file_is_refused(tmp_path: Path) -> None:
    """Even where the link leads to a private directory."""
    private_directory(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("x")
    for name, what in (("link", "is a symbolic link"), ("file", "is something else")):
        with pytest.raises(SecurityError, match=f"{name} has to be a directory, and {what}$"):
            private_directory(tmp_path / name)


def test_private_directory_in_one_where_others_may_write_is_refused(tmp_path: Path) -> None:
    """They could put another in its place; a sticky bit, as on /tmp, keeps them from it."""
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(0o777)
    with pytest.raises(SecurityError, match="shared may be written by others"):
        private_directory(parent / "run")
    parent.chmod(0o1777)
    assert private_directory(parent / "run") == parent / "run"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_private_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Itself, or the one it lies in."""
    path = private_directory(tmp_path / "a") / "run"
    path.mkdir(mode=0o700)
    os.chown(path, OTHER_USER, OTHER_USER)
    with pytest.raises(
        SecurityError, match=f"run belongs to user {OTHER_USER}, not to user 0 who runs this$"
    ):
        private_directory(path)
    os.chown(path, 0, 0)
    os.chown(path.parent, OTHER_USER, OTHER_USER)
    with pytest.raises(SecurityError, match=f"a belongs to user {OTHER_USER}, who could replace"):
        private_directory(path)


def test_ipc_endpoint_is_a_name_in_a_private_directory(tmp_path: Path) -> None:
    """No path, no hidden file."""
    assert ipc_endpoint(tmp_path / "run", "orders") == f"ipc://{tmp_path}/run/orders"
    for name in ("", ".", "..", "a/b", "/a", ".hidden"):
        with pytest.raises(ConfigError, match="is no name for a socket"):
            ipc_endpoint(tmp_path / "run", name)


def test_ipc_endpoint_whose_path_is_too_long_for_the_kernel_is_refused(tmp_path: Path) -> None:
    """107 bytes is the most; libzmq would only say that it failed."""
    room = 107 - len(os.fsencode(tmp_path / "run")) - 1
    assert len(os.fsencode(ipc_endpoint(tmp_path / "run", "x" * room))) == len("ipc://") + 107
    with pytest.raises(ConfigError, match="has a path of 108 bytes: expected at most 107"):
        ipc_endpoint(tmp_path / "run", "x" * (room + 1))


def test_private_file_is_written_once_and_read_back(tmp_path: Path) -> None:
    """Mode 0600 from the start; a second time is refused and changes nothing."""
    path = tmp_path / "a.key"
    before = os.umask(0)
    try:
        write_private_file(path, b"secret")
    finally:
        os.umask(before)
    assert (mode_of(path), read_private_file(path, secret=True)) == (0o600, b"secret")
    with pytest.raises(SecurityError, match=r"cannot be made: File exists$"):
        write_private_file(path, b"other")
    assert path.read_bytes() == b"secret"


def test_private_file_that_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    """A disk that is full leaves no half of a key, which every later start would refuse."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        for write in (write_private_file, replace_private_file):
            with pytest.raises(SecurityError, match=r"a\.key cannot be (made|written): File too large$"):
                write(tmp_path / "a.key", b"a secret")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_private_file_is_seen_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processes that start together one makes it, and nobody reads it before all of it is there."""
    key, seen, really_open = tmp_path / "a.key", [], os.open

    def look_when_opened(path: Path, flags: int, *rest: int) -> int:
        descriptor = really_open(path, flags, *rest)
        seen.append(key.read_bytes() if key.exists() else None)
        return descriptor

    monkeypatch.setattr("os.open", look_when_opened)
    write_private_file(key, b"a secret")
    assert seen == [None, b"a secret"]  # the file's own, still empty, and the directory's, to sync its name
    assert list(tmp_path.iterdir()) == [key]


def test_processes_that_start_together_seal_with_one_key(tmp_path: Path) -> None:
    """Whoever was quicker made it; what one sealed the others open."""
    starts = threading.Barrier(8)

    def start(life: int) -> Sealer:
        directory = tmp_path / str(life)
        directory.mkdir(exist_ok=True)
        starts.wait(60)
        return Sealer(directory)

    with ThreadPoolExecutor(8) as threads:
        for life in range(20):
            first, *others = threads.map(start, [life] * 8)
            sealed = first.seal(b"secret", "ann")
            assert [each.open(sealed, "ann") for each in others] == [b"secret"] * 7


@pytest.mark.parametrize(
    ("mode", "secret", "allowed"),
    [
        (0o600, True, True),
        (0o400, True, True),
        (0o604, True, False),
        (0o640, True, False),
        (0o644, True, False),
        (0o644, False, True),
        (0o664, False, False),
        (0o646, False, False),
    ],
)
def test_private_file_open_to_others_is_refused(
    tmp_path: Path, mode: int, secret: bool, allowed: bool
) -> None:
    """Secrets must not be read by others, other files not be written."""
    path = tmp_path / "a.key"
    path.write_bytes(b"content")
    path.chmod(mode)
    if allowed:
        assert read_private_file(path, secret=secret) == b"content"
    else:
        with pytest.raises(SecurityError, match=rf"is open to others \(mode {mode:04o}, expected"):
            read_private_file(path, secret=secret)


def test_private_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing, a link, a directory, a pipe; none of them blocks."""
    write_private_file(tmp_path / "real", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (
        ("missing", "cannot be read: No such file or directory"),
        ("link", "cannot be read: Too many levels of symbolic links"),
        ("directory", "is no plain file"),
        ("pipe", "is no plain file"),
    ):
        with pytest.raises(SecurityError) as refused:
            read_private_file(tmp_path / name, secret=True)
        assert str(refused.value) == f"{tmp_path / name} {why}"
