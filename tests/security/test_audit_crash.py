"""kill -9 at each step towards the disk: what was acknowledged is there, nothing was done unrecorded."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from exchange.errors import AuditUnavailable
from exchange.runtime import log as logs
from exchange.runtime.audit_follower import AuditFollower
from exchange.runtime.auditing import ProcessAudit, Refusal
from exchange.runtime.refusals import RefusedFile
from exchange.security.audit import AuditEntry, Outcome
from exchange.security.audit.verify import records_of
from exchange.storage.directory import DataDirectory
from tests.exchange.journals import ALICE, Writer
from tests.security.dying import die_at
from tests.security.test_audit_chain import SIGNER, check, entry, open_chain

LIMITS = {"max_accounts": 100, "max_orders": 10_000, "max_client_ids": 10_000}
EVERYTHING = 1 << 62


def test_append_that_is_killed_at_any_step_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Open, append, rotate, sign, close: records are there in order, at most one more than acknowledged."""
    for step in count(1):
        root = tmp_path / str(step)
        root.mkdir()

        def work(acknowledge: Callable[[int], None], root: Path = root) -> None:
            with open_chain(root, segment_bytes=1_000) as chain:
                for number in range(1, 6):
                    acknowledge(chain.append([entry(number)]))
                    chain.sign()

        died, acknowledged = die_at(step, work)
        if not died:
            break
        with open_chain(root) as chain:
            chain.append([entry(99)])
        written = [record.entry for record in records_of(root / "audit" / "core")]
        kept = [each for each in written if each.action != "audit.recovered"]
        assert kept[-1] == entry(99)
        assert kept[:-1] in (
            [entry(number) for number in (*acknowledged, *more)] for more in ((), (len(acknowledged) + 1,))
        )
        report = check(root)
        assert (report.findings, report.unsigned) == ([], 0)
    assert step > 25


def test_action_that_is_killed_at_any_step_was_recorded_before_it_was_done(tmp_path: Path) -> None:
    """Where its effect is, `requested` is in the log; where nothing was requested, nothing was done."""
    seen = set()
    for step in count(1):
        root = tmp_path / str(step)
        root.mkdir()
        effect = root / "effect"

        def work(_: Callable[[int], None], root: Path = root, effect: Path = effect) -> None:
            audit = ProcessAudit(root / "audit", "core", lambda: SIGNER)
            with audit.action("keys.revoke", "api-1", tenant="0", user="olivia"):
                effect.mkdir()
            audit.close()

        died, _ = die_at(step, work)
        if (root / "audit" / "core").exists():
            open_chain(root).close()  # cuts what is torn
            assert check(root).findings == []
        outcomes = [
            record.entry.outcome
            for record in records_of(root / "audit" / "core")
            if record.entry.action == "keys.revoke"
        ]
        assert outcomes in ([], [Outcome.REQUESTED], [Outcome.REQUESTED, Outcome.DONE])
        assert not effect.exists() or outcomes
        seen.add((effect.exists(), len(outcomes)))
        if not died:
            break
    assert seen == {(False, 0), (False, 1), (True, 1), (True, 2)}


def test_action_does_not_begin_where_it_cannot_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room: the action is refused, nothing is done, and it goes on with room again."""
    audit = ProcessAudit(tmp_path / "audit", "core", lambda: SIGNER)
    with audit.action("keys.create", "api-1"):
        pass
    done = []

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", full)
        with pytest.raises(AuditUnavailable), audit.action("keys.create", "api-2"):
            done.append("api-2")
    with audit.action("keys.create", "api-3"):
        done.append("api-3")
    audit.close()
    assert done == ["api-3"]
    targets = [record.entry.target for record in records_of(tmp_path / "audit" / "core")]
    assert targets == ["api-1", "api-1", "api-3", "api-3"]


def test_flood_of_refusals_is_a_few_records(tmp_path: Path) -> None:
    """One for each kind with its count, and one for all kinds beyond 64."""
    audit = ProcessAudit(tmp_path / "audit", "replica", lambda: SIGNER)
    for _ in range(1_000):
        audit.refuse(
            Refusal(action="call", tenant="7", target="replica.snapshot", reason="8101 NOT_PERMITTED")
        )
    for number in range(500):
        audit.refuse(Refusal(action="logon", target=f"key {number}"))
    audit.keep()
    audit.keep()
    audit.close()
    entries = [record.entry for record in records_of(tmp_path / "audit" / "replica")]
    assert len(entries) == 65
    assert sum(int(each.details["count"]) for each in entries) == 1_500
    assert entries[0].details == {"reason": "8101 NOT_PERMITTED", "count": 1_000}


def follow(root: Path, *, acknowledge: Callable[[int], None] = lambda _: None) -> None:
    """One life of a follower: to the end of the journal, a record of it at a time."""
    logs.configure("test", io.StringIO())
    with open_chain(root) as chain:
        follower = AuditFollower(DataDirectory(root), LIMITS, chain, lambda: EVERYTHING)
        while follower.advance(1):
            acknowledge(chain.seq)
        chain.close(follower.position)


def administrative(root: Path) -> list[AuditEntry]:
    """What was recorded, but for cuts."""
    written = [record.entry for record in records_of(root / "audit" / "core")]
    return [each for each in written if each.action != "audit.recovered"]


def write_journal(root: Path) -> None:
    """A market, trades, a refused withdrawal, kills."""
    writer = Writer(root / "journal")
    writer.open_market()
    writer.trade(3)
    admin = writer.make.admin
    writer.write(admin.withdraw("USD", "9000000", account=ALICE))
    writer.write(admin.kill("account", account=ALICE, on=True))
    writer.close()


def test_follower_derives_each_administrative_command_once_with_its_outcome(tmp_path: Path) -> None:
    """Who, what, to what, done or refused and why; orders are not among them; the same again says nothing."""
    write_journal(tmp_path)
    follow(tmp_path)
    entries = administrative(tmp_path)
    said = [(each.action, each.target, str(each.outcome)) for each in entries]
    accounts = ["account 11", "account 12", "account 13"]
    assert said == [
        ("instruments.define_asset", "asset 1", "done"),
        ("instruments.define_asset", "asset 2", "done"),
        ("instruments.define_instrument", "instrument 7", "done"),
        *[
            each
            for account in accounts
            for each in (
                ("administration.open_account", account, "done"),
                ("ledger.deposit", account, "done"),
                ("ledger.deposit", account, "done"),
            )
        ],
        ("ledger.withdraw", "account 11", "refused"),
        ("administration.kill", "account 11", "done"),
    ]
    assert entries[0].user == "tester"
    assert entries[-2].details["reject"] == "2002 INSUFFICIENT_FUNDS"
    assert entries[-2].details["amount"] == 9_000_000_000_000
    follow(tmp_path)
    assert administrative(tmp_path) == entries
    assert check(tmp_path).findings == []


def test_follower_that_is_killed_at_any_step_derives_the_same_records(tmp_path: Path) -> None:
    """Each command once, in order, whatever was on the disk; the journal gives the same to every follower."""
    write_journal(tmp_path / "whole")
    follow(tmp_path / "whole")
    whole = administrative(tmp_path / "whole")
    for step in count(1, 3):
        root = tmp_path / str(step)
        root.mkdir()
        (root / "journal").symlink_to(tmp_path / "whole" / "journal")

        def work(acknowledge: Callable[[int], None], root: Path = root) -> None:
            follow(root, acknowledge=acknowledge)

        died, _ = die_at(step, work)
        follow(root)
        assert administrative(root) == whole
        assert check(root).findings == []
        if not died:
            break
    assert step > 25


def test_follower_without_room_goes_on_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it could not write waits; nothing is lost, nothing comes twice."""
    write_journal(tmp_path / "whole")
    follow(tmp_path / "whole")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_journal(tmp_path / "tight")
    with open_chain(tmp_path / "tight") as chain:
        directory = DataDirectory(tmp_path / "tight")
        follower = AuditFollower(directory, LIMITS, chain, lambda: EVERYTHING)
        follower.advance(3)
        with monkeypatch.context() as patch:
            patch.setattr("os.fdatasync", full)
            for _ in range(3):
                with pytest.raises(AuditUnavailable):
                    follower.advance(3)
        while follower.advance(3):
            pass
    assert administrative(tmp_path / "tight") == administrative(tmp_path / "whole")


def test_keys_that_the_core_refused_are_recorded_with_their_count(tmp_path: Path) -> None:
    """Once for each news, at most one a second; a follower that begins again says it again."""
    write_journal(tmp_path)
    directory = DataDirectory(tmp_path)
    directory.run.mkdir()
    now = [0]
    said = RefusedFile(directory, lambda: now[0])
    for _ in range(2):
        with open_chain(tmp_path) as chain:
            follower = AuditFollower(directory, LIMITS, chain, lambda: EVERYTHING)
            while follower.advance(1):
                pass
            for total in range(1, 6):
                said.say(total, f"key {total}")
                follower.note_refused()
                now[0] += 600_000_000
    records = [each for each in administrative(tmp_path) if each.action == "logon.refused"]
    assert [(each.details["total"], each.target) for each in records][:3] == [
        (1, "key 1"),
        (3, "key 3"),
        (5, "key 5"),
    ]
    assert {each.details["core_pid"] for each in records} == {os.getpid()}


def test_follower_says_that_a_journal_was_rewound_and_goes_on(tmp_path: Path) -> None:
    """A power cut that took the unsynced end: other commands come under the same sequences."""
    write_journal(tmp_path)
    follow(tmp_path)
    before = administrative(tmp_path)
    for file in (tmp_path / "journal").iterdir():
        file.unlink()
    writer = Writer(tmp_path / "journal")
    writer.journal.raise_epoch(2)  # as each life of the core does
    admin = writer.make.admin
    writer.write(admin.define_asset(5, "EUR", 2))
    follow(tmp_path)
    writer.write(admin.define_asset(6, "GBP", 2))
    writer.close()
    follow(tmp_path)
    entries = administrative(tmp_path)[len(before) :]
    assert [(each.action, each.target) for each in entries] == [
        ("journal.rewound", "to sequence 0"),
        ("instruments.define_asset", "asset 5"),
        ("instruments.define_asset", "asset 6"),
    ]
