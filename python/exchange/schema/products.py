"""The command line of what makes files from tables in the code, or looks whether they are current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def make(
    module: str,
    description: str,
    products: Callable[[], Mapping[str, str]],
    arguments: Sequence[str] | None = None,
    *,
    objections: Callable[[], Sequence[str]] = tuple,
) -> int:
    """Makes or checks; the exit code.

    Args:
        module: What is run, as in `python -m MODULE`.
        description: Of it, for `--help`.
        products: What is made, by its path in the project.
        arguments: Those of the process where None.
        objections: Why nothing may be made, a sentence each.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="only look whether all is current")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parents[3], help="of the project"
    )
    options = parser.parse_args(arguments)
    objected = objections()
    for sentence in objected:
        print(sentence, file=sys.stderr)
    if objected:
        return 1
    old = False
    for name, text in products().items():
        path = options.root / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        old = True
        if options.check:
            print(f"{name} is not current: run python -m {module}", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return int(old and options.check)
