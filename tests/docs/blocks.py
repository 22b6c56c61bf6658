"""What of a page is to be run.

A program begins with the comment `# runs`, and says behind a `print` what that prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"


def programs(page: str) -> list[str]:
    """The programs of a page of docs, in its order."""
    return blocks(page, "python", "# runs")


def blocks(page: str, language: str, first: str = "") -> list[str]:
    """The blocks of a page in a language, whose first line begins so."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [
        block
        for said, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        if said == language and block.startswith(first)
    ]


def outputs(page: str) -> list[str]:
    """What the page shows as output: its blocks without a language."""
    return blocks(page, "")


def files(page: str) -> dict[str, str]:
    """The files that a page writes out, by the name in their first line: `# file: NAME`."""
    found = blocks(page, "python", "# file: ")
    return {block.partition("\n")[0].removeprefix("# file: "): block for block in found}


def printed(program: str) -> list[str]:
    """What a program says that it prints."""
    return re.findall(r"print\(.*\)  # (.*)", program)


def run(program: str, *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> list[str]:
    """What a program prints in an interpreter of its own, line by line. It ends well, with no complaint."""
    done = python("-c", program, cwd=cwd, environment=environment)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stderr}\n{program}"
    return done.stdout.splitlines()


def python(
    *words: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """An interpreter of its own, to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd, env=os.environ | dict(environment or {}),
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
