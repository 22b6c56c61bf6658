"""What goes wrong that is no reject: rejects are data, these are accidents and misuse.

RuntimeError
  EngineBusy            another thread is in the engine
  InvariantViolation    the engine contradicts itself and takes no further call
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


class UnknownInstrument(LookupError):
    """No instrument of this id is defined."""


class SnapshotError(ValueError):
    """These bytes are no snapshot that this version can take up; the message names the reason."""


class BadDecimal(ValueError):
    """The text is no plain decimal, or no exact multiple of the unit; nothing is ever rounded."""
