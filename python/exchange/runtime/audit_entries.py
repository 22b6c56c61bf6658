"""Commands of administrators in the journal, as records of the audit log."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import numpy as np

from cmatch.frames import CommandList, decode_commands
from cmatch.rejects import RejectCode
from exchange.domain.enums import AdminAction
from exchange.domain.messages import AdminCommand, CommandFrame, InstrumentCommand, LedgerCommand
from exchange.schema.codec import decode_command_frame
from exchange.security.audit import AuditEntry, Outcome
from exchange.security.audit.heads import Position

_PAYLOAD_BYTES_MAX: Final = 1 << 30
_FAMILIES: Final = (CommandList.LEDGER, CommandList.INSTRUMENTS, CommandList.ADMINISTRATION)
_AREAS: Final = {LedgerCommand: "ledger", InstrumentCommand: "instruments", AdminCommand: "administration"}
# Of sessions and of time, and what a trader asks for its own orders: nobody administers anything by them.
_NOT_ADMINISTRATIVE: Final = (
    AdminAction.OPEN_SESSION,
    AdminAction.LOSE_SESSION,
    AdminAction.TICK,
    AdminAction.SET_COUNTDOWN,
)
_WHO: Final = ("kind", "session", "tenant", "actor", "correlation_id", "sent_at", "present")
Command = LedgerCommand | InstrumentCommand | AdminCommand


def administrative(payload: bytes) -> tuple[tuple[int, Command], ...]:
    """The commands of administrators in a record, each with its place there."""
    _, family, rows = decode_commands(payload, limit=_PAYLOAD_BYTES_MAX)
    if family not in _FAMILIES:
        return ()
    if family is CommandList.ADMINISTRATION and np.isin(rows["kind"], _NOT_ADMINISTRATIVE).all():
        return ()
    frame: CommandFrame = decode_command_frame(payload, limit=_PAYLOAD_BYTES_MAX)
    return tuple(
        (place, command)
        for place, command in enumerate(frame.records)
        if isinstance(command, LedgerCommand | InstrumentCommand | AdminCommand)
        and command.kind not in _NOT_ADMINISTRATIVE
    )


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
