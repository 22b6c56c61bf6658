"""How a command that changes something is recorded before it begins: in the chain `operator`."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from exchange.config import Settings
from exchange.config.durable import make_directory
from exchange.errors import StorageError
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.storage.directory import DataDirectory

CHAIN: Final = "operator"
_WAIT_S: Final = 10.0


def local_user() -> str:
    """Who is logged on at this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextmanager
def audited(
    settings: Settings,
    action: str,
    target: str,
    *,
    user: str | None = None,
    begins: bool = False,
    **details: str | int,
) -> Iterator[None]:
    """Record that an action was requested, have the block do it, and record what became of it.

    Another command that is recorded at the same time is waited for. Where there is no data directory, as for
    an exchange on another machine, nothing is recorded here: what it does is in that one's journal.

    Args:
        settings: Of the exchange.
        action: What, `area.verb`.
        target: To what.
        user: Who, as they say; None: as the machine says.
        begins: Whether a data directory may begin with this action.
        details: Further words, no secrets.

    Raises:
        AuditUnavailable: It cannot be recorded: nothing was done.
        SecurityError: The chain is damaged, or in use for longer than 10 s.
        StorageError: There is no place for it.
    """
    directory = DataDirectory(settings.data_directory)
    if not begins and not directory.root.exists():
        yield
        return
    try:
        make_directory(directory.root)
    except OSError as error:
        raise StorageError(f"{directory.root} cannot be made: {error.strerror}") from error
    audit = ProcessAudit(directory.audit, CHAIN, key_store(settings).head_signer, wait_s=_WAIT_S)
    who = local_user()
    said = {"os_user": who, "pid": os.getpid(), **details}
    try:
        with audit.action(action, target, tenant="0", user=user or who, details=said):
            yield
    finally:
        audit.close()
