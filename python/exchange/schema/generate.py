"""Makes what follows from the schemas: ``python -m exchange.schema.generate [--check]``.

src/cmatch/io/wire_layout.hpp         where everything in a hot frame lies, and proof that the records agree
python/exchange/schema/lock.json      ids, ordinals and types, to which the schemas may only add
docs/messages.md                      the reference page

It refuses to make a lock that is no addition to the one that is there.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from exchange.schema import description
from exchange.schema.codec import describe
from exchange.schema.layout_header import layout_header
from exchange.schema.lock import changes, lock_of, text_of
from exchange.schema.messages_page import messages_page
from exchange.schema.products import make

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
    broken = changes(json.loads(LOCK.read_text(encoding="utf-8")), lock_of(describe()))
    return [f"not an addition: {sentence}" for sentence in broken]


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes or checks. Returns the exit code."""
    return make(
        "exchange.schema.generate",
        "Makes what follows from the schemas.",
        products,
        arguments,
        objections=broken_promises,
    )


if __name__ == "__main__":
    sys.exit(main())
