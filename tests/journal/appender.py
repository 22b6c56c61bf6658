"""A process that appends until it is killed, and says on its standard output what it was promised.

``python -m tests.journal.appender DIRECTORY``: lines ``written N`` and ``durable N``, each flushed before the
next append; the first line is what it found.
"""

import sys

from tests.journal.records import rows_from, small_journal


def main(directory: str) -> None:
    """Appends for ever."""
    journal = small_journal(directory)
    print("found", journal.written_sequence, flush=True)
    turn = 0
    while True:
        turn += 1
        journal.append_many(rows_from(journal.next_sequence, 1 + turn % 3))
        print("written", journal.written_sequence, flush=True)
        if turn % 5 == 0:
            journal.sync()
            print("durable", journal.durable_sequence, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
