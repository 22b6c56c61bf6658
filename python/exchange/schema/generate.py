"""Makes what follows from the schemas: ``python -m exchange.schema.generate [--check]``.

src/cmatch/io/wire_layout.hpp         where everything in a hot frame lies, and proof that the records agree
python/exchange/schema/lock.json      ids, ordinals and types, to which the schemas may only add
docs/messages.md                      the reference page

It refuses to make a lock that is no addition to the one that is there.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from exchange.schema import description
from exchange.schema.codec import describe
from exchange.schema.layout_header import layout_header
from exchange.schema.lock import changes, lock_of, text_of
from exchange.schema.messages_page import messages_page

LOCK = Path(__file__).parent / "lock.json"


def products() -> dict[str, str]:
    """What is made, by its path in the project.

    Raises:
        ValueError: A schema has something that no record can have.
    """
    files = describe()
    comments = {
        str(path.relative_to(description.ROOT)): description.comments(path) for path in description.paths()
    }
    every = {name: comment for found in comments.values() for name, comment in found.items()}
    return {
        "src/cmatch/io/wire_layout.hpp": layout_header(files, every),
        "python/exchange/schema/lock.json": text_of(lock_of(files)),
        "docs/messages.md": messages_page(files, comments),
    }


def broken_promises() -> list[str]:
    """What the schemas changed of the lock, a sentence each."""
    if not LOCK.exists():
        return []
    return changes(json.loads(LOCK.read_text(encoding="utf-8")), lock_of(describe()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes what follows from the schemas.")
    parser.add_argument("--check", action="store_true", help="only look whether all is current")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parents[3], help="of the project"
    )
    options = parser.parse_args(arguments)

    broken = broken_promises()
    for sentence in broken:
        print(f"not an addition: {sentence}", file=sys.stderr)
    if broken:
        return 1
    old = False
    for name, text in products().items():
        path = options.root / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        old = True
        if options.check:
            print(f"{name} is not current: run python -m exchange.schema.generate", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return int(old and options.check)


if __name__ == "__main__":
    sys.exit(main())
