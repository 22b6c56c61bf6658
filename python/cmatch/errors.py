"""What goes wrong that is no reject: rejects are data, these are accidents and misuse.

RuntimeError
  EngineBusy            another thread is in the engine
  InvariantViolation    the engine contradicts itself and takes no further call
  TransportFailed       the socket of the core is gone, or none that it can use
  JournalError          another writer's epoch is ahead of ours, and the base of
    JournalReadOnly     there is no room, or the disk refuses: the batch is not in the journal
    JournalFailed       nobody can say what is in the journal: the process must exit
    JournalLocked       another process writes the journal
    JournalGap          what is asked for is no longer, or not, in the journal
    JournalCorrupt      the journal is damaged in a way that no power cut explains
  StateParted           what follows from the journal here is not what followed where it was written
LookupError
  UnknownInstrument     a view of an instrument that is not defined
ValueError
  SnapshotError         bytes that are no snapshot of this version, or damaged ones
  BadDecimal            a price or quantity in words that is no exact multiple of its unit
"""


class EngineBusy(RuntimeError):
    """Another thread is in this engine: the call was refused, nothing was applied."""


class InvariantViolation(RuntimeError):
    """The engine's state contradicts itself, or memory ran out in mid-command; it takes no further call."""


class TransportFailed(RuntimeError):
    """The core's socket is gone or of the wrong kind, or its library is not there; no peer can cause it."""


class JournalError(RuntimeError):
    """The journal cannot do what was asked; the message says why."""


class JournalReadOnly(JournalError):
    """The disk has no room or refuses: nothing of the batch is in the journal, and it may be tried again."""


class JournalFailed(JournalError):
    """A sync failed, or what a failed write left is unknown: the process must exit and recover."""


class JournalLocked(JournalError):
    """Another process writes this journal; the message names it."""


class JournalGap(JournalError):
    """The records asked for are no longer, or not, in the journal: begin with a snapshot."""


class StateParted(RuntimeError):
    """A fold of the journal gave other events than the one that its writer noted: one of the two is wrong."""


class JournalCorrupt(JournalError):
    """Damage that no power cut explains: the file has to be restored from elsewhere.

    Args:
        file: Path of the segment.
        offset: Where in it, bytes.
        reason: What is wrong there.
    """

    def __init__(self, file: str, offset: int, reason: str) -> None:
        super().__init__(file, offset, reason)
        self.file = file
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file} at offset {self.offset}: {self.reason}"


class UnknownInstrument(LookupError):
    """No instrument of this id is defined."""


class SnapshotError(ValueError):
    """These bytes are no snapshot that this version can take up; the message names the reason."""


class BadDecimal(ValueError):
    """The text is no plain decimal, or no exact multiple of the unit; nothing is ever rounded."""
