"""The audit log as our processes write it: a chain a process; an action is in it before it begins."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.bus.rpc import NO_CONTEXT, Interceptor
from exchange.config.settings import Settings
from exchange.errors import AuditUnavailable, ExchangeError, SecurityError, StorageError
from exchange.runtime.log import log
from exchange.security import StoredContexts, authorized
from exchange.security.audit import AuditChain, AuditEntry, HeadSigner, Outcome
from exchange.security.interceptor import CallOfSomebody
from exchange.security.keys import KeyStore
from exchange.storage.directory import DataDirectory

_KINDS_MAX: Final = 64
_REASON_CHARACTERS: Final = 200


def key_store(settings: Settings) -> KeyStore:
    """The keys of an exchange.

    Raises:
        SecurityError: Their directory is not private.
    """
    directory = settings.security.keys_directory or DataDirectory(settings.data_directory).keys
    return KeyStore(directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call or a logon that was refused.

    Args:
        action: `logon` or `call`.
        tenant, user: Whom the caller named.
        target: The method, or what of the key can be told.
        reason: Why: a number and a name.
    """

    action: str
    tenant: str = ""
    user: str = ""
    target: str = ""
    reason: str = ""


def guard(contexts: StoredContexts, audit: ProcessAudit) -> Interceptor:
    """What lets a call through by the table of roles, and has refusals recorded.

    Args:
        contexts: By which keys security contexts are read.
        audit: Where refusals go.
    """

    def note(call: CallOfSomebody, error: SecurityError) -> None:
        reason = f"{int(error.fault)} {error.fault.name}" if error.fault else "SecurityError"
        tenant, user = call.metadata.tenant_id, call.metadata.user_id
        audit.refuse(Refusal(action="call", tenant=tenant, user=user, target=call.method, reason=reason))

    return authorized(contexts.serializer, without_context=NO_CONTEXT, on_refused=note)


class ProcessAudit:
    """The chain of one process that serves. Threads may share it.

    What is refused is gathered and written once a second, so that a flood of refusals costs one record a
    second for each of at most 64 kinds; further kinds are counted together. An action of ours is in the log
    before it begins, and does not begin where it cannot be recorded.

    Args:
        directory: Of the audit log.
        process: Whose chain it is, by name.
        signer: Gives what signs heads.
        wait_s: How long another process may have the chain.
        now_ns: Unix time.
    """

    def __init__(
        self,
        directory: Path,
        process: str,
        signer: Callable[[], HeadSigner],
        *,
        wait_s: float = 0.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._directory = directory
        self._process = process
        self._signer = signer
        self._wait_s = wait_s
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._chain: AuditChain | None = None
        self._counting = threading.Lock()  # held for a moment only: who refuses waits for no disk
        self._refused: Counter[Refusal] = Counter()
        self._further = 0

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal, to be written by `keep`. Never waits for the disk."""
        with self._counting:
            if refusal in self._refused or len(self._refused) < _KINDS_MAX:
                self._refused[refusal] += 1
            else:
                self._further += 1

    def keep(self) -> None:
        """Write what was refused, and sign the head where it is time. Once a second.

        Raises:
            AuditUnavailable: It cannot be written; it is kept, and written another time.
            SecurityError: The chain is damaged, or another process writes it.
        """
        with self._lock:
            with self._counting:
                refused, further = dict(self._refused), self._further
            if refused or further:
                self._open().append(self._entries(refused, further))
                with self._counting:
                    self._refused.subtract(refused)
                    self._refused += Counter()
                    self._further -= further
            if self._chain is not None:
                self._chain.keep()

    def keep_or_say(self) -> None:
        """As `keep`; what cannot be written is said in the log, and tried again."""
        try:
            self.keep()
        except (AuditUnavailable, SecurityError) as error:
            log("the audit log cannot be written", level=logging.ERROR, reason=error)

    @contextlib.contextmanager
    def action(
        self,
        action: str,
        target: str,
        *,
        tenant: str = "",
        user: str = "",
        correlation_id: str = "",
        details: Mapping[str, str | int] | None = None,
    ) -> Iterator[None]:
        """Record that an action was requested, have the block do it, and record what became of it.

        Raises:
            AuditUnavailable: It cannot be recorded, so it does not begin; or its end cannot be.
            SecurityError: The chain is damaged, or another process writes it.
        """

        def write(outcome: Outcome, **more: str) -> None:
            entry = AuditEntry(
                action=action,
                outcome=outcome,
                ts_ns=self._now_ns(),
                process=self._process,
                tenant=tenant,
                user=user,
                target=target,
                correlation_id=correlation_id,
                details={**(details or {}), **more},
            )
            with self._lock:
                self._open().append([entry])

        write(Outcome.REQUESTED)
        try:
            yield
        except BaseException as error:
            ours = isinstance(error, ExchangeError)
            reason = str(error)[:_REASON_CHARACTERS] if ours else type(error).__name__
            refused = ours and not isinstance(error, StorageError)
            write(Outcome.REFUSED if refused else Outcome.FAILED, reason=reason)
            raise
        write(Outcome.DONE)

    def close(self) -> None:
        """Write what is left, sign the head, give the chain back; what cannot be is said in the log."""
        self.keep_or_say()
        with self._lock:
            if self._chain is not None:
                with contextlib.suppress(AuditUnavailable):
                    self._chain.close()
            self._chain = None

    def _open(self) -> AuditChain:
        if self._chain is None:
            self._chain = AuditChain(
                self._directory, self._process, self._signer(), process=self._process, wait_s=self._wait_s
            )
        return self._chain

    def _entries(self, refused: Mapping[Refusal, int], further: int) -> Iterator[AuditEntry]:
        for refusal, count in refused.items():
            yield AuditEntry(
                action=f"{refusal.action}.refused",
                outcome=Outcome.REFUSED,
                ts_ns=self._now_ns(),
                process=self._process,
                tenant=refusal.tenant,
                user=refusal.user,
                target=refusal.target,
                details={"reason": refusal.reason, "count": count},
            )
        if further:
            yield AuditEntry(
                action="call.refused",
                outcome=Outcome.REFUSED,
                ts_ns=self._now_ns(),
                process=self._process,
                details={"reason": "of further kinds", "count": further},
            )
