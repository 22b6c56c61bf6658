"""The table of reject codes as docs/rejects.md, on standard output."""

import sys

from cmatch.rejects import RejectCode


def markdown() -> str:
    """The table as docs/rejects.md has it."""
    lines = [
        "# Reject codes",
        "",
        "Made by `python -m cmatch.reject_page`; a test keeps it current.",
        "A rejected command changes nothing.",
        "1xxx are about sessions and requests, 2xxx accounts and ledger, 3xxx risk, 4xxx matching,",
        "whose checks run in the order of the numbers: the first that fails answers.",
        "*Transient*: the same command may succeed later.",
        "*FIX 103* is OrdRejReason of a refused order,",
        "*FIX 102* CxlRejReason of a refused cancel or replace.",
        "",
        "| code | name | meaning | transient | HTTP | FIX 103 | FIX 102 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {code.value} | {code.name} | {code.meaning} | {'yes' if code.transient else 'no'} "
        f"| {code.http_status} | {code.fix_reason} | {code.fix_cancel_reason} |"
        for code in RejectCode
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
