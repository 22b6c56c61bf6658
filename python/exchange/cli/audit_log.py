"""The audit log on the command line: `exchange audit --log`, `--show`, `--heads`, `--export`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cmatch.cli.words import new_file, place
from exchange.cli.auditing import audited
from exchange.cli.common import settings_of, table
from exchange.config import Settings
from exchange.errors import ConfigError, SecurityError, StorageError
from exchange.runtime.auditing import key_store
from exchange.security.audit import AuditRecord, Head, PublicKeys, list_chains
from exchange.security.audit.export import export_chain
from exchange.security.audit.files import read_heads
from exchange.security.audit.heads import read_head
from exchange.security.audit.verify import ChainReport, records_of, verify_log
from exchange.security.keys import KeyStore
from exchange.storage.directory import DataDirectory

_WHATS = ("log", "show", "heads")
_NS_A_S = 1_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what to do with the log, and how."""
    what = parser.add_mutually_exclusive_group()
    for name in _WHATS:
        what.add_argument(f"--{name}", nargs="?", type=place, const=Path(), metavar="DIR", help="as above")
    what.add_argument("--export", type=new_file, metavar="ARCHIVE", help="as above")
    parser.add_argument(
        "--keys", type=place, metavar="DIR", help="the store of keys (default: as configured)"
    )
    parser.add_argument("--against", type=place, metavar="FILE", help="with --log: heads that were kept")
    parser.add_argument("--who", metavar="NAME", help="with --show: of that user, tenant or key")
    parser.add_argument("--action", metavar="WORD", help="with --show: whose action begins so")
    parser.add_argument("--target", metavar="TEXT", help="with --show: whose target has that in it")
    parser.add_argument("--outcome", metavar="WORD", help="with --show: requested, done, refused or failed")
    parser.add_argument("--since", metavar="TIME", help="with --show: not before, as 2026-04-01T12:00Z")
    parser.add_argument("--until", metavar="TIME", help="with --show: before that")
    parser.add_argument("--user", metavar="NAME", help="with --export: who, for the records")


def is_meant(options: argparse.Namespace) -> bool:
    """Whether the options say to do something with the log."""
    return any(getattr(options, name) is not None for name in (*_WHATS, "export"))


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0, or 1 where something is wrong with the log."""
    settings = settings_of(options)
    if options.keys is not None:
        settings = settings_of(options, security={"keys_directory": options.keys})
    if options.export is not None:
        return _export(options, settings)
    given = next(path for name in _WHATS if (path := getattr(options, name)) is not None)
    directory = given if given != Path() else DataDirectory(settings.data_directory).audit
    if not list_chains(directory):
        raise StorageError(f"there is no audit log in {directory}")
    if options.log is not None:
        return _log(options, directory, _keys(settings))
    return _show(options, directory) if options.show is not None else _heads(directory)


def _keys(settings: Settings) -> PublicKeys:
    directory = settings.security.keys_directory or DataDirectory(settings.data_directory).keys
    return KeyStore(directory).audit_keys() if directory.exists() else PublicKeys({})


def _log(options: argparse.Namespace, directory: Path, keys: PublicKeys) -> int:
    reports = verify_log(directory, keys, _anchors(options.against))
    wrong = sum(len(report.findings) for report in reports)
    if options.json:
        print(json.dumps({"ok": not wrong, "chains": [_report(each) for each in reports]}, indent=2))
        return int(bool(wrong))
    head = ("chain", "records", "first", "last", "signed up to", "signed at", "unsigned", "wrong")
    print(table(head, [_words(each) for each in reports]))
    for report in reports:
        if report.torn:
            print(f"{report.name}: {report.torn} bytes behind the last record, of a write that did not end")
        for finding in report.findings:
            print(f"{report.name}: {finding.what}: {finding.where}: {finding.text}")
    print(f"{wrong} wrong" if wrong else "ok")
    return int(bool(wrong))


def _words(report: ChainReport) -> tuple[str, ...]:
    numbers = (report.records, report.first, report.last, report.signed)
    signed_at = _when(report.signed_ns) if report.signed_ns else "never"
    wrong = str(len(report.findings))
    return (report.name, *(str(each) for each in numbers), signed_at, str(report.unsigned), wrong)


def _report(report: ChainReport) -> dict[str, Any]:
    return {
        "chain": report.name,
        "records": report.records,
        "first": report.first,
        "last": report.last,
        "heads": report.heads,
        "signed": report.signed,
        "signed_at": _when(report.signed_ns) if report.signed_ns else None,
        "unsigned": report.unsigned,
        "torn_bytes": report.torn,
        "findings": [
            {"what": str(each.what), "where": each.where, "record": each.seq, "text": each.text}
            for each in report.findings
        ],
    }


def _anchors(path: Path | None) -> list[Head]:
    if path is None:
        return []
    try:
        return [read_head(line) for line in path.read_bytes().splitlines() if line]
    except (OSError, SecurityError):
        raise ConfigError(f"{path} has no heads: expected what `exchange audit --heads` prints") from None


def _show(options: argparse.Namespace, directory: Path) -> int:
    found = sorted(_wanted(options, directory), key=lambda each: (each.entry.ts_ns, each.chain, each.seq))
    if options.json:
        print(json.dumps([each.table for each in found], indent=2))
        return 0
    if not found:
        print("no records")
        return 0
    head = ("time", "record", "action", "target", "outcome", "who", "key", "correlation", "details")
    print(table(head, [_row(each) for each in found], left=len(head)))
    return 0


def _wanted(options: argparse.Namespace, directory: Path) -> Iterator[AuditRecord]:
    since, until = _time(options.since, "--since"), _time(options.until, "--until")
    for path in list_chains(directory):
        for record in records_of(path):
            entry = record.entry
            if (
                (since is None or entry.ts_ns >= since)
                and (until is None or entry.ts_ns < until)
                and (options.who is None or options.who in (entry.user, entry.tenant, entry.key_id))
                and (options.action is None or entry.action.startswith(options.action))
                and (options.target is None or options.target in entry.target)
                and (options.outcome is None or options.outcome == entry.outcome)
            ):
                yield record


def _row(record: AuditRecord) -> tuple[str, ...]:
    entry = record.entry
    details = " ".join(f"{name}={value}" for name, value in sorted(entry.details.items()))
    who = f"{entry.user or '-'} (tenant {entry.tenant or '-'})"
    return (
        _when(entry.ts_ns),
        f"{record.chain} {record.seq}",
        entry.action,
        entry.target or "-",
        entry.outcome,
        who,
        entry.key_id or "-",
        entry.correlation_id or "-",
        _printable(details),
    )


def _heads(directory: Path) -> int:
    for path in list_chains(directory):
        heads = read_heads(path)
        if heads:
            print(heads[-1].line.decode("ascii"), end="")
    return 0


def _export(options: argparse.Namespace, settings: Settings) -> int:
    directory, archive = DataDirectory(settings.data_directory).audit, options.export.absolute()
    keys = key_store(settings)
    with audited(settings, "audit.export", str(archive), user=options.user):
        done = [
            export_chain(path, archive, keys.head_signer(), keys.audit_keys())
            for path in list_chains(directory)
        ]
    if options.json:
        print(
            json.dumps([{"chain": e.chain, "files": e.files, "first": e.first, "last": e.last} for e in done])
        )
        return 0
    for each in done:
        what = f"records {each.first} to {each.last}, {each.files} files" if each.files else "nothing is full"
        print(f"{each.chain}: {what}")
    return 0


def _time(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}: expected a time, as 2026-04-01T12:00:00Z") from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * _NS_A_S)


def _when(ns: int) -> str:
    return datetime.fromtimestamp(ns / _NS_A_S, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
