"""Commands of administrators in the journal, as records of the audit log."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from cmatch.rejects import RejectCode
from exchange.domain.enums import AdminAction
from exchange.domain.messages import AdminCommand, InstrumentCommand, LedgerCommand
from exchange.runtime.administrative import Command
from exchange.security.audit import AuditEntry, Outcome
from exchange.security.audit.heads import Position

_AREAS: Final = {LedgerCommand: "ledger", InstrumentCommand: "instruments", AdminCommand: "administration"}
_WHO: Final = ("kind", "session", "tenant", "actor", "correlation_id", "sent_at", "present")


def entry_of(
    command: Command, at: Position, ts_ns: int, reject: int | None, names: dict[int, str]
) -> AuditEntry:
    """The record of a command.

    Args:
        command: What was told.
        at: Its place in the journal.
        ts_ns: The journal's time.
        reject: Why the core refused it; None or 0: it did not.
        names: Of sessions, by number.
    """
    name = names.get(command.session, "")
    said = {
        field.name: value if isinstance(value, int) and not hasattr(value, "name") else str(value)
        for field in fields(command)
        if field.name not in _WHO and (value := getattr(command, field.name)) != field.default
    }
    details: dict[str, str | int] = {
        "sequence": at.sequence,
        "epoch": at.epoch,
        "session": command.session,
        **said,
    }
    if name:
        details["session_name"] = name
    if reject:
        details["reject"] = f"{reject} {_reject_name(reject)}"
    kills = isinstance(command, AdminCommand) and command.kind in (
        AdminAction.KILL,
        AdminAction.OPEN_ACCOUNT,
    )
    return AuditEntry(
        action=f"{_AREAS[type(command)]}.{command.kind}",
        outcome=Outcome.REFUSED if reject else Outcome.DONE,
        ts_ns=ts_ns,
        process="core",
        # Of these two the record has the tenant that is meant; the session's is then not in it.
        tenant="" if kills else str(command.tenant),
        user=getattr(command, "actor", "") or name,
        target=_target(command),
        correlation_id=command.correlation_id,
        details=details,
    )


def _reject_name(number: int) -> str:
    try:
        return RejectCode(number).name  # type: ignore[call-arg]  # a look-up; its __new__ takes a row
    except ValueError:
        return "of a newer core"


def _target(command: Command) -> str:
    if isinstance(command, LedgerCommand):
        return f"account {command.account}"
    if isinstance(command, InstrumentCommand):
        return f"instrument {command.instrument_id}" if command.instrument_id else f"asset {command.asset}"
    for name in ("account", "instrument_id", "asset", "shard"):
        if value := getattr(command, name):
            return f"{name.removesuffix('_id')} {value}"
    return f"tenant {command.tenant}" if command.tenant else "venue"
