"""What administrators told the core, as a record of the journal has it."""

from __future__ import annotations

from typing import Final

import numpy as np

from cmatch.frames import CommandList, decode_commands
from exchange.domain.enums import AdminAction, LedgerAction
from exchange.domain.messages import AdminCommand, CommandFrame, InstrumentCommand, LedgerCommand
from exchange.schema.codec import decode_command_frame

_PAYLOAD_BYTES_MAX: Final = 1 << 30
_FAMILIES: Final = (CommandList.LEDGER, CommandList.INSTRUMENTS, CommandList.ADMINISTRATION)
# Of sessions and of time, and what a trader asks for its own orders: nobody administers anything by them.
_NOT_ADMINISTRATIVE: Final = (
    AdminAction.OPEN_SESSION,
    AdminAction.LOSE_SESSION,
    AdminAction.TICK,
    AdminAction.SET_COUNTDOWN,
)
Command = LedgerCommand | InstrumentCommand | AdminCommand


def administrative(payload: bytes) -> tuple[tuple[int, Command], ...]:
    """The commands of administrators in a record, each with its place there.

    Raises:
        FrameError, WireError: The record cannot be read.
    """
    _, family, rows = decode_commands(payload, limit=_PAYLOAD_BYTES_MAX)
    if family not in _FAMILIES:
        return ()
    if family is CommandList.ADMINISTRATION and np.isin(rows["kind"], _NOT_ADMINISTRATIVE).all():
        return ()
    if family is CommandList.LEDGER and (rows["kind"] == int(LedgerAction.POST_TRADE)).all():
        return ()  # settlement's, which has a row of each
    frame: CommandFrame = decode_command_frame(payload, limit=_PAYLOAD_BYTES_MAX)
    return tuple(
        (place, command)
        for place, command in enumerate(frame.records)
        if isinstance(command, LedgerCommand | InstrumentCommand | AdminCommand)
        # Kinds are numbers: one of another family may be equal to one of these.
        and not (isinstance(command, AdminCommand) and command.kind in _NOT_ADMINISTRATIVE)
        and not (isinstance(command, LedgerCommand) and command.kind is LedgerAction.POST_TRADE)
    )
