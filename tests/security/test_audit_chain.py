"""The audit log: what is appended is there, and whatever is done to it afterwards is found."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.errors import AuditUnavailable, SecurityError, SecurityFault
from exchange.security.audit import AuditChain, AuditEntry, HeadSigner, Outcome, PublicKeys
from exchange.security.audit.export import export_chain
from exchange.security.audit.files import list_segments, read_heads
from exchange.security.audit.heads import new_pair
from exchange.security.audit.verify import ChainReport, Wrong, records_of, verify_chain, verify_log

SECRET, PUBLIC = new_pair()
SIGNER = HeadSigner("audit-1", SECRET)
KEYS = PublicKeys({"audit-1": PUBLIC})
SECOND_NS = 1_000_000_000
RECORDS = 24


def entry(number: int, **more: Any) -> AuditEntry:
    """One of many."""
    return AuditEntry(
        action="administration.kill",
        outcome=Outcome.DONE,
        ts_ns=number,
        process="core",
        tenant="0",
        user="olivia",
        target=f"account {number}",
        correlation_id=f"corr-{number}",
        details={"sequence": number},
        **more,
    )


def open_chain(root: Path, name: str = "core", **options: Any) -> AuditChain:
    """A chain below a directory."""
    return AuditChain(root / "audit", name, SIGNER, process="test", **options)


def check(root: Path, name: str = "core") -> ChainReport:
    """What the verifier says of it."""
    return verify_chain(root / "audit" / name, KEYS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain of 24 records in files of some records each, closed."""
    root = tmp_path_factory.mktemp("written")
    with open_chain(root, segment_bytes=2_000) as chain:
        for number in range(1, RECORDS + 1):
            chain.append([entry(number)])
    return root


def test_records_that_were_appended_are_read_back_in_order(written: Path) -> None:
    """Over several files, with the head of the last one signed; nothing is found."""
    path = written / "audit" / "core"
    assert [record.entry for record in records_of(path)] == [entry(n) for n in range(1, RECORDS + 1)]
    report = check(written)
    assert (report.findings, report.first, report.last, report.unsigned) == ([], 1, RECORDS, 0)
    assert len(list_segments(path)) > 3
    assert path.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def test_chain_that_is_written_while_it_is_checked_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is appended and signed behind each file that the verifier has read."""
    read_bytes = Path.read_bytes
    with open_chain(tmp_path, segment_bytes=1_000) as chain:
        for number in range(1, 9):
            chain.append([entry(number)])
        files = len(list_segments(tmp_path / "audit" / "core"))

        def read_and_go_on(path: Path) -> bytes:
            content = read_bytes(path)
            chain.append([entry(chain.seq + 1)])
            chain.sign()
            return content

        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", read_and_go_on)
            report = check(tmp_path)
    assert files > 2
    assert report.findings == []
    assert report.last >= 8
    assert check(tmp_path).findings == []


def lines_of(path: Path) -> list[tuple[Path, int]]:
    """Every line of a chain: file, and place in it."""
    return [
        (segment, number)
        for segment in list_segments(path)
        for number in range(segment.read_bytes().count(b"\n"))
    ]


def edit(file: Path, change: Any) -> None:
    """Rewrites a file by its lines."""
    lines = file.read_bytes().splitlines(keepends=True)
    change(lines)
    file.write_bytes(b"".join(lines))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_single_change_removal_swap_or_cut_is_found(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Of a byte, a line, a file, or the end, wherever it is."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(written, root, dirs_exist_ok=True)
    path = root / "audit" / "core"
    lines = lines_of(path)
    file, number = data.draw(st.sampled_from(lines))
    what = data.draw(st.sampled_from(["byte", "remove", "swap", "copy", "file", "cut", "line end"]))
    if what == "byte":
        content = bytearray(file.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(content)
    elif what == "remove":
        edit(file, lambda all_lines: all_lines.pop(number))
    elif what == "swap":
        other_file, other = data.draw(st.sampled_from([each for each in lines if each != (file, number)]))
        one = file.read_bytes().splitlines(keepends=True)[number]
        two = other_file.read_bytes().splitlines(keepends=True)[other]
        edit(file, lambda all_lines: all_lines.__setitem__(number, two))
        edit(other_file, lambda all_lines: all_lines.__setitem__(other, one))
    elif what == "copy":
        other_file, other = data.draw(st.sampled_from(lines))
        line = file.read_bytes().splitlines(keepends=True)[number]
        edit(other_file, lambda all_lines: all_lines.insert(other, line))
    elif what == "file":
        file.unlink()
    elif what == "cut":
        left = lines.index((file, number))
        for segment in list_segments(path):
            edit(
                segment,
                lambda all_lines, s=segment: all_lines.__delitem__(slice(_kept(lines, s, left), None)),
            )
    else:
        edit(file, lambda all_lines: all_lines.__setitem__(number, all_lines[number].rstrip(b"\n") + b" \n"))
    assert check(root).findings, what
    shutil.rmtree(root)


def _kept(lines: list[tuple[Path, int]], segment: Path, left: int) -> int:
    return sum(1 for each, _ in lines[:left] if each == segment)


@pytest.mark.parametrize(
    ("what", "wrong", "text"),
    [
        ("change", Wrong.CHANGED, "the line is not what its hash says"),
        ("rehash", Wrong.CHANGED, "it follows another record 3 than the one before it"),
        ("remove", Wrong.REMOVED, "record 3 is missing"),
        ("swap", Wrong.REORDERED, "record 3 stands behind record 4"),
        ("cut", Wrong.CUT, "record 24 was signed, and the chain ends with record 20"),
        ("forge all", Wrong.CHANGED, "record 24 is not the one that was signed"),
        ("key", Wrong.UNKNOWN_KEY, "the head of record 24 is signed by the unknown key audit-2"),
        ("signature", Wrong.UNKNOWN_KEY, "the head of record 24 is not what audit-1 has signed"),
    ],
)
def test_verifier_says_what_is_wrong_and_where(tmp_path: Path, what: str, wrong: Wrong, text: str) -> None:
    """Each kind, with the file, the line and the record."""
    with open_chain(tmp_path) as chain:
        chain.append(entry(number) for number in range(1, RECORDS + 1))
    path = tmp_path / "audit" / "core"
    [file] = list_segments(path)
    old = file.read_bytes().splitlines(keepends=True)
    if what == "change":
        edit(file, lambda lines: lines.__setitem__(2, lines[2].replace(b"olivia", b"oliver")))
    elif what in ("rehash", "forge all"):
        forged = open_forged(tmp_path / "forged", 3 if what == "rehash" else 0)
        if what == "rehash":
            edit(file, lambda lines: lines.__setitem__(2, forged[2]))
        else:
            file.write_bytes(b"".join(forged))
    elif what == "remove":
        edit(file, lambda lines: lines.pop(2))
    elif what == "swap":
        edit(file, lambda lines: lines.__setitem__(slice(2, 4), [old[3], old[2]]))
    elif what == "cut":
        edit(file, lambda lines: lines.__delitem__(slice(20, None)))
    else:
        [head] = read_heads(path)
        content = head.line.replace(b'"audit-1"', b'"audit-2"')
        if what == "signature":
            content = head.line.replace(b'"position":0', b'"position":9')
        (path / "heads").write_bytes(content)
    finding = next(each for each in check(tmp_path).findings if each.text == text)
    assert finding.what is wrong
    assert finding.where.startswith(str(path))


def open_forged(root: Path, changed: int) -> list[bytes]:
    """The same chain with another record 3, or another user in all of them, each with a true hash."""
    with open_chain(root) as chain:
        for number in range(1, RECORDS + 1):
            one = entry(number)
            if changed in (0, number):
                one = AuditEntry(
                    action=one.action, outcome=one.outcome, ts_ns=number, process="core", user="oliver"
                )
            chain.append([one])
    [file] = list_segments(root / "audit" / "core")
    return file.read_bytes().splitlines(keepends=True)


def test_head_kept_elsewhere_shows_a_chain_that_was_cut_with_its_own_heads(tmp_path: Path) -> None:
    """Who cuts both file and heads is found by a copy of the head, also where the whole chain is gone."""
    with open_chain(tmp_path) as chain:
        chain.append([entry(1), entry(2)])
        early = chain.sign()
        chain.append([entry(3)])
        late = chain.sign()
    path = tmp_path / "audit" / "core"
    [file] = list_segments(path)
    edit(file, lambda lines: lines.pop())
    (path / "heads").write_bytes(early.line)
    assert check(tmp_path).findings == []
    [report] = verify_log(tmp_path / "audit", KEYS, [late])
    assert [finding.what for finding in report.findings] == [Wrong.CUT]
    shutil.rmtree(path)
    [report] = verify_log(tmp_path / "audit", KEYS, [late])
    assert [finding.text for finding in report.findings] == [
        "the whole chain is gone; its record 3 was signed"
    ]


def test_head_is_signed_each_minute_and_on_close(tmp_path: Path) -> None:
    """Where something is new; not twice for the same."""
    now = [100 * SECOND_NS]
    chain = open_chain(tmp_path, now_ns=lambda: now[0])
    for number in range(1, 9):
        now[0] += 25 * SECOND_NS
        chain.append([entry(number)])
        chain.keep()
    path = tmp_path / "audit" / "core"
    assert [head.seq for head in read_heads(path)] == [1, 4, 7]
    chain.close()
    open_chain(tmp_path).close()
    assert [head.seq for head in read_heads(path)] == [1, 4, 7, 8]


def test_head_of_a_revoked_key_counts_up_to_its_revocation(tmp_path: Path) -> None:
    """What it signed before stays signed."""
    with open_chain(tmp_path, now_ns=lambda: 500) as chain:
        chain.append([entry(1)])
    path = tmp_path / "audit" / "core"
    assert verify_chain(path, PublicKeys({"audit-1": PUBLIC}, {"audit-1": 501})).findings == []
    [finding] = verify_chain(path, PublicKeys({"audit-1": PUBLIC}, {"audit-1": 500})).findings
    assert finding.text == "the head of record 1 is signed by audit-1 after that was revoked"


@pytest.mark.parametrize("left", [1, 7, 300])
def test_torn_last_line_is_cut_off_and_recorded(tmp_path: Path, left: int) -> None:
    """Whatever a crash left of a write: what was appended before is there, and the cut is a record."""
    with open_chain(tmp_path) as chain:
        chain.append([entry(1)])
    path = tmp_path / "audit" / "core"
    [file] = list_segments(path)
    torn = (file.read_bytes()[:-1] * 2)[:left]
    with file.open("ab") as out:
        out.write(torn)
    assert (check(tmp_path).findings, check(tmp_path).torn) == ([], left)
    with open_chain(tmp_path) as chain:
        chain.append([entry(2)])
    first, cut, second = (record.entry for record in records_of(path))
    assert (first, second) == (entry(1), entry(2))
    assert (cut.action, cut.target, cut.details["bytes"]) == ("audit.recovered", "after record 1", left)
    assert check(tmp_path).findings == []


def test_rotation_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    """An empty file at the end, or one with half a line: the record before it has the end of the chain."""
    with open_chain(tmp_path, segment_bytes=1) as chain:
        chain.append([entry(1)])
        chain.append([entry(2)])
    path = tmp_path / "audit" / "core"
    (path / f"{3:020d}.audit").write_bytes(b'{"act')
    with open_chain(tmp_path) as chain:
        chain.append([entry(3)])
    assert [record.entry.action for record in records_of(path)][2:] == [
        "audit.recovered",
        "administration.kill",
    ]
    assert check(tmp_path).findings == []


def test_damaged_end_is_not_appended_to(tmp_path: Path) -> None:
    """A line that was written whole and does not check, or a signed record that is gone: 8301."""
    with open_chain(tmp_path) as chain:
        chain.append([entry(1), entry(2)])
    [file] = list_segments(tmp_path / "audit" / "core")
    whole = file.read_bytes()
    for content in (whole.replace(b"olivia", b"oliver"), whole[: whole.index(b"\n") + 1], b""):
        file.write_bytes(content)
        with pytest.raises(SecurityError) as refused:
            open_chain(tmp_path)
        assert refused.value.fault is SecurityFault.AUDIT_DAMAGED
    file.write_bytes(whole)
    open_chain(tmp_path).close()


def test_second_writer_is_refused_or_waits(tmp_path: Path) -> None:
    """One at a time, by a lock that a kill takes away."""
    with open_chain(tmp_path), pytest.raises(SecurityError) as refused:
        open_chain(tmp_path)
    assert refused.value.fault is SecurityFault.AUDIT_IN_USE
    open_chain(tmp_path, wait_s=1.0).close()


def test_full_disk_refuses_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails in its midst, a sync that fails: the file is as before, and goes on afterwards."""
    real_write, real_sync = os.write, os.fdatasync
    with open_chain(tmp_path) as chain:
        chain.append([entry(1)])
        [file] = list_segments(tmp_path / "audit" / "core")
        before = file.read_bytes()

        def half(descriptor: int, content: bytes) -> int:
            if len(content) > 100:
                return real_write(descriptor, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def fails(descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        for name, broken in (("write", half), ("fdatasync", fails)):
            with monkeypatch.context() as patch:
                patch.setattr(os, name, broken)
                with pytest.raises(AuditUnavailable, match="the audit log cannot be written"):
                    chain.append([entry(2)])
            assert file.read_bytes() == before
        assert (os.write, os.fdatasync) == (real_write, real_sync)
        chain.append([entry(2)])
    assert [record.entry for record in records_of(tmp_path / "audit" / "core")] == [entry(1), entry(2)]


def test_exported_files_and_the_rest_check_each_by_itself_and_together(tmp_path: Path) -> None:
    """Twice into the same archive; what is left begins where a signed base says."""
    path = tmp_path / "audit" / "core"
    archive = tmp_path / "archive"
    with open_chain(tmp_path, segment_bytes=2_000) as chain:
        for number in range(1, 13):
            chain.append([entry(number)])
        first = export_chain(path, archive, SIGNER, KEYS)
        for number in range(13, RECORDS + 1):
            chain.append([entry(number)])
    second = export_chain(path, archive, SIGNER, KEYS)
    assert (first.first, first.last + 1) == (1, second.first)
    for root in (tmp_path / "audit", archive):
        [report] = verify_log(root, KEYS)
        assert report.findings == []
    there = [*records_of(archive / "core"), *records_of(path)]
    assert [record.seq for record in there] == list(range(1, RECORDS + 1))
    with open_chain(tmp_path) as chain:
        assert chain.append([entry(25)]) == 25
    (path / "base").unlink()
    assert Wrong.REMOVED in [finding.what for finding in check(tmp_path).findings]


def test_export_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Files that were copied and not yet removed count once."""
    path = tmp_path / "audit" / "core"
    with open_chain(tmp_path, segment_bytes=2_000) as chain:
        for number in range(1, RECORDS + 1):
            chain.append([entry(number)])
    old = {file: file.read_bytes() for file in list_segments(path)[:-1]}
    export_chain(path, tmp_path / "archive", SIGNER, KEYS)
    for file in random.Random(1).sample(sorted(old), 2):
        file.write_bytes(old[file])
        file.chmod(0o600)
    assert check(tmp_path).findings == []
    assert export_chain(path, tmp_path / "archive", SIGNER, KEYS).files == 0
    assert len(list_segments(path)) == 1
    open_chain(tmp_path).close()
