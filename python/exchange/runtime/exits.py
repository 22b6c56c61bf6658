"""How a process of ours ends: the codes that its supervisor, and a shell, can act on."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; those that are not ours to choose follow sysexits.h."""

    STOPPED = 0  # orderly, as asked
    FAILED = 1  # an accident: it may be started again
    USAGE = 2  # wrong words on the command line
    JOURNAL_CORRUPT = 65  # the journal does not check: a person has to look (EX_DATAERR)
    LOCKED = 73  # another process owns the data directory (EX_CANTCREAT)
    JOURNAL_FAILED = 74  # a sync of the journal failed: what the disk holds is unknown (EX_IOERR)
    FENCED = 76  # another core leads (EX_PROTOCOL): this one must not go on by itself
    CONFIG = 78  # a setting or a permission is wrong (EX_CONFIG)

    @property
    def restart(self) -> bool:
        """Whether starting the same process again may help."""
        return self is ExitCode.FAILED

    @property
    def meaning(self) -> str:
        """What happened, in words for a log line."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.STOPPED: "stopped",
    ExitCode.FAILED: "an accident",
    ExitCode.USAGE: "wrong arguments",
    ExitCode.JOURNAL_CORRUPT: "the journal is damaged where it must not be: repair it from a copy",
    ExitCode.LOCKED: "another process owns the data directory",
    ExitCode.JOURNAL_FAILED: "a sync of the journal failed: check the disk, then start again by hand",
    ExitCode.FENCED: "another core has taken over the lead",
    ExitCode.CONFIG: "a setting or a permission is wrong",
}


def describe(code: int) -> str:
    """An exit status of a child in words: its meaning, or the signal that ended it."""
    if code < 0:
        from signal import Signals

        try:
            return f"killed by {Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    try:
        return ExitCode(code).meaning
    except ValueError:
        return f"exit code {code}"


def may_restart(code: int) -> bool:
    """Whether a child that ended so is to be started again: accidents and signals are, refusals are not."""
    try:
        return code < 0 or ExitCode(code).restart
    except ValueError:
        return True
