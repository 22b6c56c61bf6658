"""Commands of `exchange` within the tests' own process, which spares an interpreter for each."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from exchange.cli import main


@dataclass(frozen=True)
class Done:
    """What became of one."""

    returncode: int
    stdout: str
    stderr: str


def exchange(*words: str, check: int | None = 0) -> Done:
    """One command, run to its end.

    Args:
        words: Those of its command line.
        check: The exit code that it must have; None: whichever.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as stop:  # wrong use
            code = int(stop.code or 0)
    if check is not None:
        assert code == check, f"{words}: {code}\n{out.getvalue()}\n{err.getvalue()}"
    return Done(code, out.getvalue(), err.getvalue())
